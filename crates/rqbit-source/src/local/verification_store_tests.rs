//! Persisted verifications, and files that have changed since.

use std::fs;
use std::path::Path;

use rqbit_client::{ClientConfig, wire};
use tokio::sync::mpsc;
use vfs_core::{Bitfield, ByteRange, FileIndex, Geometry};

use super::identity::SETTLED_AGE_MIN;
use super::*;
use crate::TORRENT_TTL_DEFAULT;

const BYTES: &[u8] = b"the bytes of a film";

const FILE: FileId = FileId { torrent: InfoHash::from_bytes([7; 20]), index: FileIndex(1) };

/// A store that reports its calls to the test.
#[derive(Debug)]
struct StoreReports(mpsc::UnboundedSender<(&'static str, VerifiedFileRecord)>);

impl VerificationStore for StoreReports {
    fn keep(&self, file: FileId, proof: &VerifiedFileRecord) {
        assert_eq!(file, FILE);
        self.0.send(("keep", proof.clone())).unwrap();
    }

    fn discard(&self, file: FileId, proof: &VerifiedFileRecord) {
        assert_eq!(file, FILE);
        self.0.send(("discard", proof.clone())).unwrap();
    }
}

/// A file that was verified in an earlier run, and an unreachable server.
struct Fixture {
    dir: tempfile::TempDir,
    proof: VerifiedFileRecord,
    files: LocalFiles,
    told: mpsc::UnboundedReceiver<(&'static str, VerifiedFileRecord)>,
}

impl Fixture {
    fn new() -> Self {
        Self::with(|dir| (LocalPaths::Auto, dir.to_str().unwrap().to_owned(), "d/film"))
    }

    /// Returns a file whose record has some folder of the server.
    fn with(kept: impl FnOnce(&Path) -> (LocalPaths, String, &'static str)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/film"), BYTES).unwrap();
        let identity = identity(&dir.path().join("d/film"));
        let (paths, folder, below) = kept(dir.path());
        let proof = VerifiedFileRecord { folder, below: below.to_owned(), identity };
        let (sender, told) = mpsc::unbounded_channel();
        let files = LocalFiles::new(paths, TORRENT_TTL_DEFAULT).presuming(true);
        let files = files.keeping([(FILE, proof.clone())], Arc::new(StoreReports(sender)));
        Self { dir, proof, files, told }
    }

    async fn find(&self) -> Result<Arc<dyn LocalFile>, NoLocalFile> {
        let client = Client::new(ClientConfig::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
        let geometry = Geometry { file_offset: 0, piece_len: 16384.try_into().unwrap() };
        let len = BYTES.len() as u64;
        let wanted =
            LocalWanted { len, geometry, pieces: LocalPieces::All, proven: None, may_verify: true };
        self.files.find(&client, FILE, wanted).await
    }

    /// Returns the store's call since the last check.
    fn told(&mut self) -> Option<&'static str> {
        self.told.try_recv().ok().map(|(word, proof)| {
            assert_eq!(proof, self.proof);
            word
        })
    }
}

fn identity(path: &Path) -> FileIdentity {
    identity_of(&fs::File::open(path).unwrap().into()).unwrap()
}

fn whole() -> ByteRange {
    ByteRange::clamped(0, u64::MAX, BYTES.len() as u64)
}

#[tokio::test]
async fn a_file_is_read_on_the_word_of_an_earlier_run() {
    let mut f = Fixture::new();
    assert!(f.files.is_known(FILE));
    for _ in 0..2 {
        let found = f.find().await.unwrap();
        assert_eq!(found.read(whole()).unwrap(), BYTES);
        assert!(found.descriptor().is_some());
    }
    assert_eq!(f.told(), None);
}

/// The kernel's reads of a passthrough file are not checked afterwards.
#[tokio::test]
async fn a_file_that_changed_while_it_was_open_is_not_handed_to_the_kernel() {
    let f = Fixture::new();
    let found = f.find().await.unwrap();
    assert!(found.descriptor().is_some());
    let path = f.dir.path().join("d/film");
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert!(found.descriptor().is_none());
}

#[tokio::test]
async fn a_file_with_another_identity_is_not() {
    let others: [fn(&mut FileIdentity); 4] =
        [|it| it.dev ^= 1, |it| it.ino ^= 1, |it| it.modified.1 ^= 1, |it| it.changed.0 -= 1];
    for (n, change) in others.into_iter().enumerate() {
        let mut f = Fixture::new();
        change(&mut f.proof.identity);
        let (sender, told) = mpsc::unbounded_channel();
        let kept = [(FILE, f.proof.clone())];
        f.files = f.files.keeping(kept, Arc::new(StoreReports(sender)));
        f.told = told;
        assert!(matches!(f.find().await, Err(NoLocalFile::Changed)), "{n}");
        assert_eq!(f.told(), Some("discard"), "{n}");
        // Then it needs a verification like any other, and the server is unreachable.
        assert!(!f.files.is_known(FILE));
        assert!(matches!(f.find().await, Err(NoLocalFile::Unknown(_))), "{n}");
    }
}

#[tokio::test]
async fn a_file_of_another_length_or_none_is_not() {
    for bytes in [Some(&BYTES[1..]), None] {
        let mut f = Fixture::new();
        let path = f.dir.path().join("d/film");
        fs::remove_file(&path).unwrap();
        if let Some(bytes) = bytes {
            fs::write(&path, bytes).unwrap();
        }
        assert!(matches!(f.find().await, Err(NoLocalFile::Changed)));
        // Another disk may be there in the next run.
        assert_eq!(f.told(), None);
        assert!(!f.files.is_known(FILE));
    }
}

#[tokio::test]
async fn the_settings_of_today_say_where_the_file_is() {
    let mapped = |dir: &Path| LocalPaths::Mapped(vec![("/downloads".into(), dir.to_owned())]);
    let f = Fixture::with(|dir| (mapped(dir), "/downloads".to_owned(), "d/film"));
    assert_eq!(f.find().await.unwrap().read(whole()).unwrap(), BYTES);
    // Folders that the settings do not cover are not used, and no path leads out of the folder.
    let own = |dir: &Path| dir.to_str().unwrap().to_owned();
    let f = Fixture::with(|dir| (mapped(dir), own(dir), "d/film"));
    assert!(matches!(f.find().await, Err(NoLocalFile::Changed)));
    let f = Fixture::with(|dir| (LocalPaths::Auto, own(&dir.join("d")), "../d/film"));
    assert!(matches!(f.find().await, Err(NoLocalFile::Changed)));
    let f = Fixture::with(|dir| (LocalPaths::Off, own(dir), "d/film"));
    assert!(!f.files.is_known(FILE));
    assert!(matches!(f.find().await, Err(NoLocalFile::Off)));
}

#[tokio::test]
async fn what_is_not_complete_takes_a_proof() {
    let f = Fixture::new();
    let geometry = Geometry { file_offset: 0, piece_len: 16384.try_into().unwrap() };
    let pieces = LocalPieces::Some(Bitfield::from_fn(1, |_| true).unwrap());
    let wanted =
        LocalWanted { len: BYTES.len() as u64, geometry, pieces, proven: None, may_verify: true };
    let client = Client::new(ClientConfig::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
    let found = f.files.find(&client, FILE, wanted).await;
    assert!(matches!(found, Err(NoLocalFile::Unknown(_))));
}

#[tokio::test(start_paused = true)]
async fn a_proof_is_kept_when_another_change_is_sure_to_show() {
    let mut f = Fixture::new();
    let path = f.dir.path().join("d/film");
    let open = |identity| {
        let fd = fs::File::open(&path).unwrap().into();
        Arc::new(ProvenFile::new(fd, identity, true, &Arc::default()))
    };
    // The file has just been created.
    f.files.keep(FILE, &open(f.proof.identity), f.proof.clone());
    assert_eq!(f.told(), None);
    assert_eq!(f.told.recv().await.unwrap().0, "keep");
    // A file that changes meanwhile is not persisted.
    let identity = FileIdentity { modified: (0, 0), ..f.proof.identity };
    f.files.keep(FILE, &open(identity), VerifiedFileRecord { identity, ..f.proof.clone() });
    let settling = std::mem::take(&mut *f.files.settling.lock().unwrap());
    settling.join_all().await;
    assert_eq!(f.told(), None);
    // A file without recent changes is persisted at once, whatever happens to it later.
    let long_ago = FileIdentity { changed: (1, 0), ..f.proof.identity };
    f.files.keep(
        FILE,
        &open(long_ago),
        VerifiedFileRecord { identity: long_ago, ..f.proof.clone() },
    );
    assert_eq!(f.told.recv().await.unwrap().0, "keep");
}

#[test]
fn nobody_can_tell_when_a_file_from_the_future_settles() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let settles = |changed, now| {
        let identity = FileIdentity { dev: 1, ino: 1, len: 1, modified: (0, 0), changed };
        identity.settles_in(at(now))
    };
    assert_eq!(settles((100, 0), 100), Some(SETTLED_AGE_MIN));
    assert_eq!(settles((100, 500_000_000), 101), Some(Duration::from_millis(1500)));
    assert_eq!(settles((100, 0), 102), Some(Duration::ZERO));
    assert_eq!(settles((100, 0), 5000), Some(Duration::ZERO));
    assert_eq!(settles((100, 1), 100), None);
    assert_eq!(settles((-1, 0), 100), None);
    assert_eq!(settles((i64::MAX, u64::MAX), 100), None);
}

#[tokio::test]
async fn the_server_has_the_last_word() {
    let details = |folder: &str, path: &str, len: usize| -> wire::TorrentDetails {
        let hash = FILE.torrent;
        let files = format!(
            "{{\"components\":[\"a\"],\"length\":1}},{{\"components\":{path},\"length\":{len}}}"
        );
        let json = format!(
            "{{\"info_hash\":\"{hash}\",\"output_folder\":{folder:?},\"files\":[{files}]}}"
        );
        serde_json::from_str(&json).unwrap()
    };
    let (right, len) = ("[\"d\",\"film\"]", BYTES.len());
    for (moved_to, path, len, is_right) in [
        (None, right, len, true),
        (Some("/elsewhere"), right, len, false),
        (None, "[\"film\"]", len, false),
        (None, "[\"..\"]", len, false),
        (None, right, len + 1, false),
    ] {
        let mut f = Fixture::new();
        assert_eq!(f.files.memory().to_confirm(), []);
        let found = f.find().await.unwrap();
        let to_confirm = f.files.memory().to_confirm();
        assert_eq!(to_confirm.len(), 1);
        let folder = f.proof.folder.clone();
        f.files.compare(&details(moved_to.unwrap_or(&folder), path, len), &to_confirm);
        assert_eq!(found.read(whole()).is_ok(), is_right, "{moved_to:?} {path}");
        assert_eq!(found.descriptor().is_some(), is_right);
        assert_eq!(f.told(), (!is_right).then_some("discard"));
        assert_eq!(f.files.is_known(FILE), is_right);
        // The server is queried once.
        drop(f.find().await);
        assert_eq!(f.files.memory().to_confirm(), []);
    }
    // A removed torrent is dropped, and existing handles can still be read.
    let f = Fixture::new();
    let found = f.find().await.unwrap();
    f.files.forget(&[FILE.torrent]);
    assert!(found.read(whole()).is_ok() && !f.files.is_known(FILE));
}

/// Such a server could make tfs compare any local file with hashes of its choice, and learn from
/// its reads which match.
#[tokio::test]
async fn the_paths_of_a_server_elsewhere_are_not_looked_at() {
    let mapped = |dir: &Path| LocalPaths::Mapped(vec![("/downloads".into(), dir.to_owned())]);
    let folder = |dir: &Path| dir.to_str().unwrap().to_owned();
    let mut f = Fixture::with(|dir| (LocalPaths::Auto, folder(dir), "d/film"));
    assert!(f.find().await.is_ok());
    f.files = f.files.presuming(false);
    let refused = f.find().await.map(drop).unwrap_err();
    let want = "the server is not at an address of this machine, and `local_paths` maps no folders";
    assert!(refused.to_string().ends_with(want), "{refused}");
    // Existing verifications stay, for a server that turns out to be on this machine.
    assert_eq!(f.told(), None);
    f.files = f.files.presuming(true);
    assert!(f.find().await.is_ok());
    // An explicit pair maps the folders wherever the server is.
    let f = Fixture::with(|dir| (mapped(dir), "/downloads".to_owned(), "d/film"));
    let files = Fixture { files: f.files.presuming(false), ..f };
    assert!(files.find().await.is_ok());
}
