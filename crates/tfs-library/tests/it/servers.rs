//! Polls: changes, failures, restarts, several servers.

use std::net::TcpListener;
use std::time::Duration;

use tfs_library::{Library, LibraryErrorKind, LibraryServer};
use tfs_testkit::rqbit::{Cut, Fault, Target};

use crate::support::{builder, complete, connect, missing, names, next, server};

/// Returns the target of requests for the details of the `nth` torrent.
fn details(nth: u8) -> Target {
    Target::Path(format!("/torrents/{}", format!("{nth:02x}").repeat(20)))
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_announced() {
    let server = server(vec![missing(1, "A film")]);
    let library = connect(&server).await;
    let mut changes = library.changes();
    server.add(complete(2, "Other"));
    library.refresh().await.unwrap();
    assert_eq!(next(&mut changes).await, "+ Other");
    assert_eq!(names(&library, ""), ["A film", "Other"]);

    // The server downloads what a reader waits for.
    let film = library.open("A film/film.mkv").unwrap();
    for offset in (0..100_000).step_by(10_000) {
        let step = async {
            loop {
                server.wait_until(|census| census.waiting > 0).await;
                server.step();
            }
        };
        tokio::select! {
            read = film.read_at(offset, 10_000) => assert_eq!(read.unwrap().len(), 10_000),
            () = step => {}
        }
    }
    library.refresh().await.unwrap();
    assert_eq!(next(&mut changes).await, "= A film");

    // The same run of the server lists nothing more: all torrents were removed.
    server.restart(true, 1_000_000);
    library.refresh().await.unwrap();
    let mut removed = [next(&mut changes).await, next(&mut changes).await];
    removed.sort();
    assert_eq!(removed, ["- A film", "- Other"]);
    assert_eq!(names(&library, "").len(), 0);
    let error = film.read_at(0, 10).await;
    assert!(error.is_ok_and(|bytes| bytes.len() == 10), "bytes in memory stay readable");
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_run_by_themselves() {
    let server = server(vec![complete(1, "A film")]);
    let library = builder(&server).poll_interval(Duration::ZERO).connect().await.unwrap();
    let mut changes = library.changes();
    server.add(complete(2, "Other"));
    assert_eq!(next(&mut changes).await, "+ Other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_is_told_what_it_missed() {
    let server = server(Vec::new());
    let library = connect(&server).await;
    let mut changes = library.changes();
    let count = 1100_u16;
    for nth in 0..count {
        let mut torrent = missing(1, &format!("t{nth}"));
        torrent.info_hash = format!("{nth:040x}").parse().unwrap();
        server.add(torrent);
    }
    library.refresh().await.unwrap();
    assert_eq!(names(&library, "").len(), usize::from(count));
    assert_eq!(next(&mut changes).await, format!("missed {}", count - 1024));
    assert!(next(&mut changes).await.starts_with("+ t"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torrent_that_cannot_be_read_hides_no_other() {
    let server = server((1..=20).map(|nth| complete(nth, &format!("t{nth}"))).collect());
    server.always(details(3), Fault::Status(500, "broken"));
    server.always(details(5), Fault::Status(404, "{}"));
    server.always(details(7), Fault::Reset(Cut::Head));
    let library = connect(&server).await;
    assert_eq!(names(&library, "").len(), 17);
    let status = library.servers().remove(0);
    assert_eq!((status.is_known, status.unread_torrents), (true, 3));
    assert!(status.error.is_none());
    let mut changes = library.changes();
    server.clear();
    library.refresh().await.unwrap();
    let mut added = [next(&mut changes).await, next(&mut changes).await, next(&mut changes).await];
    added.sort();
    assert_eq!(added, ["+ t3", "+ t5", "+ t7"]);
    assert_eq!(library.servers().remove(0).unread_torrents, 0);
}

/// The request for a torrent that is silent ends after five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_torrent_delays_the_first_tree_for_a_moment() {
    let server = server(vec![complete(1, "A film"), complete(2, "Other")]);
    server.always(details(1), Fault::Stall(Cut::Head));
    let library = connect(&server).await;
    assert_eq!(names(&library, ""), ["Other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_poll_keeps_the_tree() {
    let server = server(vec![complete(1, "A film")]);
    let library = connect(&server).await;
    for fault in [
        Fault::Status(503, "busy"),
        Fault::Status(401, "no"),
        Fault::Reset(Cut::Head),
        Fault::Truncate(Cut::Body(10)),
    ] {
        server.always(Target::Calls, fault.clone());
        let error = library.refresh().await.unwrap_err();
        assert!(error.to_string().contains("torrents"), "{error}");
        assert!(library.servers().remove(0).error.is_some());
        assert_eq!(names(&library, ""), ["A film"], "{fault:?}");
        server.clear();
        library.refresh().await.unwrap();
        assert!(library.servers().remove(0).error.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_that_lists_nothing_empties_the_tree_later() {
    let server = server(vec![complete(1, "A film"), complete(2, "Other")]);
    let options = builder(&server).removal_delay(Duration::from_secs(3600));
    let library = options.connect().await.unwrap();
    let mut changes = library.changes();
    server.restart(true, 0);
    for _ in 0..3 {
        library.refresh().await.unwrap();
        assert_eq!(names(&library, ""), ["A film", "Other"]);
    }
    assert!(library.open("A film/film.mkv").is_ok());
    server.restart(false, 5);
    library.refresh().await.unwrap();
    server.add(complete(3, "New"));
    library.refresh().await.unwrap();
    assert_eq!(next(&mut changes).await, "+ New");

    // Without a delay, the first listing without them counts.
    let impatient = builder(&server).removal_delay(Duration::ZERO).connect().await.unwrap();
    server.restart(true, 0);
    impatient.refresh().await.unwrap();
    assert_eq!(names(&impatient, "").len(), 0);
    assert_eq!(names(&library, "").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn torrents_of_several_servers_are_one_tree() {
    let home = server(vec![complete(1, "A film"), missing(2, "Other")]);
    let away = server(vec![complete(2, "Other"), complete(3, "Third")]);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = || {
        builder(&home)
            .server(LibraryServer::new(away.url()).named("away").streams_max(2))
            .server(format!("http://{gone}"))
    };
    let library = options().connect().await.unwrap();
    assert_eq!(names(&library, "").len(), 3);
    let other = library.open("Other/film.mkv").unwrap();
    assert_eq!(other.read_at(0, 10).await.unwrap().len(), 10, "the server that has it gives it");
    let known: Vec<_> = library.servers().iter().map(|it| it.is_known).collect();
    assert_eq!(known, [true, true, false]);
    assert_eq!(library.servers().remove(1).name, "away");
    let error = library.refresh().await.unwrap_err();
    assert_eq!(error.kind(), LibraryErrorKind::Unreachable);

    let by_server = options().by_server().connect().await.unwrap();
    assert_eq!(names(&by_server, "away"), ["Other", "Third"]);
    let last = names(&by_server, "").pop().unwrap();
    assert_eq!(by_server.entries(&last).unwrap_err().kind(), LibraryErrorKind::NotListed);
    let mut changes = by_server.changes();
    away.restart(true, 1_000_000);
    assert!(by_server.refresh().await.is_err());
    let mut removed = [next(&mut changes).await, next(&mut changes).await];
    removed.sort();
    assert_eq!(removed, ["- away/Other", "- away/Third"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_do_not_answer_are_errors() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Library::connect(&format!("http://{gone}")).await.unwrap_err();
    assert_eq!(error.kind(), LibraryErrorKind::Unreachable);
    assert!(error.to_string().contains(&gone.to_string()), "{error}");

    // It takes connections and is silent.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let options = Library::builder().server(url.as_str());
    let connect = options.connect_timeout(Duration::from_millis(300)).connect();
    assert_eq!(connect.await.unwrap_err().kind(), LibraryErrorKind::TimedOut);

    let denied = server(vec![complete(1, "A film")]);
    denied.always(Target::All, Fault::Status(401, "who are you"));
    let error = Library::connect(&denied.url()).await.unwrap_err();
    assert_eq!(error.kind(), LibraryErrorKind::Denied);
    denied.clear();
    denied.always(Target::All, Fault::Status(200, "<html>hello</html>"));
    let error = Library::connect(&denied.url()).await.unwrap_err();
    assert_eq!(error.kind(), LibraryErrorKind::Protocol);
}

#[tokio::test]
async fn invalid_options_are_errors_without_secrets() {
    let none = Library::builder().connect().await.unwrap_err();
    assert_eq!(none.kind(), LibraryErrorKind::Configuration);
    for url in ["", "nas:3030", "ftp://user:secret@nas", "http://user:secret@nas:99999"] {
        let error = Library::connect(url).await.unwrap_err();
        assert_eq!(error.kind(), LibraryErrorKind::Configuration, "{url}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let server = LibraryServer::new("http://nas").credentials("a:b", "secret");
    let error = Library::builder().server(server).connect().await.unwrap_err();
    assert_eq!(error.kind(), LibraryErrorKind::Configuration);
}
