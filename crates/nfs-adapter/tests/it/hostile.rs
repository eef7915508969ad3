//! Clients that are none.

use std::time::Duration;

use nfs3_types::mount;
use nfs3_types::nfs3::{self, GETATTR3args};
use nfs3_types::rpc::{auth_flavor, opaque_auth};
use nfs3_types::xdr_codec::Opaque;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{NfsTestCall, packed, read_results};
use crate::support::{Fixture, serve, settings};

/// Sends bytes, and returns whether the server closes the connection without an answer.
async fn is_closed(fixture: &Fixture, bytes: &[u8]) -> bool {
    let mut client = fixture.client().await;
    // The server may close it before all is sent.
    drop(client.stream.write_all(bytes).await);
    let mut answer = Vec::new();
    drop(client.stream.read_to_end(&mut answer).await);
    answer.is_empty()
}

async fn assert_serves(fixture: &Fixture) {
    assert!(fixture.client().await.mnt("/").await.is_ok());
}

#[tokio::test]
async fn records_that_are_no_calls_end_their_connection() {
    let fixture = serve(settings()).await;
    let reply = [&[0x80, 0, 0, 24][..], &[0; 4], &[0, 0, 0, 1], &[0; 16]].concat();
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".as_slice(),
        // 2 GiB, with and without the mark of the last fragment.
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"\x80\x01\x00\x01",
        &b"\0\0\0\0".repeat(10_000),
        &b"\0\0\0\x01a".repeat(10_000),
        // Nothing, and less than a header.
        b"\x80\0\0\0",
        b"\x80\0\0\x04abcd",
        &reply,
        &[0xff; 100_000],
        &[0x80; 100_000],
    ] {
        assert!(is_closed(&fixture, bytes).await, "{:.40}", bytes.escape_ascii());
    }
    assert_eq!(fixture.server.counts().refused, 11);
    assert_serves(&fixture).await;
}

#[tokio::test]
async fn half_a_record_and_silence_do_not_stop_others() {
    let fixture = serve(settings()).await;
    let mut half = fixture.client().await;
    half.stream.write_all(b"\x80\0\0\x40abcd").await.unwrap();
    assert_serves(&fixture).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(40)).await;
    tokio::time::resume();
    assert!(half.next_reply().await.is_none(), "it is closed after half a minute");
}

#[tokio::test]
async fn versions_programs_and_procedures_are_refused_with_the_range() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let accepted = |stat: u32, rest: &[u32]| {
        let words = [&[1, 0, 0, 0, stat], rest].concat();
        words.into_iter().flat_map(u32::to_be_bytes).collect::<Vec<_>>()
    };
    for (program, procedure, want) in [
        ((100_227, 3), 0, accepted(1, &[])),
        ((u32::MAX, 0), 0, accepted(1, &[])),
        ((nfs3::PROGRAM, 4), 0, accepted(2, &[3, 3])),
        ((nfs3::PROGRAM, 2), 0, accepted(2, &[3, 3])),
        ((mount::PROGRAM, 1), 1, accepted(2, &[3, 3])),
        ((nfs3::PROGRAM, 3), 22, accepted(3, &[])),
        ((mount::PROGRAM, 3), 6, accepted(3, &[])),
        // No arguments.
        ((nfs3::PROGRAM, 3), 1, accepted(4, &[])),
        ((nfs3::PROGRAM, 3), 6, accepted(4, &[])),
        ((mount::PROGRAM, 3), 1, accepted(4, &[])),
        ((nfs3::PROGRAM, 3), 0, accepted(0, &[])),
        ((mount::PROGRAM, 3), 0, accepted(0, &[])),
    ] {
        let reply = client.call_raw(&NfsTestCall { program, procedure, args: &[] }).await;
        assert_eq!(reply, want, "{program:?} {procedure}");
    }
    // RPC version 3.
    let call = [[0, 0, 0, 9], [0; 4], [0, 0, 0, 3]].concat();
    client.send_record(&call).await;
    let denied = [1, 1, 0, 2, 2].into_iter().flat_map(u32::to_be_bytes).collect();
    assert_eq!(client.next_reply().await, Some((9, denied)));
}

#[tokio::test]
async fn lengths_are_not_believed() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let program = (nfs3::PROGRAM, nfs3::VERSION);
    let root = client.mnt("/").await.unwrap();
    let getattr = packed(&GETATTR3args { object: root.clone() });
    let long = |len: u32| [&len.to_be_bytes()[..], &[0; 200]].concat();
    for (procedure, args) in [
        // A handle of more bytes than allowed, or than there are.
        (1, long(65)),
        (1, long(u32::MAX)),
        (1, getattr[..10].to_vec()),
        // A name of 4 GiB.
        (3, [getattr.clone(), long(u32::MAX)].concat()),
        (3, [getattr.clone(), long(201)].concat()),
        (17, getattr.clone()),
    ] {
        let reply = client.call_raw(&NfsTestCall { program, procedure, args: &args }).await;
        assert_eq!(reply.last(), Some(&4), "malformed: {procedure} {args:?}");
    }
    assert!(client.attr(&root).await.is_ok(), "the connection goes on");
}

#[tokio::test]
async fn credentials_are_bounded() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let word = |number: u32| number.to_be_bytes();
    let auth_sys = |name: u32, groups: u32, rest: &[u8]| {
        let head = [word(0), word(name), word(0), word(0), word(groups)].concat();
        [&head, rest].concat()
    };
    let none = client.credentials.clone();
    for (flavor, body, is_accepted) in [
        (auth_flavor::AUTH_NULL, vec![0; 400], true),
        (auth_flavor::AUTH_NULL, vec![0; 401], false),
        (auth_flavor::AUTH_UNIX, auth_sys(0, 0, &[]), true),
        (auth_flavor::AUTH_UNIX, auth_sys(0, 16, &[0; 64]), true),
        (auth_flavor::AUTH_UNIX, auth_sys(0, 17, &[0; 68]), false),
        (auth_flavor::AUTH_UNIX, auth_sys(0, u32::MAX, &[0; 64]), false),
        (auth_flavor::AUTH_UNIX, auth_sys(u32::MAX, 0, &[]), false),
        (auth_flavor::AUTH_UNIX, auth_sys(256, 0, &[0; 300]), false),
        (auth_flavor::AUTH_UNIX, Vec::new(), false),
        (auth_flavor::AUTH_SHORT, Vec::new(), false),
        (auth_flavor::AUTH_DES, vec![1; 60_000], false),
    ] {
        client.credentials = opaque_auth { flavor, body: Opaque::owned(body) };
        let program = (nfs3::PROGRAM, nfs3::VERSION);
        let reply = client.call_raw(&NfsTestCall { program, procedure: 0, args: &[] }).await;
        let denied: Vec<_> = [1, 1, 1, 1].into_iter().flat_map(u32::to_be_bytes).collect();
        assert_eq!(reply != denied, is_accepted, "{flavor:?} {reply:?}");
    }
    client.credentials = none;
    assert!(client.mnt("/").await.is_ok());
}

#[tokio::test]
async fn idle_connections_make_room() {
    let fixture = serve(settings()).await;
    let mut idle = Vec::new();
    for _ in 0..128 {
        let mut client = fixture.client().await;
        client.find("film").await;
        idle.push(client);
    }
    // Connections that are younger than a second keep their places.
    let mut refused = fixture.client().await;
    assert!(refused.next_reply().await.is_none());
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    // The new one gets the place of the one that was idle for the longest time.
    assert_serves(&fixture).await;
    assert!(idle.remove(0).next_reply().await.is_none(), "it is closed");
    assert!(idle.pop().unwrap().mnt("/").await.is_ok(), "the youngest one goes on");
    assert!(fixture.server.counts().connections <= 128);
    drop(idle);
    while fixture.server.counts().connections > 0 {
        tokio::task::yield_now().await;
    }
    assert_serves(&fixture).await;
}

#[tokio::test]
async fn connections_without_a_handle_keep_no_place_from_others() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let film = client.find("film").await;
    let mut strangers = Vec::new();
    for _ in 0..300 {
        let mut stranger = fixture.client().await;
        let program = (nfs3::PROGRAM, nfs3::VERSION);
        let call = NfsTestCall { program, procedure: 0, args: &[] };
        stranger.call_raw(&call).await;
        strangers.push(stranger);
    }
    assert!(client.attr(&film).await.is_ok(), "the client goes on");
    let mut new = fixture.client().await;
    assert!(new.attr(&film).await.is_ok(), "there is a place for a new one");
    assert!(fixture.server.counts().connections <= 129);
    assert_eq!(fixture.server.counts().refused, 0);
}

#[tokio::test]
async fn clients_that_take_no_replies_stop_only_themselves() {
    let fixture = serve(settings()).await;
    let mut greedy = Vec::new();
    // Six times sixteen replies of 1 MiB: more than the server has memory for.
    for _ in 0..6 {
        let mut client = fixture.client().await;
        let film = client.find("film/film.mkv").await;
        for _ in 0..100 {
            client.send_read(&film, 0, 1 << 20).await;
        }
        greedy.push(client);
    }
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    for _ in 0..10 {
        assert_eq!(client.read(&film, 0, 10).await.unwrap().0.len(), 10);
    }
    // Each gets all of its replies when it takes them.
    let mut first = greedy.swap_remove(0);
    for _ in 0..100 {
        let (_, reply) = first.next_reply().await.unwrap();
        assert_eq!(read_results(&reply).unwrap().0.len(), 1 << 20);
    }
}
