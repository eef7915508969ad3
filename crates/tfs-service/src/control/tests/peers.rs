//! Peers that are slow, numerous, malformed, or of another user.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;

use rustix::process::Uid;
use rustix::process::geteuid;
use rustix::thread::set_thread_res_uid;
use tfs_api::ControlClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use super::fake::{FakeMount, Served};

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_end_is_cut_off() {
    let served = Served::start(vec![FakeMount::at("/m")]).await;
    for part in [
        "",
        "POST /v1/refresh HT",
        "POST /v1/refresh HTTP/1.1\r\nhost: x\r\n",
        "POST /v1/refresh HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{",
    ] {
        let begun_at = Instant::now();
        let mut connection = UnixStream::connect(served.socket()).await.unwrap();
        connection.write_all(part.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        let status = answer.lines().next().unwrap_or_default();
        assert!(["", "HTTP/1.1 408 Request Timeout"].contains(&status), "{part:?}: {answer}");
        assert!(begun_at.elapsed() < Duration::from_secs(6), "{part:?}");
    }
    assert_eq!(served.mounts[0].asked(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_give_way_to_a_new_one() {
    let served = Served::start(vec![FakeMount::at("/m")]).await;
    let begun_at = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..tfs_http::CONNECTIONS_MAX {
        idle.push(UnixStream::connect(served.socket()).await.unwrap());
    }
    let mut connection = UnixStream::connect(served.socket()).await.unwrap();
    let request = b"GET /v1/mounts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    connection.write_all(request).await.unwrap();
    assert_eq!(connection.read(&mut [0; 1]).await.unwrap(), 1);
    // Not after the time limit of the others.
    assert!(begun_at.elapsed() < Duration::from_secs(4), "{:?}", begun_at.elapsed());
    drop(idle);
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_what_it_asked_for() {
    let stuck = FakeMount { is_stuck: true, ..FakeMount::at("/m") };
    let served = Served::start(vec![stuck]).await;
    let client = served.client();
    let asking = tokio::spawn(async move { client.refresh("/m").await });
    timeout(LIMIT, served.mounts[0].refresh_begins.notified()).await.unwrap();
    asking.abort();
    timeout(LIMIT, served.mounts[0].refresh_given_up.notified()).await.unwrap();
    // Other connections are still served.
    served.client().mounts().await.unwrap();
}

#[tokio::test]
async fn the_end_waits_for_nobody_and_leaves_nothing() {
    let stuck = FakeMount { is_stuck: true, ..FakeMount::at("/m") };
    let served = Served::start(vec![stuck]).await;
    let (socket, client) = (served.socket(), served.client());
    let _idle = UnixStream::connect(&socket).await.unwrap();
    let asking = tokio::spawn(async move { client.refresh("/m").await });
    timeout(LIMIT, served.mounts[0].refresh_begins.notified()).await.unwrap();
    let Served { dir, server, .. } = served;
    timeout(LIMIT, server.end()).await.unwrap();
    assert!(!socket.exists());
    assert!(ControlClient::new(socket).mounts().await.is_err());
    asking.abort();
    drop(dir);
}

#[tokio::test]
async fn a_server_that_is_dropped_takes_its_socket_along() {
    let served = Served::start(vec![]).await;
    let socket = served.socket();
    drop(served.server);
    // The listening task ends when it is polled next.
    let gone = async {
        while socket.exists() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, gone).await.unwrap();
}

/// Sends a request from a thread with this user id, and returns the response.
fn ask_as(uid: u32, served: &Served) -> String {
    let socket = served.socket();
    let asking = std::thread::spawn(move || {
        let uid = Uid::from_raw(uid);
        set_thread_res_uid(uid, uid, uid).unwrap();
        let mut connection = StdUnixStream::connect(socket).unwrap();
        let request = b"GET /v1/mounts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        // The server may have closed the connection to an unauthorized peer already.
        drop(connection.write_all(request));
        let mut answer = String::new();
        drop(connection.read_to_string(&mut answer));
        answer
    });
    asking.join().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_user_gets_no_answer_even_if_the_socket_is_open_to_all() {
    if !geteuid().is_root() {
        let test = tfs_testkit::test_name!();
        tfs_testkit::skip::test(test, "only root can act as another user");
        return;
    }
    let served = Served::start(vec![FakeMount::at("/m")]).await;
    let open_to_all = |path: &std::path::Path| {
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    };
    open_to_all(served.dir.path());
    open_to_all(served.socket().parent().unwrap());
    open_to_all(&served.socket());
    assert_eq!(ask_as(65534, &served), "");
    assert!(ask_as(0, &served).contains("/m"));
}
