//! The drop folder: torrents that are added, exported and forgotten with files.

mod stage;
mod tools;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::errno::Errno;
use tfs_testkit::isolate;
use tfs_testkit::swarm::Swarm;
use tfs_testkit::until::until;

use self::stage::{DropStage, errno_of, torrent_file, write_and_close};
use crate::support::{Mounted, Rqbits, describe, is_mounted, run, tfs};

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn a_copy_is_added_exported_and_there_after_a_restart() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = DropStage::new(dir, &[]);
        let torrent = torrent_file("film");
        stage.drop_file("given name.torrent", &torrent).unwrap();
        stage.drop_file("paused/later.torrent", &torrent_file("later")).unwrap();
        assert_eq!(stage.files(""), ["given name.torrent"]);
        assert_eq!(stage.files("paused"), ["later.torrent"]);
        // What comes out is what went in, and its size is right.
        let exported = stage.path("given name.torrent");
        assert_eq!(fs::read(&exported).unwrap(), torrent);
        assert_eq!(fs::metadata(&exported).unwrap().len(), torrent.len() as u64);
        until("the library shows both", || (stage.library().len() == 2).then_some(()));
        until("one is paused", || {
            let states = stage.tfs_out(&["list"]);
            (states.contains("paused") && states.contains("downloading")).then_some(())
        });

        stage.unmount();
        let stage = stage.again(&[]);
        until("the torrents are listed", || (stage.files("").len() == 1).then_some(()));
        assert_eq!(stage.files(""), ["given name.torrent"]);
        assert_eq!(stage.files("paused"), ["later.torrent"]);
        until("the size is known", || {
            let size = fs::metadata(stage.path("given name.torrent")).unwrap().len();
            (size == torrent.len() as u64).then_some(())
        });
        stage.unmount();
    });
}

#[test]
fn a_removal_is_refused_or_forgets_and_never_deletes() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = DropStage::new(dir, &[]);
        let torrent = torrent_file("film");
        stage.drop_file("a.torrent", &torrent).unwrap();
        let path = stage.path("a.torrent");
        assert_eq!(errno_of(fs::remove_file(&path)), Some(Errno::EPERM));
        assert_eq!(errno_of(fs::remove_dir(stage.path("paused"))), Some(Errno::EPERM));
        assert_eq!(errno_of(fs::create_dir(stage.path("new"))), Some(Errno::EPERM));
        assert_eq!(errno_of(fs::rename(&path, stage.path("a.bak"))), Some(Errno::EPERM));
        let removed = fs::remove_dir_all(stage.path(""));
        assert!(removed.is_err());
        assert_eq!(stage.files(""), ["a.torrent"]);
        stage.unmount();

        let stage = stage.again(&["--drop-remove", "forget"]);
        until("the torrent is listed", || (stage.files("").len() == 1).then_some(()));
        let data = dir.join("store/film");
        until("the server has made its file", || data.exists().then_some(()));
        fs::remove_file(&path).unwrap();
        assert!(stage.files("").is_empty());
        until("the library has lost it", || stage.library().is_empty().then_some(()));
        assert!(data.exists());
        // It can be added again, although its files are there.
        stage.drop_file("again.torrent", &torrent).unwrap();
        assert_eq!(stage.files(""), ["again.torrent"]);
        stage.unmount();
    });
}

#[test]
fn what_is_refused_says_why_and_what_is_odd_is_refused() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = DropStage::new(dir, &[]);
        let error = stage.drop_file("x.torrent", b"<html>").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::EINVAL as i32));
        let reason = fs::read_to_string(stage.path("x.torrent.error")).unwrap();
        assert_eq!(reason, "x.torrent: it is a web page, not a .torrent file\n");
        fs::remove_file(stage.path("x.torrent.error")).unwrap();

        let odd = stage.drop_file("a\nb.torrent", &torrent_file("odd")).unwrap_err();
        assert_eq!(odd.raw_os_error(), Some(Errno::EINVAL as i32));
        assert_eq!(stage.files(""), ["a%0Ab.torrent.error"]);
        fs::remove_file(stage.path("a%0Ab.torrent.error")).unwrap();

        let large = stage.drop_file("l.torrent", &vec![b'd'; (10 << 20) + 1]).unwrap_err();
        assert_eq!(large.raw_os_error(), Some(Errno::EFBIG as i32));
        fs::remove_file(stage.path("l.torrent.error")).unwrap();

        let magnet = stage.drop_file("m.magnet", b"magnet:?dn=x\n").unwrap_err();
        assert_eq!(magnet.raw_os_error(), Some(Errno::EINVAL as i32));
        let url = stage.drop_file("u.url", b"[InternetShortcut]\r\nURL=http://h/x\r\n");
        assert_eq!(url.unwrap_err().raw_os_error(), Some(Errno::EINVAL as i32));
        // An offline server has no way to peers, and says so at once.
        let link = format!("magnet:?xt=urn:btih:{}", "ab".repeat(20));
        let offline = stage.drop_file("o.magnet", link.as_bytes());
        assert_eq!(offline.unwrap_err().raw_os_error(), Some(Errno::EINVAL as i32));
        let names = ["m.magnet.error", "o.magnet.error", "u.url.error"];
        assert_eq!(stage.files(""), names);

        // Half a torrent is no error for some seconds, and can be completed after it.
        let torrent = torrent_file("half");
        let (start, end) = torrent.split_at(50);
        stage.drop_file("h.torrent", start).unwrap();
        let note = stage.path("h.torrent.error");
        until("the reason is there", || note.exists().then_some(()));
        assert!(stage.status().contains("1 incomplete"), "{}", stage.status());
        let mut file = File::options().append(true).open(stage.path("h.torrent")).unwrap();
        file.write_all(end).unwrap();
        drop(file);
        assert!(!note.exists());
        assert_eq!(fs::read(stage.path("h.torrent")).unwrap(), torrent);
        stage.unmount();
    });
}

#[test]
fn a_magnet_of_a_known_torrent_and_many_drops_at_once_are_added() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = DropStage::new(dir, &[]);
        let names: Vec<_> = (0..200).map(|number| format!("many {number}")).collect();
        std::thread::scope(|scope| {
            for part in names.chunks(50) {
                let stage = &stage;
                scope.spawn(move || {
                    for name in part {
                        let file = format!("{name}.torrent");
                        stage.drop_file(&file, &torrent_file(name)).unwrap();
                    }
                });
            }
        });
        assert_eq!(stage.files("").len(), names.len());
        assert_eq!(stage.added(), names.len() as u64);
        until("the library shows all", || (stage.library().len() == names.len()).then_some(()));
        let link = stage.magnet_of("many 7");
        stage.drop_file("known.magnet", link.as_bytes()).unwrap();
        assert_eq!(stage.files("").len(), names.len());

        // Two writers of one name: each gets an answer, and one torrent has the name.
        let (first, second) = (torrent_file("one"), torrent_file("two"));
        let path = stage.path("both.torrent");
        let writers = [File::create(&path).unwrap(), File::create(&path).unwrap()];
        for (mut file, torrent) in writers.into_iter().zip([&first, &second]) {
            file.write_all(torrent).unwrap();
            nix::unistd::fsync(&file).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), second);
        stage.unmount();
    });
}

#[test]
fn a_drop_while_the_server_is_down_is_kept_over_a_restart_and_sent() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let mut rqbits = Rqbits::start(Swarm::builder());
        let url = rqbits.swarm.api_url().to_string();
        let folder = dir.join("add");
        fs::create_dir(&folder).unwrap();
        let flags = ["--drop", folder.to_str().unwrap()];
        let mounted = Mounted::with(dir, &url, &flags);
        rqbits.kill_downloader();
        let torrent = torrent_file("patient");
        write_and_close(&folder.join("patient.torrent"), &torrent).unwrap();
        let status = run(tfs(dir).arg("status").arg(&mounted.path));
        assert!(
            status.contains("1 waiting") && status.contains("patient.torrent waits"),
            "{status}"
        );
        mounted.unmount();
        assert!(!is_drop(&folder));

        let mounted = Mounted::with(dir, &url, &flags);
        assert_eq!(fs::read(folder.join("patient.torrent")).unwrap(), torrent);
        // A file that is removed while it waits is never sent.
        write_and_close(&folder.join("gone.torrent"), &torrent_file("gone")).unwrap();
        fs::remove_file(folder.join("gone.torrent")).unwrap();
        rqbits.start_downloader();
        let listed = || run(tfs(dir).args(["list", "--json", "--server", &url]));
        until("the server has it", || listed().contains("\"patient\"").then_some(()));
        until("it does not wait any more", || {
            let status = run(tfs(dir).arg("status").arg(&mounted.path));
            (!status.contains("waiting")).then_some(())
        });
        assert!(!listed().contains("\"gone\""));
        assert_eq!(fs::read(folder.join("patient.torrent")).unwrap(), torrent);
        mounted.unmount();
    });
}

#[test]
fn a_drop_that_cannot_be_kept_is_refused_with_the_error_of_the_disk() {
    if !nix::unistd::geteuid().is_root() {
        return tfs_testkit::skip::test(tfs_testkit::test_name!(), "only root can mount a tmpfs");
    }
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let mut rqbits = Rqbits::start(Swarm::builder());
        let url = rqbits.swarm.api_url().to_string();
        let (folder, state) = (dir.join("add"), dir.join("state"));
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&state).unwrap();
        let tmpfs = ["-t", "tmpfs", "-o", "size=256k,mode=700"];
        run(Command::new("mount").args(tmpfs).arg("none").arg(&state));
        let mounted = Mounted::with(dir, &url, &["--drop", folder.to_str().unwrap()]);
        // The disk is full, and the server is there: nothing has to be kept.
        fs::write(state.join("filler"), vec![0; 1 << 20]).unwrap_err();
        write_and_close(&folder.join("a.torrent"), &torrent_file("a")).unwrap();
        rqbits.kill_downloader();
        let error = write_and_close(&folder.join("b.torrent"), &torrent_file("b")).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ENOSPC as i32));
        let reason = fs::read_to_string(folder.join("b.torrent.error")).unwrap();
        assert!(reason.contains("cannot be kept"), "{reason}");
        mounted.unmount();
        run(Command::new("umount").arg(&state));
    });
}

#[test]
fn the_folder_ends_with_its_library_and_before_it() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = DropStage::new(dir, &[]);
        let folder = stage.path("");
        assert!(is_drop(&folder));
        // Programs that look for libraries do not see it.
        assert!(!is_mounted(&folder));
        let refused = tfs(dir).arg("status").arg(&folder).output().unwrap();
        assert!(!refused.status.success(), "{}", describe(&refused));

        // A busy folder keeps both; a busy library keeps both too.
        let held = File::open(&folder).unwrap();
        let busy = tfs(dir).arg("unmount").arg(&stage.mountpoint).output().unwrap();
        assert!(!busy.status.success() && is_drop(&folder) && is_mounted(&stage.mountpoint));
        drop(held);
        let held = File::open(&stage.mountpoint).unwrap();
        let busy = tfs(dir).arg("unmount").arg(&stage.mountpoint).output().unwrap();
        assert!(!busy.status.success(), "{}", describe(&busy));
        assert!(is_drop(&folder) && is_mounted(&stage.mountpoint));
        drop(held);
        stage.drop_file("a.torrent", &torrent_file("a")).unwrap();

        // Alone, it can be unmounted: the library goes on.
        run(tfs(dir).arg("unmount").arg(&folder));
        assert!(!is_drop(&folder) && is_mounted(&stage.mountpoint));
        assert!(stage.status().contains("(unmounted)"), "{}", stage.status());
        stage.unmount();

        // After a crash, the library and its folder are removed together.
        let stage = stage.again(&[]);
        let crashed = Mounted::at(stage.mountpoint.clone(), dir);
        crashed.crash();
        assert!(is_drop(&folder));
        run(tfs(dir).arg("unmount").arg(&stage.mountpoint));
        assert!(!is_drop(&folder) && !is_mounted(&stage.mountpoint));

        // Nothing may be in the way, and neither may be in the other.
        fs::write(folder.join("full"), "").unwrap();
        let refused = stage.mount_command(&[]).output().unwrap();
        let text = describe(&refused);
        assert!(text.contains("the directory is not empty"), "{text}");
        fs::remove_file(folder.join("full")).unwrap();
        let mut inside = tfs(dir);
        inside.args(["mount", "--offline", "--embedded"]).arg(dir.join("store"));
        inside.arg("--drop").arg(&stage.mountpoint).arg(&stage.mountpoint);
        let text = describe(&inside.output().unwrap());
        assert!(text.contains("it must be apart from the mount point"), "{text}");
        assert!(!is_mounted(&stage.mountpoint));
    });
}

/// Returns whether a drop folder is mounted at a path.
fn is_drop(path: &Path) -> bool {
    let table = fs::read_to_string("/proc/self/mounts").unwrap();
    let path = path.to_str().unwrap();
    table.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        fields.next() == Some(path) && fields.next() == Some("fuse.tfs-drop")
    })
}
