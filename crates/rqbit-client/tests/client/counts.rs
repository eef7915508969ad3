//! Counts of requests and errors.

use rqbit_client::{Client, ClientConfig, RequestedRange, TorrentRef};

use crate::support::{PATIENT, Script, ScriptStep, ScriptedServer, recorded, run};

/// Renders the counts of a client: requests, and the reasons of errors that occurred.
fn counts(client: &Client) -> String {
    let counts = client.call_counts();
    let errors = counts.errors.into_iter().filter(|(_, count)| *count > 0);
    let errors = errors.map(|(reason, count)| format!(", {count} {}", reason.as_str()));
    format!("{} requests{}", counts.requests, errors.collect::<String>())
}

fn answer(head: &str, body: &str) -> Script {
    vec![ScriptStep::Request, ScriptStep::answer(head, body)]
}

#[test]
fn every_request_counts_and_every_error_has_a_reason() {
    run(async {
        let short = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 10-19/100\r\n\
                     Content-Length: 10\r\n\r\n0123";
        let server = ScriptedServer::start(vec![
            answer("200 OK\r\nConnection: close", r#"{"torrents":[]}"#),
            answer("401 Unauthorized\r\nConnection: close", ""),
            answer("200 OK\r\nConnection: close", r#"{"torrents":7}"#),
            vec![ScriptStep::Request, recorded("error_404")],
            vec![ScriptStep::Request, ScriptStep::send(short)],
            answer("503 Service Unavailable\r\nConnection: close", ""),
        ]);
        let client = server.client(PATIENT);
        assert_eq!(counts(&client), "0 requests");
        client.torrents().await.unwrap();
        assert_eq!(counts(&client), "1 requests");
        client.torrents().await.unwrap_err();
        client.torrents().await.unwrap_err();
        assert_eq!(counts(&client), "3 requests, 1 denied, 1 malformed");
        client.close_idle();
        client.torrent_details(TorrentRef::Id(1)).await.unwrap_err();
        assert_eq!(counts(&client), "4 requests, 1 denied, 1 not_found, 1 malformed");
        client.close_idle();
        let (torrent, range) = (TorrentRef::Id(7), RequestedRange::new(10, 20));
        let mut stream = client.clone().stream(torrent, 3, range, Some(100)).await.unwrap();
        assert_eq!(stream.next_chunk().await.unwrap().unwrap(), "0123");
        // A failed stream counts once, however often it is read.
        stream.next_chunk().await.unwrap_err();
        stream.next_chunk().await.unwrap_err();
        let before = "1 closed, 1 denied, 1 not_found";
        assert_eq!(counts(&client), format!("5 requests, {before}, 1 malformed"));
        client.stream(torrent, 3, range, Some(100)).await.unwrap_err();
        assert_eq!(counts(&client), format!("6 requests, {before}, 1 status, 1 malformed"));
        server.finish().await;
    });
}

#[test]
fn a_connection_that_fails_is_a_request_that_fails() {
    run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let config = ClientConfig::new(format!("http://{address}").parse().unwrap());
        let client = Client::new(config).unwrap();
        for _ in 0..3 {
            client.server_info().await.unwrap_err();
        }
        assert_eq!(counts(&client), "3 requests, 3 refused");
        // An empty range sends nothing.
        client.stream(TorrentRef::Id(1), 0, RequestedRange::new(5, 5), None).await.unwrap();
        assert_eq!(counts(&client), "3 requests, 3 refused");
    });
}
