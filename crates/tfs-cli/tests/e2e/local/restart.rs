//! Verification that outlives tfs: verified files are readable after a restart without their
//! server.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use nix::libc;
use nix::unistd::geteuid;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::until::until;

use super::{FILM_BYTES, LIMIT, LocalStage};
use crate::support::{Mounted, check_file, check_range};

/// How long reads wait for an unavailable server.
const SHORT: [&str; 2] = ["--read-timeout", "2s"];

impl LocalStage {
    /// Returns with the first file verified, the server killed and the mount ended.
    #[track_caller]
    fn proven_and_lost(dir: &Path) -> Self {
        let mut stage = Self::finished(dir);
        let mounted = stage.mount("auto");
        drop(stage.read_until(&mounted, 0, "local"));
        until("the proof is kept", || (stage.kept_count() > 0).then_some(()));
        stage.lose(mounted);
        stage
    }

    fn mount_again(&self, local_paths: &str, passthrough: &str) -> Mounted {
        let flags = [&SHORT[..], &["--passthrough", passthrough]].concat();
        Mounted::with_local(&self.dir, &self.url, local_paths, &flags)
    }

    /// Ends the server and then the mount, like a machine that shuts down in the wrong order.
    fn lose(&mut self, mounted: Mounted) {
        self.rqbits.kill_downloader();
        mounted.unmount();
    }

    /// Returns how many torrents have verified files, according to the logs in the state directory.
    fn kept_count(&self) -> usize {
        let servers = fs::read_dir(self.dir.join("state/tfs/servers")).unwrap();
        let files = servers.flat_map(|server| fs::read_dir(server.unwrap().path()).unwrap());
        let logs = files.map(|file| file.unwrap().path()).filter(|path| path.is_file());
        let mut torrents = BTreeSet::new();
        for text in logs.map(|path| fs::read(path).unwrap()) {
            for line in String::from_utf8_lossy(&text).lines() {
                let mut words = line.split(' ').skip(1).map(str::to_owned);
                let (Some(kind), Some(torrent)) = (words.next(), words.next()) else { continue };
                match kind.as_str() {
                    "verified" => drop(torrents.insert(torrent)),
                    "discarded" => drop(torrents.remove(&torrent)),
                    _ => {}
                }
            }
        }
        torrents.len()
    }

    fn check_whole(&self, mounted: &Mounted, index: usize) {
        let path = mounted.path.join("Film").join(self.torrent.files[index].path());
        check_file(&path, self.content(index), 100_000);
    }

    /// Checks that a file cannot be read while the server is down.
    #[track_caller]
    fn check_fails(&self, mounted: &Mounted, index: usize) {
        let path = mounted.path.join("Film").join(self.torrent.files[index].path());
        let error = fs::read(&path).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EIO), "{error}");
    }
}

#[test]
fn a_proven_file_is_read_after_a_restart_without_its_server() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut stage = LocalStage::proven_and_lost(dir);
        let mounted = stage.mount_again("auto", "off");
        stage.check_whole(&mounted, 0);
        assert_eq!(stage.bytes(&mounted).0, 0);
        // Unverified files come only from the server.
        stage.check_fails(&mounted, 2);
        stage.rqbits.start_downloader();
        until("the server is found", || {
            fs::read(mounted.path.join("Film/other.mkv")).ok().map(drop)
        });
        for index in 0..3 {
            stage.read(&mounted, index);
        }
        stage.lose(mounted);
        // Nor are local files read if the setting is off.
        let mounted = stage.mount_again("off", "off");
        stage.check_fails(&mounted, 0);
        mounted.unmount();
    });
}

#[test]
fn a_file_that_changed_while_tfs_was_away_is_not_believed() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut stage = LocalStage::proven_and_lost(dir);
        // The same name, length and modification time.
        let (on_disk, aside) = (stage.on_disk(0), dir.join("aside"));
        let modified = fs::metadata(&on_disk).unwrap().modified().unwrap();
        fs::rename(&on_disk, &aside).unwrap();
        fs::write(&on_disk, vec![7; usize::try_from(FILM_BYTES).unwrap()]).unwrap();
        File::options().write(true).open(&on_disk).unwrap().set_modified(modified).unwrap();

        let mounted = stage.mount_again("auto", "off");
        stage.check_fails(&mounted, 0);
        until("the proof is let go", || (stage.kept_count() == 0).then_some(()));
        fs::rename(&aside, &on_disk).unwrap();
        stage.rqbits.start_downloader();
        until("the server is found", || fs::read(mounted.path.join("Film/film.mkv")).ok());
        for index in 0..3 {
            stage.read(&mounted, index);
        }
        drop(stage.read_until(&mounted, 0, "local"));
        mounted.unmount();
    });
}

#[test]
fn the_kernel_reads_a_proven_file_after_a_restart_without_its_server() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        if !geteuid().is_root() {
            skip::test(test, "only root may let the kernel read files");
            return;
        }
        let stage = LocalStage::proven_and_lost(dir);
        let mounted = stage.mount_again("auto", "auto");
        let path = mounted.path.join("Film/film.mkv");
        let open = File::open(&path).unwrap();
        assert_eq!(stage.ways(&mounted), ["passthrough"]);
        stage.check_whole(&mounted, 0);
        check_range(&path, &open, stage.content(0), FILM_BYTES - 100, 1000);
        drop(open);
        mounted.unmount();
    });
}
