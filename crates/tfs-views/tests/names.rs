//! Release names of the test lists of other parsers: which view they land in.
//!
//! `names.tsv` has the class, the set, the source and the name, which is a fact and no work of
//! its own. Sources: oleoo 1.1.7, @ctrl/video-filename-parser 5.4.1 and parse-torrent-title 3.0.1
//! (npm), anitomy (`erengy/anitomy`), rls (`autobrr/rls`) and scene-release-parser
//! (`pr0pz/scene-release-parser`); classes of the last two are theirs, the others were set by hand.
//! The rules were corrected without the names of the set `held`, a third of each class.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::expect;
use tfs_views::{ConditionSpec, TorrentKind, ViewRules, ViewSpec};
use vfs_core::{ArrangedTorrent, Arrangement as _, InfoHash, Layout};

/// Returns the views of the recommended set, by kind.
fn views() -> ViewRules {
    let view = |(name, kind): (&str, TorrentKind)| ViewSpec {
        name: name.to_owned(),
        conditions: ConditionSpec { kinds: vec![kind], ..ConditionSpec::default() },
        ..ViewSpec::default()
    };
    let views = [
        ("film", TorrentKind::Film),
        ("show", TorrentKind::Show),
        ("anime", TorrentKind::Anime),
        ("music", TorrentKind::Music),
        ("book", TorrentKind::Book),
        ("software", TorrentKind::Software),
    ];
    ViewRules::compile(&views.map(view), Some("other")).unwrap()
}

/// Returns the view in which a torrent of this name lands.
fn view_of(views: &ViewRules, name: &str) -> String {
    let torrent = ArrangedTorrent {
        info_hash: InfoHash::from_bytes([0; InfoHash::BYTES]),
        name,
        layout: Layout::Directory,
        files: Vec::new(),
        servers: Vec::new(),
        added_at: 0,
        tags: &[],
    };
    let places = views.places(&torrent);
    assert_eq!(places.len(), 1, "{name}");
    views.view_names()[places[0].view].clone()
}

#[test]
fn release_names_land_in_the_view_of_their_class() {
    let views = views();
    let mut counts: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    let mut landed: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut wrong = String::new();
    for line in include_str!("names.tsv").lines() {
        let [class, set, _source, name] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let view = view_of(&views, name);
        let count = counts.entry((class, set)).or_default();
        count.1 += 1;
        if view == class {
            count.0 += 1;
        } else {
            writeln!(wrong, "{set} {class} in {view}: {name}").unwrap();
        }
        *landed.entry((class, view)).or_default() += 1;
    }
    let mut table = String::new();
    for class in ["film", "show", "anime", "music", "book", "software"] {
        let share = |set| {
            let (right, all) = counts[&(class, set)];
            format!("{set} {right}/{all}")
        };
        let others = landed.iter().filter(|((of, view), _)| *of == class && view != class);
        let others: Vec<_> = others.map(|((_, view), count)| format!("{view} {count}")).collect();
        let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        writeln!(table, "{class}: {}, {}; elsewhere: {others}", share("tuned"), share("held"))
            .unwrap();
    }
    println!("{table}\n{wrong}");
    expect![[r#"
        film: tuned 46/46, held 22/22; elsewhere: none
        show: tuned 46/46, held 15/22; elsewhere: anime 1, film 6
        anime: tuned 30/38, held 14/18; elsewhere: film 4, other 1, show 7
        music: tuned 26/27, held 12/13; elsewhere: film 2
        book: tuned 21/22, held 8/10; elsewhere: film 1, other 2
        software: tuned 24/24, held 10/12; elsewhere: film 1, music 1
    "#]]
    .assert_eq(&table);
}
