//! Extended attributes: answered from memory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use fuser::{Errno, INodeNo, ReplyXattr};
use vfs_core::{Ino, TorrentSource};

use super::TorrentFs;
use crate::reply::{ReplyGuard, respond};

/// Namespace of user attributes. Other namespaces, such as `security.capability`, are not
/// supported.
const USER_NAMESPACE: &[u8] = b"user.";

impl<S: TorrentSource> TorrentFs<S> {
    pub(super) fn answer_getxattr(
        &self,
        guard: ReplyGuard<ReplyXattr>,
        ino: INodeNo,
        name: &OsStr,
        size: u32,
    ) {
        // `ls -l` requests the security label of each file, until it learns that the filesystem has
        // none. ENOSYS would disable all attributes of the mount.
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

/// Answers with bytes, if they fit into `size`. A `size` of zero queries the length
/// (`getxattr(2)`).
fn answer(reply: ReplyXattr, bytes: &[u8], size: u32) {
    match u32::try_from(bytes.len()) {
        Ok(len) if size == 0 => reply.size(len),
        Ok(len) if len <= size => reply.data(bytes),
        Ok(_) | Err(_) => reply.error(Errno::ERANGE),
    }
}
