//! `--embedded`: rqbit inside the process, on what is on disk already.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

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

/// Downloads a torrent to `store` with rqbits of the test, which end here.
fn download_to(store: &Path, content: Content) -> SwarmTorrent {
    let rqbits = Rqbits::start(Swarm::builder().torrent(TorrentSpec::file("a b.bin", content)));
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_finished(&torrent);
    fs::create_dir(store).unwrap();
    fs::copy(torrent.disk_path(&torrent.files[0]), store.join("a b.bin")).unwrap();
    torrent
}

#[test]
fn torrents_are_added_and_there_again_the_next_time() {
    let test = "embedded::torrents_are_added_and_there_again_the_next_time";
    isolate::run_with_fuse(test, Duration::from_secs(90), |dir| {
        let content = Content::new(3, 1_000_000);
        let (store, mountpoint) = (dir.join("store"), dir.join("mnt"));
        let torrent = download_to(&store, content);
        fs::create_dir(&mountpoint).unwrap();
        let torrent_file = dir.join("a.torrent");
        fs::write(&torrent_file, &torrent.torrent_file).unwrap();

        run(mount(dir, &store, &mountpoint).arg("--add").arg(&torrent_file));
        check_file(&mountpoint.join("a b.bin"), content, 4096);

        // This mount is the first that makes the state directory.
        let modes = ["tfs", "tfs/embedded", "tfs/servers"].map(|name| {
            fs::metadata(dir.join("state").join(name)).unwrap().permissions().mode() & 0o777
        });
        assert_eq!(modes, [0o700; 3]);

        // The directory belongs to one process at a time.
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
    let test = "embedded::a_torrent_that_cannot_be_added_leaves_no_mount";
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
