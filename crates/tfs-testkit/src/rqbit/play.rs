//! Playing scripts.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::client::{ClientConnection, NextStep};
use super::head::Head;
use super::script::{ENDLESS_BYTES, Script, ScriptStep};
use super::{RqbitShared, lock};

/// The bytes of an endless text that are written at a time.
const PART_BYTES: usize = 1 << 20;

/// The interval of the bytes that drip.
const DRIP_INTERVAL: Duration = Duration::from_millis(500);

/// How many bytes drip.
const DRIPS: usize = 400;

/// Plays a script for each connection, and then waits for all of them. Additional connections are
/// closed.
///
/// # Panics
/// If a script fails.
pub(super) async fn serve(listener: TcpListener, scripts: &[Script], shared: &Arc<RqbitShared>) {
    let mut playing = Vec::new();
    for (idx, script) in scripts.iter().enumerate() {
        let (socket, _peer) = listener.accept().await.expect("accept a connection");
        let (shared, script) = (Arc::clone(shared), script.clone());
        playing
            .push(tokio::spawn(async move { serve_one(socket, &script, &shared, idx + 1).await }));
    }
    let mut extra = playing.len();
    // Additional connections arrive before the last script ends, or never.
    for mut it in playing {
        loop {
            tokio::select! {
                biased;
                accepted = listener.accept() => {
                    accepted.expect("accept a connection");
                    extra += 1;
                    lock(&shared.log).add_line(extra, "unexpected");
                }
                played = &mut it => {
                    played.expect("play a script");
                    break;
                }
            }
        }
    }
}

async fn serve_one(socket: TcpStream, script: &Script, shared: &RqbitShared, number: usize) {
    match ClientConnection::new(socket, shared).await {
        Ok(mut client) => {
            let next = play(&mut client, script, shared, number).await;
            // The client may have closed the connection.
            drop(client.end(next).await);
        }
        Err(_error) => lock(&shared.log).add_line(number, "tls handshake failed"),
    }
}

/// Plays a script, and returns what follows. It ends early if the client disconnects.
pub(super) async fn play(
    client: &mut ClientConnection,
    script: &Script,
    shared: &RqbitShared,
    connection: usize,
) -> NextStep {
    let log = |line: String| lock(&shared.log).add_line(connection, line);
    for step in script {
        let sent = match step {
            ScriptStep::Request => match read_request(client).await {
                Some(request) => {
                    log(request);
                    true
                }
                None => {
                    log("no request".to_owned());
                    return NextStep::Close;
                }
            },
            ScriptStep::Send(bytes) => client.send(bytes).await.is_ok(),
            ScriptStep::Repeat(text) => {
                let part = text.repeat((PART_BYTES / text.len()).max(1));
                repeat(client, |_| part.clone()).await;
                true
            }
            ScriptStep::Count(before, after) => {
                repeat(client, |number| format!("{before}{number:040x}{after}")).await;
                true
            }
            ScriptStep::Drip => drip(client).await,
            ScriptStep::Log(text) => {
                log((*text).to_owned());
                true
            }
            ScriptStep::Gate => {
                shared.gate.acquire().await.expect("the gate stays").forget();
                true
            }
            ScriptStep::ClientCloses => {
                let mut rest = Vec::new();
                // A reset is a close as well: it means that the client left bytes unread.
                let closed = client.stream.read_to_end(&mut rest).await;
                assert!(closed.is_err() || rest.is_empty(), "client sent {rest:?}");
                log("client closed it".to_owned());
                true
            }
            ScriptStep::Reset => return NextStep::Reset,
        };
        if !sent {
            log("client gone".to_owned());
            break;
        }
    }
    NextStep::Close
}

/// Writes texts with their numbers until the client has closed the connection, or an endless amount
/// was written.
async fn repeat(client: &mut ClientConnection, text: impl Fn(u64) -> String) {
    let (mut written, mut number) = (0, 0);
    while written < ENDLESS_BYTES {
        let mut part = String::with_capacity(2 * PART_BYTES);
        while part.len() < PART_BYTES {
            number += 1;
            part += &text(number);
        }
        if client.send(part.as_bytes()).await.is_err() {
            return;
        }
        written += part.len();
    }
}

/// Returns whether all was written.
async fn drip(client: &mut ClientConnection) -> bool {
    for _ in 0..DRIPS {
        if client.send(b" ").await.is_err() {
            return false;
        }
        sleep(DRIP_INTERVAL).await;
    }
    true
}

/// Reads one request, checks its form, and returns a line for the log.
async fn read_request(client: &mut ClientConnection) -> Option<String> {
    let head = Head::read(&mut client.stream).await.ok()??;
    assert!(head.first_line.ends_with(" HTTP/1.1"), "{head}");
    assert!(head.get("host").is_some_and(|host| !host.is_empty()), "{head}");
    assert_eq!(head.get("accept-encoding"), Some("identity"));
    let mut log = head.first_line.trim_end_matches(" HTTP/1.1").to_owned();
    for name in ["accept", "range", "authorization", "content-type"] {
        let shown = head.get(name).filter(|&value| value != "application/json");
        log.extend(shown.map(|value| format!(" [{name}: {value}]")));
    }
    let body = client.read_body(&head).await.ok()?;
    let body = match std::str::from_utf8(&body) {
        Ok("") => String::new(),
        Ok(text) => format!(" {text}"),
        Err(_) => format!(" ({} bytes)", body.len()),
    };
    Some(log + &body)
}
