//! WebDAV without FUSE: an embedded rqbit, missing data, a server that is down, signals.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use nix::sys::signal::Signal;
use serde_json::json;
use tfs_testkit::isolate;
use tfs_testkit::until::until;

use super::http::{get, range, request, send};
use super::served::{HALF, SEASON, ServeProcess, downloaded, libraries, rqbits, status};
use super::{LIMIT, MIB};
use crate::support::{run, tfs};

#[test]
fn an_embedded_rqbit_is_served_without_fuse() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (store, torrent) = downloaded(dir);
        let (store, torrent) = (store.to_str().unwrap(), torrent.to_str().unwrap());
        let flags = ["--offline", "--embedded", store, "--add", torrent, "-v"];
        let mut served = ServeProcess::start(dir, "webdav", &flags);
        let at = served.address;
        assert_eq!(served.lines, [format!("serving on http://{at}/")]);
        let listing = request(at, "PROPFIND /Show.S01/", "Depth: 1\r\n");
        assert_eq!(listing.status, 207, "{}", listing.head);
        assert!(listing.text().contains("/Show.S01/e1.mkv"), "{}", listing.text());
        let index = get(at, "/Show.S01/sub/").text();
        assert!(index.contains(r#"<a href="e2%20%5Bx%5D%20100%25.mkv">"#), "{index}");
        for (path, content) in SEASON {
            let path = path.replace(' ', "%20").replace('[', "%5B").replace(']', "%5D");
            let path = path.replace("100%.", "100%25.");
            let answer = get(at, &format!("/Show.S01/{path}"));
            assert_eq!((answer.status, answer.body.len() as u64), (200, content.len()), "{path}");
            content.check(0, &answer.body).unwrap();
        }
        // It has a place among the mounts, by which other commands find it.
        let place = format!("webdav://{at}");
        assert_eq!(status(dir)["mountpoint"], place.as_str());
        let text = run(tfs(dir).args(["status", &place]));
        assert!(text.contains(&format!("serves   http://{at}/: ")), "{text}");
        assert!(
            run(tfs(dir).args(["search", "--mount", &place, "e1"])).contains("Show.S01/e1.mkv")
        );
        run(tfs(dir).args(["refresh", &place]));
        run(tfs(dir).args(["cache", "clear", &place]));
        assert!(run(tfs(dir).args(["healthy", &place])).contains("ok"));
        assert!(served.end_by(Signal::SIGTERM).success(), "{}", served.stderr());
        assert!(TcpStream::connect(at).is_err());
    });
}

#[test]
fn an_unmount_ends_it_as_it_ends_a_mount() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, _half) = rqbits();
        let served = ServeProcess::start(dir, "webdav", &[&rqbits.swarm.api_url()]);
        run(tfs(dir).args(["unmount", &format!("webdav://{}", served.address)]));
        until("it does not listen", || TcpStream::connect(served.address).is_err().then_some(()));
        assert!(libraries(dir).is_empty());
    });
}

#[test]
fn missing_data_is_waited_for_and_then_an_error() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, _half) = rqbits();
        let url = rqbits.swarm.api_url();
        let flags = [&*url, "--local-paths", "off", "--first-byte-timeout", "2s"];
        let mut served = ServeProcess::start(dir, "webdav", &flags);
        let at = served.address;
        let there = range(at, "/half.mkv", MIB, MIB + 99_999);
        assert_eq!((there.status, there.body.len()), (206, 100_000));
        HALF.check(MIB, &there.body).unwrap();
        let missing = range(at, "/half.mkv", 6 * MIB, 6 * MIB);
        assert_eq!(missing.status, 503, "{}", missing.head);
        assert!(missing.head.to_lowercase().contains("retry-after"), "{}", missing.head);
        // A client that waits is shown, with its address and its name, and then is not.
        let line = "GET /half.mkv";
        let more = "Range: bytes=6500000-\r\nUser-Agent: Infuse/8.1\r\n";
        let waiting = send(at, line, more);
        let reader = until("it is shown", || {
            let readers = status(dir)["readers"].clone();
            readers.as_array().unwrap().iter().find(|it| it["waits"].is_object()).cloned()
        });
        assert_eq!((&reader["front"], &reader["pid"]), (&json!("webdav"), &json!(null)));
        assert!(reader["peer"].as_str().unwrap().starts_with("127.0.0.1"), "{reader}");
        assert_eq!(reader["agent"], "Infuse/8.1");
        drop(waiting);
        until("it is gone", || {
            let readers = status(dir)["readers"].clone();
            readers.as_array().unwrap().iter().all(|it| it["waits"].is_null()).then_some(())
        });
        assert!(served.end_by(Signal::SIGINT).success(), "{}", served.stderr());
    });
}

#[test]
fn a_server_that_is_down_still_lists() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (mut rqbits, _half) = rqbits();
        let url = rqbits.swarm.api_url();
        let flags = [&*url, "--local-paths", "off", "--first-byte-timeout", "2s"];
        let served = ServeProcess::start(dir, "webdav", &flags);
        let at = served.address;
        assert_eq!(get(at, "/Show.S01/e1.mkv").status, 200);
        run(tfs(dir).args(["cache", "clear", &format!("webdav://{at}")]));
        rqbits.kill_downloader();
        let listing = request(at, "PROPFIND /Show.S01/", "Depth: 1\r\n");
        assert_eq!(listing.status, 207);
        assert_eq!(request(at, "HEAD /Show.S01/e1.mkv", "").status, 200);
        let answer = get(at, "/Show.S01/e1.mkv");
        assert!([502, 503, 504].contains(&answer.status), "{}", answer.head);
        rqbits.start_downloader();
        until("it reads again", || (get(at, "/Show.S01/e1.mkv").status == 200).then_some(()));
    });
}

#[test]
fn a_client_that_only_connects_does_not_delay_the_end() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, _half) = rqbits();
        let mut served = ServeProcess::start(dir, "webdav", &[&rqbits.swarm.api_url()]);
        let idle = TcpStream::connect(served.address).unwrap();
        let mut half = TcpStream::connect(served.address).unwrap();
        half.write_all(b"PROPFIND / HTTP/1.1\r\nHost").unwrap();
        let mut waiting = send(served.address, "GET /half.mkv", "Range: bytes=6500000-\r\n");
        assert!(served.end_by(Signal::SIGTERM).success(), "{}", served.stderr());
        drop((idle, half));
        let mut rest = Vec::new();
        // Whether an answer came before the end does not matter.
        drop(waiting.read_to_end(&mut rest));
    });
}
