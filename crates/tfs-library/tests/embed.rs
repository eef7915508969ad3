//! The programs of `contrib/embed`, built outside the workspace, against a fake rqbit. Run by
//! `cargo xtask examples`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use tfs_testkit::content::Content;
use tfs_testkit::rqbit::{FakeRqbit, FakeTorrent};

const LEN: u64 = 100_000;

/// Names the directory of the programs.
const VARIABLE: &str = "_TFS_EMBED_PROGRAMS";

/// A program that is ended at the end of its test.
struct EmbedProgram(Child);

impl Drop for EmbedProgram {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn program(name: &str) -> Command {
    let Some(dir) = std::env::var_os(VARIABLE) else { panic!("run cargo xtask examples") };
    Command::new(PathBuf::from(dir).join(name))
}

fn run(name: &str, arguments: &[&str]) -> Output {
    program(name).args(arguments).output().unwrap()
}

fn server() -> FakeRqbit {
    let torrent = |nth: u8, name: &str, is_complete| {
        let content = Content::new(nth.into(), LEN);
        let files = [("film.mkv", content), ("film.en.srt", content)];
        FakeTorrent { is_complete, ..FakeTorrent::folder(nth, name, 16 << 10, &files) }
    };
    FakeRqbit::start(vec![torrent(1, "A film", true), torrent(2, "Not here", false)]).unwrap()
}

#[test]
fn subtitles_are_searched() {
    let server = server();
    let bytes = Content::new(1, LEN).bytes(0, 100_000);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let word = text.split(|c: char| !c.is_ascii_lowercase()).max_by_key(|it| it.len()).unwrap();
    let lines = text.lines().filter(|line| line.to_lowercase().contains(word));
    let want: String = lines.map(|line| format!("A film/film.en.srt: {line}\n")).collect();
    assert!(!word.is_empty() && !want.is_empty());
    let found = run("grep-subtitles", &[&server.url(), word]);
    assert!(found.status.success(), "{found:?}");
    assert_eq!(String::from_utf8(found.stdout).unwrap(), want);
    let left_out = String::from_utf8(found.stderr).unwrap();
    assert_eq!(left_out, "Not here/film.en.srt: left out\n");
    assert!(!run("grep-subtitles", &["http://127.0.0.1:1", "x"]).status.success());
}

#[test]
fn a_film_is_served_in_ranges() {
    let server = server();
    let mut film = program("serve-film");
    let film = film.args([&server.url(), "127.0.0.1:0"]).stdout(Stdio::piped()).spawn();
    let mut film = EmbedProgram(film.unwrap());
    let mut url = String::new();
    BufReader::new(film.0.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let address = url.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let get = |path: &str, range: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{range}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
        (head, answer[end + 4..].to_vec())
    };
    let path = "/A%20film/film.mkv";
    for (range, status, start, len) in [
        ("", "200", 0, LEN),
        ("Range: bytes=50000-\r\n", "206", 50_000, 50_000),
        ("Range: bytes=5-14\r\n", "206", 5, 10),
        ("Range: bytes=-100\r\n", "206", LEN - 100, 100),
        ("Range: bytes=0-999999\r\n", "206", 0, LEN),
        ("Range: lines=1-2\r\n", "200", 0, LEN),
    ] {
        let (head, body) = get(path, range);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{range}: {head}");
        assert!(head.contains(&format!("content-length: {len}")), "{range}: {head}");
        assert_eq!(body.len() as u64, len, "{range}");
        Content::new(1, LEN).check(start, &body).unwrap();
    }
    for (path, range, status) in [
        (path, "Range: bytes=100000-\r\n", "416"),
        ("/A%20film", "", "404"),
        ("/A%20film/..%2f..%2fetc/passwd", "", "404"),
        ("/nothing", "", "404"),
    ] {
        let (head, _) = get(path, range);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{path}: {head}");
    }
}

/// Bytes that are no film end ffmpeg, and then the program.
#[test]
fn a_picture_of_nothing_is_an_error() {
    let server = server();
    let picture = std::env::temp_dir().join("tfs-no-picture.jpg");
    let made = run("thumbnail", &[&server.url(), "A film/film.mkv", picture.to_str().unwrap()]);
    assert!(!made.status.success(), "{made:?}");
    assert!(!picture.exists());
}
