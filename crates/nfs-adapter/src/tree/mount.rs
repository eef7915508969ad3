//! The MOUNT protocol (RFC 1813, 5): from a path to the first handle.

use nfs3_types::mount::{
    MOUNT_PROGRAM, dirpath, export_node, exports, fhandle3, mountlist, mountres3, mountres3_ok,
    mountstat3,
};
use nfs3_types::rpc::auth_flavor;
use nfs3_types::xdr_codec::{List, Opaque};
use vfs_core::{Ino, NodeKind, TorrentSource, VfsError};

use super::outcome::AnswerQuality;
use super::{NfsAnswer, NfsTree};
use crate::wire::{NfsRefusal, RECORD_BYTES_MAX, XdrError, XdrReader, packed};

/// Maximum length of a path in bytes: `MNTPATHLEN` of RFC 1813, 5.1.1.
const PATH_BYTES_MAX: usize = 1024;

impl<S: TorrentSource> NfsTree<S> {
    pub(super) fn mount(
        &self,
        procedure: u32,
        args: &mut XdrReader<'_>,
    ) -> Result<NfsAnswer, NfsRefusal> {
        match MOUNT_PROGRAM::try_from(procedure).map_err(|_unknown| NfsRefusal::Procedure)? {
            MOUNT_PROGRAM::MOUNTPROC3_MNT => {
                self.mnt(args).map_err(|XdrError| NfsRefusal::Arguments)
            }
            // Who mounted what is not recorded: a mount is only a handle that a client keeps.
            MOUNT_PROGRAM::MOUNTPROC3_DUMP => Ok(answer(packed(&mountlist::default()))),
            MOUNT_PROGRAM::MOUNTPROC3_EXPORT => Ok(answer(self.exported())),
            MOUNT_PROGRAM::MOUNTPROC3_NULL
            | MOUNT_PROGRAM::MOUNTPROC3_UMNT
            | MOUNT_PROGRAM::MOUNTPROC3_UMNTALL => Ok(NfsAnswer::empty()),
        }
    }

    fn mnt(&self, args: &mut XdrReader<'_>) -> Result<NfsAnswer, XdrError> {
        let path = args.opaque(RECORD_BYTES_MAX)?;
        let found = match self.handles.below(path) {
            _ if path.len() > PATH_BYTES_MAX => Err(mountstat3::MNT3ERR_NAMETOOLONG),
            Some(below) => self.directory_below(below),
            None => Err(mountstat3::MNT3ERR_NOENT),
        };
        let found = match found {
            Ok(_) if !self.mounts.pass() => Err(mountstat3::MNT3ERR_ACCES),
            found => found,
        };
        let quality = match found {
            Ok(_) => AnswerQuality::Final,
            Err(mountstat3::MNT3ERR_IO) => AnswerQuality::Early,
            Err(_) => AnswerQuality::Foreign,
        };
        let result = match found {
            Ok(ino) => mountres3::Ok(mountres3_ok {
                fhandle: fhandle3(Opaque::owned(self.handles.of(ino).to_vec())),
                auth_flavors: vec![auth_flavor::AUTH_UNIX as u32, auth_flavor::AUTH_NULL as u32],
            }),
            Err(status) => mountres3::Err(status),
        };
        Ok(NfsAnswer { results: packed(&result), quality })
    }

    /// Returns the directory at a path below the exported one.
    fn directory_below(&self, path: &[u8]) -> Result<Ino, mountstat3> {
        let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        let attr = self.export.find(names).map_err(|error| {
            if matches!(error, VfsError::NotDirectory) {
                mountstat3::MNT3ERR_NOTDIR
            } else if matches!(error, VfsError::NoTree) {
                mountstat3::MNT3ERR_IO
            } else {
                mountstat3::MNT3ERR_NOENT
            }
        })?;
        match attr.kind {
            NodeKind::Directory => Ok(attr.ino),
            NodeKind::File | NodeKind::Symlink => Err(mountstat3::MNT3ERR_NOTDIR),
        }
    }

    /// Returns the list of exports: none if the path is a secret.
    fn exported(&self) -> Vec<u8> {
        let path = &self.settings.export_path;
        let listed = (!self.settings.is_path_secret()).then(|| export_node {
            ex_dir: dirpath(Opaque::borrowed(path.as_bytes())),
            ex_groups: List::default(),
        });
        let list: exports<'_, '_> = List(listed.into_iter().collect());
        packed(&list)
    }
}

fn answer(results: Vec<u8>) -> NfsAnswer {
    NfsAnswer { results, quality: AnswerQuality::Final }
}
