//! Following symbolic links inside an export, for protocols and programs that do not resolve them.

use super::Export;
use crate::{Attr, Ino, NodeKind, TorrentSource, VfsError};

/// Maximum number of links that one path leads through, as in Linux (`MAXSYMLINKS`).
const LINKS_MAX: u32 = 40;

/// Maximum length of a path and of a link's target in bytes, as in Linux (`PATH_MAX`).
const PATH_BYTES_MAX: usize = 4096;

/// A walk along names from a directory.
#[derive(Debug)]
struct LinkedWalk<'a, S> {
    export: &'a Export<S>,
    at: Attr,
    /// Number of links that were followed.
    link_count: u32,
}

impl<S: TorrentSource> LinkedWalk<'_, S> {
    /// Goes to the entry `name` of the current directory, and along the link if it is one.
    fn step(&mut self, name: &[u8]) -> Result<(), VfsError> {
        if matches!(name, b"." | b"..") {
            return Err(VfsError::NotFound);
        }
        self.at = self.export.child(self.at.ino, name)?;
        self.leave_links()
    }

    /// Goes along links until the current node is none.
    fn leave_links(&mut self) -> Result<(), VfsError> {
        // Targets of links have links only at the names on their way, which `pending` has last.
        let mut pending: Vec<String> = Vec::new();
        loop {
            if self.at.kind == NodeKind::Symlink {
                self.link_count += 1;
                let link = self.at.ino;
                let target = self.export.read_link(link)?;
                let is_inside = !target.starts_with('/') && target.len() <= PATH_BYTES_MAX;
                if self.link_count > LINKS_MAX || !is_inside {
                    return Err(VfsError::NotFound);
                }
                self.at = self.export.parent(link)?;
                pending.extend(target.rsplit('/').map(str::to_owned));
            }
            match pending.pop().as_deref() {
                Some("" | ".") => {}
                // Above the root is nothing.
                Some("..") if self.at.ino == Ino::ROOT => return Err(VfsError::NotFound),
                Some(name) => self.at = self.export.child(self.at.ino, name.as_bytes())?,
                None => return Ok(()),
            }
        }
    }
}

impl<S: TorrentSource> Export<S> {
    /// Like [`find`](Self::find), and follows symbolic links, also in the last name. The result is
    /// a file or a directory of the tree.
    ///
    /// # Errors
    /// As [`find`](Self::find). `NotFound` for a link that leads outside of the tree, to nothing,
    /// or through more than 40 links.
    pub fn resolve<'a>(&self, path: impl IntoIterator<Item = &'a [u8]>) -> Result<Attr, VfsError> {
        let mut walk = LinkedWalk { export: self, at: self.attr(Ino::ROOT)?, link_count: 0 };
        for name in path {
            walk.step(name)?;
        }
        Ok(walk.at)
    }

    /// Returns the attributes of the file or directory that the symbolic link `ino` leads to; of
    /// `ino` itself if it is no link.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn follow(&self, ino: Ino) -> Result<Attr, VfsError> {
        let mut walk = LinkedWalk { export: self, at: self.attr(ino)?, link_count: 0 };
        walk.leave_links()?;
        Ok(walk.at)
    }
}
