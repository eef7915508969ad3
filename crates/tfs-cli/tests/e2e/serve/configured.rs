//! `[[serve]]` sections: a daemon, and `tfs mount`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tfs_testkit::isolate;
use tfs_testkit::until::until;

use super::LIMIT;
use super::http::get;
use super::served::{SEASON, libraries, rqbits};
use crate::support::{describe, is_mounted, run, tfs};

/// A daemon. Killed on drop.
struct ServingDaemon(Child);

impl ServingDaemon {
    fn start(dir: &Path) -> Self {
        let mut daemon = tfs(dir);
        daemon.args(["daemon", "--config"]).arg(dir.join("t.toml"));
        Self(daemon.stderr(Stdio::null()).spawn().unwrap())
    }

    fn end(mut self) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for ServingDaemon {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
}

/// Returns the address of the first front end of the library that `is_it`.
fn address(dir: &Path, is_it: impl Fn(&Value) -> bool) -> Option<SocketAddr> {
    let found = libraries(dir).into_iter().find(is_it)?;
    let url = found["fronts"][0]["url"].as_str()?.to_owned();
    url.split('/').nth(2)?.parse().ok()
}

#[test]
fn a_daemon_serves_libraries_with_and_without_a_mount() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, _half) = rqbits();
        let mountpoint = dir.join("mnt");
        fs::create_dir(&mountpoint).unwrap();
        let url = rqbits.swarm.api_url();
        let base = format!("[[server]]\nname = \"home\"\nurl = \"{url}\"\n");
        let alone = "[[serve]]\nkind = \"webdav\"\nlisten = \"127.0.0.1:0\"\n";
        let beside = format!(
            "[[mount]]\npath = {mountpoint:?}\n[[serve]]\nkind = \"webdav\"\nname = \"beside\"\n\
             mount = {mountpoint:?}\nlisten = \"127.0.0.1:0\"\n"
        );
        let config = dir.join("t.toml");
        fs::write(&config, format!("{base}{alone}{beside}")).unwrap();
        let daemon = ServingDaemon::start(dir);
        let is_mount = |it: &Value| it["mountpoint"].as_str() == mountpoint.to_str();
        let own = until("it serves", || address(dir, |it| !is_mount(it)));
        let of_mount = until("the mount is served", || address(dir, is_mount));
        assert!(is_mounted(&mountpoint));
        for at in [own, of_mount] {
            let film = until("the torrent is there", || {
                Some(get(at, "/Show.S01/e1.mkv")).filter(|answer| answer.status == 200)
            });
            SEASON[0].1.check(0, &film.body).unwrap();
        }
        // Without its section it ends, and the mount goes on.
        fs::write(&config, format!("{base}{beside}")).unwrap();
        // A file that was read stays open for some seconds, and a library in use stays.
        until("the reload ends it", || {
            let text = describe(&tfs(dir).args(["config", "reload"]).output().unwrap());
            text.starts_with("exit 0\n").then_some(())
        });
        until("it does not serve", || std::net::TcpStream::connect(own).is_err().then_some(()));
        assert_eq!(get(of_mount, "/Show.S01/e1.mkv").status, 200);
        daemon.end();
        assert!(!is_mounted(&mountpoint));
    });
}

#[test]
fn a_missing_password_is_trouble_until_it_is_there() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, _half) = rqbits();
        let password = dir.join("password");
        let text = format!(
            "[[server]]\nurl = \"{}\"\n[[serve]]\nkind = \"webdav\"\nlisten = \"127.0.0.1:0\"\n\
             auth_user = \"me\"\nauth_password_file = {password:?}\n",
            rqbits.swarm.api_url()
        );
        fs::write(dir.join("t.toml"), text).unwrap();
        let daemon = ServingDaemon::start(dir);
        until("the status says why", || {
            let text = describe(&tfs(dir).arg("status").output().unwrap());
            text.contains("cannot read the password").then_some(())
        });
        fs::write(&password, "correct horse\n").unwrap();
        run(tfs(dir).args(["config", "reload"]));
        let at = until("it serves", || address(dir, |_| true));
        assert_eq!(get(at, "/").status, 401);
        daemon.end();
    });
}
