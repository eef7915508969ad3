//! A server of rqbit's API whose responses for single torrents a test can replace, over a
//! connection of limited speed.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How many bytes are sent at a time on a slow connection.
const SENT_BYTES: usize = 4096;

/// The replacement of a response.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spoiled {
    /// The connection is closed without a response.
    Closed,
    /// A response with this status and this body.
    Status(u16, &'static str),
    /// No response, while the connection stays open.
    Silent,
}

/// The server. Its threads end with their connections or with the test process.
#[derive(Debug)]
pub(super) struct FakeRqbit {
    pub(super) url: String,
    state: Arc<FakeRqbitState>,
}

#[derive(Debug)]
struct FakeRqbitState {
    torrent_count: usize,
    /// The approximate length of each `.torrent` file.
    metadata_bytes: usize,
    /// The speed of the connection; `None` for no limit.
    bytes_per_second: Option<u64>,
    /// When the connection is free again.
    free_at: Mutex<Instant>,
    uptime: AtomicU64,
    lists_nothing: AtomicBool,
    spoiled: Mutex<HashMap<String, Spoiled>>,
    /// The requested paths.
    asked: Mutex<Vec<String>>,
}

impl FakeRqbit {
    pub(super) fn start(torrent_count: usize) -> Self {
        Self::behind_a_line(torrent_count, 0, None)
    }

    pub(super) fn behind_a_line(
        torrent_count: usize,
        metadata_bytes: usize,
        bytes_per_second: Option<u64>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(FakeRqbitState {
            torrent_count,
            metadata_bytes,
            bytes_per_second,
            free_at: Mutex::new(Instant::now()),
            uptime: AtomicU64::new(1000),
            lists_nothing: AtomicBool::new(false),
            spoiled: Mutex::default(),
            asked: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, state) = (connection.unwrap(), Arc::clone(&shared));
                // A client may close the connection at any time.
                thread::spawn(move || drop(state.serve(connection)));
            }
        });
        Self { url, state }
    }

    /// Replaces the responses for a path, or restores them.
    pub(super) fn spoil(&self, path: String, spoiled: Option<Spoiled>) {
        let mut all = self.state.spoiled.lock().unwrap();
        match spoiled {
            Some(spoiled) => all.insert(path, spoiled),
            None => all.remove(&path),
        };
    }

    /// Simulates a server that was started this many seconds ago.
    pub(super) fn restart(&self, lists_nothing: bool, uptime: u64) {
        self.state.lists_nothing.store(lists_nothing, Ordering::SeqCst);
        self.state.uptime.store(uptime, Ordering::SeqCst);
    }

    /// Returns how many requests had a matching path.
    pub(super) fn asked(&self, of: impl Fn(&str) -> bool) -> usize {
        self.state.asked.lock().unwrap().iter().filter(|path| of(path)).count()
    }
}

/// Returns the path of a torrent.
pub(super) fn torrent(number: usize) -> String {
    format!("/torrents/{:040x}", number + 1)
}

impl FakeRqbitState {
    fn serve(&self, mut connection: TcpStream) -> io::Result<()> {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte)?;
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap().split('?').next().unwrap().to_owned();
            self.asked.lock().unwrap().push(path.clone());
            let spoiled = self.spoiled.lock().unwrap().get(&path).copied();
            let (status, body) = match spoiled {
                Some(Spoiled::Closed) => return Ok(()),
                Some(Spoiled::Silent) => {
                    // Until the client closes the connection.
                    return connection.read(&mut [0]).map(drop);
                }
                Some(Spoiled::Status(status, body)) => (status, body.as_bytes().to_vec()),
                None => match self.answer(&path) {
                    Some(body) => (200, body),
                    None => (404, Vec::new()),
                },
            };
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", body.len());
            connection.write_all(head.as_bytes())?;
            for part in body.chunks(SENT_BYTES) {
                self.wait_for_the_line(part.len());
                connection.write_all(part)?;
            }
        }
    }

    /// All connections share the bandwidth.
    fn wait_for_the_line(&self, len: usize) {
        let Some(bytes_per_second) = self.bytes_per_second else { return };
        let time = Duration::from_micros(len as u64 * 1_000_000 / bytes_per_second);
        let until = {
            let mut free_at = self.free_at.lock().unwrap();
            *free_at = (*free_at).max(Instant::now()) + time;
            *free_at
        };
        // This simulates a slow connection: the wait ends only by time.
        while let Some(left) =
            until.checked_duration_since(Instant::now()).filter(|it| !it.is_zero())
        {
            thread::park_timeout(left);
        }
    }

    fn answer(&self, path: &str) -> Option<Vec<u8>> {
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        let text = match parts.as_slice() {
            [] => r#"{"apis":{},"server":"rqbit","version":"9.1.0"}"#.to_owned(),
            ["stats"] => {
                format!(r#"{{"uptime_seconds":{}}}"#, self.uptime.load(Ordering::SeqCst))
            }
            ["torrents"] if self.lists_nothing.load(Ordering::SeqCst) => {
                r#"{"torrents":[]}"#.to_owned()
            }
            ["torrents"] => {
                let stats = r#""stats":{"state":"paused","file_progress":[0]}"#;
                let torrents =
                    (0..self.torrent_count).map(|it| format!("{{{},{stats}}}", head(it)));
                format!(r#"{{"torrents":[{}]}}"#, torrents.collect::<Vec<_>>().join(","))
            }
            ["torrents", hash, rest @ ..] => {
                let number = usize::from_str_radix(hash, 16).ok()?.checked_sub(1)?;
                let head = (number < self.torrent_count).then(|| head(number))?;
                match rest {
                    [] => {
                        let file = r#"{"name":"f","components":["f"],"length":100000}"#;
                        format!(r#"{{{head},"files":[{file}]}}"#)
                    }
                    ["metadata"] => return Some(self.metadata(number)),
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(text.into_bytes())
    }

    fn metadata(&self, number: usize) -> Vec<u8> {
        let name = format!("film {number}");
        let len = self.metadata_bytes.next_multiple_of(20).max(20);
        let mut bytes = format!(
            "d13:creation datei1500000000e4:infod5:filesld6:lengthi100000e4:pathl1:feee\
             4:name{}:{name}12:piece lengthi131072e6:pieces{len}:",
            name.len()
        )
        .into_bytes();
        bytes.resize(bytes.len() + len, b'x');
        bytes.extend_from_slice(b"ee");
        bytes
    }
}

fn head(number: usize) -> String {
    format!(
        r#""id":{number},"info_hash":"{:040x}","name":"film {number}","output_folder":"/nowhere","total_pieces":1"#,
        number + 1
    )
}
