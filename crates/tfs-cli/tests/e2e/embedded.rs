//! `--embedded`: rqbit inside the process, with data that is already on disk.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use expect_test::expect;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Rqbits, check_file, describe, is_mounted, run, tfs};

fn mount(dir: &Path, store: &Path, mountpoint: &Path) -> Command {
    let mut command = tfs(dir);
    command.args(["mount", "--offline", "--embedded"]).arg(store).arg(mountpoint);
    command
}

/// Downloads a torrent to `store` with rqbits of the test, which end afterwards.
fn download_to(store: &Path, content: Content) -> SwarmTorrent {
    let rqbits = Rqbits::start(Swarm::builder().torrent(TorrentSpec::file("a b.bin", content)));
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_finished(&torrent);
    fs::create_dir(store).unwrap();
    fs::copy(torrent.disk_path(&torrent.files[0]), store.join("a b.bin")).unwrap();
    torrent
}

/// A download directory with the data of a torrent, its `.torrent` file, and a mount point.
struct Downloaded {
    store: PathBuf,
    mountpoint: PathBuf,
    torrent_file: PathBuf,
}

impl Downloaded {
    fn in_dir(dir: &Path, content: Content) -> Self {
        let (store, mountpoint) = (dir.join("store"), dir.join("mnt"));
        let torrent = download_to(&store, content);
        fs::create_dir(&mountpoint).unwrap();
        let torrent_file = dir.join("a.torrent");
        fs::write(&torrent_file, &torrent.torrent_file).unwrap();
        Self { store, mountpoint, torrent_file }
    }
}

#[test]
fn torrents_are_added_and_there_again_the_next_time() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(90), |dir| {
        let content = Content::new(3, 1_000_000);
        let Downloaded { store, mountpoint, torrent_file } = Downloaded::in_dir(dir, content);

        run(mount(dir, &store, &mountpoint).arg("--add").arg(&torrent_file));
        check_file(&mountpoint.join("a b.bin"), content, 4096);

        // This mount creates the state directory.
        let modes = ["tfs", "tfs/embedded", "tfs/servers"].map(|name| {
            fs::metadata(dir.join("state").join(name)).unwrap().permissions().mode() & 0o777
        });
        assert_eq!(modes, [0o700; 3]);

        // Only one process at a time can use the directory.
        let other = dir.join("other");
        fs::create_dir(&other).unwrap();
        let refused = mount(dir, &store, &other).output().unwrap();
        assert_eq!(refused.status.code(), Some(50), "{}", describe(&refused));
        assert!(!is_mounted(&other));

        run(tfs(dir).arg("unmount").arg(&mountpoint));
        let start_again = || {
            let output = mount(dir, &store, &mountpoint).output().unwrap();
            output.status.success().then_some(())
        };
        until("the first process has let go of the directory", start_again);
        check_file(&mountpoint.join("a b.bin"), content, 4096);
        run(tfs(dir).arg("unmount").arg(&mountpoint));
    });
}

#[test]
fn a_torrent_that_cannot_be_added_leaves_no_mount() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(60), |dir| {
        let (store, mountpoint) = (dir.join("store"), dir.join("mnt"));
        fs::create_dir(&mountpoint).unwrap();
        let missing = dir.join("missing.torrent");
        let garbage = dir.join("garbage.torrent");
        fs::write(&garbage, "<html>").unwrap();
        for (file, reason) in [(missing, "No such file"), (garbage, "cannot add")] {
            let refused = mount(dir, &store, &mountpoint).arg("--add").arg(&file).output().unwrap();
            let text = describe(&refused);
            assert!(text.starts_with("exit 51\n") && text.contains(reason), "{text}");
            assert!(text.contains(file.to_str().unwrap()), "{text}");
            assert!(!is_mounted(&mountpoint));
        }
    });
}

#[test]
fn a_file_of_another_length_is_not_overwritten_by_a_mount() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(90), |dir| {
        let content = Content::new(3, 1_000_000);
        let Downloaded { store, mountpoint, torrent_file } = Downloaded::in_dir(dir, content);
        let mine = vec![7; 1_000_001];
        fs::write(store.join("a b.bin"), &mine).unwrap();

        let refused = mount(dir, &store, &mountpoint).arg("--add").arg(&torrent_file).output();
        let text = describe(&refused.unwrap());
        assert!(text.starts_with("exit 51\n"), "{text}");
        assert!(text.contains("files of it already exist"), "{text}");
        assert!(!is_mounted(&mountpoint));
        assert!(fs::read(store.join("a b.bin")).unwrap() == mine);
    });
}

/// Requests the embedded server's address from the process of a mount, as its user may, and returns
/// the password.
fn password(dir: &Path) -> String {
    let sockets = fs::read_dir(dir.join("run/tfs")).unwrap();
    let socket = sockets
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "sock"));
    let mut connection = UnixStream::connect(socket.unwrap()).unwrap();
    let request = "GET /v1/embedded HTTP/1.1\r\nhost: tfs\r\nconnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let answer: serde_json::Value = serde_json::from_str(body).unwrap();
    answer["servers"][0]["password"].as_str().unwrap().to_owned()
}

/// Returns the state of a torrent, as reported by the mount.
fn state(path: &Path) -> String {
    let mut value = [0; 64];
    let len = rustix::fs::getxattr(path, "user.tfs.state", &mut value).unwrap();
    String::from_utf8(value[..len].to_vec()).unwrap()
}

// Regression: `list`, `add` and `pause` printed "cannot reach rqbit at 127.0.0.1:3030, or mount
// with --embedded".
#[test]
fn an_embedded_mount_is_commanded_like_any_server() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(90), |dir| {
        let content = Content::new(3, 100_000);
        let (store, mountpoint) = (dir.join("store"), dir.join("mnt"));
        let torrent = download_to(&store, content);
        let other = EmbeddedTorrent::of("other.bin", 40_000);
        fs::create_dir(&mountpoint).unwrap();
        let (first, second) = (dir.join("a.torrent"), dir.join("b.torrent"));
        fs::write(&first, &torrent.torrent_file).unwrap();
        fs::write(&second, other.0).unwrap();
        let log = dir.join("log");
        let mut command = mount(dir, &store, &mountpoint);
        // Without help by polling: commands notify the mount. The torrent comes by standard input.
        command.env("TFS_METADATA__POLL_INTERVAL", "1h").arg("--log-file").arg(&log).arg("-vvv");
        run(command.args(["--add", "-"]).stdin(fs::File::open(&first).unwrap()));
        let said = |args: &[&str]| describe(&tfs(dir).args(args).output().unwrap());
        let names = || {
            let list = run(tfs(dir).args(["list", "--json"]));
            let list: serde_json::Value = serde_json::from_str(&list).unwrap();
            let names = list.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(names(), ["a b.bin"]);
        assert_eq!(said(&["add", second.to_str().unwrap()]), "exit 0\nadded other.bin\n");
        assert!(mountpoint.join("other.bin").exists());
        assert_eq!(said(&["pause", "a b"]), "exit 0\npaused a b.bin\n");
        assert_eq!(state(&mountpoint.join("a b.bin")), "paused");
        assert_eq!(said(&["start", "a b"]), "exit 0\nstarted a b.bin\n");
        assert_ne!(state(&mountpoint.join("a b.bin")), "paused");

        // By its name, and by the address in the status.
        let status: serde_json::Value =
            serde_json::from_str(&run(tfs(dir).args(["status", "--json"]))).unwrap();
        let url = status[0]["server"]["url"].as_str().unwrap().to_owned();
        let deleted = "exit 0\ndeleted other.bin and its files\n";
        assert_eq!(said(&["delete", "--yes", "--server", "embedded", "other"]), deleted);
        assert!(!mountpoint.join("other.bin").exists() && !store.join("other.bin").exists());
        assert!(said(&["list", "--server", &url]).contains("a b.bin"));
        assert!(said(&["search", "--server", "embedded", "a"]).contains("a b.bin"));

        let password = password(dir);
        assert_eq!(password.len(), 32);
        let pid = status[0]["pid"].as_u64().unwrap();
        let read = |path: String| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        for (what, text) in [
            ("the command line", read(format!("/proc/{pid}/cmdline"))),
            ("the environment", read(format!("/proc/{pid}/environ"))),
            ("the log", read(log.display().to_string())),
            ("status.json", read(mountpoint.join(".tfs/status.json").display().to_string())),
            ("tfs status", said(&["status", "--json"]) + &said(&["status", "-vvv"])),
            ("tfs list", said(&["list", "-vvv"])),
            ("tfs doctor", said(&["doctor", "--json", "-vvv"])),
        ] {
            assert!(!text.contains(&password), "{what}: {text}");
        }
        run(tfs(dir).arg("unmount").arg(&mountpoint));
    });
}

/// A `.torrent` file of one file, without data.
struct EmbeddedTorrent(Vec<u8>);

impl EmbeddedTorrent {
    fn of(name: &str, len: usize) -> Self {
        let hashes = "h".repeat(20 * len.div_ceil(16384));
        let name = format!("4:name{}:{name}", name.len());
        let pieces = format!("12:piece lengthi16384e6:pieces{}:{hashes}", hashes.len());
        Self(format!("d4:infod6:lengthi{len}e{name}{pieces}ee").into_bytes())
    }
}

// Regression: `mount --embedded X X --add F` put 2 MB into X, and then refused X.
#[test]
fn all_is_checked_before_anything_is_done() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(60), |dir| {
        let path = |name: &str| dir.join(name);
        fs::create_dir(path("mnt")).unwrap();
        fs::create_dir(path("full")).unwrap();
        fs::write(path("full/a"), "").unwrap();
        symlink("mnt", path("link")).unwrap();
        fs::write(path("a.torrent"), EmbeddedTorrent::of("a.bin", 10).0).unwrap();
        fs::write(path("bad.torrent"), "<html>").unwrap();
        let mut said = String::new();
        for (store, mountpoint, add) in [
            ("mnt", "mnt", "a.torrent"),
            ("link", "mnt", "a.torrent"),
            ("mnt/store", "link", "a.torrent"),
            ("missing/store", "mnt", "a.torrent"),
            ("store", "full", "a.torrent"),
            ("store", "missing", "a.torrent"),
            ("store", "mnt", "bad.torrent"),
            ("store", "mnt", "none.torrent"),
        ] {
            let mut command = mount(dir, store.as_ref(), mountpoint.as_ref());
            let output = command.current_dir(dir).args(["--add", "a.torrent", "--add", add]);
            said += &describe(&output.output().unwrap()).replace(dir.to_str().unwrap(), "DIR");
        }
        expect![[r#"
            exit 50
            error: cannot store in DIR/mnt: it is the mount point
            hint: use a directory elsewhere: the mount would hide the downloads
            exit 50
            error: cannot store in DIR/link: it is the mount point
            hint: use a directory elsewhere: the mount would hide the downloads
            exit 50
            error: cannot store in DIR/mnt/store: it is inside the mount point DIR/mnt
            hint: use a directory elsewhere: the mount would hide the downloads
            exit 50
            error: cannot store in DIR/missing/store: there is no directory DIR/missing
            hint: check that its disk is mounted, or create it with: mkdir -p DIR/missing
            exit 12
            error: cannot mount on DIR/full: the directory is not empty
            hint: use an empty directory, or hide the contents of this one with --allow-non-empty
            exit 10
            error: cannot mount on DIR/missing: it does not exist
            hint: create it with: mkdir -p DIR/missing
            exit 51
            error: cannot add bad.torrent: it is a web page, not a .torrent file
            hint: the site may require a login: download the .torrent file with a browser
            exit 51
            error: cannot add none.torrent: No such file or directory (os error 2)
            hint: pass a .torrent file, a magnet link, or the URL of a .torrent file
        "#]]
        .assert_eq(&said);
        assert!(!is_mounted(&path("mnt")));
        assert_eq!(fs::read_dir(path("mnt")).unwrap().count(), 0);
        for made in ["store", "missing", "state"] {
            assert!(!path(made).exists(), "{made}");
        }
    });
}

#[test]
fn a_file_is_no_directory_to_store_in() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(60), |dir| {
        fs::create_dir(dir.join("mnt")).unwrap();
        fs::write(dir.join("file"), "").unwrap();
        let mut said = String::new();
        for store in ["file", "file/store"] {
            let mut command = mount(dir, store.as_ref(), "mnt".as_ref());
            let output = command.current_dir(dir).output().unwrap();
            said += &describe(&output).replace(dir.to_str().unwrap(), "DIR");
        }
        expect![[r#"
            exit 50
            error: cannot create the directory DIR/file: File exists (os error 17)
            hint: it is a file, or inside one: use a directory
            exit 50
            error: cannot store in DIR/file/store: Not a directory (os error 20)
            hint: it is a file, or inside one: use a directory
        "#]]
        .assert_eq(&said);
        assert!(!is_mounted(&dir.join("mnt")));
    });
}

#[test]
fn a_magnet_link_does_not_hold_up_the_mount() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(60), |dir| {
        let mountpoint = dir.join("mnt");
        fs::create_dir(&mountpoint).unwrap();
        // There are no peers: the tracker is a socket that does not answer.
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let tracker = format!("udp://{}", silent.local_addr().unwrap());
        let magnet = format!("magnet:?xt=urn:btih:{}&dn=Some+Name&tr={tracker}", "ab".repeat(20));
        let output = mount(dir, &dir.join("store"), &mountpoint).args(["--add", &magnet]).output();
        let text = describe(&output.unwrap());
        assert!(text.starts_with("exit 0\n"), "{text}");
        assert!(text.contains("looking for peers of Some Name"), "{text}");
        assert!(is_mounted(&mountpoint));
        run(tfs(dir).arg("unmount").arg(&mountpoint));
    });
}
