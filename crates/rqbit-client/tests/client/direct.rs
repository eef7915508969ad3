//! Short ranges read on the calling thread.

use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};
use rqbit_client::{Client, ClientConfig, DirectError, FilePosition, TorrentRef};

use crate::support::{PATIENT, SOON, Script, ScriptStep, ScriptedServer, recorded, run};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// An ordinary call, by which a client learns the address of its server.
fn list() -> Script {
    vec![ScriptStep::Request, ScriptStep::answer("200 OK", r#"{"torrents":[]}"#)]
}

fn part(body: &str) -> ScriptStep {
    ScriptStep::answer("206 Partial Content\r\nContent-Range: bytes 3-6/10", body)
}

/// Reads four bytes from offset 3 of a file of ten bytes.
async fn read(client: &Arc<Client>, time_max: Duration) -> String {
    let client = Arc::clone(client);
    let read = tokio::task::spawn_blocking(move || {
        let mut buffer = [b'-'; 4];
        let position = FilePosition { start: 3, file_len: 10 };
        let result = client.read_direct(TorrentRef::Id(7), 0, position, &mut buffer, time_max);
        match result {
            Ok(()) => String::from_utf8_lossy(&buffer).into_owned(),
            Err(DirectError::Broken(_)) => "broken".to_owned(),
            Err(error) => error.to_string(),
        }
    });
    read.await.expect("a read does not panic")
}

/// Makes an ordinary call and then inline reads, and renders the server's log and the results.
#[track_caller]
fn check(scripts: Vec<Script>, reads: usize, want: &Expect) {
    want.assert_eq(&run(async {
        let server = ScriptedServer::start([vec![list()], scripts].concat());
        let client = Arc::new(server.client(PATIENT));
        client.torrents().await.expect("a list");
        let mut text = String::new();
        for _ in 0..reads {
            text = text + &read(&client, LONG).await + "\n";
        }
        drop(client);
        server.finish().await + &text
    }));
}

#[test]
fn reads_use_one_connection_of_their_own() {
    let script = vec![ScriptStep::Request, part("abcd"), ScriptStep::Request, part("efgh")];
    check(
        vec![script],
        2,
        &expect![[r#"
        connection 1: GET /rqbit/torrents
        connection 2: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=3-6]
        connection 2: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=3-6]
        abcd
        efgh
    "#]],
    );
}

#[test]
fn an_answer_may_come_in_parts() {
    let (head, rest) = ("HTTP/1.1 206 Partial Content\r\nContent-Ra", "nge: bytes 3-6/10\r\n");
    let script = vec![
        ScriptStep::Request,
        ScriptStep::send(head),
        ScriptStep::send(format!("{rest}Content-Length: 4\r\n\r\n")),
        ScriptStep::send("a"),
        ScriptStep::send("bcd"),
    ];
    check(
        vec![script],
        1,
        &expect![[r#"
        connection 1: GET /rqbit/torrents
        connection 2: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=3-6]
        abcd
    "#]],
    );
}

#[test]
fn a_connection_that_died_is_replaced_once() {
    let dead = vec![ScriptStep::Request, part("abcd")];
    let closed = vec![ScriptStep::Request];
    check(
        vec![dead, closed],
        2,
        &expect![[r#"
        connection 1: GET /rqbit/torrents
        connection 2: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=3-6]
        connection 3: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=3-6]
        abcd
        broken
    "#]],
    );
}

#[test]
fn another_answer_is_none() {
    let not_found = recorded("error_404");
    let long = part("abcdefg");
    let short = vec![ScriptStep::Request, ScriptStep::send("HTTP/1.1 206 Partial Content\r\n")];
    check(
        vec![vec![ScriptStep::Request, not_found], vec![ScriptStep::Request, long], short],
        3,
        &expect![[r#"
            connection 1: GET /rqbit/torrents
            connection 2: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=3-6]
            connection 3: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=3-6]
            connection 4: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=3-6]
            the answer was not a range of known length
            the answer was not a range of known length
            broken
        "#]],
    );
}

#[test]
fn nobody_waits_longer_than_asked() {
    let text = run(async {
        let silent = vec![ScriptStep::Request, ScriptStep::ClientCloses];
        let halfway = vec![
            ScriptStep::Request,
            ScriptStep::send("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-6/10\r\n"),
            ScriptStep::send("Content-Length: 4\r\n\r\nab"),
            ScriptStep::ClientCloses,
        ];
        let server = ScriptedServer::start(vec![list(), silent, halfway]);
        let client = Arc::new(server.client(PATIENT));
        client.torrents().await.expect("a list");
        let text = [read(&client, SOON).await, read(&client, SOON).await].join("\n");
        drop(client);
        server.finish().await + &text
    });
    expect![[r#"
        connection 1: GET /rqbit/torrents
        connection 2: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=3-6]
        connection 2: client closed it
        connection 3: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=3-6]
        connection 3: client closed it
        the server took too long
        the server took too long"#]]
    .assert_eq(&text);
}

#[test]
fn there_is_no_way_before_the_server_was_reached() {
    let config = ClientConfig::new("http://127.0.0.1:1".parse().unwrap());
    let client = Arc::new(Client::new(config).unwrap());
    assert_eq!(run(read(&client, LONG)), "no direct way to the server");
}

#[test]
fn a_server_at_a_loopback_address_is_on_this_machine() {
    let (before, after) = run(async {
        let server = ScriptedServer::start(vec![list()]);
        let client = server.client(PATIENT);
        let before = client.is_on_this_machine();
        client.torrents().await.expect("a list");
        let after = client.is_on_this_machine();
        drop(client);
        server.finish().await;
        (before, after)
    });
    assert_eq!((before, after), (None, Some(true)));
}
