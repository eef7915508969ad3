//! Attributes: GETATTR and ACCESS.

use nfs3_types::nfs3::{
    ACCESS3_EXECUTE, ACCESS3_LOOKUP, ACCESS3_READ, ACCESS3resfail, ACCESS3resok, GETATTR3resok,
    fattr3, ftype3, nfstime3, specdata3,
};
use nfs3_types::xdr_codec::Void;
use vfs_core::{Attr, NodeKind, TorrentSource, Validity};

use super::{NfsAnswer, NfsTree};
use crate::wire::{XdrError, XdrReader};

/// The bits of a mode that let programs execute a file.
const EXECUTE_BITS: u32 = 0o111;

/// Nanoseconds in a second.
const SECOND_NANOS: u64 = 1_000_000_000;

impl<S: TorrentSource> NfsTree<S> {
    pub(super) fn getattr(&self, args: &mut XdrReader<'_>) -> Result<NfsAnswer, XdrError> {
        let node = self.node(args)?;
        let results = node.map(|attr| GETATTR3resok { obj_attributes: self.fattr(&attr) });
        Ok(NfsAnswer::with(results, || Void))
    }

    pub(super) fn access(&self, args: &mut XdrReader<'_>) -> Result<NfsAnswer, XdrError> {
        let node = self.node(args)?;
        let wanted = args.u32()?;
        let results = node.map(|attr| {
            let granted = match attr.kind {
                NodeKind::Directory => ACCESS3_READ | ACCESS3_LOOKUP | ACCESS3_EXECUTE,
                NodeKind::File if self.settings.file_mode & EXECUTE_BITS != 0 => {
                    ACCESS3_READ | ACCESS3_EXECUTE
                }
                NodeKind::File | NodeKind::Symlink => ACCESS3_READ,
            };
            ACCESS3resok { obj_attributes: self.attr_of(&node), access: wanted & granted }
        });
        Ok(NfsAnswer::of::<_, ACCESS3resfail>(results))
    }

    /// Returns attributes as NFS has them. All users see the same.
    pub(super) fn fattr(&self, attr: &Attr) -> fattr3 {
        let (type_, mode) = match attr.kind {
            NodeKind::Directory => (ftype3::NF3DIR, self.settings.dir_mode),
            NodeKind::File => (ftype3::NF3REG, self.settings.file_mode),
            NodeKind::Symlink => (ftype3::NF3LNK, 0o777),
        };
        let seconds = u32::try_from(attr.mtime.max(0)).unwrap_or(u32::MAX);
        let time = nfstime3 { seconds, nseconds: self.nanos(attr) };
        fattr3 {
            type_,
            mode,
            nlink: attr.nlink,
            uid: self.settings.uid,
            gid: self.settings.gid,
            size: attr.size,
            used: attr.have_bytes,
            rdev: specdata3::default(),
            fsid: self.handles.fsid,
            fileid: attr.ino.0,
            atime: time,
            mtime: time,
            ctime: time,
        }
    }

    /// Returns the part of a time below a second. Clients keep the names of a directory until its
    /// time changes, and two torrents can appear in one second: so the time of a directory whose
    /// names change has the number of changes.
    fn nanos(&self, attr: &Attr) -> u32 {
        let vfs = self.export.vfs();
        match attr.kind {
            NodeKind::Directory if vfs.names_validity(attr.ino) != Validity::Fixed => {
                u32::try_from(vfs.names_version() % SECOND_NANOS).unwrap_or(0)
            }
            NodeKind::Directory | NodeKind::File | NodeKind::Symlink => 0,
        }
    }
}
