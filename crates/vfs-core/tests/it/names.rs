//! Hostile names and their shown forms, as documented in `docs/reference/names.md`.

use std::collections::HashMap;
use std::fmt::Write as _;

use expect_test::expect_file;
use tfs_testkit::fake::FakeSource;
use tfs_testkit::hostile::hostile_cases;
use vfs_core::{Attr, DirEntry, Ino, NAME_BYTES_MAX, NodeKind, Vfs};

use crate::support::vfs_of;

const HEAD: &str = "\
# Hostile names

What names that are hard for a filesystem become in the mount; [tree.md](tree.md) has the rules.
The tests make this table from the code, and open and read each of these files through the kernel.
A name in the table is written as in Rust: `\\n` is a newline, `\\u{e9}` a character by number.
`x{300}` is a character that comes 300 times in a row.
Folders end with `/`; where a row has several files, they stand in the torrent in this order.

| | what | in the torrent | in the mount |
|---|---|---|---|
";

/// The number of repetitions of a character above which they are counted.
const RUN_MAX: usize = 8;

#[test]
fn hostile_names_become_what_the_documentation_says() {
    let source = FakeSource::new(4);
    let cases = hostile_cases();
    for case in &cases {
        case.torrents.iter().for_each(|torrent| _ = source.add(torrent.clone()));
    }
    let vfs = vfs_of(&source);
    let mut paths = HashMap::new();
    collect(&vfs, Ino::ROOT, &mut Vec::new(), &mut paths);
    assert!(cases.len() >= 60, "{}", cases.len());

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut table = HEAD.to_owned();
    for (number, case) in (1..).zip(&cases) {
        let (mut raw, mut shown) = (Vec::new(), Vec::new());
        for (id, len, names) in case.files() {
            let (path, ino) = &paths[&len];
            // The number leads to that file, which can be read.
            let bytes = runtime.block_on(vfs.read(vfs.open(*ino).unwrap(), 0, 9999)).unwrap();
            assert_eq!(bytes.len() as u64, len);
            FakeSource::content(id, len).check(0, &bytes).unwrap();
            // The name of a torrent that exists only to hold its files is skipped.
            let skipped = usize::from(names.len() > 1);
            raw.push(in_code(names[skipped..].iter().copied()));
            shown.push(in_code(path[skipped..].iter().map(String::as_str)));
        }
        let (raw, shown) = (raw.join("<br>"), shown.join("<br>"));
        writeln!(table, "| {number} | {} | {raw} | {shown} |", case.what).unwrap();
    }
    expect_file!["../../../../docs/reference/names.md"].assert_eq(&table);
}

/// Finds all files by their lengths.
fn collect(
    vfs: &Vfs<FakeSource>,
    dir: Ino,
    path: &mut Vec<String>,
    paths: &mut HashMap<u64, (Vec<String>, Ino)>,
) {
    let mut entries: Vec<(String, Attr)> = Vec::new();
    let each = |entry: &DirEntry<'_>| {
        entries.push((entry.name.to_owned(), entry.attr));
        true
    };
    vfs.read_dir(dir, 2, each).unwrap();
    for (name, attr) in entries {
        assert!((1..=NAME_BYTES_MAX).contains(&name.len()), "{name:?}");
        assert!(!name.contains('/') && !name.contains(char::is_control), "{name:?}");
        path.push(name);
        if attr.kind == NodeKind::Directory {
            collect(vfs, attr.ino, path, paths);
        } else {
            assert_eq!(paths.insert(attr.size, (path.clone(), attr.ino)), None);
        }
        path.pop();
    }
}

/// Returns a path as code for a table.
fn in_code<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(written).collect();
    let path = names.join("/").replace('|', r"\|");
    // An empty name and spaces at the ends are visible only with quotes.
    if path.contains('`') { format!("`` \"{path}\" ``") } else { format!("`\"{path}\"`") }
}

/// Returns a name as a Rust literal, with long runs of a character counted.
fn written(name: &str) -> String {
    let mut text = String::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let tail = rest.trim_start_matches(first);
        let run = rest.chars().count() - tail.chars().count();
        let written = match first {
            '"' | '\'' => first.to_string(),
            // Right-to-left text would reorder the table.
            '\u{590}'..='\u{8ff}' => first.escape_unicode().to_string(),
            _ => first.escape_debug().to_string(),
        };
        if run > RUN_MAX {
            write!(text, "{written}{{{run}}}").unwrap();
        } else {
            text += &written.repeat(run);
        }
        rest = tail;
    }
    text
}
