//! A target: whatever comes to the listener of WebDAV.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use quick_xml::events::Event;
use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::{Export, ServerId, Vfs, VfsConfig};
use webdav_adapter::{DeviceTokens, WebdavServer, WebdavSettings};

/// The token that inputs of the corpus have.
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// How long an answer may take: far more than it takes.
const TIME_MAX: Duration = Duration::from_secs(20);

/// How much of an answer is read: a file may have gigabytes.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// One device.
struct FuzzDevice;

impl DeviceTokens for FuzzDevice {
    fn device_of(&self, token: &str) -> Option<String> {
        (token == TOKEN).then(|| "tv".to_owned())
    }
}

/// The address of a server, which lives as long as this process.
static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(|| {
    let (sender, address) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("there are threads").block_on(async {
            let source = FakeSource::new(4);
            source.add(single_file(1, "film.mkv", 5_000_000_000));
            source.add(directory(2, "a & b", &[("c/d.mkv", 10), ("<e>.txt", 5), ("f\u{1}", 0)]));
            let (listing, details) = (source.listing(), source.all_details());
            let vfs = Arc::new(Vfs::new(Arc::new(source), VfsConfig::default()));
            vfs.apply(ServerId::FIRST, listing, details, 1);
            let settings = WebdavSettings::new(SocketAddr::from(([127, 0, 0, 1], 0)));
            let server = WebdavServer::start(Export::new(vfs), settings, Arc::new(FuzzDevice));
            let server = server.await.expect("a loopback port is free");
            sender.send(server.address()).expect("the receiver waits for it");
            std::future::pending::<()>().await;
        });
    });
    address.recv().expect("the thread sends it")
});

/// Any bytes: as the body of a `PROPFIND` after a `B`, as its path after a `P`, and otherwise in
/// place of requests. Each connection ends, with answers of HTTP or without one, and the next one
/// is served. A multistatus is well-formed and does not name what is hidden.
///
/// # Panics
/// If it does not.
pub(crate) fn webdav(data: &[u8]) {
    match data.split_first() {
        Some((b'B', body)) => {
            let mut request = format!(
                "PROPFIND / HTTP/1.1\r\nhost: localhost\r\ndepth: 1\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n",
                body.len()
            )
            .into_bytes();
            request.extend(body);
            check(&exchange(&request));
        }
        Some((b'P', path)) => {
            let mut request = b"PROPFIND /".to_vec();
            request.extend(path.iter().filter(|byte| byte.is_ascii_graphic()));
            request
                .extend(b" HTTP/1.1\r\nhost: localhost\r\ndepth: 1\r\nconnection: close\r\n\r\n");
            check(&exchange(&request));
        }
        _ => drop(exchange(data)),
    }
}

/// Sends bytes, and returns the answer.
fn exchange(data: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(*ADDRESS).expect("the server listens");
    connection.set_read_timeout(Some(TIME_MAX)).expect("it is not zero");
    // The server may have heard enough before all is said.
    let sent = connection.write_all(data).and_then(|()| connection.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let read = connection.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
    if let (Ok(()), Err(error)) = (&sent, &read) {
        assert!(error.kind() == ErrorKind::ConnectionReset, "{error}");
    }
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "no answer of HTTP");
    answer
}

/// Checks the answer to a `PROPFIND`.
fn check(answer: &[u8]) {
    let text = String::from_utf8(answer.to_vec()).expect("answers are UTF-8");
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return };
    let status = head.split(' ').nth(1).unwrap_or_default();
    let expected = ["207", "400", "404", "413", "414", "429"];
    assert!(expected.contains(&status), "{head}");
    if status != "207" {
        return;
    }
    let body: String = match head.contains("transfer-encoding: chunked") {
        // Each chunk is between two lines with lengths.
        true => body.split("\r\n").skip(1).step_by(2).collect(),
        false => body.to_owned(),
    };
    let mut reader = quick_xml::NsReader::from_str(&body);
    let mut responses = 0;
    loop {
        let event = reader.read_event().expect("the multistatus is well-formed");
        if let Event::Start(element) = &event
            && element.local_name().as_ref() == "response"
        {
            responses += 1;
        }
        if event == Event::Eof {
            break;
        }
    }
    assert!((1..=4).contains(&responses), "{responses} responses");
    assert!(!body.contains(".tfs"), "{body}");
}
