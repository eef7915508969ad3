//! Names and links: LOOKUP and READLINK; and the arguments of READ.

use bytes::Bytes;
use nfs3_types::nfs3::{
    LOOKUP3resfail, LOOKUP3resok, READ3resfail, READLINK3resfail, READLINK3resok, nfspath3,
    nfsstat3, post_op_attr,
};
use nfs3_types::xdr_codec::Void;
use vfs_core::{Attr, NAME_BYTES_MAX, NodeKind, TorrentSource};

use super::{NfsAnswer, NfsAsked, NfsFailure, NfsReadArgs, NfsTree, directory};
use crate::READ_BYTES_MAX;
use crate::wire::{RECORD_BYTES_MAX, XdrError, XdrReader, packed};

impl<S: TorrentSource> NfsTree<S> {
    pub(super) fn lookup(&self, args: &mut XdrReader<'_>) -> Result<NfsAnswer, XdrError> {
        let node = self.node(args)?;
        // Longer names than allowed have a status of their own.
        let name = args.opaque(RECORD_BYTES_MAX)?;
        let found = directory(node).and_then(|dir| match name.len() {
            0 => Err(NfsFailure::new(nfsstat3::NFS3ERR_INVAL)),
            1..=NAME_BYTES_MAX => self.export.child(dir.ino, name).map_err(NfsFailure::from),
            _ => Err(NfsFailure::new(nfsstat3::NFS3ERR_NAMETOOLONG)),
        });
        let dir_attributes = || self.attr_of(&node);
        let results = found.map(|attr| LOOKUP3resok {
            object: self.handle(attr.ino),
            obj_attributes: post_op_attr::Some(self.fattr(&attr)),
            dir_attributes: dir_attributes(),
        });
        Ok(NfsAnswer::with(results, || LOOKUP3resfail { dir_attributes: dir_attributes() }))
    }

    pub(super) fn readlink(&self, args: &mut XdrReader<'_>) -> Result<NfsAnswer, XdrError> {
        let node = self.node(args)?;
        let target = node.and_then(|it| self.export.read_link(it.ino).map_err(NfsFailure::from));
        let symlink_attributes = || self.attr_of(&node);
        let results = target.map(|target| READLINK3resok {
            symlink_attributes: symlink_attributes(),
            data: nfspath3::from(target.into_bytes()),
        });
        let failed = || READLINK3resfail { symlink_attributes: symlink_attributes() };
        Ok(NfsAnswer::with(results, failed))
    }

    /// Decodes a READ. Its length is limited to [`READ_BYTES_MAX`]: an answer may be shorter.
    pub(super) fn read(&self, args: &mut XdrReader<'_>) -> Result<NfsAsked, XdrError> {
        let node = self.node(args)?;
        let (offset, len) = (args.u64()?, args.u32()?.min(READ_BYTES_MAX));
        let file = node.and_then(|it| match it.kind {
            NodeKind::File => Ok(it),
            NodeKind::Directory | NodeKind::Symlink => {
                Err(NfsFailure::new(nfsstat3::NFS3ERR_INVAL))
            }
        });
        Ok(match file {
            Ok(attr) => NfsAsked::Read(NfsReadArgs { ino: attr.ino, offset, len }),
            Err(failure) => NfsAsked::Answer(self.read_failed(failure, &node)),
        })
    }

    /// Returns the results of a READ, and the data that they end with.
    pub(crate) fn read_results(
        &self,
        args: NfsReadArgs,
        outcome: Result<Bytes, NfsFailure>,
    ) -> (Vec<u8>, Bytes) {
        let node = self.export.attr(args.ino).map_err(NfsFailure::of_handle);
        let data = match outcome {
            Ok(data) => data,
            Err(failure) => return (self.read_failed(failure, &node).results, Bytes::new()),
        };
        let count = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let end = args.offset.saturating_add(u64::from(count));
        // A torrent that was removed meanwhile has no attributes: the next READ tells.
        let eof = count < args.len || node.is_ok_and(|attr| end >= attr.size);
        let status = (packed(&nfsstat3::NFS3_OK), packed(&self.attr_of(&node)));
        let lengths = [packed(&count), packed(&eof), packed(&count)].concat();
        ([status.0, status.1, lengths].concat(), data)
    }

    /// Returns the answer to a failed READ.
    fn read_failed(&self, failure: NfsFailure, node: &Result<Attr, NfsFailure>) -> NfsAnswer {
        let failed = || READ3resfail { file_attributes: self.attr_of(node) };
        NfsAnswer::with(Err::<Void, _>(failure), failed)
    }
}
