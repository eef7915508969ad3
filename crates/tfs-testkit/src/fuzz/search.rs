//! Search queries.

use std::sync::{Arc, LazyLock};

use vfs_core::{Query, ServerId, Vfs, VfsConfig};

use crate::fake::{FakeSource, directory};

/// A library with some names to search for.
static LIBRARY: LazyLock<Vfs<FakeSource>> = LazyLock::new(|| {
    let source = FakeSource::new(1);
    let names =
        ["a.mkv", "Season 1/Überfahrt [1080p].mkv", "x/y/z/{a,b}*.txt", "100% real", "\u{202e}"];
    let files: Vec<_> = names.iter().map(|name| (*name, 1)).collect();
    source.add(directory(1, "A Film of 2026", &files));
    source.add(directory(2, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &files));
    let (listing, details) = (source.listing(), source.all_details());
    let vfs = Vfs::new(Arc::new(source), VfsConfig::default());
    vfs.apply(ServerId::FIRST, listing, details, 1);
    vfs
});

/// Any text, as words, as a glob and as a regular expression. A regular expression must give the
/// same result as the regex crate alone, whatever the prefilter excluded.
///
/// # Panics
/// If a result does not match the whole query.
pub fn search(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let all = LIBRARY.counts().files;
    if let Ok(words) = Query::words(text) {
        let first = text.split(|c: char| c == '/' || c.is_whitespace()).find(|it| !it.is_empty());
        let first = first.unwrap_or_default();
        for hit in LIBRARY.search(&words, usize::MAX) {
            // Searches use decomposed text, where an accent follows its letter.
            let path = hit.path.replace('\u{dc}', "U\u{308}").to_lowercase();
            let is_plain = first.is_ascii();
            assert!(
                !is_plain || path.contains(&first.to_lowercase()),
                "{text:?} in {:?}",
                hit.path
            );
        }
    }
    for pattern in [Query::glob(text), Query::regex(text)].into_iter().flatten() {
        let found = LIBRARY.search(&pattern, usize::MAX);
        assert!(found.len() <= all);
        assert!(LIBRARY.search(&pattern, 1).len() == found.len().min(1));
    }
}
