//! NFS without FUSE, with the client programs of libnfs.

use std::fs;
use std::process::Command;

use expect_test::expect;
use nix::sys::signal::Signal;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::until::until;

use super::LIMIT;
use super::served::{SEASON, ServeProcess, downloaded, rqbits, status};
use crate::support::{describe, tfs};

/// Returns the URL of a path for the programs of libnfs.
pub(super) fn nfs_url(served: &ServeProcess, path: &str) -> String {
    let (ip, port) = (served.address.ip(), served.address.port());
    format!("nfs://{ip}{path}?nfsport={port}&mountport={port}")
}

/// Runs a program of libnfs, and returns its standard output if it succeeded. Skips a part of the
/// test if it is not installed.
pub(super) fn libnfs(test: &str, program: &str, url: &str) -> Option<Result<Vec<u8>, String>> {
    match Command::new(program).arg(url).output() {
        Err(_) => {
            skip::for_lack_of(program, test);
            None
        }
        Ok(output) if output.status.success() => Some(Ok(output.stdout)),
        Ok(output) => Some(Err(describe(&output))),
    }
}

#[test]
fn an_embedded_rqbit_is_served_by_nfs() {
    let test = tfs_testkit::test_name!();
    isolate::run(test, LIMIT, |dir| {
        let (store, torrent) = downloaded(dir);
        let (store, torrent) = (store.to_str().unwrap(), torrent.to_str().unwrap());
        let flags = ["--offline", "--embedded", store, "--add", torrent];
        let mut served = ServeProcess::start(dir, "nfs", &flags);
        let port = served.address.port().to_string();
        expect![[r#"
            serving on nfs://127.0.0.1:PORT/
            Linux: sudo mount -t nfs -o ro,vers=3,tcp,nolock,soft,timeo=600,actimeo=5,port=PORT,mountport=PORT 127.0.0.1:/ /mnt/t
            macOS: mount_nfs -o rdonly,vers=3,tcp,locallocks,soft,intr,rsize=1048576,actimeo=5,nonegnamecache,port=PORT,mountport=PORT 127.0.0.1:/ ~/t"#]]
        .assert_eq(&served.lines.join("\n").replace(&port, "PORT"));
        let Some(listing) = libnfs(test, "nfs-ls", &nfs_url(&served, "/Show.S01/sub")) else {
            return;
        };
        let listing = String::from_utf8(listing.unwrap()).unwrap();
        assert!(listing.contains("empty.nfo") && listing.contains("100%.mkv"), "{listing}");
        let Some(film) = libnfs(test, "nfs-cat", &nfs_url(&served, "/Show.S01/e1.mkv")) else {
            return;
        };
        let film = film.unwrap();
        assert_eq!(film.len() as u64, SEASON[0].1.len());
        SEASON[0].1.check(0, &film).unwrap();
        assert_eq!(status(dir)["fronts"][0]["kind"], "nfs");
        assert!(served.end_by(Signal::SIGTERM).success(), "{}", served.stderr());
    });
}

#[test]
fn a_token_is_a_part_of_the_path() {
    let test = tfs_testkit::test_name!();
    isolate::run(test, LIMIT, |dir| {
        let (rqbits, _half) = rqbits();
        let file = dir.join("token");
        fs::write(&file, "correct-horse-battery\n").unwrap();
        let url = rqbits.swarm.api_url();
        let flags = [&*url, "--auth-token-file", file.to_str().unwrap(), "-v"];
        let mut served = ServeProcess::start(dir, "nfs", &flags);
        assert!(served.lines[1].ends_with("127.0.0.1:/k/TOKEN /mnt/t"), "{:?}", served.lines);
        let with_token = nfs_url(&served, "/k/correct-horse-battery/Show.S01/e1.mkv");
        let Some(film) = libnfs(test, "nfs-cat", &with_token) else { return };
        SEASON[0].1.check(0, &film.unwrap()).unwrap();
        for path in ["/Show.S01/e1.mkv", "/k/wrong-horse-battery/Show.S01/e1.mkv"] {
            let refused = libnfs(test, "nfs-cat", &nfs_url(&served, path)).unwrap();
            assert!(refused.is_err(), "{path}");
        }
        let seen = [status(dir).to_string(), served.stderr(), served.lines.join("\n")];
        assert!(seen.iter().all(|text| !text.contains("correct-horse")), "{seen:?}");
        until("what reads is over", || {
            let text = describe(&tfs(dir).arg("status").output().unwrap());
            text.contains("serves   nfs://").then_some(())
        });
        assert!(served.end_by(Signal::SIGTERM).success(), "{}", served.stderr());
    });
}
