//! The torrents of the soak, and their files known to readers.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tfs_testkit::content::Content;
use tfs_testkit::random::Random;
use tfs_testkit::swarm::{Swarm, SwarmBuilder, SwarmTorrent, TorrentSpec};

use super::task::ReadMethod;
use crate::mount::TfsMount;
use crate::rqbits::{MIB, film};

/// The prefix of guests, torrents that come and go. The permanent torrents are named as below.
pub(super) const GUEST: &str = "new";

/// The length of a guest's film, so that there is always missing data to wait for.
const GUEST_BYTES: u64 = 24 * MIB;

/// The number of guests at a time.
pub(super) const GUESTS: u64 = 3;

/// One file.
#[derive(Debug, Clone)]
pub(super) struct KnownFile {
    /// Its path, in a mount or relative to the root of any.
    pub(super) path: PathBuf,
    pub(super) content: Content,
    /// Whether its torrent is removed at some time.
    pub(super) is_guest: bool,
}

/// The contents by path, for mounts with the same files.
#[derive(Debug)]
pub(super) struct SoakLibrary {
    roots: Vec<PathBuf>,
    /// URLs of the same files over WebDAV and NFS.
    web_roots: Vec<PathBuf>,
    nfs_roots: Vec<PathBuf>,
    /// Relative to the root of a mount. Changed when torrents come and go; held for one statement.
    files: Mutex<Vec<KnownFile>>,
}

/// Returns the initial torrents.
pub(super) fn torrents() -> SwarmBuilder {
    let episodes =
        (1..=6).map(|number| (format!("s01/e0{number}.bin"), Content::new(100 + number, 8 * MIB)));
    let small = (0..200)
        .map(|number| (format!("{number:03}.bin"), Content::new(200 + number, 1 + number * 211)));
    let builder = Swarm::builder()
        .torrent(film("film.bin", 1, 48 * MIB))
        .torrent(TorrentSpec::directory("series", episodes))
        .torrent(TorrentSpec::directory("small", small))
        .torrent(TorrentSpec::odd("odd", 500));
    (0..GUESTS).fold(builder, |builder, number| builder.torrent(guest(number)))
}

/// Returns a torrent that comes and goes: a film and another file.
pub(super) fn guest(number: u64) -> TorrentSpec {
    let files = [("film.bin", GUEST_BYTES), ("extra.bin", GUEST_BYTES / 4), ("note.txt", 700)];
    let files = (1000 + 10 * number..).zip(files);
    let files = files.map(|(seed, (name, len))| (name, Content::new(seed, len)));
    TorrentSpec::directory(format!("{GUEST}-{number}"), files)
}

/// Returns whether a torrent is a guest.
pub(super) fn is_guest(torrent: &SwarmTorrent) -> bool {
    torrent.name.starts_with(GUEST)
}

impl SoakLibrary {
    pub(super) fn new(mounts: &[TfsMount], torrents: &[SwarmTorrent]) -> Self {
        let fronts = |kind| mounts.iter().map(|mount| mount.front_url(kind).into()).collect();
        let library = Self {
            roots: mounts.iter().map(|mount| mount.path.clone()).collect(),
            web_roots: fronts("webdav"),
            nfs_roots: fronts("nfs"),
            files: Mutex::default(),
        };
        torrents.iter().for_each(|torrent| library.add(torrent));
        library
    }

    pub(super) fn add(&self, torrent: &SwarmTorrent) {
        // A torrent that is one file has no folder.
        let is_file = matches!(torrent.files.as_slice(), [file] if file.path() == torrent.name);
        let folder = if is_file { Path::new("") } else { Path::new(&torrent.name) };
        let files = torrent.files.iter().map(|file| KnownFile {
            // A name in `odd` looks like an escaped one, see docs/reference/names.md.
            path: folder.join(file.path().replace("%41", "%2541")),
            content: file.content,
            is_guest: is_guest(torrent),
        });
        self.lock().extend(files);
    }

    pub(super) fn remove(&self, torrent: &SwarmTorrent) {
        self.lock().retain(|file| !file.path.starts_with(&torrent.name));
    }

    /// Returns the root of one of the mounts.
    pub(super) fn root(&self, random: &mut Random) -> &Path {
        random.pick(&self.roots).unwrap()
    }

    /// Returns a file in one of the mounts, as readers by a method address it.
    pub(super) fn pick(&self, random: &mut Random, way: ReadMethod) -> KnownFile {
        let files = self.lock().clone();
        // Small files are numerous: without this, almost only they would be read.
        let large: Vec<_> = files.iter().filter(|file| file.content.len() > MIB).cloned().collect();
        let choices = if random.chance(75) { &large } else { &files };
        let known = random.pick(choices).unwrap().clone();
        let roots = match way {
            ReadMethod::WebRanges | ReadMethod::WebWhole => &self.web_roots,
            ReadMethod::Nfs => &self.nfs_roots,
            ReadMethod::Sequential
            | ReadMethod::Random
            | ReadMethod::Mapped
            | ReadMethod::Direct
            | ReadMethod::Sent
            | ReadMethod::Shared
            | ReadMethod::Brief
            | ReadMethod::Walk => &self.roots,
        };
        KnownFile { path: random.pick(roots).unwrap().join(&known.path), ..known }
    }

    /// Returns the current files, in every mount.
    pub(super) fn files(&self) -> Vec<KnownFile> {
        let files = self.lock().clone();
        let in_mount = |root: &PathBuf| {
            let root = root.clone();
            let files = files.clone().into_iter();
            files.map(move |known| KnownFile { path: root.join(&known.path), ..known })
        };
        self.roots.iter().flat_map(in_mount).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<KnownFile>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
