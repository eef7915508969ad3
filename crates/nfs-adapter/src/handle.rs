//! File handles with a MAC.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use vfs_core::Ino;

/// The first bytes of each handle: the format of the rest. It changes with the format, and with the
/// meaning of inode numbers.
const GENERATION: [u8; 4] = *b"tfs1";

/// Length of a MAC in a handle: a guess succeeds once in 2^128 calls.
const MAC_BYTES: usize = 16;

/// Length of a handle in bytes.
pub(crate) const HANDLE_BYTES: usize = GENERATION.len() + size_of::<u64>() + MAC_BYTES;

/// Makes and checks file handles. A handle is a fixed generation, an inode number and a MAC of both
/// under a key of the exported path: a client without the path cannot make one. Inode numbers
/// stay the same across restarts, and so do handles.
#[derive(Clone)]
pub(crate) struct FileHandles {
    handles: Hmac<Sha256>,
    paths: Hmac<Sha256>,
    /// The exported path.
    path: String,
    /// The identity of the filesystem: the same after a restart.
    pub(crate) fsid: u64,
}

impl FileHandles {
    /// Returns the handles of an exported path.
    pub(crate) fn new(key: &[u8; 32], path: &str) -> Self {
        let derived = |purpose: &str| {
            let mut mac = keyed(key);
            mac.update(purpose.as_bytes());
            mac.update(path.as_bytes());
            <[u8; 32]>::from(mac.finalize().into_bytes())
        };
        let fsid = derived("tfs nfs fsid ").first_chunk().copied().unwrap_or_default();
        Self {
            handles: keyed(&derived("tfs nfs handle ")),
            paths: keyed(&derived("tfs nfs path ")),
            path: path.to_owned(),
            fsid: u64::from_be_bytes(fsid),
        }
    }

    /// Returns the handle of a node.
    pub(crate) fn of(&self, ino: Ino) -> [u8; HANDLE_BYTES] {
        let mac = self.mac(ino).finalize().into_bytes();
        let parts = GENERATION.into_iter().chain(ino.0.to_be_bytes()).chain(mac);
        let mut handle = [0; HANDLE_BYTES];
        handle.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        handle
    }

    /// Returns the node of a handle that this server, or an earlier one with the same key and path,
    /// has made.
    pub(crate) fn ino(&self, handle: &[u8]) -> Option<Ino> {
        let handle = <&[u8; HANDLE_BYTES]>::try_from(handle).ok()?;
        let (ino, mac) = handle.strip_prefix(&GENERATION)?.split_first_chunk()?;
        let ino = Ino(u64::from_be_bytes(*ino));
        self.mac(ino).verify_truncated_left(mac).is_ok().then_some(ino)
    }

    /// Returns the part of a mounted path below the exported one, or `None` if it is elsewhere.
    /// Takes the same time for each path of the same length: a path can be a secret.
    pub(crate) fn below<'a>(&self, mounted: &'a [u8]) -> Option<&'a [u8]> {
        let exported = self.path.trim_end_matches('/').as_bytes();
        let (prefix, below) = mounted.split_at_checked(exported.len())?;
        let mut wanted = self.paths.clone();
        wanted.update(exported);
        let mut got = self.paths.clone();
        got.update(prefix);
        got.verify(&wanted.finalize().into_bytes()).ok()?;
        matches!(below.first(), None | Some(b'/')).then_some(below)
    }

    fn mac(&self, ino: Ino) -> Hmac<Sha256> {
        let mut mac = self.handles.clone();
        mac.update(&GENERATION);
        mac.update(&ino.0.to_be_bytes());
        mac
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // No length of a key is invalid.
    Hmac::new_from_slice(key).unwrap_or_else(|_never| Hmac::new(&Default::default()))
}

impl std::fmt::Debug for FileHandles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileHandles").field("fsid", &self.fsid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_handles_have_a_node() {
        let handles = FileHandles::new(&[7; 32], "/t");
        let handle = handles.of(Ino(0x1f_ffff_ffff_ffff));
        assert_eq!(handles.ino(&handle), Some(Ino(0x1f_ffff_ffff_ffff)));
        let again = FileHandles::new(&[7; 32], "/t");
        assert_eq!((again.of(Ino(5)), again.fsid), (handles.of(Ino(5)), handles.fsid));
        for (position, bit) in (0..handle.len()).flat_map(|it| [(it, 1), (it, 128)]) {
            let mut wrong = handle;
            wrong[position] ^= bit;
            assert_eq!(handles.ino(&wrong), None, "{position}");
        }
        for wrong in [&[][..], &handle[1..], &[&handle[..], &[0]].concat(), &[0; 64], &[0; 28]] {
            assert_eq!(handles.ino(wrong), None);
        }
        for other in [FileHandles::new(&[7; 32], "/u"), FileHandles::new(&[8; 32], "/t")] {
            assert_eq!(other.ino(&handle), None);
            assert_ne!(other.fsid, handles.fsid);
        }
    }

    #[test]
    fn paths_are_below_the_exported_one_or_elsewhere() {
        let below = |exported: &str, mounted: &'static str| {
            FileHandles::new(&[0; 32], exported).below(mounted.as_bytes())
        };
        for (exported, mounted, want) in [
            ("/", "/", Some("/")),
            ("/", "", Some("")),
            ("/", "/t/u", Some("/t/u")),
            ("/", "t", None),
            ("/k/abc", "/k/abc", Some("")),
            ("/k/abc", "/k/abc/", Some("/")),
            ("/k/abc", "/k/abc/film", Some("/film")),
            ("/k/abc", "/k/abcd", None),
            ("/k/abc", "/k/abd", None),
            ("/k/abc", "/k", None),
            ("/k/abc", "/", None),
        ] {
            assert_eq!(below(exported, mounted), want.map(str::as_bytes), "{exported} {mounted}");
        }
    }
}
