//! The attacks, each with its implementation.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::answers::{GOOD, NEW, NEW_NAME, json, list, summary};
use super::{Attack, Effect, Route};

/// Far more than any client should accept.
const ENDLESS_BYTES: usize = 10 << 30;

/// The bytes written at a time.
const PART_BYTES: usize = 1 << 20;

/// The interval of the bytes from a dripping server.
const DRIP_INTERVAL: Duration = Duration::from_millis(500);

/// How many bytes it drips: longer than any client should wait.
const DRIPS: usize = 400;

/// All known attacks.
pub const HARMS: &[Attack] = &[
    Attack {
        name: "a list of 10 GB",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| endless_list(to),
    },
    Attack {
        name: "a list with a torrent of 10 GB of progress",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| endless(to, "{\"torrents\":[{\"stats\":{\"file_progress\":[", "1,"),
    },
    Attack {
        name: "a list of small torrents with long progress, 10 GB in all",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| endless_progress(to),
    },
    Attack {
        name: "a list that nests without end",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| endless(to, "{\"torrents\":[", "["),
    },
    Attack {
        name: "a list that says it has 10 GB",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| {
            write!(to, "HTTP/1.1 200 OK\r\ncontent-length: {ENDLESS_BYTES}\r\n\r\n")?;
            fill(to, " ")
        },
    },
    Attack {
        name: "a list in HTML",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| {
            let page = "<html>please log in</html>";
            let len = page.len();
            write!(
                to,
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len}\r\n\r\n{page}"
            )
        },
    },
    Attack {
        name: "a list with one info hash a thousand times",
        route: Route::List,
        effect: Effect::RestShown,
        answer: |to, _| {
            let all: Vec<_> = (0..1000).map(|id| summary(id, GOOD)).collect();
            json(to, &format!("{{\"torrents\":[{}]}}", all.join(",")))
        },
    },
    Attack {
        name: "negative and overflowing numbers in a list",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| json(to, &list(false).replace("[0]", "[-1,1e400,99999999999999999999999]")),
    },
    Attack {
        name: "a redirect of the list",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: redirect,
    },
    Attack {
        name: "a redirect of the details",
        route: Route::Details,
        effect: Effect::RestShown,
        answer: redirect,
    },
    Attack {
        name: "a redirect of the .torrent file",
        route: Route::Metadata,
        effect: Effect::TorrentShown,
        answer: redirect,
    },
    Attack {
        name: "a redirect of the bitfield",
        route: Route::Haves,
        effect: Effect::ReadFails,
        answer: redirect,
    },
    Attack {
        name: "a redirect of the bytes",
        route: Route::Stream,
        effect: Effect::ReadFails,
        answer: redirect,
    },
    Attack {
        name: "headers without end",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| {
            to.write_all(b"HTTP/1.1 200 OK\r\n")?;
            fill(to, "x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
        },
    },
    Attack {
        name: "one header without end",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| {
            to.write_all(b"HTTP/1.1 200 OK\r\nx-a: ")?;
            fill(to, "a")
        },
    },
    Attack {
        name: "informational answers without end",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| fill(to, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
    },
    Attack {
        name: "headers drop by drop",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| {
            to.write_all(b"HTTP/1.1 200 OK\r\nx-a: ")?;
            drip(to)
        },
    },
    Attack {
        name: "a body drop by drop",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| {
            to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{\"torrents\":[")?;
            drip(to)
        },
    },
    Attack {
        name: "a gzip bomb",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| {
            to.write_all(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08")?;
            fill(to, "\0")
        },
    },
    Attack {
        name: "chunks that are none",
        route: Route::List,
        effect: Effect::TreeStays,
        answer: |to, _| {
            to.write_all(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n-1\r\n",
            )?;
            fill(to, "zz\r\n")
        },
    },
    Attack {
        name: "a torrent of a million files",
        route: Route::Details,
        effect: Effect::RestShown,
        answer: |to, _| million_files(to),
    },
    Attack {
        name: "details of 10 GB",
        route: Route::Details,
        effect: Effect::RestShown,
        answer: |to, _| endless(to, "{\"files\":[", "{\"length\":0},"),
    },
    Attack {
        name: "a path of 20 million folders",
        route: Route::Details,
        effect: Effect::RestShown,
        answer: |to, _| {
            let path = "\"\",".repeat(20_000_000);
            json(to, &new_torrent(&format!("{{\"components\":[{path}\"\"],\"length\":0}}")))
        },
    },
    Attack {
        name: "negative and overflowing lengths",
        route: Route::Details,
        effect: Effect::RestShown,
        answer: |to, _| json(to, &new_torrent("{\"components\":[\"a\"],\"length\":-1}")),
    },
    Attack {
        name: "lengths whose sum overflows",
        route: Route::Details,
        effect: Effect::TorrentShown,
        answer: |to, _| {
            let file =
                |name| format!("{{\"components\":[\"{name}\"],\"length\":{}}}", u64::MAX >> 1);
            json(to, &new_torrent(&[file("a"), file("b"), file("c")].join(",")))
        },
    },
    Attack {
        name: "names with NUL, escape sequences and slashes",
        route: Route::Details,
        effect: Effect::TorrentShown,
        answer: |to, _| {
            let name = r#""..","/etc/passwd\u0000","\u001b]0;x\u0007\u001b[2J\u202e""#;
            json(to, &new_torrent(&format!("{{\"components\":[{name}],\"length\":5}}")))
        },
    },
    Attack {
        name: "a .torrent file of 10 GB",
        route: Route::Metadata,
        effect: Effect::TorrentShown,
        answer: |to, _| endless(to, "", "l"),
    },
    Attack {
        name: "a .torrent file that nests 60 million deep",
        route: Route::Metadata,
        effect: Effect::TorrentShown,
        answer: |to, _| {
            let deep = 30_000_000;
            let text = format!("d4:info{}{}e", "l".repeat(deep), "e".repeat(deep));
            json(to, &text)
        },
    },
    Attack {
        name: "a bitfield of 4 GB",
        route: Route::Haves,
        effect: Effect::ReadFails,
        answer: |to, _| {
            to.write_all(
                b"HTTP/1.1 200 OK\r\nx-bitfield-len: 34359738368\r\n\
                  content-length: 4294967296\r\n\r\n",
            )?;
            fill(to, "\u{7f}")
        },
    },
    Attack {
        name: "a stream of more than was asked for",
        route: Route::Stream,
        effect: Effect::ReadFails,
        answer: |to, _| {
            to.write_all(
                b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-4194303/4194304\r\n\r\n",
            )?;
            fill(to, "x")
        },
    },
];

/// Redirects the client to another server, whose responses could be anything.
fn redirect(to: &mut TcpStream, elsewhere: SocketAddr) -> io::Result<()> {
    let head = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n";
    write!(to, "{head}location: http://{elsewhere}/torrents\r\n\r\n")
}

/// Writes a start, and then repeats a text.
fn endless(to: &mut TcpStream, begin: &str, again: &str) -> io::Result<()> {
    write!(to, "HTTP/1.1 200 OK\r\n\r\n{begin}")?;
    fill(to, again)
}

fn fill(to: &mut TcpStream, again: &str) -> io::Result<()> {
    let part = again.repeat(PART_BYTES / again.len());
    for _ in 0..ENDLESS_BYTES / part.len() {
        to.write_all(part.as_bytes())?;
    }
    Ok(())
}

fn drip(to: &mut TcpStream) -> io::Result<()> {
    for _ in 0..DRIPS {
        to.write_all(b" ")?;
        thread::sleep(DRIP_INTERVAL);
    }
    Ok(())
}

/// Writes torrents with different info hashes.
fn endless_list(to: &mut TcpStream) -> io::Result<()> {
    to.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"torrents\":[")?;
    let mut written = 0;
    let mut number: u64 = 0;
    while written < ENDLESS_BYTES {
        let mut part = String::with_capacity(PART_BYTES + 100);
        while part.len() < PART_BYTES {
            number += 1;
            // Writing to a string cannot fail.
            _ = write!(part, "{{\"info_hash\":\"{number:040x}\"}},");
        }
        to.write_all(part.as_bytes())?;
        written += part.len();
    }
    Ok(())
}

/// Writes torrents whose numbers take far more memory than text.
fn endless_progress(to: &mut TcpStream) -> io::Result<()> {
    let progress = "1,".repeat(PART_BYTES / 2);
    let torrent = format!(
        "{{\"info_hash\":\"{NEW}\",\"stats\":{{\"state\":\"live\",\"file_progress\":[{progress}1]}}}},"
    );
    to.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"torrents\":[")?;
    for _ in 0..ENDLESS_BYTES / torrent.len() {
        to.write_all(torrent.as_bytes())?;
    }
    Ok(())
}

fn million_files(to: &mut TcpStream) -> io::Result<()> {
    let files: Vec<_> = (0..1_000_000)
        .map(|number| format!("{{\"components\":[\"{number}\"],\"length\":1}}"))
        .collect();
    json(to, &new_torrent(&files.join(",")))
}

fn new_torrent(files: &str) -> String {
    format!("{{\"info_hash\":\"{NEW}\",\"name\":\"{NEW_NAME}\",\"files\":[{files}]}}")
}
