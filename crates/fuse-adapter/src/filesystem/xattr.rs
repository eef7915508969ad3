//! Extended attributes: answered from memory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use fuser::{Errno, INodeNo, ReplyXattr};
use vfs_core::{Ino, TorrentSource};

use super::TorrentFs;
use crate::reply::{ReplyGuard, respond};

/// The namespace of the attributes that users see. What is in others, such as
/// `security.capability`, is the business of a filesystem that can have it.
const USER_NAMESPACE: &[u8] = b"user.";

impl<S: TorrentSource> TorrentFs<S> {
    pub(super) fn answer_getxattr(
        &self,
        guard: ReplyGuard<ReplyXattr>,
        ino: INodeNo,
        name: &OsStr,
        size: u32,
    ) {
        // `ls -l` asks each file for its security label, until it hears that a whole filesystem
        // has none. Not ENOSYS: the kernel would ask for no attribute of the mount any more.
        if !name.as_bytes().starts_with(USER_NAMESPACE) {
            return guard.send(|reply| reply.error(Errno::EOPNOTSUPP));
        }
        respond(
            guard,
            |_| self.vfs.xattr(Ino(ino.0), name.as_bytes()),
            |reply, value| answer(reply, value.as_bytes(), size),
        );
    }

    pub(super) fn answer_listxattr(&self, guard: ReplyGuard<ReplyXattr>, ino: INodeNo, size: u32) {
        respond(
            guard,
            |_| self.vfs.xattr_names(Ino(ino.0)),
            |reply, names| {
                let list: Vec<u8> = names.iter().flat_map(|name| name.bytes().chain([0])).collect();
                answer(reply, &list, size);
            },
        );
    }
}

/// Answers with bytes for which the caller has room for `size`; none means that it asks how many
/// there are (`getxattr(2)`).
fn answer(reply: ReplyXattr, bytes: &[u8], size: u32) {
    match u32::try_from(bytes.len()) {
        Ok(len) if size == 0 => reply.size(len),
        Ok(len) if len <= size => reply.data(bytes),
        Ok(_) | Err(_) => reply.error(Errno::ERANGE),
    }
}
