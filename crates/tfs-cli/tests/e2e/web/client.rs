//! A client of the page, as a script has it: one connection for each request.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Mounted, status_json_below};

/// Longer than a busy machine needs for any answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

pub(super) const TOKEN: &str = "correct horse battery staple";

/// A client with or without a token.
#[derive(Debug, Clone)]
pub(super) struct PageClient {
    pub(super) address: SocketAddr,
    pub(super) token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct PageReply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl PageReply {
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, 200, "{text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

impl PageClient {
    /// Returns the client of the page that the mounts below `dir` have.
    #[track_caller]
    pub(super) fn of(dir: &Path) -> Self {
        let web = status_json_below(dir)[0]["intake"]["web"].clone();
        let url = web["url"].as_str().unwrap_or_else(|| panic!("no page: {web}")).to_owned();
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let token = web["token_file"].as_str();
        let token = token.map(|file| fs::read_to_string(file).unwrap().trim().to_owned());
        Self { address: address.parse().unwrap(), token }
    }

    pub(super) fn without_token(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// Connects, and sends the head of a request and a body.
    pub(super) fn send(&self, line: &str, more: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(ANSWER_TIME_MAX)).unwrap();
        let authorization = self.token.as_ref().map(|it| format!("Authorization: Bearer {it}\r\n"));
        let (authorization, len) = (authorization.unwrap_or_default(), body.len());
        let length = if line.starts_with("POST") {
            format!("Content-Length: {len}\r\n")
        } else {
            String::new()
        };
        let address = self.address;
        let head = format!(
            "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{authorization}{length}\
             {more}\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        stream
    }

    pub(super) fn request(&self, line: &str, more: &str, body: &[u8]) -> PageReply {
        let mut bytes = Vec::new();
        match self.send(line, more, body).read_to_end(&mut bytes) {
            Ok(_) => {}
            // The page may close the connection while a body is on its way.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{line}: {error}"),
        }
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
        let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
        PageReply { status, head, body }
    }

    pub(super) fn get(&self, path: &str) -> PageReply {
        self.request(&format!("GET {path}"), "", b"")
    }

    #[track_caller]
    pub(super) fn overview(&self) -> Value {
        self.get("/api/overview").json()
    }

    /// Sends an action for a torrent.
    pub(super) fn act(&self, info_hash: &str, action: &Value) -> PageReply {
        let line = format!("POST /api/torrents/{info_hash}");
        let body = action.to_string();
        self.request(&line, "Content-Type: application/json\r\n", body.as_bytes())
    }

    /// Adds a torrent.
    pub(super) fn add(&self, query: &str, content: &[u8]) -> PageReply {
        let kind = "Content-Type: application/octet-stream\r\n";
        self.request(&format!("POST /api/add{query}"), kind, content)
    }

    /// Returns a torrent with its files.
    #[track_caller]
    pub(super) fn torrent(&self, info_hash: &str) -> Value {
        self.get(&format!("/api/torrents/{info_hash}")).json()
    }

    /// Opens the event stream, and returns a reader of its overviews.
    pub(super) fn events(&self) -> PageEvents {
        PageEvents(BufReader::new(self.send("GET /events", "", b"")))
    }
}

/// An event stream.
#[derive(Debug)]
pub(super) struct PageEvents(BufReader<TcpStream>);

impl PageEvents {
    /// Returns the next overview.
    #[track_caller]
    pub(super) fn next(&mut self) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream has ended");
            if let Some(json) = line.strip_prefix("data: ") {
                return serde_json::from_str(json).unwrap();
            }
        }
    }
}

/// Writes a configuration of the user, with `[web]` and more.
pub(super) fn configure(dir: &Path, web: &str) {
    let config = dir.join("config/tfs");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), format!("[web]\n{web}")).unwrap();
}

/// Mounts a server with a page, and returns its client. `web` has the settings but the address.
#[track_caller]
pub(super) fn mounted(
    dir: &Path,
    server: &str,
    web: &str,
    flags: &[&str],
) -> (Mounted, PageClient) {
    let token = dir.join("token");
    fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let web = web.replace("TOKEN", &format!("token_file = {token:?}"));
    configure(dir, &format!("listen = \"127.0.0.1:0\"\n{web}\n"));
    let mounted = Mounted::with(dir, server, flags);
    let client = PageClient::of(dir);
    (mounted, client)
}
