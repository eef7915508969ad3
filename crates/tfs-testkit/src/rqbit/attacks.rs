//! The attacks of a hostile server: each is the script of one response.

use std::fmt;

use super::log::Route;
use super::script::{ENDLESS_BYTES, Script, ScriptStep};
use crate::content::Content;

/// The info hash of the torrent that is listed from the start.
const GOOD: &str = "0101010101010101010101010101010101010101";

/// The info hash of the torrent that is added when the attack begins.
pub(super) const NEW: &str = "0202020202020202020202020202020202020202";

/// Its name: it clears a terminal, sets its title, and reverses text.
pub(super) const NEW_NAME: &str = "new \u{1b}[2J\u{1b}]0;title\u{7}\u{202e}\u{9b}31m\u{61c}";

/// The file of each torrent.
pub(super) const FILM: Content = Content::new(1, 4 << 20);

/// The expected effect on a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// No entry appears or disappears.
    TreeStays,
    /// The existing torrent is shown; the new one is left out.
    RestShown,
    /// The new torrent is shown as well.
    TorrentShown,
    /// A read of missing data fails.
    ReadFails,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TreeStays => "the tree stays",
            Self::RestShown => "the rest is shown",
            Self::TorrentShown => "the torrent is shown",
            Self::ReadFails => "a read fails",
        })
    }
}

/// An attack by a response.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// Its name for people.
    pub name: &'static str,
    /// The replaced response; that of details and metadata is the one of the new torrent.
    pub route: Route,
    /// The effect on a correct client.
    pub effect: Effect,
    /// Returns the response. The URL is that of the target of redirects.
    pub(super) script: fn(&str) -> Script,
}

/// Returns an attack by the list of torrents with stats. The tree must stay.
const fn list(name: &'static str, script: fn(&str) -> Script) -> Attack {
    Attack { name, route: Route::List, effect: Effect::TreeStays, script }
}

/// Returns an attack by the details of the new torrent.
const fn details(name: &'static str, effect: Effect, script: fn(&str) -> Script) -> Attack {
    Attack { name, route: Route::Details, effect, script }
}

/// Returns an attack by the `.torrent` file of the new torrent, which has to be shown without it.
const fn metadata(name: &'static str, script: fn(&str) -> Script) -> Attack {
    Attack { name, route: Route::Metadata, effect: Effect::TorrentShown, script }
}

/// Returns an attack by what a read needs: the bitfield or the bytes.
const fn read(name: &'static str, route: Route, script: fn(&str) -> Script) -> Attack {
    Attack { name, route, effect: Effect::ReadFails, script }
}

/// All known attacks.
pub const ATTACKS: &[Attack] = &[
    list("a list of 10 GB", |_| {
        let torrents = ScriptStep::Count("{\"info_hash\":\"", "\"},");
        vec![ok("{\"torrents\":["), torrents]
    }),
    list("a list with a torrent of 10 GB of progress", |_| {
        endless("{\"torrents\":[{\"stats\":{\"file_progress\":[", "1,")
    }),
    list("a list of small torrents with long progress, 10 GB in all", |_| {
        // Numbers that take far more memory than text.
        let progress = "1,".repeat(1 << 19);
        let stats = format!("{{\"state\":\"live\",\"file_progress\":[{progress}1]}}");
        let torrent = format!("{{\"info_hash\":\"{NEW}\",\"stats\":{stats}}},");
        endless("{\"torrents\":[", &torrent)
    }),
    list("a list that nests without end", |_| endless("{\"torrents\":[", "[")),
    list("a list that says it has 10 GB", |_| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {ENDLESS_BYTES}\r\n\r\n");
        flood(&head, " ")
    }),
    list("a list in HTML", |_| {
        let page = "<html>please log in</html>";
        vec![ScriptStep::answer("200 OK\r\ncontent-type: text/html", page)]
    }),
    Attack {
        effect: Effect::RestShown,
        ..list("a list with one info hash a thousand times", |_| {
            let all: Vec<_> = (0..1000).map(|id| summary(id, "[0]")).collect();
            json(&format!("{{\"torrents\":[{}]}}", all.join(",")))
        })
    },
    list("negative and overflowing numbers in a list", |_| {
        let torrent = summary(0, "[-1,1e400,99999999999999999999999]");
        json(&format!("{{\"torrents\":[{torrent}]}}"))
    }),
    list("a redirect of the list", redirect),
    details("a redirect of the details", Effect::RestShown, redirect),
    metadata("a redirect of the .torrent file", redirect),
    read("a redirect of the bitfield", Route::Haves, redirect),
    read("a redirect of the bytes", Route::Stream, redirect),
    list("headers without end", |_| {
        flood("HTTP/1.1 200 OK\r\n", "x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
    }),
    list("one header without end", |_| flood("HTTP/1.1 200 OK\r\nx-a: ", "a")),
    list("informational answers without end", |_| {
        flood("", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
    }),
    list("headers drop by drop", |_| {
        vec![ScriptStep::send("HTTP/1.1 200 OK\r\nx-a: "), ScriptStep::Drip]
    }),
    list("a body drop by drop", |_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{\"torrents\":[";
        vec![ScriptStep::send(head), ScriptStep::Drip]
    }),
    list("a gzip bomb", |_| {
        let start = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08";
        vec![ScriptStep::send(start), ScriptStep::Repeat("\0".to_owned())]
    }),
    list("chunks that are none", |_| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        flood(&format!("{head}fffffffffffffffff\r\n-1\r\n"), "zz\r\n")
    }),
    details("a torrent of a million files", Effect::RestShown, |_| {
        let file = |number| format!("{{\"components\":[\"{number}\"],\"length\":1}}");
        new_torrent(&(0..1_000_000).map(file).collect::<Vec<_>>().join(","))
    }),
    details("details of 10 GB", Effect::RestShown, |_| endless("{\"files\":[", "{\"length\":0},")),
    details("a path of 20 million folders", Effect::RestShown, |_| {
        let path = "\"\",".repeat(20_000_000);
        new_torrent(&format!("{{\"components\":[{path}\"\"],\"length\":0}}"))
    }),
    details("negative and overflowing lengths", Effect::RestShown, |_| {
        new_torrent("{\"components\":[\"a\"],\"length\":-1}")
    }),
    details("lengths whose sum overflows", Effect::TorrentShown, |_| {
        let len = u64::MAX >> 1;
        let file = |name| format!("{{\"components\":[\"{name}\"],\"length\":{len}}}");
        new_torrent(&[file("a"), file("b"), file("c")].join(","))
    }),
    details("names with NUL, escape sequences and slashes", Effect::TorrentShown, |_| {
        let name = r#""..","/etc/passwd\u0000","\u001b]0;x\u0007\u001b[2J\u202e""#;
        new_torrent(&format!("{{\"components\":[{name}],\"length\":5}}"))
    }),
    metadata("a .torrent file of 10 GB", |_| endless("", "l")),
    metadata("a .torrent file that nests 60 million deep", |_| {
        let deep = 30_000_000;
        json(&format!("d4:info{}{}e", "l".repeat(deep), "e".repeat(deep)))
    }),
    read("a bitfield of 4 GB", Route::Haves, |_| {
        let lens = "x-bitfield-len: 34359738368\r\ncontent-length: 4294967296";
        flood(&format!("HTTP/1.1 200 OK\r\n{lens}\r\n\r\n"), "\u{7f}")
    }),
    read("a stream of more than was asked for", Route::Stream, |_| {
        let range = "content-range: bytes 0-4194303/4194304";
        flood(&format!("HTTP/1.1 206 Partial Content\r\n{range}\r\n\r\n"), "x")
    }),
];

/// Redirects the client to another server.
fn redirect(elsewhere: &str) -> Script {
    let head = "HTTP/1.1 302 Found\r\ncontent-length: 0";
    vec![ScriptStep::send(format!("{head}\r\nlocation: {elsewhere}/torrents\r\n\r\n"))]
}

/// Writes a head and the start of a body without a length.
fn ok(begin: &str) -> ScriptStep {
    ScriptStep::send(format!("HTTP/1.1 200 OK\r\n\r\n{begin}"))
}

/// Writes the start of a body, and then repeats a text.
fn endless(begin: &str, again: &str) -> Script {
    vec![ok(begin), ScriptStep::Repeat(again.to_owned())]
}

/// Writes a start, and then repeats a text.
fn flood(begin: &str, again: &str) -> Script {
    vec![ScriptStep::send(begin), ScriptStep::Repeat(again.to_owned())]
}

/// Writes a complete response.
fn json(text: &str) -> Script {
    vec![ScriptStep::answer("200 OK\r\ncontent-type: application/json", text)]
}

/// Returns a list entry of the good torrent.
fn summary(id: u32, progress: &str) -> String {
    format!(
        "{{\"id\":{id},\"info_hash\":\"{GOOD}\",\"name\":\"good\",\"total_pieces\":4,\
         \"stats\":{{\"state\":\"live\",\"file_progress\":{progress}}}}}"
    )
}

/// Responds with the details of the new torrent.
fn new_torrent(files: &str) -> Script {
    let name = serde_json::Value::from(NEW_NAME);
    json(&format!("{{\"info_hash\":\"{NEW}\",\"name\":{name},\"files\":[{files}]}}"))
}
