//! A server that records requests and gives the answers of the test.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    /// Method and target, such as `POST /a?b`.
    pub(crate) line: String,
    /// `name: value`, names in lower case.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Recorded {
    pub(crate) fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|it| it == header)
    }

    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.headers.iter().any(|it| it.starts_with(&format!("{name}:")))
    }
}

/// A server whose n-th request gets the n-th answer, and the last one from then on.
pub(crate) struct HookServer {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl HookServer {
    /// Starts one with complete answers, such as `HTTP/1.1 204 No Content\r\n\r\n`. An empty one
    /// closes the connection.
    pub(crate) async fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, answers)
    }

    pub(crate) fn serve(listener: TcpListener, answers: &'static [&'static str]) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Recorded>>> = Arc::default();
        let recorded = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let Some(request) = read(&mut connection).await else { continue };
                let number = {
                    let mut all = recorded.lock().unwrap();
                    all.push(request);
                    all.len() - 1
                };
                let answer = answers.get(number).or(answers.last()).unwrap();
                drop(connection.write_all(answer.as_bytes()).await);
            }
        });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read(connection: &mut tokio::net::TcpStream) -> Option<Recorded> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
            let headers: Vec<String> = lines.map(str::to_owned).collect();
            let length = headers.iter().find_map(|it| it.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(Recorded { line, headers, body: body.to_owned() });
            }
        }
        match connection.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(len) => bytes.extend_from_slice(&buffer[..len]),
        }
    }
}
