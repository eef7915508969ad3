//! Invalid input: each with its message, hint and exit code, and nothing left behind.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use expect_test::{Expect, expect};
use nix::libc::EIO;
use rqbit_embedded::{ApiCredentials, EmbeddedConfig, EmbeddedServer};
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::{FakeRqbit, FakeTorrent, Fault, ScriptStep, Target};
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Mounted, Rqbits, describe, is_mounted, tfs};

/// Runs `tfs` in `dir` and compares the output, with the directory's name replaced.
#[track_caller]
fn check(dir: &Path, command: &mut Command, want: &Expect) {
    let output = command.current_dir(dir).output().unwrap();
    let text = describe(&output).replace(dir.to_str().unwrap(), "DIR");
    want.assert_eq(&text);
    if dir.join("mnt").exists() {
        assert!(!is_mounted(&dir.join("mnt")));
    }
}

/// Returns a server that answers every request with the same bytes.
fn answering(answer: &str) -> FakeRqbit {
    let server = FakeRqbit::start(Vec::<FakeTorrent>::new()).unwrap();
    server.always(Target::All, Fault::Script(vec![ScriptStep::send(answer)]));
    server
}

fn mount(dir: &Path, url: &str, path: &str) -> Command {
    let mut command = tfs(dir);
    command.args(["mount", "--server", url, path]);
    command
}

#[test]
fn mount_points() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let url = "http://127.0.0.1:1";
    fs::write(dir.join("file"), "").unwrap();
    fs::create_dir_all(dir.join("full/x")).unwrap();
    check(
        dir,
        &mut mount(dir, url, "missing dir"),
        &expect![[r#"
            exit 10
            error: cannot mount on DIR/missing dir: it does not exist
            hint: create it with: mkdir -p 'DIR/missing dir'
        "#]],
    );
    check(
        dir,
        &mut mount(dir, url, "file"),
        &expect![[r#"
            exit 11
            error: cannot mount on DIR/file: it is not a directory
            hint: use an empty directory
        "#]],
    );
    check(
        dir,
        &mut mount(dir, url, "full"),
        &expect![[r#"
            exit 12
            error: cannot mount on DIR/full: the directory is not empty
            hint: use an empty directory, or hide the contents of this one with --allow-non-empty
        "#]],
    );
    assert!(dir.join("full/x").exists());
    std::os::unix::fs::symlink("no where", dir.join("dangling")).unwrap();
    check(
        dir,
        &mut mount(dir, url, "dangling"),
        &expect![[r#"
        exit 10
        error: cannot mount on DIR/dangling: it does not exist
        hint: it is a symbolic link to a directory that does not exist; create that with: mkdir -p 'DIR/no where'
    "#]],
    );
}

#[test]
fn mount_points_in_use() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(60), |dir| {
        let film = TorrentSpec::directory("film", [("a.bin", Content::new(1, 10))]);
        let rqbits = Rqbits::start(Swarm::builder().torrent(film));
        let url = rqbits.swarm.api_url();
        let mounted = Mounted::new(dir, &url);
        let again = mount(dir, &url, mounted.path.to_str().unwrap()).output().unwrap();
        let text = describe(&again).replace(dir.to_str().unwrap(), "DIR");
        expect![[r#"
            exit 13
            error: cannot mount on DIR/mnt: tfs is already mounted there
            hint: unmount it with: tfs unmount DIR/mnt
        "#]]
        .assert_eq(&text);
        for inside in ["new", "film", "film/a.bin"] {
            let inside = mounted.path.join(inside);
            let text = describe(&mount(dir, &url, inside.to_str().unwrap()).output().unwrap());
            let hint = format!(
                "hint: it is inside the mount {}; use a directory outside of that\n",
                mounted.path.display()
            );
            assert!(text.ends_with(&hint), "{text}");
        }
        mounted.unmount();

        fs::create_dir(dir.join("full")).unwrap();
        fs::write(dir.join("full/x"), "").unwrap();
        let hidden = mount(dir, &url, dir.join("full").to_str().unwrap())
            .arg("--allow-non-empty")
            .status()
            .unwrap();
        assert!(hidden.success() && !dir.join("full/x").exists());
        let unmounted = tfs(dir).args(["umount"]).arg(dir.join("full")).status().unwrap();
        assert!(unmounted.success() && dir.join("full/x").exists());
    });
}

#[test]
fn servers() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("mnt")).unwrap();
    // A mount waits for an unavailable server (module `down`), a listing does not.
    check(
        dir,
        tfs(dir).args(["list", "--server", "http://127.0.0.1:1"]),
        &expect![[r#"
            exit 20
            error: cannot reach rqbit at http://127.0.0.1:1/: connection refused
            hint: start it with "rqbit --http-api-listen-addr 127.0.0.1:1 server start <DIR>", or use --embedded <DIR>
        "#]],
    );
    check(
        dir,
        &mut mount(dir, "ftp://127.0.0.1", "mnt"),
        &expect![[r#"
            exit 2
            error: invalid value for '--server <URL>': neither http:// nor https://; an address has the form http://127.0.0.1:3030 or https://host/path
        "#]],
    );
    check(
        dir,
        &mut mount(dir, "http://user:secret@127.0.0.1", "mnt"),
        &expect![[r#"
            exit 2
            error: invalid value for '--server <URL>': credentials are not allowed in the address; use `username` and `password_file`
        "#]],
    );
    let server =
        answering("HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>");
    let html = server.url();
    let mut list = tfs(dir);
    list.args(["list", "--server", &html]);
    let [mounted, listed] = [mount(dir, &html, "mnt"), list].map(|mut command| {
        describe(&command.current_dir(dir).output().unwrap()).replace(&html, "URL")
    });
    assert_eq!(mounted, listed);
    expect![[r#"
        exit 21
        error: cannot use rqbit at URL/: server is not rqbit (html)
        hint: pass the address of rqbit's API with --server, such as http://127.0.0.1:3030; behind a proxy with its path, such as https://host/rqbit
    "#]]
    .assert_eq(&mounted);
}

/// A program that is not rqbit, such as an sshd, has the port. To start rqbit there would fail.
#[test]
fn another_program_has_the_port() {
    let dir = tempfile::tempdir().unwrap();
    let other = answering("");
    let output = tfs(dir.path()).args(["list", "--server", &other.url()]).output().unwrap();
    let port = other.url().rsplit(':').next().unwrap().to_owned();
    expect![[r#"
        exit 20
        error: cannot reach rqbit at http://127.0.0.1:PORT/: connection closed by the server
        hint: a program that is not rqbit may listen there, or rqbit has just ended; name it with: ss -ltnp "sport = :PORT"
    "#]].assert_eq(&describe(&output).replace(&port, "PORT"));
}

/// The response of a proxy in front of rqbit is not a sign of a wrong address.
#[test]
fn a_forbidden_and_a_busy_server() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("mnt")).unwrap();
    let forbidden =
        answering("HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>");
    let output = mount(dir, &forbidden.url(), "mnt").current_dir(dir).output().unwrap();
    assert!(!is_mounted(&dir.join("mnt")));
    expect![[r#"
        exit 25
        error: cannot use rqbit at URL/: access is forbidden: server answered 403
        hint: check what the server, and any proxy in front of it, allow this user and this address
    "#]]
    .assert_eq(&describe(&output).replace(&forbidden.url(), "URL"));

    let busy = answering(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 4\r\nconnection: close\r\n\r\nslow",
    );
    let output = tfs(dir).args(["list", "--server", &busy.url()]).output().unwrap();
    expect![[r#"
        exit 23
        error: cannot use rqbit at URL/: the server is busy: server answered 429 (slow)
        hint: try again later, or raise the limit for requests of the server or of the proxy in front of it
    "#]].assert_eq(&describe(&output).replace(&busy.url(), "URL"));
}

/// A busy server recovers by itself, like one that is down.
#[test]
fn a_mount_of_a_busy_server_comes_up() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(60), |dir| {
        let busy = answering(
            "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        );
        fs::create_dir(dir.join("mnt")).unwrap();
        let output = mount(dir, &busy.url(), "mnt").current_dir(dir).output().unwrap();
        expect![[r#"
            exit 0
            warning: cannot use rqbit at URL/: the server is busy: server answered 429
            hint: its torrents are unknown, so none show until it answers; tfs tries again by itself; if that does not help, raise the limit for requests of the server or of the proxy in front of it
        "#]]
        .assert_eq(&describe(&output).replace(&busy.url(), "URL"));
        let mounted = Mounted::at(dir.join("mnt"), dir);
        assert_eq!(fs::read_dir(&mounted.path).unwrap_err().raw_os_error(), Some(EIO));
        mounted.unmount();
    });
}

#[test]
fn credentials() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("mnt")).unwrap();
    let mut config = EmbeddedConfig::loopback(dir.join("store"));
    let (username, password) = ("u".to_owned(), "p".to_owned());
    config.credentials = Some(ApiCredentials { username, password });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(EmbeddedServer::start(config)).unwrap();
    let url = format!("http://{}", server.api_addr());
    let refused = mount(dir, &url, "mnt").current_dir(dir).output().unwrap();
    expect![[r#"
        exit 22
        error: cannot use rqbit at URL/: server requires other credentials
        hint: pass --username, and --password-file with a file that has the password
    "#]]
    .assert_eq(&describe(&refused).replace(&url, "URL"));

    fs::write(dir.join("wrong"), "q\n").unwrap();
    fs::write(dir.join("right"), "p\n").unwrap();
    let list = |password_file: &str| {
        let arguments = ["list", "--username", "u", "--password-file", password_file];
        tfs(dir).args(arguments).args(["--server", &url]).current_dir(dir).output().unwrap()
    };
    assert_eq!(list("wrong").status.code(), Some(22));
    assert_eq!(list("missing").status.code(), Some(3));
    assert!(list("right").status.success());
    runtime.block_on(server.stop());
}

#[test]
fn unmounting_what_is_not_mounted() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("empty")).unwrap();
    check(
        dir,
        tfs(dir).args(["unmount", "empty"]),
        &expect![[r#"
        exit 40
        error: cannot unmount DIR/empty: nothing is mounted there
        hint: see what is mounted with: findmnt -t fuse.tfs
    "#]],
    );
    check(
        dir,
        tfs(dir).args(["unmount", "missing"]),
        &expect![[r#"
        exit 40
        error: cannot unmount DIR/missing: nothing is mounted there
        hint: see what is mounted with: findmnt -t fuse.tfs
    "#]],
    );
    check(
        dir,
        tfs(dir).args(["unmount", "/proc"]),
        &expect![[r#"
        exit 40
        error: cannot unmount /proc: it is a mount of type proc, not fuse.tfs
        hint: use: umount /proc
    "#]],
    );
}

#[test]
fn a_mount_whose_server_is_silent_comes_up_in_time() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(60), |dir| {
        fs::create_dir(dir.join("mnt")).unwrap();
        // It accepts connections and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let output = mount(dir, &url, "mnt")
            .args(["--daemon-timeout", "4s"])
            .current_dir(dir)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("no answer within 2 s"), "{said}");
        let mounted = Mounted::at(dir.join("mnt"), dir);
        let error = fs::read_dir(&mounted.path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        assert_eq!(error.unwrap_err().raw_os_error(), Some(EIO));
        mounted.unmount();
    });
}
