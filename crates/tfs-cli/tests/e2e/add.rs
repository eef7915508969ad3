//! `tfs add`: input that is refused locally, refusals by servers and proxies, magnet links.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use expect_test::{Expect, expect};
use tfs_testkit::content::Content;
use tfs_testkit::rqbit::{FakeRqbit, Override};
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Rqbits, describe, run, tfs};

/// A `.torrent` file for a file of one byte, known to the servers of these tests.
const TORRENT: &[u8] =
    b"d4:infod6:lengthi1e4:name1:x12:piece lengthi16384e6:pieces20:aaaaabbbbbcccccdddddee";

const HASH: &str = "abababababababababababababababababababab";

/// A server without torrents, with the answers of a test to `POST /torrents`.
struct AddServer {
    _server: FakeRqbit,
    url: String,
    /// The queries of the posted torrents, each with the length of its body.
    posted: Arc<Mutex<Vec<String>>>,
}

impl AddServer {
    /// `answer` gets a link, or an empty string for a file, and returns status and body. Status 0
    /// closes the connection.
    fn start(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let posted = Arc::<Mutex<Vec<String>>>::default();
        let queries = Arc::clone(&posted);
        let answers = Override::new(move |method, path, body| {
            if method != "POST" {
                return None;
            }
            let query = path.split_once('?').unwrap().1;
            queries.lock().unwrap().push(format!("{query} {}", body.len()));
            let link = if body.starts_with(b"d") { "" } else { str::from_utf8(body).unwrap() };
            let (status, text) = answer(link);
            Some((status, text.into_bytes()))
        });
        let server = FakeRqbit::start(answers).unwrap();
        Self { url: server.url(), _server: server, posted }
    }

    fn posted(&self) -> Vec<String> {
        self.posted.lock().unwrap().clone()
    }
}

/// rqbit's response for an added torrent.
fn added(name: &str) -> (u16, String) {
    let details = format!(r#"{{"id":1,"info_hash":"{HASH}","name":"{name}","files":[]}}"#);
    (200, format!(r#"{{"id":1,"details":{details},"output_folder":"/x"}}"#))
}

/// rqbit's response for a torrent that was not added.
fn refused(status: u16, why: &str) -> (u16, String) {
    let text = format!(r#""human_readable":"{why}","status":{status},"status_text":"x""#);
    (status, format!(r#"{{"error_kind":"internal_error",{text}}}"#))
}

fn add(dir: &Path, server: &str, what: &[&str]) -> Command {
    let mut command = tfs(dir);
    command.current_dir(dir).args(["add", "--server", server]).args(what);
    command
}

#[track_caller]
fn check(command: &mut Command, want: &Expect) {
    want.assert_eq(&describe(&command.output().unwrap()));
}

/// Writes files that are not torrents, and one torrent with the newline that editors append.
fn write_files(dir: &Path) {
    let info = |rest: &str| format!("d4:infod4:name1:x{rest}ee");
    let hash = "6:pieces20:aaaaabbbbbcccccddddd";
    let files = [
        ("id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\n".to_owned()),
        ("empty.torrent", String::new()),
        ("page.torrent", "<!DOCTYPE html>".to_owned()),
        ("part.torrent", "d4:infod4:name1:x".to_owned()),
        ("resume.dat", "d4:pathe".replace("path", "name1:x")),
        ("v2.torrent", info("12:meta versioni2e9:file treede")),
        ("zero.torrent", info(&format!("6:lengthi1e12:piece lengthi0e{hash}"))),
    ];
    for (name, text) in files {
        fs::write(dir.join(name), text).unwrap();
    }
    fs::write(dir.join("good.torrent"), [TORRENT, b"\n"].concat()).unwrap();
    fs::create_dir(dir.join("folder")).unwrap();
}

// Regression: `tfs add ~/.ssh/id_rsa` sent the key to the server, and `tfs add /dev/zero` grew
// without limit.
#[test]
fn what_is_no_torrent_never_leaves_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path());
    let server = AddServer::start(|_link| added("x"));
    let what = ["id_rsa", "/dev/zero", "folder", "empty.torrent", "page.torrent", "part.torrent"];
    let more = ["resume.dat", "v2.torrent", "zero.torrent", "missing.torrent", "magnet:?dn=x"];
    let version_2 = format!("magnet:?xt=urn:btmh:1220{}", "ab".repeat(32));
    let mut command = add(dir.path(), &server.url, &what);
    check(
        command.args(more).arg(version_2),
        &expect![[r#"
            exit 51
            error: cannot add id_rsa: it is not a .torrent file
            hint: pass a .torrent file, a magnet link, or the URL of a .torrent file
            error: cannot add /dev/zero: it is larger than 10 MiB, the limit of rqbit
            error: cannot add folder: it is a directory
            hint: pass the .torrent files in it
            error: cannot add empty.torrent: it is empty
            hint: download the .torrent file again
            error: cannot add page.torrent: it is a web page, not a .torrent file
            hint: the site may require a login: download the .torrent file with a browser
            error: cannot add part.torrent: it is a truncated or damaged .torrent file
            error: cannot add resume.dat: it is not a .torrent file: it has no "info"
            error: cannot add v2.torrent: it is a version 2 torrent (BEP 52), which rqbit does not support
            hint: find a version 1 or hybrid torrent of the same content
            error: cannot add zero.torrent: it has no piece length
            hint: it cannot be downloaded: use another one
            error: cannot add missing.torrent: No such file or directory (os error 2)
            error: cannot add the magnet link: it has no info hash (xt=urn:btih:...)
            hint: copy the whole link, and put it in quotes: a shell ends it at each &
            error: cannot add the magnet link: it is for a version 2 torrent (BEP 52), which rqbit does not support
            12 of 12 torrents were not added
        "#]],
    );
    assert_eq!(server.posted(), [""; 0]);
}

#[test]
fn one_that_cannot_be_added_keeps_no_other_out() {
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path());
    let server = AddServer::start(|link| match link {
        "" => added("a film"),
        _ => refused(400, "error adding torrent: GET http://h/5ecr3t returned 404 Not Found"),
    });
    let link = "http://h/5ecr3t";
    let mut command = add(dir.path(), &server.url, &["id_rsa", "good.torrent", link]);
    check(
        command.arg("v2.torrent"),
        &expect![[r#"
            exit 51
            added a film
            error: cannot add id_rsa: it is not a .torrent file
            hint: pass a .torrent file, a magnet link, or the URL of a .torrent file
            error: cannot add v2.torrent: it is a version 2 torrent (BEP 52), which rqbit does not support
            hint: find a version 1 or hybrid torrent of the same content
            error: cannot add the torrent from h: GET the address returned 404 Not Found
            hint: check in a browser that the address has a .torrent file
            3 of 4 torrents were not added
        "#]],
    );
    // rqbit refuses data after the dictionary.
    let want = [
        format!("is_url=false&timeout_ms=600000 {}", TORRENT.len()),
        format!("is_url=true&timeout_ms=600000 {}", link.len()),
    ];
    assert_eq!(server.posted(), want);
}

#[test]
fn pipes_and_the_standard_input_are_read() {
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path());
    let server = AddServer::start(|_link| added("a film"));
    for stdin in ["-", "/dev/stdin"] {
        let mut command = add(dir.path(), &server.url, &[stdin]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(TORRENT).unwrap();
        assert_eq!(describe(&child.wait_with_output().unwrap()), "exit 0\nadded a film\n");
    }
    let tfs = env!("CARGO_BIN_EXE_tfs");
    let mut bash = tfs_testkit::hermetic::hermetic("bash", dir.path());
    let script = format!("{tfs} add --server {} <(cat good.torrent)", server.url);
    bash.current_dir(dir.path()).args(["-c", &script]);
    assert_eq!(describe(&bash.output().unwrap()), "exit 0\nadded a film\n");
    check(
        &mut add(dir.path(), &server.url, &["-"]),
        &expect![[r#"
            exit 51
            error: cannot add the torrent of the standard input: it is empty
            hint: download the .torrent file again
        "#]],
    );
}

/// Each cause has its own hint.
#[test]
fn each_refusal_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path());
    let proxy = |status: u16| (status, "<html>nginx</html>".to_owned());
    let exists = "error adding torrent: error creating a new file (because allow_overwrite = \
        false) /d/a: File exists (os error 17)";
    let answers = [
        refused(413, "body too large"),
        proxy(413),
        proxy(504),
        proxy(405),
        refused(400, exists),
        refused(400, "error adding torrent: suspicious separator in filename"),
        // The effect of a panic in librqbit: the server itself continues.
        (0, String::new()),
    ];
    let mut said = String::new();
    for answer in answers {
        let server = AddServer::start(move |_link| answer.clone());
        let output = add(dir.path(), &server.url, &["good.torrent"]).output().unwrap();
        said += &describe(&output).replace(&server.url, "URL");
    }
    expect![[r#"
        exit 51
        error: cannot add good.torrent: it is larger than this rqbit accepts (status 413)
        hint: start rqbit with a larger --http-api-max-upload-size
        exit 51
        error: cannot add good.torrent: a proxy in front of rqbit rejects requests of this size (status 413)
        hint: raise the limit of the proxy (nginx: client_max_body_size 16m), or bypass it with --server
        exit 51
        error: cannot add good.torrent: a proxy in front of rqbit did not wait for its answer (status 504)
        hint: raise the time-out of the proxy (nginx: proxy_read_timeout 1h), or bypass it with --server
        exit 51
        error: cannot add good.torrent: the server is read-only (status 405)
        hint: add it to an rqbit that runs as "rqbit server start"
        exit 51
        error: cannot add good.torrent: files of it already exist on the server's disk
        hint: check with tfs list whether they belong to another torrent; to reuse files of this torrent, add --overwrite, which overwrites parts that do not match
        exit 51
        error: cannot add good.torrent: suspicious separator in filename
        hint: check the log of rqbit
        exit 51
        error: cannot add good.torrent: rqbit closed the connection without an answer
        hint: check the log of rqbit: it may have failed on this torrent
    "#]]
    .assert_eq(&said);
}

// https://github.com/ikatson/rqbit/issues/441: magnet links that take minutes could not be added.
#[test]
fn magnets_have_as_long_as_rqbit_gives_them_or_as_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let server = AddServer::start(|link| match link.contains("dn=") {
        true => refused(500, "timeout: deadline has elapsed"),
        false => added("a film"),
    });
    assert_eq!(
        describe(&add(dir.path(), &server.url, &[HASH]).output().unwrap()),
        "exit 0\nadded a film\n"
    );
    let magnet = format!("MAGNET:?xt=urn:btih:{HASH}&dn=Some+Name&tr=udp%3A%2F%2Ft%2F5ecr3t");
    check(
        &mut add(dir.path(), &server.url, &["--timeout", "90s", &magnet]),
        &expect![[r#"
            exit 51
            error: cannot add Some Name: no peer with its metadata was found within 1m 30s
            hint: try again, give it more time with --timeout, or add the .torrent file
        "#]],
    );
    let want = ["is_url=true&timeout_ms=600000 60", "is_url=true&timeout_ms=90000"];
    assert!(server.posted().iter().zip(want).all(|(got, want)| got.starts_with(want)));
    check(
        &mut add(dir.path(), &server.url, &["--timeout", "2h", &magnet]),
        &expect![[r#"
            exit 2
            error: invalid value '2h' for '--timeout <TIME>': it must be at most 1h, the limit of rqbit

            For more information, try '--help'.
        "#]],
    );
}

#[test]
fn a_magnet_holds_up_no_file_and_is_left_to_the_background() {
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path());
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let server = AddServer::start(move |link| {
        if !link.is_empty() {
            // Blocks until the test releases it or has ended.
            let _released = wait.lock().unwrap().recv();
        }
        added("a film")
    });
    let magnet = format!("magnet:?xt=urn:btih:{HASH}&dn=Some+Name");
    let mut command = add(dir.path(), &server.url, &[&magnet, "good.torrent", "--no-wait"]);
    command.args(["-v", "--log-file", "log"]);
    check(
        &mut command,
        &expect![[r#"
            exit 0
            added a film
            looking for peers of Some Name, for 10m at most, in the background; see with: tfs list
        "#]],
    );
    until("the process in the background asks", || (server.posted().len() == 2).then_some(()));
    release.send(()).unwrap();
    until("the log says that it was added", || {
        let log = fs::read_to_string(dir.path().join("log")).unwrap();
        log.contains(&format!("added name=\"a film\" info_hash=\"{HASH}\"")).then_some(())
    });
}

#[test]
fn real_torrents_are_added_in_their_order() {
    let swarm = Swarm::builder()
        .torrent(TorrentSpec::file("one.bin", Content::new(1, 40_000)))
        .torrent(TorrentSpec::file("two.bin", Content::new(2, 40_000)));
    let rqbits = Rqbits::start(swarm);
    let dir = tempfile::tempdir().unwrap();
    let url = rqbits.swarm.api_url();
    write_files(dir.path());
    for torrent in rqbits.swarm.torrents() {
        rqbits.wait_finished(torrent);
        let name = format!("{}.torrent", torrent.name);
        fs::write(dir.path().join(name), [&torrent.torrent_file[..], b"\r\n"].concat()).unwrap();
    }
    run(tfs(dir.path()).args(["forget", "--server", &url, "one", "two"]));
    let what = ["two.bin.torrent", "v2.torrent", "one.bin.torrent", "--overwrite", "--json"];
    let output = add(dir.path(), &url, &what).output().unwrap();
    assert_eq!(output.status.code(), Some(51), "{}", describe(&output));
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<_> = rows.as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["two.bin", "one.bin"]);
}
