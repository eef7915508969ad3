//! `.tfs/` as programs see it: text of unknown length, and links to the files of torrents.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use rustix::io::Errno;
use tfs_testkit::fake::{directory, file_id, single_file};
use vfs_core::ControlFile;

use crate::support::{Fixture, check_file, errno, eventually, run};

/// Longer than a page-sized request of the kernel, and than two of 1 MiB.
const TEXT_BYTES: usize = 3_000_001;

/// Returns the text of the n-th open. Each is longer than the previous one.
fn text(n: usize) -> String {
    let line = format!("{{\"opened\": {n}}}\n");
    line.repeat((TEXT_BYTES + n).div_ceil(line.len()))
}

fn fixture() -> Fixture {
    let opened = AtomicUsize::new(0);
    let render = move || text(opened.fetch_add(1, Ordering::Relaxed)).into();
    let files = vec![
        ControlFile { name: "long", render: Arc::new(render) },
        ControlFile { name: "short", render: Arc::new(|| "[1, 2]\n".into()) },
        ControlFile { name: "empty", render: Arc::new(Bytes::new) },
    ];
    let torrents = [
        directory(1, "Film (2026)", &[("film.mkv", 300_000), ("subs/en.srt", 2000)]),
        directory(2, "Other", &[("film.mkv", 100_000)]),
        single_file(3, "single film.mkv", 50_000),
    ];
    Fixture::with_control_files(torrents, files)
}

/// Returns what a shell command prints in a directory.
#[track_caller]
fn sh(dir: &Path, command: &str) -> String {
    let output = Command::new("sh").arg("-ec").arg(command).current_dir(dir).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{command}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn programs_read_control_files_to_their_end() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture();
        let mount = fixture.mount(dir);
        let control = mount.mountpoint().join(".tfs");
        for (command, want) in [
            ("cat short", "[1, 2]\n"),
            ("head -c 2 short", "[1"),
            ("tail -c 3 short", "2]\n"),
            ("tail -n 1 short", "[1, 2]\n"),
            ("wc -c < short", "7\n"),
            ("jq -c map(.+1) short", "[2,3]\n"),
            ("jq -c . < short", "[1,2]\n"),
            ("grep -c 2 short", "1\n"),
            ("dd if=short bs=3 status=none", "[1, 2]\n"),
            ("dd if=short bs=1 skip=4 status=none", "2]\n"),
            ("cp short ../../copy; cat ../../copy", "[1, 2]\n"),
            ("curl -s file://$PWD/short", "[1, 2]\n"),
            ("python3 -c 'print(open(\"short\").read(), end=\"\")'", "[1, 2]\n"),
            ("cat empty; wc -c empty", "0 empty\n"),
        ] {
            let command = command.replace("map(.+1)", "'map(.+1)'");
            assert_eq!(sh(&control, &command), want, "{command}");
        }
        // A program gets one consistent text, however it splits its reads.
        assert_eq!(sh(&control, "cat long"), text(0));
        assert_eq!(fs::read_to_string(control.join("long")).unwrap(), text(1));
        let (one, other) = (File::open(control.join("long")), File::open(control.join("long")));
        for (n, file) in [(3, other.unwrap()), (2, one.unwrap())] {
            let want = text(n);
            let mut tail = vec![0; 100_000];
            let start = want.len() - tail.len() / 2;
            let len = file.read_at(&mut tail, start as u64).unwrap();
            assert_eq!(&tail[..len], &want.as_bytes()[start..]);
        }
        let attributes = fs::metadata(control.join("short")).unwrap();
        assert_eq!((attributes.mode(), attributes.len(), attributes.nlink()), (0o100_444, 0, 1));
        assert_eq!(attributes.mtime(), fs::metadata(mount.mountpoint()).unwrap().mtime());
        fixture.finish(mount);
    });
}

#[test]
fn control_directories_are_directories_of_links_that_lead_to_the_files() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture();
        let mount = fixture.mount(dir);
        let root = mount.mountpoint();
        assert_eq!(sh(root, "ls -A"), "Film (2026)\nOther\nsingle film.mkv\n");
        let hash = |id: u8| format!("{id:02x}").repeat(20);
        let found = sh(root, "find .tfs -maxdepth 3 | LC_ALL=C sort");
        let mut want = [".tfs", ".tfs/by-hash", ".tfs/search", ".tfs/empty", ".tfs/long"]
            .map(str::to_owned)
            .to_vec();
        want.push(".tfs/short".to_owned());
        want.extend((1..=3).map(|id| format!(".tfs/by-hash/{}", hash(id))));
        want.sort();
        assert_eq!(found.lines().collect::<Vec<_>>(), want);

        let by_hash = root.join(".tfs/by-hash");
        let resolved = fs::canonicalize(by_hash.join(hash(1)).join("subs")).unwrap();
        assert_eq!(resolved, fs::canonicalize(root.join("Film (2026)/subs")).unwrap());
        check_file(&by_hash.join(hash(3)), file_id(3, 0));
        assert_eq!(errno(fs::symlink_metadata(by_hash.join(hash(9)))), Errno::NOENT);

        let search = root.join(".tfs/search");
        let want = BTreeMap::from([
            ("film.mkv", "Film (2026)/film.mkv"),
            ("film [02020202].mkv", "Other/film.mkv"),
            ("single film.mkv", "single film.mkv"),
        ]);
        let results = search.join("MKV film");
        for (name, path) in &want {
            assert_eq!(
                fs::canonicalize(results.join(name)).unwrap(),
                fs::canonicalize(root.join(path)).unwrap()
            );
        }
        let names: Vec<_> =
            fs::read_dir(&results).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["film.mkv", "film [02020202].mkv", "single film.mkv"]);
        check_file(&results.join("film [02020202].mkv"), file_id(2, 0));
        assert_eq!(errno(fs::metadata(results.join("other.mkv"))), Errno::NOENT);
        assert_eq!(fs::read_dir(search.join("nothing like it")).unwrap().count(), 0);
        assert_eq!(errno(fs::metadata(search.join("  "))), Errno::NOENT);
        // Searches of other users are not listed.
        assert_eq!(fs::read_dir(&search).unwrap().count(), 0);
        fixture.finish(mount);
    });
}

#[test]
fn without_a_tree_the_root_fails_and_control_does_not() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::unknown(vec![ControlFile {
            name: "healthy",
            render: Arc::new(|| "no list is known\n".into()),
        }]);
        let mount = fixture.mount(dir);
        let root = mount.mountpoint();
        assert_eq!(errno(fs::read_dir(root)), Errno::IO);
        assert_eq!(errno(fs::metadata(root.join("anything"))), Errno::IO);
        assert_eq!(fs::read_to_string(root.join(".tfs/healthy")).unwrap(), "no list is known\n");
        assert_eq!(errno(fs::read_dir(root.join(".tfs/by-hash"))), Errno::IO);
        assert_eq!(errno(fs::read_dir(root.join(".tfs/search/film"))), Errno::IO);
        fixture.apply();
        eventually("the root is listed", || fs::read_dir(root).is_ok());
        fixture.finish(mount);
    });
}

#[test]
fn links_follow_the_torrents() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture();
        let mount = fixture.mount(dir);
        let results = mount.mountpoint().join(".tfs/search/srt");
        let listed = || fs::read_dir(&results).unwrap().count();
        assert_eq!(listed(), 1);
        let link = results.join("en.srt");
        assert!(link.exists());
        fixture.source.fake.add(directory(4, "More", &[("fr.srt", 10)]));
        fixture.source.fake.remove(file_id(1, 0).torrent);
        fixture.apply();
        assert_eq!(listed(), 1);
        check_file(&results.join("fr.srt"), file_id(4, 0));
        eventually("the old link is gone", || fs::symlink_metadata(&link).is_err());
        fixture.finish(mount);
    });
}
