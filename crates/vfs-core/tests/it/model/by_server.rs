//! A directory for each server, which shows the same as a mount of that server alone.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use tfs_testkit::fake::FakeSource;
use vfs_core::{Ino, NodeKind, RootLayout, ServerId, TorrentDetails, Vfs, VfsConfig};

use super::generate::{self, Op, SERVERS};

/// Renders everything visible below a directory, except inode numbers.
fn view(vfs: &Vfs<FakeSource>, dir: Ino, text: &mut String) {
    let mut entries = Vec::new();
    let each = |entry: &vfs_core::DirEntry<'_>| {
        entries.push((entry.name.to_owned(), entry.attr));
        true
    };
    vfs.read_dir(dir, 2, each).unwrap();
    for (name, attr) in entries {
        let shown = (attr.kind, attr.size, attr.have_bytes, attr.mtime, attr.nlink, attr.validity);
        writeln!(text, "{name:?} {shown:?}").unwrap();
        match attr.kind {
            NodeKind::Directory => view(vfs, attr.ino, text),
            NodeKind::Symlink => writeln!(text, "{}", vfs.read_link(attr.ino).unwrap()).unwrap(),
            NodeKind::File => {}
        }
    }
    text.push_str("end\n");
}

fn apply(
    vfs: &Vfs<FakeSource>,
    server: ServerId,
    pool: &[TorrentDetails],
    details_of: u8,
    at: i64,
) {
    let listing = vfs.source(server).unwrap().listing();
    let unknown = vfs.unknown_torrents(server, &listing);
    let given = pool.iter().enumerate().filter(|(position, details)| {
        details_of >> position & 1 == 1 && unknown.contains(&details.info_hash)
    });
    let given = given.map(|(_, details)| details.clone()).collect();
    vfs.apply(server, listing, given, at);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_directory_is_what_its_server_alone_would_show(
        pool in generate::pool(),
        ops in generate::ops(),
    ) {
        let sources: Vec<_> =
            (0..SERVERS).map(|n| Arc::new(FakeSource::new(4).named(&format!("s{n}")))).collect();
        let config = VfsConfig { layout: RootLayout::ByServer, ..VfsConfig::default() };
        let vfs = Vfs::of_servers(&sources, config);
        let alone: Vec<_> = sources
            .iter()
            .map(|source| Vfs::new(Arc::clone(source), VfsConfig::default()))
            .collect();
        let folders: Vec<_> = (0..SERVERS)
            .map(|n| vfs.lookup(Ino::ROOT, format!("s{n}").as_bytes()).unwrap().attr.ino)
            .collect();
        for (at, (position, op)) in (1_500_000_000..).zip(&ops) {
            let (position, alone) = (*position, &alone[*position]);
            op.happen_on(&sources[position], &pool);
            let Op::Apply { details_of } = op else { continue };
            let server = ServerId(u16::try_from(position).unwrap());
            apply(&vfs, server, &pool, *details_of, at);
            apply(alone, ServerId::FIRST, &pool, *details_of, at);
            let (mut got, mut want) = (String::new(), String::new());
            view(&vfs, folders[position], &mut got);
            view(alone, Ino::ROOT, &mut want);
            prop_assert_eq!(got, want);
            let got = vfs.attr(folders[position]).unwrap();
            let want = alone.attr(Ino::ROOT).unwrap();
            prop_assert_eq!((got.mtime, got.nlink), (want.mtime, want.nlink));
        }
    }
}
