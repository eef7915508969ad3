//! Connections: which are kept, which are closed, and how dead ones are handled.

use expect_test::{Expect, expect};
use rqbit_client::{Client, ClientConfig, RequestedRange, Result, TorrentRef};

use crate::support::{PATIENT, Script, ScriptStep, ScriptedServer, recorded, run};

/// Answers one request with an empty list.
fn list() -> Script {
    vec![ScriptStep::Request, ScriptStep::answer("200 OK", r#"{"torrents":[]}"#)]
}

/// Runs calls one after the other, and renders the server's log and the results.
#[track_caller]
fn check(scripts: Vec<Script>, calls: &[Call], want: &Expect) {
    want.assert_eq(&run(async {
        let server = ScriptedServer::start(scripts);
        let client = server.client(PATIENT);
        let mut text = String::new();
        for call in calls {
            let line = match call.make(&client).await {
                Ok(()) => "done\n".to_owned(),
                Err(error) => format!("{}\n", error.kind()),
            };
            text.push_str(&line);
        }
        drop(client);
        server.finish().await + &text
    }));
}

enum Call {
    List,
    Pause,
    Stream,
    DropStream,
}

impl Call {
    async fn make(&self, client: &Client) -> Result<()> {
        let torrent = TorrentRef::Id(7);
        let range = RequestedRange::new(0, 4);
        match self {
            Self::List => client.torrents().await.map(|_list| ()),
            Self::Pause => client.pause(torrent).await,
            // The end is not requested: the last chunk includes it.
            Self::Stream => {
                let mut stream = client.stream(torrent, 0, range, Some(10)).await?;
                while stream.position() < stream.end() {
                    stream.next_chunk().await?;
                }
                Ok(())
            }
            Self::DropStream => client.stream(torrent, 0, range, Some(10)).await.map(drop),
        }
    }
}

#[test]
fn all_may_cross_threads() {
    fn is_send<T: Send>(_it: &T) {}
    fn is_sync<T: Sync>(_it: &T) {}
    let config = ClientConfig::new("http://127.0.0.1:1".parse().unwrap());
    let client = Client::new(config).unwrap();
    is_send(&client);
    is_sync(&client);
    is_send(&client.torrents());
    is_send(&async {
        let torrent = TorrentRef::Id(7);
        let mut stream = client.stream(torrent, 0, RequestedRange::open_ended(0), None).await?;
        stream.next_chunk().await
    });
}

#[test]
fn small_ranges_one_after_the_other_use_one_connection() {
    let answer = "206 Partial Content\r\nContent-Range: bytes 0-3/10";
    let script = vec![vec![ScriptStep::Request, ScriptStep::answer(answer, "0123")]; 20].concat();
    let text = run(async {
        let server = ScriptedServer::start(vec![script]);
        let client = server.client(PATIENT);
        for _ in 0..20 {
            Call::Stream.make(&client).await.unwrap();
        }
        drop(client);
        server.finish().await
    });
    assert_eq!(text.lines().count(), 20, "{text}");
    assert!(text.lines().all(|line| line.starts_with("connection 1: GET ")), "{text}");
}

#[test]
fn all_kinds_of_answers_keep_the_connection() {
    let error = [ScriptStep::Request, recorded("error_404")];
    let chunked = ScriptStep::send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{\"torrents\":[]}\r\n0\r\n\r\n",
    );
    let script = [&list()[..], &error, &[ScriptStep::Request, chunked], &list()].concat();
    check(
        vec![script],
        &[Call::List, Call::List, Call::List, Call::List],
        &expect![[r#"
        connection 1: GET /rqbit/torrents
        connection 1: GET /rqbit/torrents
        connection 1: GET /rqbit/torrents
        connection 1: GET /rqbit/torrents
        done
        server answered 404 (torrent not found 99)
        done
        done
    "#]],
    );
}

#[test]
fn connection_that_the_server_closes_is_not_kept() {
    let closing = "200 OK\r\nConnection: close";
    let script = vec![ScriptStep::Request, ScriptStep::answer(closing, r#"{"torrents":[]}"#)];
    check(
        vec![script.clone(), script],
        &[Call::List, Call::List],
        &expect![[r#"
        connection 1: GET /rqbit/torrents
        connection 2: GET /rqbit/torrents
        done
        done
    "#]],
    );
}

#[test]
fn get_on_a_dead_connection_is_sent_once_more() {
    // The server reads the second request and closes without an answer.
    let dies = [list(), vec![ScriptStep::Request]].concat();
    check(
        vec![dies, list()],
        &[Call::List, Call::List],
        &expect![[r#"
        connection 1: GET /rqbit/torrents
        connection 1: GET /rqbit/torrents
        connection 2: GET /rqbit/torrents
        done
        done
    "#]],
    );
    // It dies on the new connection as well: only one retry is made.
    let dies = [list(), vec![ScriptStep::Request]].concat();
    check(
        vec![dies, vec![ScriptStep::Request]],
        &[Call::List, Call::List],
        &expect![[r#"
        connection 1: GET /rqbit/torrents
        connection 1: GET /rqbit/torrents
        connection 2: GET /rqbit/torrents
        done
        connection closed by the server
    "#]],
    );
    let resets = [list(), vec![ScriptStep::Request, ScriptStep::Reset]].concat();
    check(
        vec![resets, list()],
        &[Call::List, Call::List],
        &expect![[r#"
        connection 1: GET /rqbit/torrents
        connection 1: GET /rqbit/torrents
        connection 2: GET /rqbit/torrents
        done
        done
    "#]],
    );
}

#[test]
fn get_on_a_new_connection_is_not_sent_again() {
    check(
        vec![vec![ScriptStep::Request], list()],
        &[Call::List, Call::List],
        &expect![[r#"
        connection 1: GET /rqbit/torrents
        connection 2: GET /rqbit/torrents
        connection closed by the server
        done
    "#]],
    );
}

#[test]
fn post_never_uses_a_kept_connection() {
    let done = vec![ScriptStep::Request, ScriptStep::answer("200 OK", "{}")];
    let listed = [list(), vec![ScriptStep::ClientCloses]].concat();
    check(
        vec![listed, [done, list()].concat()],
        &[Call::List, Call::Pause, Call::List],
        &expect![[r#"
            connection 1: GET /rqbit/torrents
            connection 1: client closed it
            connection 2: POST /rqbit/torrents/7/pause
            connection 2: GET /rqbit/torrents
            done
            done
            done
        "#]],
    );
}

#[test]
fn stream_that_is_dropped_early_does_not_come_back() {
    let answer = "206 Partial Content\r\nContent-Range: bytes 0-3/10\r\nContent-Length: 4";
    let open = ScriptStep::send(format!("HTTP/1.1 {answer}\r\n\r\n"));
    let dropped = vec![ScriptStep::Request, open, ScriptStep::ClientCloses];
    check(
        vec![dropped, list()],
        &[Call::DropStream, Call::List],
        &expect![[r#"
        connection 1: GET /rqbit/torrents/7/stream/0 [accept: */*] [range: bytes=0-3]
        connection 1: client closed it
        connection 2: GET /rqbit/torrents
        done
        done
    "#]],
    );
}

/// A whole unrequested answer after that of the first call, in the same packet and in one of its
/// own. One that arrives after the next request cannot be told from its answer, so the second call
/// is made when the surplus has arrived.
#[test]
fn surplus_after_a_body_is_never_taken_for_an_answer() {
    let ScriptStep::Send(answer) = list().remove(1) else { unreachable!("it is bytes") };
    let apart = [ScriptStep::Send(answer.clone()), ScriptStep::Send(answer.clone())];
    for sent in [&[ScriptStep::Send(answer.repeat(2).into())][..], &apart] {
        let end = [ScriptStep::Log("sent all"), ScriptStep::ClientCloses];
        let script = [&[ScriptStep::Request], sent, &end].concat();
        let text = run(async {
            let server = ScriptedServer::start(vec![script, list()]);
            let client = server.client(PATIENT);
            client.torrents().await.unwrap();
            server.wait_for("sent all", 1).await;
            // The runtime learns of received bytes when it is idle.
            tokio::task::yield_now().await;
            client.torrents().await.unwrap();
            drop(client);
            server.finish().await
        });
        expect![[r#"
            connection 1: GET /rqbit/torrents
            connection 1: sent all
            connection 1: client closed it
            connection 2: GET /rqbit/torrents
        "#]]
        .assert_eq(&text);
    }
}

#[test]
fn idle_connections_are_bounded_and_can_be_closed() {
    let text = run(async {
        let kept = [list(), vec![ScriptStep::ClientCloses]].concat();
        let server = ScriptedServer::start(vec![kept; 10]);
        let client = server.client(PATIENT);
        let calls = (0..10).map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.torrents().await.map(|_list| ()) })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap().unwrap();
        }
        server.wait_for("client closed it", 2).await;
        client.close_idle();
        // The client stays alive, so that only the call above can end the connections.
        let text = server.finish().await;
        drop(client);
        text
    });
    assert_eq!(text.matches("client closed it").count(), 10, "{text}");
}
