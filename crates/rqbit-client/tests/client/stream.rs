//! Streams of ranges: valid, wrong and broken ones.

use expect_test::{Expect, expect};
use rqbit_client::{ErrorKind, RangeStream, RequestedRange, Timeouts, TorrentRef};

use crate::support::{PATIENT, SOON, Script, ScriptStep, ScriptedServer, recorded, run};

/// The file of these tests repeats `0123456789`; this is its length in bytes.
const FILE_LEN: u64 = 100;

/// Reads a stream to its end, opening a gate of the server after each chunk.
async fn read(server: &ScriptedServer, stream: &mut RangeStream) -> String {
    let mut text = format!("{}..{}: ", stream.position(), stream.end());
    loop {
        match stream.next_chunk().await {
            Ok(Some(chunk)) => {
                assert!(!chunk.is_empty());
                text.push_str(std::str::from_utf8(&chunk).expect("digits"));
                server.open_gate();
            }
            Ok(None) => return text + ", the end",
            Err(error) => {
                let again = stream.next_chunk().await.expect_err("a failed stream stays so");
                assert_eq!(again.kind(), &ErrorKind::Closed);
                let at = stream.position();
                let retryable = if error.is_retryable() { " (retryable)" } else { "" };
                return text + &format!(", at {at} {}{retryable}", error.kind());
            }
        }
    }
}

/// Streams a range of a scripted server; renders a line for each case.
#[track_caller]
fn check_range(range: RequestedRange, timeouts: Timeouts, cases: &[(&str, Script)], want: &Expect) {
    let rows = cases.iter().map(|(name, answer)| {
        run(async {
            let script = [&[ScriptStep::Request], answer.as_slice()].concat();
            let server = ScriptedServer::start(vec![script]);
            let client = server.client(timeouts);
            let result = match client.stream(TorrentRef::Id(7), 3, range, Some(FILE_LEN)).await {
                Ok(mut stream) => read(&server, &mut stream).await,
                Err(error) if error.is_retryable() => format!("{} (retryable)", error.kind()),
                Err(error) => error.kind().to_string(),
            };
            drop(client);
            let log = server.finish().await;
            let asked = "connection 1: GET /rqbit/torrents/7/stream/3 [accept: */*] ";
            let log = log.strip_prefix(asked).expect("a request of the stream");
            format!("{name}: {result}\n{log}")
        })
    });
    want.assert_eq(&rows.collect::<String>());
}

/// Streams bytes `10..20`.
#[track_caller]
fn check(cases: &[(&str, Script)], want: &Expect) {
    check_range(RequestedRange::new(10, 20), PATIENT, cases, want);
}

fn part(range: &str, body: &str) -> Script {
    vec![ScriptStep::answer(&format!("206 Partial Content\r\nContent-Range: {range}"), body)]
}

fn head(head: &str) -> ScriptStep {
    ScriptStep::send(format!("HTTP/1.1 {head}\r\n\r\n"))
}

const PART: &str = "206 Partial Content\r\nContent-Range: bytes 10-19/100";

#[test]
fn right_range() {
    let length = head(&format!("{PART}\r\nContent-Length: 10"));
    let (first, rest) = (ScriptStep::send("012"), ScriptStep::send("3456789"));
    let cases = [
        ("at once", part("bytes 10-19/100", "0123456789")),
        ("length unknown", part("bytes 10-19/*", "0123456789")),
        ("in two parts", vec![length, first, ScriptStep::Gate, rest]),
    ];
    check(
        &cases,
        &expect![[r#"
        at once: 10..20: 0123456789, the end
        [range: bytes=10-19]
        length unknown: 10..20: 0123456789, the end
        [range: bytes=10-19]
        in two parts: 10..20: 0123456789, the end
        [range: bytes=10-19]
    "#]],
    );
}

#[test]
fn chunked_body() {
    let head = head(&format!("{PART}\r\nTransfer-Encoding: chunked"));
    let bytes = ScriptStep::send("a\r\n0123456789\r\n");
    let end = ScriptStep::send("0\r\n\r\n");
    let short = ScriptStep::send("3\r\n012\r\n0\r\n\r\n");
    let long = ScriptStep::send("c\r\n0123456789XX\r\n0\r\n\r\n");
    let more = ScriptStep::send("2\r\nXX\r\n0\r\n\r\n");
    let body = |steps: &[ScriptStep]| [std::slice::from_ref(&head), steps].concat();
    let cases = [
        ("whole", body(&[bytes.clone(), end.clone()])),
        ("late end", body(&[bytes.clone(), ScriptStep::Gate, end])),
        // All bytes arrived, so they are valid.
        ("no end", body(&[bytes.clone(), ScriptStep::ClientCloses])),
        ("closed", body(std::slice::from_ref(&bytes))),
        ("long chunk", body(&[long])),
        ("one more chunk", body(&[bytes, ScriptStep::Gate, more])),
        ("short", body(&[short])),
    ];
    check(
        &cases,
        &expect![[r#"
        whole: 10..20: 0123456789, the end
        [range: bytes=10-19]
        late end: 10..20: 0123456789, the end
        [range: bytes=10-19]
        no end: 10..20: 0123456789, the end
        [range: bytes=10-19]
        connection 1: client closed it
        closed: 10..20: 0123456789, the end
        [range: bytes=10-19]
        long chunk: 10..20: 0123456789, at 20 body continues after the requested range
        [range: bytes=10-19]
        one more chunk: 10..20: 0123456789, at 20 body continues after the requested range
        [range: bytes=10-19]
        short: 10..20: 012, at 13 body ended early, after 3 bytes (retryable)
        [range: bytes=10-19]
    "#]],
    );
}

#[test]
fn wrong_range() {
    let cases = [
        ("start", part("bytes 0-9/100", "0123456789")),
        ("end", part("bytes 10-18/100", "012345678")),
        ("total", part("bytes 10-19/101", "0123456789")),
        ("length", part("bytes 10-19/100", "012345678")),
        ("nonsense", part("nonsense", "0123456789")),
        ("missing", vec![ScriptStep::answer("206 Partial Content", "0123456789")]),
        ("204", vec![ScriptStep::answer("204 No Content", "")]),
    ];
    check(
        &cases,
        &expect![[r#"
        start: requested bytes 10..20, answered bytes 0..10 of 100
        [range: bytes=10-19]
        end: requested bytes 10..20, answered bytes 10..19 of 100
        [range: bytes=10-19]
        total: requested bytes 10..20, answered bytes 10..20 of 101
        [range: bytes=10-19]
        length: requested bytes 10..20, answered a body of 9 bytes
        [range: bytes=10-19]
        nonsense: requested bytes 10..20, answered a range it does not name
        [range: bytes=10-19]
        missing: requested bytes 10..20, answered a range it does not name
        [range: bytes=10-19]
        204: malformed answer (neither a range nor a file)
        [range: bytes=10-19]
    "#]],
    );
}

#[test]
fn whole_file_in_place_of_a_range() {
    let file = "0123456789".repeat(10);
    let whole = vec![ScriptStep::answer("200 OK", &file)];
    let cases = [
        ("whole", whole.clone()),
        ("other length", vec![ScriptStep::answer("200 OK", "0123456789")]),
    ];
    check(
        &cases,
        &expect![[r#"
        whole: 10..20: 0123456789, the end
        [range: bytes=10-19]
        other length: requested bytes 10..20, answered a body of 10 bytes
        [range: bytes=10-19]
    "#]],
    );
    let cases = [("up to its end", whole)];
    check_range(
        RequestedRange::open_ended(95),
        PATIENT,
        &cases,
        &expect![[r#"
        up to its end: 95..100: 56789, the end
        [range: bytes=95-99]
    "#]],
    );
}

/// rqbit 8.1.1 ignores `bytes=10-19`, and sends the whole file without a length.
#[test]
fn a_server_that_knows_only_ranges_without_an_end() {
    let file = "0123456789".repeat(10);
    let head_chunked = || head("200 OK\r\nTransfer-Encoding: chunked");
    let whole = ScriptStep::send(format!("64\r\n{file}\r\n0\r\n\r\n"));
    let short = ScriptStep::send("b\r\n01234567890\r\n0\r\n\r\n");
    let refused = vec![ScriptStep::Request, head_chunked(), ScriptStep::ClientCloses];
    let rest = |start: usize| {
        let range = format!("206 Partial Content\r\nContent-Range: bytes {start}-99/100");
        vec![ScriptStep::Request, ScriptStep::answer(&range, &file.as_bytes()[start..])]
    };
    let cases = [
        ("it knows them", vec![refused.clone(), rest(10), rest(40)]),
        ("another range", vec![refused.clone(), rest(9)]),
        ("none at all", vec![refused.clone(), vec![ScriptStep::Request, head_chunked(), whole]]),
        ("none, and short", vec![refused, vec![ScriptStep::Request, head_chunked(), short]]),
    ];
    let rows = cases.into_iter().map(|(name, scripts)| {
        run(async {
            let streams = scripts.len() - 1;
            let server = ScriptedServer::start(scripts);
            let client = server.client(PATIENT);
            let mut text = format!("{name}\n");
            for range in
                [RequestedRange::new(10, 20), RequestedRange::new(40, 50)].into_iter().take(streams)
            {
                match client.stream(TorrentRef::Id(7), 3, range, Some(FILE_LEN)).await {
                    Ok(mut stream) => text.push_str(&read(&server, &mut stream).await),
                    Err(error) => text.push_str(&error.kind().to_string()),
                }
                text.push('\n');
            }
            assert_eq!(client.has_direct_way(), name.starts_with("none"));
            drop(client);
            text + &server.finish().await
        })
    });
    expect![[r#"
        it knows them
        10..20: 0123456789, the end
        40..50: 0123456789, the end
        connection 1: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=10-19]
        connection 1: client closed it
        connection 2: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=10-]
        connection 3: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=40-]
        another range
        requested bytes 10..20, answered bytes 9..100 of 100
        connection 1: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=10-19]
        connection 1: client closed it
        connection 2: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=10-]
        none at all
        10..20: 0123456789, the end
        connection 1: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=10-19]
        connection 1: client closed it
        connection 2: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=10-]
        none, and short
        10..20: 0, at 11 body ended early, after 1 bytes (retryable)
        connection 1: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=10-19]
        connection 1: client closed it
        connection 2: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=10-]
    "#]]
    .assert_eq(&rows.collect::<String>());
}

#[test]
fn whole_file_too_far_to_skip() {
    let text = run(async {
        let length = head("200 OK\r\nContent-Length: 9999999");
        let server = ScriptedServer::start(vec![vec![
            ScriptStep::Request,
            length,
            ScriptStep::ClientCloses,
        ]]);
        let client = server.client(PATIENT);
        let range = RequestedRange::with_length(5_000_000, 10);
        let error = client.stream(TorrentRef::Id(7), 3, range, Some(9_999_999)).await.unwrap_err();
        server.finish().await;
        error.kind().to_string()
    });
    assert_eq!(text, "requested bytes 5000000..5000010, answered the whole file");
}

#[test]
fn broken_body() {
    let length = head(&format!("{PART}\r\nContent-Length: 10"));
    let bytes = ScriptStep::send("0123");
    let cases = [
        ("short", vec![length.clone(), bytes.clone()]),
        ("none", vec![length.clone()]),
        ("reset", vec![length, bytes, ScriptStep::Gate, ScriptStep::Reset]),
    ];
    check(
        &cases,
        &expect![[r#"
        short: 10..20: 0123, at 14 body ended early, after 4 bytes (retryable)
        [range: bytes=10-19]
        none: 10..20: , at 10 body ended early, after 0 bytes (retryable)
        [range: bytes=10-19]
        reset: 10..20: 0123, at 14 connection closed by the server (retryable)
        [range: bytes=10-19]
    "#]],
    );
}

#[test]
fn stalled_body_ends_by_its_deadline() {
    let range = RequestedRange::new(10, 20);
    let length = head(&format!("{PART}\r\nContent-Length: 10"));
    let cases = [
        ("after headers", vec![length.clone(), ScriptStep::ClientCloses]),
        ("in the body", vec![length, ScriptStep::send("0123"), ScriptStep::ClientCloses]),
    ];
    check_range(
        range,
        Timeouts { chunk: SOON, ..PATIENT },
        &cases,
        &expect![[r#"
        after headers: 10..20: , at 10 timed out waiting for more of the body (retryable)
        [range: bytes=10-19]
        connection 1: client closed it
        in the body: 10..20: 0123, at 14 timed out waiting for more of the body (retryable)
        [range: bytes=10-19]
        connection 1: client closed it
    "#]],
    );
    let cases = [("before headers", vec![ScriptStep::ClientCloses])];
    check_range(
        range,
        Timeouts { headers: SOON, ..PATIENT },
        &cases,
        &expect![[r#"
        before headers: timed out waiting for the answer (retryable)
        [range: bytes=10-19]
        connection 1: client closed it
    "#]],
    );
}

#[test]
fn refused_stream() {
    let cases = [
        ("torrent", vec![recorded("error_404")]),
        ("range", vec![recorded("error_416")]),
        ("file", vec![recorded("error_500_file")]),
    ];
    check(
        &cases,
        &expect![[r#"
        torrent: server answered 404 (torrent not found 99)
        [range: bytes=10-19]
        range: server answered 416 (bad range)
        [range: bytes=10-19]
        file: server answered 500 (invalid file)
        [range: bytes=10-19]
    "#]],
    );
}

#[test]
fn range_is_cut_to_the_file() {
    let cases = [("tail", part("bytes 95-99/100", "56789"))];
    check_range(
        RequestedRange::new(95, 200),
        PATIENT,
        &cases,
        &expect![[r#"
        tail: 95..100: 56789, the end
        [range: bytes=95-99]
    "#]],
    );
    check_range(
        RequestedRange::open_ended(95),
        PATIENT,
        &cases,
        &expect![[r#"
        tail: 95..100: 56789, the end
        [range: bytes=95-99]
    "#]],
    );
}

#[test]
fn empty_range_is_not_asked_for() {
    let ranges =
        [RequestedRange::new(100, 200), RequestedRange::open_ended(500), RequestedRange::new(9, 9)];
    let rows = ranges.map(|range| {
        run(async {
            let server = ScriptedServer::start(Vec::<Script>::new());
            let client = server.client(PATIENT);
            let stream = client.stream(TorrentRef::Id(7), 3, range, Some(FILE_LEN)).await;
            let text = read(&server, &mut stream.unwrap()).await;
            assert_eq!(server.finish().await, "");
            format!("{text}\n")
        })
    });
    expect![[r#"
        100..100: , the end
        500..500: , the end
        9..9: , the end
    "#]]
    .assert_eq(&rows.concat());
}

#[test]
fn length_of_the_file_may_be_unknown() {
    run(async {
        let answer = part("bytes 10-19/20", "0123456789");
        let script = [vec![ScriptStep::Request], answer].concat();
        let server = ScriptedServer::start(vec![script]);
        let client = server.client(PATIENT);
        let range = RequestedRange::open_ended(10);
        let mut stream = client.stream(TorrentRef::Id(7), 3, range, None).await.unwrap();
        expect!["10..20: 0123456789, the end"].assert_eq(&read(&server, &mut stream).await);
        drop(client);
        expect![[r#"
            connection 1: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=10-]
        "#]]
        .assert_eq(&server.finish().await);
    });
}

#[test]
fn next_chunk_may_be_cancelled() {
    run(async {
        let head = head(&format!("{PART}\r\nContent-Length: 10"));
        let script =
            vec![ScriptStep::Request, head, ScriptStep::Gate, ScriptStep::send("0123456789")];
        let server = ScriptedServer::start(vec![script]);
        let client = server.client(PATIENT);
        let range = RequestedRange::new(10, 20);
        let mut stream = client.stream(TorrentRef::Id(7), 3, range, Some(FILE_LEN)).await.unwrap();
        for _ in 0..3 {
            let waiting = tokio::time::timeout(SOON, stream.next_chunk()).await;
            assert!(waiting.is_err(), "{waiting:?}");
        }
        server.open_gate();
        assert_eq!(read(&server, &mut stream).await, "10..20: 0123456789, the end");
        drop(client);
        server.finish().await;
    });
}

#[test]
fn dropped_stream_closes_its_connection() {
    run(async {
        let head = head(&format!("{PART}\r\nContent-Length: 10"));
        let script =
            vec![ScriptStep::Request, head, ScriptStep::send("012"), ScriptStep::ClientCloses];
        let server = ScriptedServer::start(vec![script]);
        let client = server.client(PATIENT);
        let range = RequestedRange::new(10, 20);
        let mut stream = client.stream(TorrentRef::Id(7), 3, range, Some(FILE_LEN)).await.unwrap();
        assert!(stream.next_chunk().await.unwrap().is_some());
        // The client stays alive: only the stream is dropped.
        drop(stream);
        expect![[r#"
            connection 1: GET /rqbit/torrents/7/stream/3 [accept: */*] [range: bytes=10-19]
            connection 1: client closed it
        "#]]
        .assert_eq(&server.finish().await);
        drop(client);
    });
}
