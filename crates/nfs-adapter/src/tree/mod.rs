//! The procedures of NFS and MOUNT, except READ. They are answered from memory.

mod attr;
mod info;
mod listing;
mod mount;
mod mount_gate;
mod names;
mod outcome;
mod read_only;

use std::sync::Arc;

use nfs3_types::mount::{PROGRAM as MOUNT, VERSION as MOUNT_VERSION};
use nfs3_types::nfs3::{
    NFS_PROGRAM, PROGRAM as NFS, VERSION as NFS_VERSION, nfs_fh3, nfsstat3, post_op_attr,
};
use nfs3_types::xdr_codec::Opaque;
use vfs_core::{Attr, Export, Ino, NodeKind, TorrentSource};

pub(crate) use self::mount_gate::NfsMountGate;
pub(crate) use self::outcome::{AnswerQuality, NfsAnswer, NfsFailure};
use crate::NfsSettings;
use crate::handle::FileHandles;
use crate::wire::{NfsRefusal, RpcCall, XdrError, XdrReader};

/// The user number of root.
const ROOT: u32 = 0;

/// The procedures that tell names or data. Their failures have the same form.
const READING: [NFS_PROGRAM; 6] = [
    NFS_PROGRAM::NFSPROC3_LOOKUP,
    NFS_PROGRAM::NFSPROC3_ACCESS,
    NFS_PROGRAM::NFSPROC3_READLINK,
    NFS_PROGRAM::NFSPROC3_READ,
    NFS_PROGRAM::NFSPROC3_READDIR,
    NFS_PROGRAM::NFSPROC3_READDIRPLUS,
];

/// Maximum length of a file handle in bytes: `NFS3_FHSIZE` of RFC 1813, 2.4.
const HANDLE_BYTES_MAX: usize = 64;

/// The exported tree, as NFS has it.
#[derive(Debug)]
pub(crate) struct NfsTree<S> {
    pub(crate) export: Export<S>,
    handles: FileHandles,
    settings: NfsSettings,
    /// The verifier of cookies. They are valid for the lifetime of the filesystem: a client that
    /// continues a listing of an earlier one has to begin anew.
    cookie_verifier: [u8; 8],
    /// MOUNT calls that were answered with a handle, and whether further ones are refused.
    mounts: Arc<NfsMountGate>,
}

/// What a call asks for.
pub(crate) enum NfsAsked {
    /// It is answered.
    Answer(NfsAnswer),
    /// A READ, with its arguments.
    Read(NfsReadArgs),
}

/// The arguments of a READ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NfsReadArgs {
    pub(crate) ino: Ino,
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

impl<S: TorrentSource> NfsTree<S> {
    pub(crate) fn new(export: Export<S>, settings: NfsSettings, cookie_verifier: [u8; 8]) -> Self {
        let handles = FileHandles::new(&settings.key, &settings.export_path);
        Self { export, handles, settings, cookie_verifier, mounts: Arc::default() }
    }

    /// Answers a call, unless it is a READ of a file. Blocks only for short locks.
    pub(crate) fn ask(&self, call: &RpcCall<'_>) -> Result<NfsAsked, NfsRefusal> {
        let (only, is_nfs) = match call.program {
            NFS => (NFS_VERSION, true),
            MOUNT => (MOUNT_VERSION, false),
            _ => return Err(NfsRefusal::Program),
        };
        if call.version != only {
            return Err(NfsRefusal::ProgramVersion(only));
        }
        let mut args = call.args;
        if is_nfs && self.is_denied(call) {
            Ok(NfsAsked::Answer(denied()))
        } else if is_nfs {
            self.nfs(call.procedure, &mut args)
        } else {
            self.mount(call.procedure, &mut args).map(NfsAsked::Answer)
        }
    }

    /// Returns whether the call reads names or data, which its user may not.
    fn is_denied(&self, call: &RpcCall<'_>) -> bool {
        let Some(only) = self.settings.only_uid else { return false };
        let procedure = NFS_PROGRAM::try_from(call.procedure);
        let is_reading = procedure.is_ok_and(|procedure| READING.contains(&procedure));
        is_reading && call.uid != Some(only) && call.uid != Some(ROOT)
    }

    /// Returns what can close the MOUNT protocol.
    pub(crate) fn mounts(&self) -> Arc<NfsMountGate> {
        Arc::clone(&self.mounts)
    }

    fn nfs(&self, procedure: u32, args: &mut XdrReader<'_>) -> Result<NfsAsked, NfsRefusal> {
        let procedure =
            NFS_PROGRAM::try_from(procedure).map_err(|_unknown| NfsRefusal::Procedure)?;
        let answered = match procedure {
            NFS_PROGRAM::NFSPROC3_NULL => Ok(NfsAnswer::empty()),
            NFS_PROGRAM::NFSPROC3_GETATTR => self.getattr(args),
            NFS_PROGRAM::NFSPROC3_LOOKUP => self.lookup(args),
            NFS_PROGRAM::NFSPROC3_ACCESS => self.access(args),
            NFS_PROGRAM::NFSPROC3_READLINK => self.readlink(args),
            NFS_PROGRAM::NFSPROC3_READ => {
                return self.read(args).map_err(|XdrError| NfsRefusal::Arguments);
            }
            NFS_PROGRAM::NFSPROC3_READDIR => self.readdir(args),
            NFS_PROGRAM::NFSPROC3_READDIRPLUS => self.readdirplus(args),
            NFS_PROGRAM::NFSPROC3_FSSTAT => self.fsstat(args),
            NFS_PROGRAM::NFSPROC3_FSINFO => self.fsinfo(args),
            NFS_PROGRAM::NFSPROC3_PATHCONF => self.pathconf(args),
            NFS_PROGRAM::NFSPROC3_SETATTR
            | NFS_PROGRAM::NFSPROC3_WRITE
            | NFS_PROGRAM::NFSPROC3_CREATE
            | NFS_PROGRAM::NFSPROC3_MKDIR
            | NFS_PROGRAM::NFSPROC3_SYMLINK
            | NFS_PROGRAM::NFSPROC3_MKNOD
            | NFS_PROGRAM::NFSPROC3_REMOVE
            | NFS_PROGRAM::NFSPROC3_RMDIR
            | NFS_PROGRAM::NFSPROC3_RENAME
            | NFS_PROGRAM::NFSPROC3_LINK
            | NFS_PROGRAM::NFSPROC3_COMMIT => Ok(read_only::refused(procedure)),
        };
        answered.map(NfsAsked::Answer).map_err(|XdrError| NfsRefusal::Arguments)
    }

    /// Returns whether a call has a valid file handle, of a node that may be gone.
    pub(crate) fn has_handle(&self, call: &RpcCall<'_>) -> bool {
        let mut args = call.args;
        let handle = args.opaque(HANDLE_BYTES_MAX);
        call.program == NFS && handle.is_ok_and(|handle| self.handles.ino(handle).is_some())
    }

    /// Decodes the handle of a node, and returns its attributes.
    fn node(&self, args: &mut XdrReader<'_>) -> Result<Result<Attr, NfsFailure>, XdrError> {
        let handle = args.opaque(HANDLE_BYTES_MAX)?;
        Ok(match self.handles.ino(handle) {
            Some(ino) => self.export.attr(ino).map_err(NfsFailure::of_handle),
            None => Err(NfsFailure::new(nfsstat3::NFS3ERR_BADHANDLE)),
        })
    }

    fn handle(&self, ino: Ino) -> nfs_fh3 {
        nfs_fh3 { data: Opaque::owned(self.handles.of(ino).to_vec()) }
    }

    /// Returns the attributes of a node after a call, for the client's cache.
    fn attr_of(&self, node: &Result<Attr, NfsFailure>) -> post_op_attr {
        match node {
            Ok(attr) => post_op_attr::Some(self.fattr(attr)),
            Err(_) => post_op_attr::None,
        }
    }
}

/// Returns the answer of a reading procedure to a user who may not read.
fn denied() -> NfsAnswer {
    NfsAnswer::of::<u32, post_op_attr>(Err(NfsFailure::new(nfsstat3::NFS3ERR_ACCES)))
}

/// Returns the attributes if the node is a directory.
fn directory(node: Result<Attr, NfsFailure>) -> Result<Attr, NfsFailure> {
    match node?.kind {
        NodeKind::Directory => node,
        NodeKind::File | NodeKind::Symlink => Err(NfsFailure::new(nfsstat3::NFS3ERR_NOTDIR)),
    }
}
