//! Tests of the settings of on-demand torrents.

use expect_test::expect;
use tfs_types::OnDemandMode;
use tfs_views::NewTorrent;

use super::view_tests::{check_wrong, load};
use super::*;

/// Checks the mode of a torrent that a mount adds, and of one that a command adds.
#[track_caller]
fn check_mode(
    file: &str,
    name: &str,
    tags: &[&str],
    want: (Option<OnDemandMode>, Option<OnDemandMode>),
) {
    let loaded = load(file).unwrap();
    let server = loaded.settings.servers.first().unwrap();
    let mount = loaded.mount_at(std::path::Path::new("/m")).unwrap();
    let tags: Vec<_> = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let files = [("a.mkv".to_owned(), 2_000_000_000), ("b.nfo".to_owned(), 5)];
    let torrent = NewTorrent {
        info_hash: "07".repeat(20).parse().unwrap(),
        name,
        files: &files,
        server: &server.name,
        tags: &tags,
    };
    let mode = |mount| loaded.settings.on_demand_policy(server, mount).unwrap().mode_of(&torrent);
    assert_eq!((mode(Some(&mount)), mode(None)), want, "{name} {tags:?} {file}");
}

#[test]
fn the_first_rule_decides_then_the_mount_then_the_server() {
    let (pieces, file) = (Some(OnDemandMode::Pieces), Some(OnDemandMode::File));
    check_mode("", "x", &[], (None, None));
    let server = "[[server]]\nurl = \"http://a\"\non_demand = \"pieces\"\n";
    let mount = |mode: &str| format!("{server}[[mount]]\npath = \"/m\"\non_demand = {mode}\n");
    check_mode(server, "x", &[], (pieces, pieces));
    check_mode(&mount("false"), "x", &[], (None, pieces));
    check_mode(&mount("\"off\""), "x", &[], (None, pieces));
    check_mode(&mount("\"file\""), "x", &[], (file, pieces));
    let rules = mount("false")
        + "[[on_demand]]\nmode = false\ntag = \"keep\"\n\
           [[on_demand]]\nname = \"shows\"\nkind = \"show\"\nmode = \"file\"\n\
           [[on_demand]]\nmin_size = \"1GB\"\nnot = { match = \"linux\" }\n";
    check_mode(&rules, "Show.S01E01.1080p", &[], (file, file));
    check_mode(&rules, "Show.S01E01.1080p", &["keep"], (None, None));
    check_mode(&rules, "A Film 2020", &["other"], (pieces, pieces));
    check_mode(&rules, "linux 6", &[], (None, pieces));
}

#[test]
fn wrong_values_are_named_with_what_is_right() {
    check_wrong(
        r#"
[[server]]
url = "http://a"
on_demand = true
[[mount]]
path = "/m"
on_demand = "filed"
[[on_demand]]
mode = 5
selected = true
not = { added_after = "2026-01-01" }
[[on_demand]]
mod = "file"
tags = ["x"]
[read]
next = true
refused_programs = ["updatedb", "*", "/usr/bin/x", "Plex*", " x", "v?c"]
"#,
        &expect![[r#"
            4:13: `server.on_demand`: it must be false, "pieces" or "file": "pieces" downloads what programs read, "file" also the whole of a file that is read in order
            7:13: `mount.on_demand`: it must be false, "pieces" or "file"; did you mean `file`?
            9:8: `on_demand.mode`: it must be false, "pieces" or "file"
            10:1: unknown key `on_demand.selected` (did you mean `view.selected`?)
            11:7: `on_demand.not`: unknown condition `added_after`
            13:1: unknown key `on_demand.mod` (did you mean `on_demand.mode`?)
            14:1: unknown key `on_demand.tags` (did you mean `on_demand.tag`?)
            16:8: `read.next`: it must be "off", "head" or "whole"
            17:20: `read.refused_programs`: "*" matches `mpv`, with which people read files; write a narrower pattern
        "#]],
    );
    check_wrong(
        "[[on_demand]]\nglob = \"[\"\nserver = \"b\"\nnot = { match = \"(\" }\n\
         [[on_demand]]\n[[on_demand]]\ntag = \"a b/\"\n",
        &expect![[r#"
            2:1: `glob`: a [ without ] at character 1 of the glob "["
            4:1: `not.match`: the regular expression "(" is invalid: unclosed group at character 1
            5:1: every torrent meets this rule, so those after it have no effect (move it to the end, or add a condition)
            3:1: no server is named `b` (the servers are: default)
        "#]],
    );
}

#[test]
fn programs_are_refused_by_default_and_none_with_an_empty_list() {
    let programs = |file: &str| load(file).unwrap().settings.read.refused_programs;
    assert!(programs("").iter().any(|name| name == "updatedb"));
    assert!(programs("").iter().all(|name| programs::check(name).is_ok()));
    assert_eq!(programs("[read]\nrefused_programs = []\n"), Vec::<String>::new());
    let next = |file: &str| load(file).unwrap().settings.read.next;
    assert_eq!(next(""), NextMode::Head);
    assert_eq!(next("[read]\nnext = \"off\"\n"), NextMode::Off);
}
