//! Tests of a server's state on a failing disk, and with two concurrent writers.

mod damage;
mod kept;
mod released;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use expect_test::{Expect, expect};
use rqbit_source::FileIdentity;
use tempfile::TempDir;
use tfs_testkit::fake::{directory, file_id, single_file};
use tokio::time::{Instant, sleep_until};
use vfs_core::{MetadataStatus, NumberRange, TorrentState};

use super::*;

const AT: i64 = 1_800_000_000;

fn identity() -> ServerIdentity {
    ServerIdentity::of_url(&"http://h:3030".parse().unwrap())
}

fn hash(id: u8) -> InfoHash {
    InfoHash::from_bytes([id; 20])
}

fn details(id: u8) -> TorrentDetails {
    let mut details = directory(id, &format!("t{id}"), &[("a/b", 10), ("c", 20)]);
    details.piece_len = std::num::NonZero::new(16384);
    details
}

fn without_metadata(id: u8, name: &str, len: u64) -> TorrentDetails {
    TorrentDetails { metadata: MetadataStatus::Pending, ..single_file(id, name, len) }
}

fn added(ids: &[u8], mark: &str) -> Changes {
    let added = ids.iter().map(|id| (hash(*id), format!("t{id}{mark}")));
    Changes { added: added.collect(), ..Changes::default() }
}

fn times(at: i64) -> WriteTimes {
    WriteTimes { at, changed_at: at }
}

fn summary(id: u8, have: &[u64]) -> TorrentSummary {
    TorrentSummary {
        info_hash: hash(id),
        added_order: 0,
        is_resolved: true,
        is_listed: true,
        state: TorrentState::Paused,
        file_progress: Some(have.into()),
    }
}

/// Advances the paused time, and runs all tasks that wait for less.
async fn pass(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

/// A state directory with three torrents.
struct Fixture {
    dir: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let fixture = Self { dir: tempfile::tempdir().unwrap() };
        let (state, known) = fixture.open().await;
        assert_eq!(known, KnownTree::default());
        state.recorder().record(&added(&[1, 2, 3], ""), [1, 2, 3].map(details).to_vec(), times(AT));
        state.recorder().record_progress(vec![summary(1, &[10, 20]), summary(2, &[0, 5])]);
        state.close().await;
        fixture
    }

    async fn open(&self) -> (ServerState, KnownTree) {
        ServerState::open(self.dir.path(), identity()).await.unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        place::server_dir(self.dir.path(), &identity()).join(name)
    }

    fn log(&self) -> PathBuf {
        self.path(log::LOG_NAME)
    }

    /// Changes the bytes of the log.
    fn spoil(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.log()).unwrap();
        change(&mut bytes);
        fs::write(self.log(), bytes).unwrap();
    }

    /// Compares the content that is read, and the backups of damaged files.
    async fn check(&self, want: &Expect) {
        let (_state, known) = self.open().await;
        let mut text = format!("changed at {:?}\n", known.changed_at);
        for remembered in &known.remembered {
            writeln!(text, "{} seen {}", remembered.name, remembered.first_seen).unwrap();
        }
        for (file, proof) in &known.proofs {
            let name = file.torrent.as_bytes()[0];
            writeln!(text, "t{name} {} proven as {}", file.index.0, proof.identity.ino).unwrap();
        }
        for (summary, details) in known.listing.iter().zip(&known.details) {
            let TorrentSummary { state, file_progress, .. } = summary;
            writeln!(text, "{} {:?} {:?}", details.name, state, file_progress).unwrap();
        }
        let entries = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        for name in names.iter().filter(|name| name.contains("damaged")) {
            writeln!(text, "aside: {name}").unwrap();
        }
        want.assert_eq(&text);
    }
}

#[tokio::test(start_paused = true)]
async fn inode_numbers_are_kept_as_long_as_the_names_of_their_torrents() {
    let fixture = Fixture::new().await;
    let range = |id: u8| NumberRange { first: 100_000 + 100 * u32::from(id), count: 7 };
    let numbers = |ids: &[u8]| ids.iter().map(|id| (hash(*id), range(*id))).collect::<Vec<_>>();
    let (state, known) = fixture.open().await;
    assert_eq!(known.numbers, []);
    let changes = Changes { numbers: numbers(&[1, 2, 9]), ..Changes::default() };
    state.recorder().record(&changes, Vec::new(), times(AT + 1));
    let removed = vec![(hash(2), "t2".to_owned())];
    state.recorder().record(&Changes { removed, ..Changes::default() }, Vec::new(), times(AT + 2));
    state.close().await;
    let (state, known) = fixture.open().await;
    assert_eq!(known.numbers, numbers(&[1, 2, 9]));
    state.close().await;
    // A rewritten log contains the details of named torrents, including removed ones.
    let mut log = log::StateLog::new(fixture.log().parent().unwrap(), identity().as_str());
    let (contents, _) = log.load().unwrap();
    assert_eq!(contents.into_small(AT + 3).numbers, numbers(&[1, 2]));
}

#[tokio::test]
async fn what_was_recorded_is_known_again() {
    let fixture = Fixture::new().await;
    let want = expect![[r#"
        changed at Some(1800000000)
        t1 seen 1800000000
        t2 seen 1800000000
        t3 seen 1800000000
        t1 Paused Some([10, 20])
        t2 Paused Some([0, 5])
        t3 Live None
    "#]];
    fixture.check(&want).await;
    let (state, known) = fixture.open().await;
    assert_eq!(known.details, [1, 2, 3].map(details));
    assert_eq!(state.recorder().details(vec![hash(2), hash(9)]).await, [details(2)]);
    state.close().await;
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert!([fixture.log(), fixture.path("lock")].into_iter().all(|path| mode(path) == 0o600));
    assert!(["", "..", "../.."].iter().all(|name| mode(fixture.path(name)) == 0o700));
}

#[tokio::test]
async fn what_a_later_version_wrote_is_refused_and_stays_as_it_is() {
    let newer_record = {
        let rest = " number 0101010101010101010101010101010101010101 7";
        format!("{:08x}{rest}\n", crc32fast::hash(rest.as_bytes()))
    };
    for (old, new) in [
        ("tfs-state 2\n", "tfs-state 3\n"),
        ("tfs-state 2\n", "tfs-state 10 and more\n"),
        ("tfs-state 2\n", &format!("tfs-state 2\n{newer_record}")),
    ] {
        let fixture = Fixture::new().await;
        fixture.spoil(|log| {
            let text = String::from_utf8(log.clone()).unwrap();
            *log = text.replacen(old, new, 1).into_bytes();
        });
        let newer = fs::read(fixture.log()).unwrap();
        let error = ServerState::open(fixture.dir.path(), identity()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert_eq!(fs::read(fixture.log()).unwrap(), newer);
        assert_eq!(fs::read_dir(fixture.path("")).unwrap().count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_version_that_takes_over_meanwhile_is_not_disturbed() {
    let fixture = Fixture::new().await;
    let (state, _known) = fixture.open().await;
    let newer = b"tfs-state 3\nsomething else";
    fs::remove_file(fixture.log()).unwrap();
    fs::write(fixture.log(), newer).unwrap();
    state.recorder().record(&added(&[7], ""), vec![details(7)], times(AT + 1));
    state.close().await;
    assert_eq!(fs::read(fixture.log()).unwrap(), newer);
}

#[tokio::test]
async fn the_log_of_another_server_is_not_taken() {
    let fixture = Fixture::new().await;
    let other = ServerIdentity::of_url(&"http://other".parse().unwrap());
    let (state, _known) = ServerState::open(fixture.dir.path(), other.clone()).await.unwrap();
    state.close().await;
    let place = place::server_dir(fixture.dir.path(), &other).join(log::LOG_NAME);
    fs::copy(fixture.log(), &place).unwrap();
    let (_state, known) = ServerState::open(fixture.dir.path(), other).await.unwrap();
    assert_eq!(known, KnownTree::default());
    assert!(!place.exists());
}

#[tokio::test]
async fn two_who_write_lose_nothing_of_each_other() {
    let fixture = Fixture::new().await;
    let (one, _known) = fixture.open().await;
    let (other, _known) = fixture.open().await;
    for id in 10..60 {
        let recorder = if id % 2 == 0 { one.recorder() } else { other.recorder() };
        recorder.record(&added(&[id], ""), vec![details(id)], times(AT + 1));
        // Both processes see this torrent.
        recorder.record(
            &added(&[100], if id % 2 == 0 { " a" } else { " b" }),
            Vec::new(),
            times(AT + 1),
        );
    }
    let removed = vec![(hash(1), "t1".to_owned())];
    one.recorder().record(&Changes { removed, ..Changes::default() }, Vec::new(), times(AT + 2));
    tokio::join!(one.close(), other.close());
    let (_state, known) = fixture.open().await;
    assert_eq!(known.remembered.len(), 3 + 50 + 1);
    assert_eq!(known.listing.len(), 2 + 50);
    assert_eq!(known.changed_at.map(|at| (AT + 1..=AT + 2).contains(&at)), Some(true));
    assert!(known.remembered.iter().all(|one| one.first_seen <= AT + 1));
}

fn proof(ino: u64) -> VerifiedFileRecord {
    let identity = FileIdentity { dev: 1, ino, len: 10, modified: (1, 2), changed: (3, 4) };
    VerifiedFileRecord { folder: "/downloads".to_owned(), below: "a/b".to_owned(), identity }
}

#[tokio::test]
async fn proofs_are_known_again_until_they_do_not_hold_or_their_torrent_is_gone() {
    let fixture = Fixture::new().await;
    let (one, _known) = fixture.open().await;
    let (other, _known) = fixture.open().await;
    for (id, index, ino) in [(1, 0, 10), (1, 1, 11), (2, 0, 20), (3, 0, 30), (9, 0, 90)] {
        let state = if index == 0 { &one } else { &other };
        state.recorder().keep(file_id(id, index), &proof(ino));
    }
    tokio::join!(one.close(), other.close());
    // The record of a torrent that is not present is skipped.
    let want = expect![[r#"
        changed at Some(1800000000)
        t1 seen 1800000000
        t2 seen 1800000000
        t3 seen 1800000000
        t1 0 proven as 10
        t1 1 proven as 11
        t2 0 proven as 20
        t3 0 proven as 30
        t1 Paused Some([10, 20])
        t2 Paused Some([0, 5])
        t3 Live None
    "#]];
    fixture.check(&want).await;

    let (state, _known) = fixture.open().await;
    // Another mount has verified it again.
    state.recorder().discard(file_id(1, 0), &proof(12));
    state.recorder().discard(file_id(1, 1), &proof(11));
    let removed = vec![(hash(3), "t3".to_owned())];
    state.recorder().record(&Changes { removed, ..Changes::default() }, Vec::new(), times(AT + 1));
    state.close().await;
    let (_state, known) = fixture.open().await;
    assert_eq!(known.proofs, [(file_id(1, 0), proof(10)), (file_id(2, 0), proof(20))]);
}

#[tokio::test]
async fn details_are_kept_as_they_come() {
    let dir = tempfile::tempdir().unwrap();
    let (state, _known) = ServerState::open(dir.path(), identity()).await.unwrap();
    let recorder = state.recorder();
    recorder.record_details(vec![without_metadata(7, "t7", 1), details(8)]);
    state.close().await;
    // Without a tree: neither torrent was ever shown.
    let (state, mut known) = ServerState::open(dir.path(), identity()).await.unwrap();
    known.early.sort_by_key(|details| details.info_hash);
    let want =
        KnownTree { early: vec![without_metadata(7, "t7", 1), details(8)], ..KnownTree::default() };
    assert_eq!(known, want);
    assert_eq!(state.recorder().details(vec![hash(8)]).await, [details(8)]);
    // The metadata of one torrent arrived; the request for the other failed.
    let complete = TorrentDetails { created: Some(5), ..details(7) };
    state.recorder().record_details(vec![complete.clone(), without_metadata(8, "t8", 1)]);
    state.recorder().record(&added(&[7], ""), Vec::new(), times(AT));
    state.close().await;
    let (_state, known) = ServerState::open(dir.path(), identity()).await.unwrap();
    assert_eq!((known.details, known.early), (vec![complete], vec![details(8)]));
}

#[tokio::test]
async fn torrents_without_metadata_are_kept() {
    let fixture = Fixture::new().await;
    let (state, _known) = fixture.open().await;
    state.recorder().record(&added(&[7], ""), vec![without_metadata(7, "t7", 1)], times(AT));
    state.close().await;
    let (_state, known) = fixture.open().await;
    assert_eq!((known.remembered.len(), known.listing.len()), (4, 4));
    assert_eq!(known.details.last(), Some(&without_metadata(7, "t7", 1)));
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_further_changes() {
    let fixture = Fixture::new().await;
    let (state, _known) = fixture.open().await;
    let start = Instant::now();
    state.recorder().record_progress(vec![summary(1, &[9, 20])]);
    // The writer begins to wait for further changes.
    tokio::task::yield_now().await;
    state.close().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let (_state, known) = fixture.open().await;
    assert_eq!(known.listing[0].file_progress.as_deref(), Some(&[9, 20][..]));
}

#[tokio::test]
async fn absences_are_known_again() {
    let fixture = Fixture::new().await;
    let (state, known) = fixture.open().await;
    assert_eq!(known.absences, Absences::default());
    let absences =
        Absences { run_began_at: Some(AT), missing: vec![(hash(1), AT + 1), (hash(3), AT + 2)] };
    for absences in [Absences::default(), absences.clone()] {
        state.recorder().record_absences(absences);
    }
    state.close().await;
    let (_state, known) = fixture.open().await;
    assert_eq!(known.absences, absences);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_written_later() {
    let fixture = Fixture::new().await;
    let (state, _known) = fixture.open().await;
    // A directory at the path of the lock: this fails for root too.
    fs::remove_file(fixture.path("lock")).unwrap();
    fs::create_dir(fixture.path("lock")).unwrap();
    for (id, at) in [(7, AT + 1), (8, AT + 2), (7, AT + 3)] {
        state.recorder().record(&added(&[id], ""), vec![details(id)], times(at));
        pass(COALESCE_TIME * 2).await;
    }
    fs::remove_dir(fixture.path("lock")).unwrap();
    pass(RETRY_INTERVAL * 2).await;
    state.close().await;
    let (_state, known) = fixture.open().await;
    assert_eq!(known.remembered.len(), 5);
    assert_eq!(known.changed_at, Some(AT + 3));
}

#[tokio::test]
async fn a_directory_that_cannot_be_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(ServerState::open(&file, identity()).await.is_err());
}
