//! Listings: READDIR and READDIRPLUS.

use nfs3_types::nfs3::{
    Nfs3Option, READDIR3resfail, READDIR3resok, READDIRPLUS3resfail, READDIRPLUS3resok,
    cookieverf3, dirlist3, dirlistplus3, entry3, entryplus3, filename3, nfsstat3, post_op_attr,
};
use nfs3_types::xdr_codec::{BoundedList, Pack};
use vfs_core::{Attr, ExportEntry, TorrentSource};

use super::{NfsAnswer, NfsFailure, NfsTree, directory};
use crate::wire::{XdrError, XdrReader};

/// The size of a listing that clients should ask for, in bytes.
pub(super) const LISTING_BYTES_PREFERRED: u32 = 64 << 10;

/// Maximum size of a listing in bytes, if a client asks for more.
const LISTING_BYTES_MAX: u32 = 256 << 10;

/// Maximum number of entries that are taken from the tree at a time. Its lock is held meanwhile.
const PAGE_ENTRIES: usize = 256;

/// Cookies of `.` and `..`, which come first. The tree leaves their numbers free.
const DOT_COOKIE: u64 = 1;
const DOT_DOT_COOKIE: u64 = 2;

/// The arguments of a listing.
struct NfsListArgs {
    cookie: u64,
    verifier: [u8; 8],
    /// Maximum size of names, numbers and cookies in bytes.
    names_bytes_max: u32,
    /// Maximum size of the results in bytes.
    results_bytes_max: u32,
}

impl<S: TorrentSource> NfsTree<S> {
    pub(super) fn readdir(&self, args: &mut XdrReader<'_>) -> Result<NfsAnswer, XdrError> {
        let node = self.node(args)?;
        let (cookie, verifier, count) = (args.u64()?, args.fixed()?, args.u32()?);
        let list =
            NfsListArgs { cookie, verifier, names_bytes_max: u32::MAX, results_bytes_max: count };
        let empty = || READDIR3resok {
            dir_attributes: self.attr_of(&node),
            cookieverf: cookieverf3(self.cookie_verifier),
            reply: dirlist3::default(),
        };
        let entry = |entry: ExportEntry| entry3 {
            fileid: entry.attr.ino.0,
            name: filename3::from(entry.name.into_bytes()),
            cookie: entry.cookie,
        };
        let results = directory(node).and_then(|dir| {
            let mut results = empty();
            let (entries, eof) = self.list(&dir, &list, empty().packed_size(), entry)?;
            results.reply = dirlist3 { entries, eof };
            Ok(results)
        });
        let failed = || READDIR3resfail { dir_attributes: self.attr_of(&node) };
        Ok(NfsAnswer::with(results, failed))
    }

    pub(super) fn readdirplus(&self, args: &mut XdrReader<'_>) -> Result<NfsAnswer, XdrError> {
        let node = self.node(args)?;
        let (cookie, verifier) = (args.u64()?, args.fixed()?);
        let (names_bytes_max, results_bytes_max) = (args.u32()?, args.u32()?);
        let list = NfsListArgs { cookie, verifier, names_bytes_max, results_bytes_max };
        let empty = || READDIRPLUS3resok {
            dir_attributes: self.attr_of(&node),
            cookieverf: cookieverf3(self.cookie_verifier),
            reply: dirlistplus3 { entries: Default::default(), eof: true },
        };
        let entry = |entry: ExportEntry| entryplus3 {
            fileid: entry.attr.ino.0,
            name: filename3::from(entry.name.into_bytes()),
            cookie: entry.cookie,
            name_attributes: post_op_attr::Some(self.fattr(&entry.attr)),
            name_handle: Nfs3Option::Some(self.handle(entry.attr.ino)),
        };
        let results = directory(node).and_then(|dir| {
            let mut results = empty();
            let (entries, eof) = self.list(&dir, &list, empty().packed_size(), entry)?;
            results.reply = dirlistplus3 { entries, eof };
            Ok(results)
        });
        let failed = || READDIRPLUS3resfail { dir_attributes: self.attr_of(&node) };
        Ok(NfsAnswer::with(results, failed))
    }

    /// Collects entries after the cookie, as many as the client has room for. Returns whether no
    /// entry follows. `empty_bytes` is the size of results without entries.
    fn list<T: Pack>(
        &self,
        dir: &Attr,
        args: &NfsListArgs,
        empty_bytes: usize,
        to_entry: impl Fn(ExportEntry) -> T,
    ) -> Result<(nfs3_types::xdr_codec::List<T>, bool), NfsFailure> {
        // Clients that ignore verifiers send zeros.
        let is_other = args.verifier != [0; 8] && args.verifier != self.cookie_verifier;
        if args.cookie != 0 && is_other {
            return Err(NfsFailure::new(nfsstat3::NFS3ERR_BAD_COOKIE));
        }
        let room = usize::try_from(args.results_bytes_max.min(LISTING_BYTES_MAX)).unwrap_or(0);
        // An empty list is counted twice.
        let mut entries = BoundedList::new((room + size_of::<u32>()).saturating_sub(empty_bytes));
        let mut names_room = usize::try_from(args.names_bytes_max).unwrap_or(usize::MAX);
        let mut count = 0_usize;
        let mut cookie = args.cookie;
        let mut page = self.dots(dir, cookie)?;
        let mut is_end = false;
        loop {
            for entry in page {
                let next_cookie = entry.cookie;
                let name_bytes = name_bytes(&entry.name);
                let is_full = name_bytes > names_room || entries.try_push(to_entry(entry)).is_err();
                if is_full && count == 0 {
                    return Err(NfsFailure::new(nfsstat3::NFS3ERR_TOOSMALL));
                }
                if is_full {
                    return Ok((entries.into_inner(), false));
                }
                (cookie, count, names_room) = (next_cookie, count + 1, names_room - name_bytes);
            }
            if is_end {
                return Ok((entries.into_inner(), true));
            }
            let next = self.export.list(dir.ino, cookie, PAGE_ENTRIES)?;
            (page, is_end) = (next.entries, next.is_end);
        }
    }

    /// Returns the entries `.` and `..` after the cookie.
    fn dots(&self, dir: &Attr, cookie: u64) -> Result<Vec<ExportEntry>, NfsFailure> {
        let mut dots = Vec::new();
        if cookie < DOT_COOKIE {
            dots.push(ExportEntry { name: ".".to_owned(), cookie: DOT_COOKIE, attr: *dir });
        }
        if cookie < DOT_DOT_COOKIE {
            let attr = self.export.child(dir.ino, b"..")?;
            dots.push(ExportEntry { name: "..".to_owned(), cookie: DOT_DOT_COOKIE, attr });
        }
        Ok(dots)
    }
}

/// Returns the size of what READDIRPLUS counts as directory information: number, name and cookie.
fn name_bytes(name: &str) -> usize {
    2 * size_of::<u64>() + size_of::<u32>() + name.len().next_multiple_of(4)
}
