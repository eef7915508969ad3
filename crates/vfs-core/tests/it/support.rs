//! Helpers of the core's tests: a filesystem over the fake, and the tree as text.

use std::fmt::Write as _;
use std::sync::Arc;

use tfs_testkit::fake::FakeSource;
use vfs_core::{Attr, Ino, NodeKind, ReadPolicy, ServerId, Vfs, VfsConfig, VfsError};

/// When all torrents of [`vfs_of`] are first seen.
pub(crate) const SEEN_AT: i64 = 1_700_000_000;

/// Returns a filesystem that has all torrents of the source.
pub(crate) fn vfs_of(source: &FakeSource) -> Vfs<FakeSource> {
    vfs_with(source, ReadPolicy::default())
}

pub(crate) fn vfs_with(source: &FakeSource, read: ReadPolicy) -> Vfs<FakeSource> {
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig { read, ..VfsConfig::default() });
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), SEEN_AT);
    vfs
}

/// Looks a name up and forgets it again.
pub(crate) fn child(vfs: &Vfs<FakeSource>, parent: Ino, name: &str) -> Result<Attr, VfsError> {
    let attr = vfs.lookup(parent, name.as_bytes())?.attr;
    vfs.forget(attr.ino, 1);
    Ok(attr)
}

/// Returns the whole tree, and checks that listings, lookups and attributes agree.
pub(crate) fn render(vfs: &Vfs<FakeSource>) -> String {
    let mut text = String::new();
    render_directory(vfs, Ino::ROOT, Ino::ROOT, 0, &mut text);
    text
}

/// Returns the tree below a directory of a torrent, with the same checks.
pub(crate) fn render_below(vfs: &Vfs<FakeSource>, top: Ino) -> String {
    let mut text = String::new();
    render_directory(vfs, top, Ino::ROOT, 0, &mut text);
    text
}

fn render_directory(vfs: &Vfs<FakeSource>, dir: Ino, parent: Ino, depth: usize, text: &mut String) {
    let mut entries = Vec::new();
    vfs.read_dir(dir, 0, |entry| {
        entries.push((entry.name.to_owned(), entry.attr));
        true
    })
    .unwrap();
    let dots: Vec<_> = entries.drain(..2).map(|(name, attr)| (name, attr.ino)).collect();
    assert_eq!(dots, [(".".to_owned(), dir), ("..".to_owned(), parent)]);
    for (name, attr) in entries {
        assert_eq!(child(vfs, dir, &name).unwrap(), attr, "{name}");
        assert_eq!(vfs.attr(attr.ino).unwrap(), attr, "{name}");
        let indent = "  ".repeat(depth);
        match attr.kind {
            NodeKind::Directory => {
                writeln!(text, "{indent}{name}/").unwrap();
                render_directory(vfs, attr.ino, dir, depth + 1, text);
            }
            NodeKind::File => writeln!(text, "{indent}{name} {}", attr.size).unwrap(),
            NodeKind::Symlink => {
                let target = vfs.read_link(attr.ino).unwrap();
                writeln!(text, "{indent}{name} -> {target}").unwrap();
            }
        }
    }
}
