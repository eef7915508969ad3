//! Invalid answers: garbage, silence, floods, other servers.

use expect_test::{Expect, expect};
use rqbit_client::{Client, ClientConfig, Credentials, Timeouts, TorrentRef};

use crate::support::{PATIENT, SOON, Script, ScriptStep, ScriptedServer, run};

/// Lists the torrents of a scripted server; renders a line for each case: the result, and the
/// server's log after the request.
#[track_caller]
fn check(timeouts: Timeouts, cases: &[(&str, Script)], want: &Expect) {
    let rows = cases.iter().map(|(name, script)| {
        run(async {
            let server = ScriptedServer::start(vec![script.clone()]);
            let result = match server.client(timeouts).torrents().await {
                Ok(torrents) => format!("{} torrents", torrents.len()),
                Err(error) if error.is_retryable() => format!("{} (retryable)", error.kind()),
                Err(error) => error.kind().to_string(),
            };
            let log = server.finish().await;
            let log = log.strip_prefix("connection 1: GET /rqbit/torrents\n");
            let log = log.expect("a request for the list");
            format!("{name}: {result}\n{log}")
        })
    });
    want.assert_eq(&rows.collect::<String>());
}

/// Answers with a body.
fn answer(head: &str, body: &str) -> Script {
    vec![ScriptStep::Request, ScriptStep::answer(head, body)]
}

/// Answers with success and the given chunked body.
fn chunked(body: ScriptStep) -> Script {
    let head = ScriptStep::send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    vec![ScriptStep::Request, head, body]
}

#[test]
fn json_is_read_tolerantly() {
    let hash = "00".repeat(20);
    let body = format!(
        r#"{{"new":1,"torrents":[
            {{"info_hash":"{hash}","name":null,"files":null,"total_pieces":null,"new":[]}},
            {{"info_hash":"{hash}","output_folder":null,"stats":{{
                "state":"dreaming","file_progress":null,
                "live":{{"download_speed":{{"mbps":null}},"time_remaining":null}}}}}},
            {{"info_hash":"{hash}","files":[{{"length":1,"attributes":null}}],"stats":{{}}}}]}}"#
    );
    check(
        PATIENT,
        &[("odd", answer("200 OK", &body))],
        &expect![[r#"
        odd: 3 torrents
    "#]],
    );
}

#[test]
fn malformed_json_names_its_place() {
    let item = |fields: &str| {
        let hash = "00".repeat(20);
        answer("200 OK", &format!(r#"{{"torrents":[{{"info_hash":"{hash}",{fields}}}]}}"#))
    };
    let deep = format!("{{\"torrents\":{}", "[".repeat(100_000));
    let cases = [
        ("too large", item(r#""total_pieces":99999999999"#)),
        ("negative", item(r#""total_pieces":-1"#)),
        ("no length", item(r#""files":[{"length":1},{}]"#)),
        ("fraction", item(r#""files":[{"length":1e30}]"#)),
        ("bad hash", answer("200 OK", r#"{"torrents":[{"info_hash":"0"}]}"#)),
        ("torn", answer("200 OK", r#"{"torrents":[{"#)),
        ("no list", answer("200 OK", "{}")),
        ("deep", answer("200 OK", &deep)),
    ];
    check(
        PATIENT,
        &cases,
        &expect![[r#"
        too large: malformed json at torrents[0].total_pieces
        negative: malformed json at torrents[0].total_pieces
        no length: malformed json at torrents[0].files[1]
        fraction: malformed json at torrents[0].files[0].length
        bad hash: malformed json at torrents[0].info_hash
        torn: malformed json at torrents[0].?
        no list: malformed json at .
        deep: malformed json at torrents[0][0]
    "#]],
    );
}

#[test]
fn other_servers_are_recognized() {
    let elsewhere = "302 Found\r\nLocation: https://user:secret@login/?token=secret";
    let cases = [
        ("html", answer("200 OK", "<!DOCTYPE html><html>")),
        ("text", answer("200 OK", "garbage")),
        ("nothing", answer("200 OK", "")),
        ("404", answer("404 Not Found", "<html>nginx</html>")),
        ("502", answer("502 Bad Gateway", "<html>nginx</html>")),
        ("302", answer(elsewhere, "")),
        ("ssh", vec![ScriptStep::Request, ScriptStep::send("SSH-2.0-OpenSSH_9.6\r\n")]),
        ("gzip", answer("200 OK\r\nContent-Encoding: gzip", "{}")),
        ("chunked", chunked(ScriptStep::send("6\r\n{\"torr\r\n9\r\nents\":[]}\r\n0\r\n\r\n"))),
        ("bad chunks", chunked(ScriptStep::send("nonsense\r\n"))),
    ];
    check(
        PATIENT,
        &cases,
        &expect![[r#"
            html: server is not rqbit (html)
            text: server is not rqbit (not json)
            nothing: server is not rqbit (not json)
            404: server is not rqbit (status 404)
            502: server answered 502 (retryable)
            302: server answered with a login page at https://login/
            ssh: malformed answer (not http, or too many headers)
            gzip: malformed answer (unrequested content coding)
            chunked: 0 torrents
            bad chunks: malformed answer (not http, or too many headers)
        "#]],
    );
}

#[test]
fn silence_ends_by_a_deadline_that_names_its_phase() {
    let head = ScriptStep::send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    let before = ("before headers", vec![ScriptStep::Request, ScriptStep::ClientCloses]);
    let after = ("after headers", vec![ScriptStep::Request, head, ScriptStep::ClientCloses]);
    let timeouts = Timeouts { headers: SOON, ..PATIENT };
    check(
        timeouts,
        std::slice::from_ref(&before),
        &expect![[r#"
        before headers: timed out waiting for the answer (retryable)
        connection 1: client closed it
    "#]],
    );
    let timeouts = Timeouts { chunk: SOON, ..PATIENT };
    check(
        timeouts,
        std::slice::from_ref(&after),
        &expect![[r#"
        after headers: timed out waiting for more of the body (retryable)
        connection 1: client closed it
    "#]],
    );
    check(
        Timeouts { total: SOON, ..PATIENT },
        &[before, after],
        &expect![[r#"
        before headers: timed out before the answer was complete (retryable)
        connection 1: client closed it
        after headers: timed out before the answer was complete (retryable)
        connection 1: client closed it
    "#]],
    );
}

#[test]
fn broken_connections_are_told_apart_from_short_bodies() {
    let body = ScriptStep::send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    let cases = [
        ("closed", vec![ScriptStep::Request]),
        ("reset", vec![ScriptStep::Request, ScriptStep::Reset]),
        ("half a head", vec![ScriptStep::Request, ScriptStep::send("HTTP/1.1 200 O")]),
        ("short body", vec![ScriptStep::Request, body]),
    ];
    check(
        PATIENT,
        &cases,
        &expect![[r#"
        closed: connection closed by the server (retryable)
        reset: connection closed by the server (retryable)
        half a head: connection closed by the server (retryable)
        short body: body ended early, after 1 bytes (retryable)
    "#]],
    );
}

#[test]
fn floods_are_cut() {
    let ok = ScriptStep::send("HTTP/1.1 200 OK\r\n");
    let huge = ScriptStep::send("Content-Length: 99999999999999\r\n\r\n");
    let forbidden =
        ScriptStep::send("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let flood = ScriptStep::Repeat(chunk);
    let headers = ScriptStep::Repeat("X-A: b\r\n".into());
    let header = ScriptStep::Repeat("X-A: b".into());
    let cases = [
        ("length", vec![ScriptStep::Request, ok.clone(), huge, ScriptStep::ClientCloses]),
        ("body", chunked(flood.clone())),
        ("headers", vec![ScriptStep::Request, ok.clone(), headers]),
        ("one header", vec![ScriptStep::Request, ok, header]),
        ("error", vec![ScriptStep::Request, forbidden, flood]),
    ];
    check(
        PATIENT,
        &cases,
        &expect![[r#"
        length: body of more than 67108864 bytes
        connection 1: client closed it
        body: body of more than 67108864 bytes
        headers: malformed answer (not http, or too many headers)
        one header: malformed answer (not http, or too many headers)
        error: server answered 403
    "#]],
    );
}

#[test]
fn haves_must_have_a_bit_a_piece() {
    let cases: [(&str, &[u8]); 4] = [
        ("200 OK\r\nX-Bitfield-Len: 9", &[0xff, 0x80]),
        ("200 OK\r\nX-Bitfield-Len: 17", &[0xff, 0x80]),
        ("200 OK\r\nX-Bitfield-Len: 99999999999", &[0xff, 0x80]),
        ("200 OK\r\nContent-Type: image/svg+xml", b"<svg/>"),
    ];
    let rows = cases.map(|(head, body)| {
        run(async {
            let script = vec![ScriptStep::Request, ScriptStep::answer(head, body)];
            let server = ScriptedServer::start(vec![script]);
            match server.client(PATIENT).torrent_haves(TorrentRef::Id(7)).await {
                Ok(haves) => format!("{haves:?}\n"),
                Err(error) => format!("{}\n", error.kind()),
            }
        })
    });
    expect![[r#"
        Bitfield(9 of 9)
        malformed answer (bitfield of another length than its number of pieces)
        malformed answer (bitfield without its number of pieces)
        malformed answer (bitfield without its number of pieces)
    "#]]
    .assert_eq(&rows.concat());
}

#[test]
fn server_that_does_not_say_rqbit_is_not_rqbit() {
    let kind = run(async {
        let answer = ScriptStep::answer("200 OK", r#"{"server":"deluge","version":"2"}"#);
        let server = ScriptedServer::start(vec![vec![ScriptStep::Request, answer]]);
        let error = server.client(PATIENT).server_info().await.unwrap_err();
        server.finish().await;
        error.kind().to_string()
    });
    assert_eq!(kind, "server is not rqbit (it does not name itself rqbit)");
}

#[test]
fn credentials_are_sent_and_never_shown() {
    run(async {
        let forever = vec![ScriptStep::Request, ScriptStep::answer("401 Unauthorized", "")];
        let server = ScriptedServer::start(vec![forever]);
        let mut config = ClientConfig::new(server.url("http").parse().unwrap());
        config.credentials = Some(Credentials::new("user", "secret").unwrap());
        assert!(!format!("{config:?}").contains("secret"));
        let client = Client::new(config).unwrap();
        let error = client.torrents().await.unwrap_err();
        assert_eq!(error.kind().to_string(), "server requires other credentials");
        assert!(!format!("{error:?} {client:?}").contains("secret"));
        expect![[r#"
            connection 1: GET /torrents [authorization: Basic dXNlcjpzZWNyZXQ=]
        "#]]
        .assert_eq(&server.finish().await);
    });
}

#[test]
fn nobody_listens() {
    run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let config = ClientConfig::new(format!("http://{address}").parse().unwrap());
        let error = Client::new(config).unwrap().torrents().await.unwrap_err();
        let text = format!("{error}, retryable {}", error.is_retryable());
        let text = text.replace(&address.to_string(), "server");
        assert_eq!(
            text,
            "list the torrents (GET http://server/torrents): connection refused, retryable true"
        );
    });
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_is_refused_where_it_is_not_built_in() {
    let error = Client::new(ClientConfig::new("https://h".parse().unwrap())).unwrap_err();
    assert_eq!(error.to_string(), "set up the client (GET https://h/): https is not built in");
}
