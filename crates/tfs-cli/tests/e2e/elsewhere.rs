//! Mounts that are also visible elsewhere or moved: bind mounts, copies, unmounted ones, and mounts
//! without a socket.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::geteuid;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{
    Mounted, Rqbits, describe, is_mounted, run, status_below, status_json_below, tfs,
};

const LIMIT: Duration = Duration::from_secs(90);

/// Far less than the minute for which an unmount waits for a process that ends.
const AT_ONCE: Duration = Duration::from_secs(20);

fn rqbits() -> Rqbits {
    Rqbits::start(Swarm::builder().torrent(TorrentSpec::file("a.bin", Content::new(1, 50_000))))
}

/// Unmounts, and returns the output.
#[track_caller]
fn unmount(dir: &Path, mounted: &Mounted) -> String {
    let start = Instant::now();
    let output = tfs(dir).arg("unmount").arg(&mounted.path).output().unwrap();
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    let text = describe(&output).replace(dir.to_str().unwrap(), "DIR");
    assert!(!is_mounted(&mounted.path), "{text}");
    text
}

// As with `docker run -v /mnt/t:/x`.
#[test]
fn a_bind_mount_keeps_the_process_and_is_named() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        if !geteuid().is_root() {
            skip::test(test, "only root makes bind mounts");
            return;
        }
        let rqbits = rqbits();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let pid = mounted.pid().unwrap();
        let bound = dir.join("bound");
        fs::create_dir(&bound).unwrap();
        run(Command::new("mount").arg("--bind").args([&mounted.path, &bound]));
        let status = status_below(dir);
        assert!(status.starts_with("exit 0\nmount    DIR/mnt (all is well)\n"), "{status}");
        assert!(status.contains("\nalso at  DIR/bound\n"), "{status}");

        let text = unmount(dir, &mounted);
        let want = format!(
            "exit 0\nwarning: DIR/mnt is unmounted, but it is still mounted at DIR/bound, so that \
             process {pid} lives on\nhint: also unmount it there: umount DIR/bound\n"
        );
        assert_eq!(text, want);
        let status = status_below(dir);
        let elsewhere = "mount    DIR/mnt (unmounted here, still mounted elsewhere)\n";
        assert!(status.contains(elsewhere), "{status}");
        assert!(status.contains("\nalso at  DIR/bound\n"), "{status}");
        let json = status_json_below(dir);
        assert_eq!(json[0]["also_mounted"][0]["mountpoint"], bound.to_str().unwrap());
        assert_eq!(fs::read_dir(&bound).unwrap().count(), 1);
        // The process is also found by its other path.
        run(tfs(dir).arg("refresh").arg(&bound));

        run(tfs(dir).arg("unmount").arg(&bound));
        until("the process behind the mount ends", || mounted.pid().is_none().then_some(()));

        // A forced unmount ends the process; the remaining mount is dead.
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        run(Command::new("mount").arg("--bind").args([&mounted.path, &bound]));
        let output = tfs(dir).args(["unmount", "--force"]).arg(&mounted.path).output().unwrap();
        let text = describe(&output);
        assert!(text.contains("but a dead mount remains at "), "{text}");
        until("the process behind the mount ends", || mounted.pid().is_none().then_some(()));
        let status = status_below(dir);
        assert!(status.contains("dead     DIR/bound: its process is gone"), "{status}");
        run(tfs(dir).arg("unmount").arg(&bound));
        assert!(!is_mounted(&bound));
    });
}

/// A process in its own mount namespace, with a copy of each mount. Ended on drop.
struct Container(Child);

impl Container {
    fn start() -> Self {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep 1000"]);
        let mut child = unshare.stdout(Stdio::piped()).spawn().unwrap();
        // It writes once it has its namespace.
        let mut line = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
        Self(child)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_container_that_has_a_copy_is_named() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        if !geteuid().is_root() {
            skip::test(test, "only root makes mount namespaces");
            return;
        }
        let rqbits = rqbits();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let container = Container::start();
        let text = unmount(dir, &mounted);
        let place = format!("DIR/mnt in the namespace of sleep (process {})", container.0.id());
        assert!(text.starts_with("exit 0\nwarning: DIR/mnt is unmounted, but "), "{text}");
        assert!(text.contains(&place) && text.contains("nsenter --target "), "{text}");
        let status = status_below(dir);
        assert!(status.contains(&format!("\nalso at  {place}\n")), "{status}");
        assert!(!status.contains("all is well"), "{status}");
        drop(container);
        until("the process behind the mount ends", || mounted.pid().is_none().then_some(()));
    });
}

// podman#13240: the runtime directory is removed with the last session, or a cleaner empties /tmp.
#[test]
fn a_mount_is_commanded_again_after_its_runtime_directory_was_replaced() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let refresh = || tfs(dir).arg("refresh").arg(&mounted.path).output().unwrap();
        assert!(refresh().status.success());
        // A runtime directory other than that of the mount: the mount is found by its socket.
        let mut other = tfs(dir);
        other.env("XDG_RUNTIME_DIR", dir.join("other"));
        fs::create_dir(dir.join("other")).unwrap();
        run(other.arg("refresh").arg(&mounted.path));

        fs::remove_dir_all(dir.join("run")).unwrap();
        // Its own status is still available, and no message advises force.
        let status = status_below(dir);
        assert!(status.contains("DIR/mnt (all is well)"), "{status}");
        let text = describe(&refresh());
        assert!(
            text.starts_with("exit 0\n") || text.contains("its control socket was removed"),
            "{text}"
        );
        assert!(!text.contains("--force"), "{text}");
        until("it is commanded again", || refresh().status.success().then_some(()));
        mounted.unmount();
    });
}
