//! Which view shows which torrent, with which files and under which name.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use vfs_core::{InfoHash, Layout, NodeKind};

use super::*;
use crate::{ConditionSpec, TorrentKind};

fn view(name: &str) -> ViewSpec {
    ViewSpec { name: name.to_owned(), ..ViewSpec::default() }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Conditions, of which each test sets some.
fn conditions() -> ConditionSpec {
    ConditionSpec::default()
}

/// A torrent of a test: its name, and the paths and lengths of its files.
struct Sample {
    name: &'static str,
    files: &'static [(&'static str, u64)],
    tags: Vec<String>,
    servers: Vec<&'static str>,
    added_at: i64,
}

impl Sample {
    fn new(name: &'static str, files: &'static [(&'static str, u64)]) -> Self {
        Self { name, files, tags: Vec::new(), servers: vec!["home"], added_at: 0 }
    }

    fn arranged(&self) -> ArrangedTorrent<'_> {
        let file = |(index, &(path, len)): (u32, &(&'static str, u64))| ArrangedFile {
            index: FileIndex(index),
            path,
            len,
            kind: NodeKind::File,
            is_selected: !path.contains("unselected"),
        };
        ArrangedTorrent {
            info_hash: InfoHash::from_bytes([7; InfoHash::BYTES]),
            name: self.name,
            layout: Layout::Directory,
            files: (0..).zip(self.files).map(file).collect(),
            servers: self.servers.clone(),
            added_at: self.added_at,
            tags: &self.tags,
        }
    }
}

/// Compares the places of torrents: view, folder, files and the reason.
#[track_caller]
fn check(specs: &[ViewSpec], torrents: &[Sample], want: &Expect) {
    let views = ViewRules::compile(specs, Some(REST_NAME)).unwrap();
    let names = views.view_names();
    let mut text = String::new();
    for torrent in torrents {
        let arranged = torrent.arranged();
        let (places, skipped) = views.explain(&arranged);
        let plain: Vec<_> = places.iter().map(|explained| explained.place.clone()).collect();
        assert_eq!(views.places(&arranged), plain, "{}", torrent.name);
        writeln!(text, "{}", torrent.name).unwrap();
        for ExplainedPlace { place, reason } in places {
            let ViewPlace { view, name, files, is_flat, hides_duplicates } = place;
            let name = name.unwrap_or_else(|| "-".to_owned());
            let files = files.map_or("all".to_owned(), |files| {
                let files: Vec<_> = files.iter().map(|file| file.0.to_string()).collect();
                files.join(",")
            });
            let flat = if is_flat { " flat" } else { "" };
            let dedupe = if hides_duplicates { " dedupe" } else { "" };
            let view = &names[view];
            writeln!(text, "  {view}/{name} files {files}{flat}{dedupe}: {reason}").unwrap();
        }
        // The last is enough here.
        if let Some(SkippedView { view, reason }) = skipped.last() {
            writeln!(text, "  no {}: {reason}", names[*view]).unwrap();
        }
    }
    want.assert_eq(&text);
}

#[test]
fn the_first_view_that_matches_takes_a_torrent_and_the_rest_is_in_other() {
    let films = ViewSpec {
        conditions: ConditionSpec { kinds: vec![TorrentKind::Film], ..conditions() },
        rename: Some("{title} ({year})".to_owned()),
        hide: texts(&["samples", "*.txt"]),
        ..view("Films")
    };
    let kids = ViewSpec {
        // Tags are kept in lower case.
        conditions: ConditionSpec { tags: texts(&["Kids"]), ..conditions() },
        passes_on: true,
        depth: ViewDepth::Flatten,
        largest_only: true,
        hides_duplicates: true,
        ..view("Kids")
    };
    let film = Sample {
        tags: texts(&["kids"]),
        ..Sample::new(
            "The.Film.2010.1080p.BluRay.x264-GRP",
            &[("film.mkv", 900), ("sample/film.mkv", 9), ("read.txt", 1)],
        )
    };
    let other = Sample::new("Papers", &[("a.txt", 5)]);
    check(
        &[kids, films],
        &[film, other],
        &expect![[r#"
            The.Film.2010.1080p.BluRay.x264-GRP
              Kids/- files 0 flat dedupe: tag kids
              Films/The Film (2010) files 0: kind film
            Papers
              Other/- files all: in no other view
              no Films: kind other
        "#]],
    );
}

/// Returns a view for each condition.
fn views_by_condition() -> [ViewSpec; 8] {
    let of = |name: &str, conditions: ConditionSpec| ViewSpec { conditions, ..view(name) };
    [
        of("Match", ConditionSpec { matches: texts(&[r"^debian-\d+", "arch"]), ..conditions() }),
        of("Glob", ConditionSpec { globs: texts(&["*.epub"]), ..conditions() }),
        of("Episodes", ConditionSpec { has_episodes: Some(true), ..conditions() }),
        of("Large", ConditionSpec { min_size: Some(1 << 30), ..conditions() }),
        of("Many", ConditionSpec { videos_min: Some(2), videos_max: Some(9), ..conditions() }),
        of("Seedbox", ConditionSpec { servers: texts(&["box"]), ..conditions() }),
        of(
            "New",
            ConditionSpec { added_after: Some(100), added_before: Some(200), ..conditions() },
        ),
        of("Off", ConditionSpec { selected: Some(false), ..conditions() }),
    ]
}

#[test]
fn each_condition_decides() {
    let specs = views_by_condition();
    let torrents = [
        Sample::new("DEBIAN-13.iso", &[("debian-13.iso", 5)]),
        Sample::new("A Book", &[("A.Book.EPUB", 5)]),
        Sample::new("Show", &[("Show.1x02.mkv", 5)]),
        Sample::new("Big", &[("big.mkv", 2 << 30)]),
        Sample::new("Two", &[("a.mkv", 500), ("b.mkv", 500), ("sample-a.mkv", 1)]),
        Sample { servers: vec!["home", "box"], ..Sample::new("Far", &[("a.bin", 5)]) },
        Sample { added_at: 100, ..Sample::new("Fresh", &[("a.bin", 5)]) },
        Sample { added_at: 200, ..Sample::new("Later", &[("a.bin", 5)]) },
        Sample::new("Nothing", &[("unselected.bin", 5)]),
    ];
    check(
        &specs,
        &torrents,
        &expect![[r#"
            DEBIAN-13.iso
              Match/- files all: match ^debian-\d+
            A Book
              Glob/- files all: glob *.epub (A Book/A.Book.EPUB)
              no Match: no match ^debian-\d+, arch
            Show
              Episodes/- files all: has_episodes true
              no Glob: no glob *.epub
            Big
              Large/- files all: size 2.0 GiB
              no Episodes: has_episodes false
            Two
              Many/- files all: videos 2
              no Large: size 1001 B
            Far
              Seedbox/- files all: server box
              no Many: videos 0
            Fresh
              New/- files all: added_after, added_before
              no Seedbox: not on server box
            Later
              Other/- files all: in no other view
              no Off: selected true
            Nothing
              Off/- files all: selected false
              no New: outside added_after, added_before
        "#]],
    );
}

#[test]
fn any_condition_of_not_keeps_a_torrent_out() {
    let films = ViewSpec {
        conditions: ConditionSpec { globs: texts(&["*.mkv"]), ..conditions() },
        excluded: ConditionSpec {
            has_episodes: Some(true),
            tags: texts(&["kids"]),
            ..conditions()
        },
        ..view("Films")
    };
    let kids = Sample { tags: texts(&["kids"]), ..Sample::new("A", &[("a.mkv", 5)]) };
    let show = Sample::new("B S01E02", &[("b.mkv", 5)]);
    let film = Sample::new("C", &[("c.mkv", 5)]);
    check(
        &[films],
        &[kids, show, film],
        &expect![[r#"
        A
          Other/- files all: in no other view
          no Films: not: tag kids
        B S01E02
          Other/- files all: in no other view
          no Films: not: has_episodes true
        C
          Films/- files all: glob *.mkv (C/c.mkv)
    "#]],
    );
}

#[test]
fn a_torrent_whose_files_are_all_hidden_is_offered_to_the_next_view() {
    let large = ViewSpec { hide: texts(&["<1KB"]), ..view("Large files") };
    let large =
        ViewSpec { conditions: ConditionSpec { globs: texts(&["*"]), ..conditions() }, ..large };
    check(
        &[large],
        &[Sample::new("Small", &[("a.mkv", 5)])],
        &expect![[r#"
        Small
          Other/- files all: in no other view
          no Large files: all of its files are hidden
    "#]],
    );
}

#[test]
fn the_rest_is_in_a_view_without_conditions_or_of_its_name() {
    let films = || ViewSpec {
        conditions: ConditionSpec { globs: texts(&["*.mkv"]), ..conditions() },
        ..view("Films")
    };
    let other = ViewSpec {
        conditions: ConditionSpec { globs: texts(&["*.txt"]), ..conditions() },
        ..view(REST_NAME)
    };
    let name = |specs: &[ViewSpec], rest| {
        let views = ViewRules::compile(specs, rest).unwrap();
        let sample = Sample::new("Song", &[("a.mp3", 5)]);
        let places = views.places(&sample.arranged());
        let names = views.view_names();
        let shown: Vec<_> = places.iter().map(|place| names[place.view].clone()).collect();
        format!("{} in {}", names.join(","), shown.join(","))
    };
    assert_eq!(name(&[films()], Some(REST_NAME)), "Films,Other in Other");
    assert_eq!(name(&[films()], None), "Films in ");
    assert_eq!(name(&[films(), view("All")], Some(REST_NAME)), "Films,All in All");
    assert_eq!(name(&[films(), other], Some(REST_NAME)), "Films,Other in Other");
    assert_eq!(name(&[], Some(REST_NAME)), " in ");
}

#[track_caller]
fn check_wrong(specs: &[ViewSpec], want: &Expect) {
    let problems = ViewRules::compile(specs, None).unwrap_err();
    let mut text = String::new();
    for problem in problems {
        let hint = problem.hint.clone().map(|hint| format!(" ({hint})")).unwrap_or_default();
        writeln!(text, "{problem}{hint}").unwrap();
    }
    want.assert_eq(&text);
}

#[test]
fn wrong_rules_name_view_and_key() {
    let hostile = ["", "a/b", "..", ".tfs", " a", "a\n", "Films", "Films"];
    check_wrong(
        &hostile.map(view),
        &expect![[r#"
            the view "": `name`: it is empty
            the view "a/b": `name`: a view's name cannot contain a slash
            the view "..": `name`: this name has a meaning of its own
            the view ".tfs": `name`: this name has a meaning of its own
            the view " a": `name`: it has spaces around it
            the view "a\n": `name`: it contains a control character
            the view "Films": `name`: another view has this name
        "#]],
    );
    check_wrong(
        &[view("All"), view("Films"), view("Shows")],
        &expect![[r#"
        the view "All": `name`: it shows every torrent, so nothing is left for Films, Shows (move it to the end, add a condition, or add `pass_on = true`)
    "#]],
    );
    let wrong = ViewSpec {
        conditions: ConditionSpec {
            matches: texts(&["(a", "[\\w]{900}{900}"]),
            globs: texts(&["a["]),
            min_size: Some(2),
            max_size: Some(1),
            ..conditions()
        },
        excluded: ConditionSpec { globs: texts(&[""]), ..conditions() },
        rename: Some("{titel}".to_owned()),
        hide: texts(&["sample", "<5"]),
        ..view("Wrong")
    };
    let flat =
        ViewSpec { rename: Some("{title}".to_owned()), depth: ViewDepth::Flatten, ..view("Flat") };
    check_wrong(
        &[wrong, flat],
        &expect![[r#"
        the view "Wrong": `max_size`: it is less than `min_size`
        the view "Wrong": `match`: the regular expression "(a" is invalid: unclosed group at character 1
        the view "Wrong": `match`: the pattern "[\\w]{900}{900}" is too large: it may take 262144 bytes
        the view "Wrong": `glob`: a [ without ] at character 2 of the glob "a["
        the view "Wrong": `not.glob`: the query is empty
        the view "Wrong": `rename`: unknown placeholder {titel}; there are {title}, {year}, {season}, {episode}, {resolution}, {group} and {name}
        the view "Wrong": `hide`: "sample" is no rule (did you mean "samples"?)
        the view "Wrong": `hide`: "<5" is no size, such as "<50MB"
        the view "Flat": `rename`: it names folders, and `depth = "flatten"` has none (remove one of them)
    "#]],
    );
    let many: Vec<_> = (0..=VIEWS_MAX).map(|number| view(&number.to_string())).collect();
    let problems = ViewRules::compile(&many, None).unwrap_err();
    assert_eq!((problems.len(), problems[0].view), (1, VIEWS_MAX));
}
