//! Effects of a server's file check on verifications.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rqbit_client::ClientConfig;
use tokio::sync::mpsc;
use vfs_core::{FileIndex, TorrentState};

use super::super::VerificationStore;
use super::super::identity::FileIdentity;
use super::super::layout::tests::layout;
use super::*;
use crate::TORRENT_TTL_DEFAULT;

const BYTES: &[u8] = b"the bytes of a film";

const FILE: FileId = FileId { torrent: InfoHash::from_bytes([7; 20]), index: FileIndex(1) };

/// A store that reports its calls to the test.
#[derive(Debug)]
struct RenewReports(mpsc::UnboundedSender<(&'static str, VerifiedFileRecord)>);

impl VerificationStore for RenewReports {
    fn keep(&self, _file: FileId, proof: &VerifiedFileRecord) {
        self.0.send(("keep", proof.clone())).unwrap();
    }

    fn discard(&self, _file: FileId, proof: &VerifiedFileRecord) {
        self.0.send(("discard", proof.clone())).unwrap();
    }
}

/// A file that was verified some time ago.
struct Fixture {
    path: PathBuf,
    files: Arc<LocalFiles>,
    told: mpsc::UnboundedReceiver<(&'static str, VerifiedFileRecord)>,
    _dir: tempfile::TempDir,
}

fn identity(path: &Path) -> FileIdentity {
    identity_of(&fs::File::open(path).unwrap().into()).unwrap()
}

impl Fixture {
    /// Returns a file whose times have changed since, as after a check by rqbit.
    fn touched() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        let path = dir.path().join("d/film");
        fs::write(dir.path().join("a"), b"1").unwrap();
        fs::write(&path, BYTES).unwrap();
        let folder = dir.path().to_str().unwrap().to_owned();
        let mut identity = identity(&path);
        identity.modified.0 -= 100;
        identity.changed.0 -= 100;
        let below = "d/film".to_owned();
        let proof = VerifiedFileRecord { folder: folder.clone(), below, identity };
        let (sender, told) = mpsc::unbounded_channel();
        let files = LocalFiles::new(LocalPaths::Auto, TORRENT_TTL_DEFAULT).presuming(true);
        let files = files.keeping([(FILE, proof)], Arc::new(RenewReports(sender)));
        let layout = layout(&folder, 4, &[("a", b"1"), ("d/film", BYTES)]);
        files.memory().keep(FILE.torrent, Arc::new(layout));
        Self { path, files: Arc::new(files), told, _dir: dir }
    }

    /// Processes a listing, and waits for its effects.
    async fn list(&self, state: TorrentState, file_progress: Option<&[u64]>) {
        let client = Client::new(ClientConfig::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
        let summary = TorrentSummary {
            info_hash: FILE.torrent,
            added_order: 0,
            is_resolved: true,
            is_listed: true,
            state,
            file_progress: file_progress.map(Into::into),
        };
        self.files.confirm(&client, &[summary], |_| true).await;
        let renewing = std::mem::take(&mut *lock(&self.files.renewing));
        renewing.join_all().await;
    }

    fn known(&self) -> Option<FileIdentity> {
        self.files.memory().proof(FILE).map(|proof| proof.identity)
    }
}

const ALL: &[u64] = &[1, BYTES.len() as u64];

/// The lengths of all files are set again at the end of each check (librqbit 9.1.0,
/// `torrent_state/initializing.rs`).
#[tokio::test(start_paused = true)]
async fn a_file_that_the_server_has_checked_is_verified_again() {
    let mut f = Fixture::touched();
    let before = f.known();
    f.list(TorrentState::Initializing, None).await;
    assert_eq!(f.known(), before);
    f.list(TorrentState::Live, Some(ALL)).await;
    assert_eq!(f.known(), Some(identity(&f.path)));
    let (word, proof) = f.told.recv().await.unwrap();
    assert_eq!((word, proof.identity), ("keep", identity(&f.path)));
    // Only the end of a check causes a comparison.
    fs::File::options()
        .write(true)
        .open(&f.path)
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH)
        .unwrap();
    let renewed = f.known();
    f.list(TorrentState::Live, Some(ALL)).await;
    assert_eq!(f.known(), renewed);
    f.list(TorrentState::Initializing, None).await;
    f.list(TorrentState::Paused, Some(ALL)).await;
    assert_eq!(f.known(), Some(identity(&f.path)));
}

#[tokio::test(start_paused = true)]
async fn other_bytes_or_another_file_are_not() {
    let mut f = Fixture::touched();
    let before = f.known();
    fs::write(&f.path, vec![7; BYTES.len()]).unwrap();
    f.list(TorrentState::Live, Some(ALL)).await;
    assert_eq!(f.known(), before, "it does not hold, but is not replaced");
    assert!(f.told.try_recv().is_err());

    let mut f = Fixture::touched();
    let other = f.path.with_extension("new");
    fs::write(&other, BYTES).unwrap();
    fs::rename(&other, &f.path).unwrap();
    f.list(TorrentState::Live, Some(ALL)).await;
    assert_eq!(f.known(), None);
    assert_eq!(f.told.try_recv().unwrap().0, "discard");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_fails_the_check_is_verified_no_more() {
    for progress in [&[1, 18][..], &[1], &[]] {
        let mut f = Fixture::touched();
        for state in [TorrentState::Initializing, TorrentState::Failed] {
            f.list(state, None).await;
            assert!(f.known().is_some());
        }
        // Also if the listing is from a check still in progress.
        f.list(TorrentState::Live, None).await;
        assert!(f.known().is_some());
        f.list(TorrentState::Live, Some(progress)).await;
        assert_eq!(f.known(), None, "{progress:?}");
        assert_eq!(f.told.try_recv().unwrap().0, "discard");
    }
}

#[tokio::test]
async fn a_file_whose_disk_is_away_is_known_again_later() {
    let f = Fixture::touched();
    let known = f.files.memory().proof(FILE).unwrap();
    let mut memory = f.files.memory();
    memory.on_absent(FILE, &known, Instant::now());
    assert!(!memory.is_known(FILE));
    let long_ago = Instant::now().checked_sub(Duration::from_secs(61)).unwrap();
    memory.on_absent(FILE, &known, long_ago);
    // A record that is not the current one has no effect.
    memory.on_absent(FILE, &Arc::new(known.as_ref().clone()), Instant::now());
    assert!(memory.is_known(FILE));
}
