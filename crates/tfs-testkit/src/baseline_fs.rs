//! The ceiling: a minimal fuser filesystem, to compare a mount with.
//!
//! Names, numbers and attributes are arrays. It has no locks and no counters, and nothing ever
//! changes. It is mounted with the same capabilities and threads as tfs, so that any extra time of
//! a mount is due to tfs. Every read of every file returns the same buffer of zeros.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, InitFlags, KernelConfig, LockOwner, MountOption, OpenFlags, ReplyAttr,
    ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyXattr,
    Request,
};

/// The time for which tfs lets the kernel cache immutable data.
const TTL: Duration = Duration::from_secs(3600);

/// The number of threads, as in tfs.
const THREADS: usize = 4;

/// The maximum of requests in flight, as in tfs.
const BACKGROUND_MAX: u16 = 256;

/// The maximum length of a kernel read.
const READ_BYTES_MAX: usize = 1 << 20;

/// The index of a node, used as its inode number.
type Idx = usize;

#[derive(Debug)]
struct Node {
    name: String,
    parent: Idx,
    attr: FileAttr,
    children: Vec<Idx>,
}

/// A tree of files that have a length and contain zeros.
#[derive(Debug)]
pub struct BaselineFs {
    nodes: Vec<Node>,
    by_name: HashMap<(Idx, String), Idx>,
    zeros: Vec<u8>,
}

impl BaselineFs {
    /// Returns a tree of files, each given as the components of its path and its length.
    pub fn new(files: impl IntoIterator<Item = (Vec<String>, u64)>) -> Self {
        let root = Node {
            name: String::new(),
            parent: 0,
            attr: attr(0, FileType::Directory, 0),
            children: Vec::new(),
        };
        let zeros = vec![0; READ_BYTES_MAX];
        let mut ceiling = Self { nodes: vec![root], by_name: HashMap::new(), zeros };
        for (path, len) in files {
            let mut at = 0;
            for (depth, name) in path.iter().enumerate() {
                let kind = if depth + 1 == path.len() {
                    FileType::RegularFile
                } else {
                    FileType::Directory
                };
                at = ceiling.enter(at, name, kind, len);
            }
        }
        ceiling
    }

    /// Mounts it, until the session is dropped.
    ///
    /// # Errors
    /// Those of mounting.
    pub fn mount(self, path: &Path) -> io::Result<BackgroundSession> {
        let mut config = Config::default();
        config.mount_options = vec![MountOption::RO, MountOption::FSName("ceiling".to_owned())];
        config.n_threads = Some(THREADS);
        fuser::spawn_mount(self, path, &config)
    }

    fn enter(&mut self, parent: Idx, name: &str, kind: FileType, len: u64) -> Idx {
        let key = (parent, name.to_owned());
        if let Some(known) = self.by_name.get(&key) {
            return *known;
        }
        let idx = self.nodes.len();
        self.by_name.insert(key, idx);
        let attr = attr(idx, kind, if kind == FileType::Directory { 0 } else { len });
        self.nodes.push(Node { name: name.to_owned(), parent, attr, children: Vec::new() });
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.children.push(idx);
        }
        idx
    }

    fn node(&self, ino: INodeNo) -> Option<&Node> {
        self.nodes.get(usize::try_from(ino.0).ok()?.checked_sub(1)?)
    }

    /// Calls `each` with cookie, name and node of the entries after `cookie`, until it returns that
    /// the buffer is full.
    fn list(
        &self,
        ino: INodeNo,
        cookie: u64,
        mut each: impl FnMut(u64, &str, &Node) -> bool,
    ) -> Option<()> {
        let dir = self.node(ino)?;
        let dots = [(".", dir), ("..", self.nodes.get(dir.parent)?)];
        let children = dir.children.iter().filter_map(|child| self.nodes.get(*child));
        let entries = dots.into_iter().chain(children.map(|node| (node.name.as_str(), node)));
        for (cookie, (name, node)) in (1..).zip(entries).skip(usize::try_from(cookie).ok()?) {
            if each(cookie, name, node) {
                break;
            }
        }
        Some(())
    }
}

fn attr(idx: Idx, kind: FileType, len: u64) -> FileAttr {
    FileAttr {
        ino: INodeNo(idx as u64 + 1),
        size: len,
        blocks: len.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm: if kind == FileType::Directory { 0o555 } else { 0o444 },
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

impl Filesystem for BaselineFs {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let flags = InitFlags::FUSE_PARALLEL_DIROPS | InitFlags::FUSE_DO_READDIRPLUS;
        // The kernel accepts any number up to its own limit.
        _ = config.set_max_background(BACKGROUND_MAX);
        config.add_capabilities(flags).map_err(|_missing| io::ErrorKind::Unsupported.into())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.node(parent).and_then(|parent| {
            let parent = usize::try_from(parent.attr.ino.0).ok()?.checked_sub(1)?;
            self.by_name.get(&(parent, name.to_str()?.to_owned()))
        });
        match found.and_then(|idx| self.nodes.get(*idx)) {
            Some(node) => reply.entry(&TTL, &node.attr, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.node(ino) {
            Some(node) => reply.attr(&TTL, &node.attr),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let left = self.node(ino).map_or(0, |node| node.attr.size.saturating_sub(offset));
        let len = usize::try_from(left.min(u64::from(size))).unwrap_or(READ_BYTES_MAX);
        match self.zeros.get(..len) {
            Some(zeros) => reply.data(zeros),
            None => reply.error(Errno::EIO),
        }
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::empty());
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        cookie: u64,
        mut reply: ReplyDirectory,
    ) {
        let listed = self.list(ino, cookie, |cookie, name, node| {
            reply.add(node.attr.ino, cookie, node.attr.kind, name)
        });
        match listed {
            Some(()) => reply.ok(),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        cookie: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let listed = self.list(ino, cookie, |cookie, name, node| {
            reply.add(node.attr.ino, cookie, name, &TTL, &node.attr, Generation(0))
        });
        match listed {
            Some(()) => reply.ok(),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn listxattr(&self, _: &Request, _: INodeNo, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }
}
