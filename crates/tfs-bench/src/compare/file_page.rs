//! An HTML page that lists the files of a torrent, for filesystems that need one.
//!
//! It answers the requests before a read itself, and redirects reads to rqbit. The cost is one more
//! response on loopback for each request.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A file of the page.
#[derive(Debug)]
pub(crate) struct ListedFile {
    /// Its name, of characters that need no escape.
    pub(crate) name: String,
    pub(crate) len: u64,
    /// The URL of its content.
    pub(crate) url: String,
}

/// The server of the page. Stopped on drop.
#[derive(Debug)]
pub(crate) struct FilePage {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl FilePage {
    pub(crate) fn start(entries: Vec<ListedFile>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_over);
        let entries = Arc::new(entries);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let entries = Arc::clone(&entries);
                // The thread ends with its client.
                thread::spawn(move || serve(connection, &entries));
            }
        });
        Self { address, is_over }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for FilePage {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The server checks for its end only when a client connects.
        drop(TcpStream::connect(self.address));
    }
}

/// Answers one client until it closes the connection.
fn serve(connection: TcpStream, entries: &[ListedFile]) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut writer = connection.try_clone()?;
    let mut reader = BufReader::new(connection);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut line = String::new();
        // The head ends with an empty line, and no client sends a body.
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        writer.write_all(answer(&request, entries).as_bytes())?;
    }
}

fn answer(request: &str, entries: &[ListedFile]) -> String {
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if path == "/" {
        let links: Vec<_> = entries
            .iter()
            .map(|entry| format!("<a href=\"{0}\">{0}</a> 2026-01-01 00:00 -<br>", entry.name))
            .collect();
        let page = format!("<html><body>{}</body></html>", links.join("\n"));
        let head = format!("Content-Type: text/html\r\nContent-Length: {}", page.len());
        let body = if method == "HEAD" { "" } else { &page };
        return format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}");
    }
    let found = entries.iter().find(|entry| path.strip_prefix('/') == Some(&entry.name));
    let head = match found {
        Some(entry) if method == "HEAD" => format!(
            "200 OK\r\nAccept-Ranges: bytes\r\nContent-Type: video/x-matroska\r\n\
             Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: {}",
            entry.len,
        ),
        Some(entry) => {
            format!("307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0", entry.url)
        }
        None => "404 Not Found\r\nContent-Length: 0".to_owned(),
    };
    format!("HTTP/1.1 {head}\r\n\r\n")
}
