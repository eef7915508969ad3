//! Drops that wait for their server, and the names of torrents, on disk.
//!
//! ```text
//! drops/NUMBER.drop   one line of JSON, then the bytes of the file
//! drops/names.json    the names that torrents were given
//! ```
//!
//! All functions block on the disk.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tfs_drop::limits::{DRAFTS_MAX, FILE_BYTES_MAX};
use tfs_drop::{DropKind, KeptName};
use tfs_state::make_private_below;
use vfs_core::InfoHash;

/// Version of both formats.
const VERSION: u32 = 1;

/// The end of the files of drops.
const END: &str = "drop";

/// The file of names.
const NAMES: &str = "names.json";

/// Maximum size of the first line, in bytes: a name of 255 bytes, escaped.
const HEAD_BYTES_MAX: usize = 4096;

/// Maximum size of the file of names: a hundred thousand names.
const NAMES_BYTES_MAX: u64 = 64 << 20;

/// The directory of the drops of one server.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
    next: AtomicU64,
}

/// A drop in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spooled {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) is_paused: bool,
    pub(super) kind: DropKind,
    pub(super) bytes: Vec<u8>,
}

/// The first line of a drop.
#[derive(Debug, Serialize, Deserialize)]
struct SpoolHead {
    version: u32,
    name: String,
    paused: bool,
    kind: SpoolKind,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SpoolKind {
    Torrent,
    Links,
    Shortcut,
}

/// The file of names.
#[derive(Debug, Serialize, Deserialize)]
struct SpoolNames {
    version: u32,
    torrents: Vec<SpoolName>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SpoolName {
    info_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default)]
    paused: bool,
}

impl Spool {
    /// Opens the directory for the drops of a server, below the state directory.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn open(state_dir: &Path, dir: PathBuf) -> io::Result<Self> {
        make_private_below(state_dir, &dir)?;
        Ok(Self { dir, next: AtomicU64::new(0) })
    }

    /// Writes a drop, and returns its file once it is on the disk.
    ///
    /// # Errors
    /// Those of the system; then there is no file.
    pub(super) fn save(
        &self,
        name: &str,
        is_paused: bool,
        kind: DropKind,
        bytes: &[u8],
    ) -> io::Result<PathBuf> {
        let head = SpoolHead {
            version: VERSION,
            name: name.to_owned(),
            paused: is_paused,
            kind: match kind {
                DropKind::Torrent => SpoolKind::Torrent,
                DropKind::Links => SpoolKind::Links,
                DropKind::Shortcut => SpoolKind::Shortcut,
            },
        };
        let mut text = serde_json::to_vec(&head)?;
        text.push(b'\n');
        text.extend_from_slice(bytes);
        // Other mounts of this server have the same directory.
        let process = std::process::id();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path =
            self.dir.join(format!("{process}-{number}-{:016x}.{END}", tfs_types::fnv1a(&text)));
        self.replace(&path, &text)?;
        Ok(path)
    }

    /// Returns all drops, oldest first. Unreadable files are reported and left alone.
    pub(super) fn load(&self) -> Vec<Spooled> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|end| end == END))
            .map(|path| (fs::metadata(&path).and_then(|it| it.modified()).ok(), path))
            .collect();
        paths.sort();
        if paths.len() > DRAFTS_MAX {
            let count = paths.len();
            tracing::warn!(count, dir = %self.dir.display(), "too many drops; some have to wait");
        }
        let drops = paths.into_iter().take(DRAFTS_MAX).filter_map(|(_, path)| {
            read_drop(&path)
                .inspect_err(|error| {
                    tracing::warn!(path = %path.display(), %error, "a drop cannot be read");
                })
                .ok()
        });
        drops.collect()
    }

    /// Reads the names.
    pub(super) fn load_names(&self) -> HashMap<InfoHash, KeptName> {
        let path = self.dir.join(NAMES);
        match read_names(&path) {
            Ok(names) => names,
            Err(error) if error.kind() == ErrorKind::NotFound => HashMap::new(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the names of drops are lost");
                HashMap::new()
            }
        }
    }

    /// Writes the names.
    ///
    /// # Errors
    /// Those of the system; the old names stay.
    pub(super) fn save_names(&self, names: &HashMap<InfoHash, KeptName>) -> io::Result<()> {
        let name = |(info_hash, kept): (&InfoHash, &KeptName)| SpoolName {
            info_hash: info_hash.to_string(),
            name: kept.name.clone(),
            paused: kept.is_paused,
        };
        let names = SpoolNames { version: VERSION, torrents: names.iter().map(name).collect() };
        self.replace(&self.dir.join(NAMES), &serde_json::to_vec(&names)?)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = path.with_extension("new");
        let written = write(&new, bytes).and_then(|()| fs::rename(&new, path));
        if written.is_err() {
            // A half-written file would take space that the disk may lack.
            drop(fs::remove_file(&new));
        }
        written?;
        // The rename has to be on the disk too.
        File::open(&self.dir)?.sync_all()
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes a drop.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a drop cannot be removed");
    }
}

fn read_drop(path: &Path) -> io::Result<Spooled> {
    let damaged = |reason: &str| io::Error::new(ErrorKind::InvalidData, reason);
    let limit = FILE_BYTES_MAX + HEAD_BYTES_MAX;
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(damaged("it is too large"));
    }
    let end =
        bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("no first line"))?;
    let (head, bytes) = bytes.split_at(end);
    let head: SpoolHead = serde_json::from_slice(head)?;
    if head.version != VERSION {
        return Err(damaged("another version of tfs wrote it"));
    }
    Ok(Spooled {
        path: path.to_owned(),
        name: head.name,
        is_paused: head.paused,
        kind: match head.kind {
            SpoolKind::Torrent => DropKind::Torrent,
            SpoolKind::Links => DropKind::Links,
            SpoolKind::Shortcut => DropKind::Shortcut,
        },
        bytes: bytes.get(1..).unwrap_or_default().to_vec(),
    })
}

fn read_names(path: &Path) -> io::Result<HashMap<InfoHash, KeptName>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(NAMES_BYTES_MAX).read_to_end(&mut bytes)?;
    let names: SpoolNames = serde_json::from_slice(&bytes)?;
    if names.version != VERSION {
        return Err(io::Error::new(ErrorKind::InvalidData, "another version of tfs wrote it"));
    }
    let names = names.torrents.into_iter().filter_map(|torrent| {
        let SpoolName { info_hash, name, paused } = torrent;
        Some((info_hash.parse().ok()?, KeptName { name, is_paused: paused }))
    });
    Ok(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(dir: &Path) -> Spool {
        Spool::open(dir, dir.join("servers/x/drops")).unwrap()
    }

    #[test]
    fn what_is_saved_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let kept = spool(dir.path());
        assert_eq!(kept.load(), []);
        let path = kept.save("a \"b\".torrent", true, DropKind::Torrent, b"d\n\0e").unwrap();
        let other = kept.save("a \"b\".torrent", true, DropKind::Torrent, b"d\n\0e").unwrap();
        assert_ne!(path, other);
        remove(&other);
        remove(&other);
        let again = spool(dir.path());
        let want = Spooled {
            path,
            name: "a \"b\".torrent".to_owned(),
            is_paused: true,
            kind: DropKind::Torrent,
            bytes: b"d\n\0e".to_vec(),
        };
        assert_eq!(again.load(), [want]);
        let hash: InfoHash = "ab".repeat(20).parse().unwrap();
        let name = KeptName { name: Some("x".to_owned()), is_paused: false };
        let names = HashMap::from([(hash, name)]);
        assert!(again.load_names().is_empty());
        again.save_names(&names).unwrap();
        assert_eq!(again.load_names(), names);
    }

    #[test]
    fn what_is_damaged_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool(dir.path());
        let path = |name: &str| spool.dir.join(name);
        fs::write(path("1.drop"), "no line").unwrap();
        fs::write(path("2.drop"), "{}\nbytes").unwrap();
        let newer = "{\"version\":9,\"name\":\"x\",\"paused\":false,\"kind\":\"links\"}\n";
        fs::write(path("3.drop"), newer).unwrap();
        File::create(path("4.drop")).unwrap().set_len(1 << 40).unwrap();
        fs::write(path(NAMES), "[]").unwrap();
        assert_eq!(spool.load(), []);
        assert!(spool.load_names().is_empty());
        assert_eq!(fs::read_dir(&spool.dir).unwrap().count(), 5);
    }
}
