//! Servers that accept a request and do not answer it.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tfs_testkit::isolate;
use tfs_testkit::until::until;

use super::LIMIT;
use super::server;
use crate::support::{Mounted, run, status_json_below, tfs};

#[test]
fn a_watched_list_says_that_the_server_is_silent() {
    let test = tfs_testkit::test_name!();
    isolate::run(test, LIMIT, |dir| {
        let server = server::start(1);
        let mut child = tfs(dir)
            .args(["list", "--watch", "--json", "--server", &server.url()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
        let row: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(row[0]["name"], "film 0");
        server.always(server::list(), server::SILENT);
        let note = notes.next().unwrap().unwrap();
        assert_eq!(note, "no answer; the next line follows the next answer");
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        notes.for_each(|line| rest += &line.unwrap());
        assert_eq!(rest, "", "it is said once");
    });
}

#[test]
fn status_says_how_old_the_torrents_of_a_silent_server_are() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let server = server::start(1);
        let mounted = Mounted::new(dir, &server.url());
        let status = run(tfs(dir).arg("status").arg(&mounted.path));
        assert!(status.contains(&format!("server   {}/: answers", server.url())), "{status}");
        server.always(server::list(), server::SILENT);
        let status = until("the silence is said", || {
            let status = run(tfs(dir).arg("status").arg(&mounted.path));
            status.contains("/: no answer for ").then_some(status)
        });
        assert!(status.contains(" s, its torrents are as they were "), "{status}");
        let json = status_json_below(dir).remove(0);
        let server = &json["servers"][0];
        let silent = server["silent_seconds"].as_u64().unwrap();
        assert!(server["list_age_seconds"].as_u64().unwrap() >= silent, "{server}");
    });
}
