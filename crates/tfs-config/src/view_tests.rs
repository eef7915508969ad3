//! Tests of the sections `[[view]]`.

use expect_test::{Expect, expect};
use vfs_core::Arrangement as _;

use super::*;

pub(super) fn load(file: &str) -> Result<Loaded, SettingsError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.toml");
    std::fs::write(&path, file).unwrap();
    Sources { named_file: Some(path), ..Sources::default() }.load()
}

/// Compares the problems of a file, with hints and without the directory of the file.
#[track_caller]
pub(super) fn check_wrong(file: &str, want: &Expect) {
    let mut text = String::new();
    for problem in load(file).unwrap_err().problems {
        let shown = problem.to_string();
        let shown = shown.split_once("f.toml:").map_or(shown.as_str(), |(_, rest)| rest);
        let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        text.extend([shown, &hint, "\n"]);
    }
    want.assert_eq(&text);
}

/// Returns the names of the views of a mount, and what its root shows.
fn views_of(file: &str) -> (Vec<String>, MountRoot) {
    let loaded = load(file).unwrap();
    let mount = loaded.mount_at(std::path::Path::new("/m")).unwrap();
    let views = loaded.settings.compile_views(&mount).unwrap();
    (views.view_names(), loaded.settings.root_of(&mount))
}

#[test]
fn views_are_read_and_the_root_shows_them_beside_the_rest() {
    assert_eq!(views_of(""), (Vec::new(), MountRoot::Flat));
    assert_eq!(Sources::recommended().views, load(RECOMMENDED_VIEWS).unwrap().settings.views);
    let all = ["Films", "Shows", "Anime", "Music", "Books", "Software", "Other"];
    let (names, root) = views_of(RECOMMENDED_VIEWS);
    assert_eq!((names, root), (all.map(str::to_owned).to_vec(), MountRoot::Both));
    let file = "[[mount]]\npath = \"/m\"\nroot = \"views\"\nrest_view = \"\"\n[[view]]\n\
        name = \"A\"\nkind = [\"film\", \"show\"]\nmin_size = \"1GB\"\n\
        added_after = \"2026-01-31\"\n[view.not]\nglob = \"*.avi\"\nmax_size = \"5GB\"\n";
    assert_eq!(views_of(file), (vec!["A".to_owned()], MountRoot::Views));
    let loaded = load(file).unwrap();
    let spec = loaded.settings.views[0].spec();
    assert_eq!(spec.conditions.min_size, Some(1_000_000_000));
    assert_eq!(spec.conditions.added_after, Some(1_769_817_600));
    assert_eq!(spec.conditions.kinds.len(), 2);
    assert_eq!(spec.excluded.globs, ["*.avi"]);
    assert_eq!(spec.excluded.max_size, Some(5_000_000_000));
    let not = loaded.value(&KeyName::parse("view.A.not").unwrap()).unwrap();
    assert_eq!(not.toml().unwrap(), "{ glob = [\"*.avi\"], max_size = \"5GB\" }");
}

#[test]
fn wrong_keys_of_views_are_named_with_their_place() {
    check_wrong(
        r#"
[[view]]
kind = "films"
match = 5
min_size = "5"
added_after = 2026-01-31
not = { kinds = "film" }
hides = "samples"
[[view]]
name = "B"
not = { kind = "x", min_size = "big" }
not_ = 1
"#,
        &expect![[r#"
            2:1: a view without `name` (add it, as in name = "Films")
            3:8: `view.kind`: it must be "film", "show", "anime", "music", "book", "software" or "other", or a list of them; did you mean `film`?
            4:9: `view.match`: it must be text, or a list of texts
            5:12: `view.min_size`: the unit is missing, as in 5MiB; units are B, KiB, MiB, GiB, KB, MB or GB
            6:15: `view.added_after`: write a date in quotes, as in "2026-01-31"
            7:7: `view.not`: unknown condition `kinds`; did you mean `kind`?
            8:1: unknown key `view.hides` (did you mean `view.hide`?)
            11:7: `view.not`: `kind`: it must be "film", "show", "anime", "music", "book", "software" or "other", or a list of them
            12:1: unknown key `view.not_` (did you mean `view.not`?)
        "#]],
    );
    check_wrong(
        r#"
[[view]]
name = "All"
[[view]]
name = "a/b"
kind = "film"
glob = "["
server = "home"
[view.not]
match = "("
[[view]]
name = "All"
kind = "film"
rename = "{titel}"
hide = "sample"
[[mount]]
path = "/m"
rest_view = "a/b"
"#,
        &expect![[r#"
            5:1: the view "a/b": `name`: a view's name cannot contain a slash
            7:1: the view "a/b": `glob`: a [ without ] at character 1 of the glob "["
            9:7: the view "a/b": `not.match`: the regular expression "(" is invalid: unclosed group at character 1
            12:1: the view "All": `name`: another view has this name
            14:1: the view "All": `rename`: unknown placeholder {titel}; there are {title}, {year}, {season}, {episode}, {resolution}, {group} and {name}
            15:1: the view "All": `hide`: "sample" is no rule (did you mean "samples"?)
            18:1: `rest_view`: a view's name cannot contain a slash
            8:1: the view "a/b": no server is named `home` (the servers are: default)
        "#]],
    );
    check_wrong(
        "[[mount]]\npath = \"/m\"\nroot = \"views\"\n",
        &expect![[r#"
        3:1: the root would be empty: there are no views (add a [[view]], or use root = "flat")
    "#]],
    );
}

#[test]
fn views_are_changed_like_other_settings() {
    let mut text = ConfigText::parse(std::path::Path::new("f.toml"), String::new()).unwrap();
    for (key, value) in [
        ("view.Kids films.kind", "film"),
        ("view.Kids films.tag", "[\"kids\", \"all\"]"),
        ("view.Kids films.not", "{ kind = \"anime\" }"),
        ("view.Kids films.largest_only", "true"),
    ] {
        text.set(&KeyName::parse(key).unwrap(), value).unwrap();
    }
    expect![[r#"

        [[view]]
        name = "Kids films"
        kind = ["film"]
        tag = ["kids", "all"]
        not = { kind = ["anime"] }
        largest_only = true
    "#]]
    .assert_eq(text.as_str());
    assert!(load(text.as_str()).is_ok());
    let not = KeyName::parse("view.Kids films.not").unwrap();
    assert!(text.set(&not, "anime").is_err());
}
