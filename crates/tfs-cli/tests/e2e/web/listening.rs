//! Where the page listens: refused addresses, reloads, addresses in use.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Rqbits, Swarm, TorrentSpec};
use tfs_testkit::until::until;

use super::LIMIT;
use super::client::{PageClient, TOKEN, configure};
use crate::support::{Mounted, describe, is_mounted, run, status_json_below, tfs};

fn rqbits() -> Rqbits {
    Rqbits::start(Swarm::builder().torrent(TorrentSpec::file("a.bin", Content::new(1, 50_000))))
}

/// A daemon with one mount. Killed on drop.
struct PageDaemon {
    dir: PathBuf,
    process: Child,
}

impl PageDaemon {
    fn start(dir: &Path, rqbits: &Rqbits, web: &str) -> Self {
        fs::create_dir(dir.join("a")).unwrap();
        write_config(dir, rqbits, web);
        let mut daemon = tfs(dir);
        daemon.args(["daemon", "--config"]).arg(dir.join("t.toml"));
        let process = daemon.spawn().unwrap();
        until("the mount is there", || is_mounted(&dir.join("a")).then_some(()));
        until("its status is there", || (!status_json_below(dir).is_empty()).then_some(()));
        Self { dir: dir.to_owned(), process }
    }

    fn reload(&self) -> String {
        describe(&tfs(&self.dir).args(["config", "reload"]).output().unwrap())
    }

    fn web(&self) -> Value {
        status_json_below(&self.dir)[0]["intake"]["web"].clone()
    }

    #[track_caller]
    fn end(mut self) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for PageDaemon {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        if matches!(self.process.try_wait(), Ok(None)) {
            drop(self.process.kill());
            drop(self.process.wait());
        }
        if is_mounted(&self.dir.join("a")) {
            drop(Command::new("umount").arg("-l").arg(self.dir.join("a")).output());
        }
    }
}

fn write_config(dir: &Path, rqbits: &Rqbits, web: &str) {
    let mut text = format!("{web}\n[[server]]\nurl = \"{}\"\n", rqbits.swarm.api_url());
    writeln!(text, "[[mount]]\npath = {:?}", dir.join("a")).unwrap();
    fs::write(dir.join("t.toml"), text).unwrap();
}

#[test]
fn a_reload_moves_the_page() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let rqbits = rqbits();
        let daemon = PageDaemon::start(dir, &rqbits, "[web]\nlisten = \"127.0.0.1:0\"");
        let first = PageClient::of(dir);
        assert_eq!(first.overview()["mounts"][0]["mountpoint"], json!(dir.join("a")));
        // Nothing has changed: the same listener.
        daemon.reload();
        assert_eq!(PageClient::of(dir).address, first.address);

        // Another address and a token.
        let token = dir.join("token");
        fs::write(&token, TOKEN).unwrap();
        let web = format!("[web]\nlisten = \"[::1]:0\"\ntoken_file = {token:?}\n");
        write_config(dir, &rqbits, &web);
        let said = daemon.reload();
        assert!(said.starts_with("exit 0\n") && said.contains("[web]"), "{said}");
        assert!(TcpStream::connect(first.address).is_err());
        let second = PageClient::of(dir);
        assert!(second.address.is_ipv6());
        assert_eq!(second.without_token().get("/api/overview").status, 401);
        second.overview();
        // Another token in the same file is a change, too.
        fs::write(&token, "another token").unwrap();
        daemon.reload();
        assert_eq!(
            PageClient { token: second.token.clone(), ..PageClient::of(dir) }
                .get("/api/overview")
                .status,
            401
        );
        PageClient::of(dir).overview();

        // Without a token for other machines, and a file that is not there.
        write_config(dir, &rqbits, "[web]\nlisten = \"0.0.0.0:0\"");
        let said = daemon.reload();
        assert!(said.contains("the page has no token"), "{said}");
        PageClient::of(dir).overview();
        fs::remove_file(&token).unwrap();
        write_config(dir, &rqbits, &web);
        let said = daemon.reload();
        assert!(said.contains("cannot read the token of the page in"), "{said}");
        let trouble = daemon.web()["trouble"].clone();
        assert!(trouble.as_str().unwrap().contains("cannot read the token"), "{trouble}");
        fs::write(&token, TOKEN).unwrap();
        daemon.reload();
        assert_eq!(daemon.web()["trouble"], Value::Null);
        PageClient::of(dir).overview();

        write_config(dir, &rqbits, "");
        daemon.reload();
        assert_eq!(daemon.web(), Value::Null);
        daemon.end();
    });
}

#[test]
fn an_address_in_use_leaves_the_mount_without_a_page() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let rqbits = rqbits();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        configure(dir, &format!("listen = \"{address}\"\n"));
        let it = Mounted::new(dir, &rqbits.swarm.api_url());
        assert!(it.path.join("a.bin").exists());
        let status = status_json_below(dir)[0].clone();
        assert_eq!(status["intake"]["web"]["url"], Value::Null);
        let trouble = status["trouble"].as_str().unwrap();
        assert!(trouble.contains(&format!("failed to serve the page at {address}")), "{trouble}");
        let said = describe(&tfs(dir).arg("status").arg(&it.path).output().unwrap());
        assert!(said.contains("page"), "{said}");
        let doctor = describe(&tfs(dir).arg("doctor").output().unwrap());
        assert!(doctor.contains(&format!("serve the page at {address}")), "{doctor}");
        it.unmount();
    });
}

#[test]
fn other_machines_see_no_page_without_a_token() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        configure(dir, "listen = \"0.0.0.0:0\"\n");
        fs::create_dir(dir.join("mnt")).unwrap();
        let mut mount = tfs(dir);
        mount.args(["mount", "--server", "http://127.0.0.1:1"]).arg(dir.join("mnt"));
        let said = describe(&mount.output().unwrap());
        assert!(said.starts_with("exit 3\n") && said.contains("set `web.token_file`"), "{said}");
        assert!(!is_mounted(&dir.join("mnt")));
        // A token in the environment is one.
        let rqbits = rqbits();
        let mut mount = tfs(dir);
        mount.env("TFS_WEB_TOKEN", TOKEN);
        let it = Mounted::by(mount, dir, &rqbits.swarm.api_url(), &["--local-paths", "off"]);
        let page = PageClient { token: Some(TOKEN.to_owned()), ..PageClient::of(dir) };
        assert_eq!(page.without_token().get("/api/overview").status, 401);
        page.overview();
        let shown = run(tfs(dir).env("TFS_WEB_TOKEN", TOKEN).args(["config", "show"]));
        assert!(shown.contains("TFS_WEB_TOKEN=(set, not shown)"), "{shown}");
        it.unmount();
    });
}
