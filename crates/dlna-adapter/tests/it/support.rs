//! A server on loopback, and a client of plain text.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dlna_adapter::{DlnaServer, DlnaSettings};
use tfs_testkit::fake::{FakeSource, directory};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vfs_core::{Export, ServerId, TorrentDetails, Vfs, VfsConfig};

pub(crate) const CONTENT_DIRECTORY: &str = "urn:schemas-upnp-org:service:ContentDirectory:1";
const KEY: [u8; 32] = [7; 32];
pub(crate) const TOKEN: &str = "8b02d2955ec15a8633acc9f9b6626c17";
pub(crate) const CONTROL: &str = "/control/content-directory";

/// A running server and its tree.
pub(crate) struct TestServer {
    pub(crate) server: DlnaServer,
    pub(crate) address: SocketAddr,
    pub(crate) vfs: Arc<Vfs<FakeSource>>,
    pub(crate) source: FakeSource,
}

impl TestServer {
    pub(crate) fn start(torrents: Vec<TorrentDetails>) -> Self {
        let source = FakeSource::new(4);
        for details in torrents {
            source.add(details);
        }
        let vfs = Arc::new(Vfs::new(Arc::new(source.clone()), VfsConfig::default()));
        vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1_700_000_000);
        let settings = DlnaSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            friendly_name: "tfs <test>".to_owned(),
            key: KEY,
            first_byte_max: Duration::from_secs(20),
        };
        let server = DlnaServer::start(Export::new(Arc::clone(&vfs)), &settings).unwrap();
        Self { address: server.address(), server, vfs, source }
    }

    /// Sends bytes and returns the whole answer.
    pub(crate) async fn send(&self, request: &[u8]) -> String {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        // The server may answer and close before it has read everything.
        let _written = connection.write_all(request).await;
        if !request.contains(&b':') {
            // No head will follow.
            let _ended = connection.shutdown().await;
        }
        let mut answer = Vec::new();
        let _read = connection.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a request without a body.
    pub(crate) async fn request(&self, method: &str, path: &str, headers: &str) -> String {
        let address = self.address;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n"
        );
        self.send(head.as_bytes()).await
    }

    /// Calls an action of the directory with arguments as XML.
    pub(crate) async fn call(&self, action: &str, arguments: &str) -> String {
        let body = format!(
            "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">\
             <s:Body><u:{action} xmlns:u=\"{CONTENT_DIRECTORY}\">{arguments}</u:{action}></s:Body>\
             </s:Envelope>"
        );
        self.post(action, &body).await
    }

    /// Posts a body to the directory.
    pub(crate) async fn post(&self, action: &str, body: &str) -> String {
        let (address, len) = (self.address, body.len());
        let request = format!(
            "POST {CONTROL} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             SOAPACTION: \"{CONTENT_DIRECTORY}#{action}\"\r\nContent-Length: {len}\r\n\r\n{body}"
        );
        self.send(request.as_bytes()).await
    }

    /// Browses, and returns the objects with the numbers of returned and of all.
    pub(crate) async fn browse(&self, id: &str, flag: &str, from: usize, count: usize) -> Browsed {
        let answer = self.call("Browse", &browse_arguments(id, flag, from, count)).await;
        Browsed::new(&answer, self.address)
    }
}

pub(crate) fn browse_arguments(id: &str, flag: &str, from: usize, count: usize) -> String {
    format!(
        "<ObjectID>{id}</ObjectID><BrowseFlag>{flag}</BrowseFlag><Filter>*</Filter>\
         <StartingIndex>{from}</StartingIndex><RequestedCount>{count}</RequestedCount>\
         <SortCriteria></SortCriteria>"
    )
}

/// The answer to a Browse.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Browsed {
    /// One object in a line.
    pub(crate) objects: Vec<String>,
    pub(crate) returned: usize,
    pub(crate) total: usize,
}

impl Browsed {
    fn new(answer: &str, address: SocketAddr) -> Self {
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let didl = element(answer, "Result").unwrap();
        let didl = didl.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        let didl = didl.replace("&#39;", "'").replace("&amp;", "&");
        let base = format!("http://{address}/k/{TOKEN}/");
        let didl = didl.replace(&base, "FILES/");
        let (_, objects) = didl.split_once('>').unwrap();
        let objects = objects.strip_suffix("</DIDL-Lite>").unwrap();
        let objects = objects.replace("</container>", "</container>\n");
        let objects = objects.replace("</item>", "</item>\n");
        let number = |name| element(answer, name).unwrap().parse().unwrap();
        Self {
            objects: objects.lines().map(str::to_owned).collect(),
            returned: number("NumberReturned"),
            total: number("TotalMatches"),
        }
    }

    /// Returns the value of an attribute of an object.
    pub(crate) fn attribute(&self, object: usize, name: &str) -> String {
        let start = format!(" {name}=\"");
        let (_, rest) = self.objects[object].split_once(&start).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }

    pub(crate) fn titles(&self) -> Vec<String> {
        self.objects.iter().map(|object| element(object, "dc:title").unwrap()).collect()
    }
}

/// Returns the text of the first element with a name.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
}

/// A torrent with films and what is beside them.
pub(crate) fn films() -> TorrentDetails {
    directory(
        1,
        "Films & <more>",
        &[
            ("film 10.mkv", 5_000_000_000),
            ("film 2.mp4", 7),
            ("film 2.en.srt", 3),
            ("film 2.srt", 3),
            ("film 20.srt", 3),
            ("notes.txt", 1),
            ("cover.JPG", 9),
            ("music/a.flac", 11),
        ],
    )
}
