//! Tests of the settings as a whole: layers, defaults, errors, and the documentation.

use std::fs;
use std::path::Path;
use std::time::Duration;

use expect_test::{Expect, expect, expect_file};

use super::keys::{DefaultValue, find_key, keys};
use super::*;

/// Loads a file, variables and flags.
fn load(
    file: &str,
    variables: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Loaded, SettingsError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.toml");
    fs::write(&path, file).unwrap();
    let sources = Sources {
        named_file: Some(path),
        variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        flags: flags.iter().map(|(key, value)| Flag { key, value: (*value).to_owned() }).collect(),
        ..Sources::default()
    };
    sources.load()
}

/// Formats problems as users see them, with file names only.
fn text_of(error: &SettingsError) -> String {
    let mut text = String::new();
    for problem in &error.problems {
        let mut problem = problem.clone();
        if let Some(Provenance { origin: Origin::File(path), .. }) = &mut problem.place {
            *path = path.file_name().unwrap().into();
        }
        text.extend([problem.to_string(), "\n".to_owned()]);
        if let Some(hint) = &problem.hint {
            let hint = hint.split("/f.toml").last().unwrap();
            text.extend(["    ", hint, "\n"]);
        }
    }
    text
}

#[track_caller]
fn check(file: &str, want: &Expect) {
    want.assert_eq(&text_of(&load(file, &[], &[]).unwrap_err()));
}

#[test]
fn a_higher_layer_wins_and_each_value_knows_its_place() {
    let file = "[read]\ntimeout = \"10s\"\nmemory = \"32MiB\"\nreadahead = \"1MiB\"\n\
        [logging]\nlevel = \"info\"";
    let variables = [("TFS_READ__TIMEOUT", "20s"), ("TFS_READ__MEMORY", "64MiB"), ("HOME", "/x")];
    let loaded = load(file, &variables, &[("read.timeout", "30s")]).unwrap();
    assert_eq!(loaded.settings.read.timeout, Duration::from_secs(30));
    assert_eq!(loaded.settings.read.memory_bytes, Some(64 << 20));
    assert_eq!(loaded.settings.read.readahead_bytes, 1 << 20);
    assert_eq!(loaded.settings.logging.level, LogLevel::Info);
    let place = |name| loaded.place(name).to_string();
    assert_eq!(place("read.timeout"), "--read-timeout");
    assert_eq!(place("read.memory"), "TFS_READ__MEMORY");
    assert!(place("logging.level").ends_with("f.toml:6:1"), "{}", place("logging.level"));
    assert_eq!(place("read.missing"), "default");
}

#[test]
fn files_are_layered_and_a_list_replaces_a_list() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let server = |name: &str| format!("[[server]]\nname = \"{name}\"\nurl = \"http://{name}\"\n");
    let system = write("system", &(server("a") + &server("b") + "[read]\ntimeout = \"1s\""));
    let user = write("user", "[read]\ntimeout = \"2s\"\nmissing = \"fail\"");
    let here = write("here", &server("c"));
    let sources = Sources {
        usual_files: vec![system, user, dir.path().join("missing")],
        file_here: Some(here),
        ..Sources::default()
    };
    let loaded = sources.load().unwrap();
    let names: Vec<_> = loaded.settings.servers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["c"]);
    assert_eq!(loaded.settings.read.timeout, Duration::from_secs(2));
    assert_eq!(loaded.settings.read.missing, MissingData::Fail);
    assert!(loaded.place("server[0].url").to_string().ends_with("here:3:1"));
    assert_eq!(loaded.place("server[0].max_streams"), Provenance::of(Origin::Default));
    let states: Vec<_> = loaded.files.iter().map(|file| file.state.clone()).collect();
    use ConfigFileState::{Missing as NotThere, Read};
    assert_eq!(states, [Read, Read, NotThere, Read]);
}

#[test]
fn a_file_in_the_current_directory_makes_no_drop_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tfs.toml");
    let mount = "[[mount]]\npath = \"/m\"\n";
    let load = |text: &str, named: bool| {
        fs::write(&path, format!("{mount}{text}\n")).unwrap();
        let named_file = named.then(|| path.clone());
        let sources = Sources { file_here: Some(path.clone()), named_file, ..Sources::default() };
        sources.load().map(|loaded| loaded.settings.mounts)
    };
    assert_eq!(load("", false).unwrap().len(), 1);
    for (key, text) in [
        ("drop", "drop = \"/d\""),
        ("drop_remove", "drop_remove = \"forget\""),
        ("drop_gid", "drop_gid = 5"),
        ("allow_urls", "allow_urls = true"),
    ] {
        let error = load(text, false).unwrap_err().to_string();
        let want = format!("`mount[0].{key}` is not allowed in a file of the current directory");
        assert!(error.contains(&want) && error.contains(":3:1"), "{error}");
        // A user who names the file wants what it says.
        assert_eq!(load(text, true).unwrap().len(), 1, "{key}");
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_with_their_places() {
    check(
        "[raed]\ntimeout = \"5s\"\n[read]\ntimout = \"5s\"\n  timeout = 5\n\
         missing = \"wiat\"\nmemory = \"1KiB\"\n",
        &expect![[r#"
            f.toml:1:2: unknown section `raed`
                did you mean `read`?
            f.toml:4:1: unknown key `read.timout`
                did you mean `read.timeout`?
            f.toml:5:13: `read.timeout`: the unit is missing, as in 5s; units are ms, s, m, h or d; write it in quotes
            f.toml:6:11: `read.missing`: it must be "wait" or "fail"; did you mean `wait`?
            f.toml:7:10: `read.memory`: it must be at least 1.0 MiB
        "#]],
    );
    check(
        "read = 1\nserver = 2\n[mount]\npath = \"/x\"\n",
        &expect![[r#"
            f.toml:1:1: `read` must be a section
                write [read] above its keys
            f.toml:2:1: `server` must be a section
                write [[server]] above its keys
            f.toml:3:2: `mount` must be a section
                write [[mount]] above its keys
        "#]],
    );
}

#[test]
fn text_without_quotes_has_a_hint() {
    check(
        "[[server]]\nurl = nas:3030\nname = nas # home\n",
        &expect![[r#"
        f.toml:2:7: invalid float, expected `nan`
            write text in quotes, as in name = "text"
        f.toml:3:8: invalid float, expected `nan`
            write text in quotes, as in name = "text"
    "#]],
    );
    check(
        "[logging]\nfile = /var/log/tfs.log\nlevel = debug\n",
        &expect![[r#"
        f.toml:2:8: string values must be quoted, expected literal string
            write text in quotes, as in name = "text"
        f.toml:3:9: string values must be quoted, expected literal string
            write text in quotes, as in name = "text"
    "#]],
    );
    check(
        "[read]\ntimeout = 5s\n",
        &expect![[r#"
        f.toml:2:11: string values must be quoted, expected literal string
    "#]],
    );
    check(
        "[[server]]\nurl = \"nas:3030\"\nlocal_paths = \"foo\"\n",
        &expect![[r#"
        f.toml:2:7: `server.url`: http:// is missing, as in http://127.0.0.1:3030
        f.toml:3:15: `server.local_paths`: it must be "auto", "off" or a list of pairs ["FROM", "TO"]
    "#]],
    );
}

#[test]
fn what_is_no_toml_is_told_without_the_line_itself() {
    check(
        "[[server]]\nurl = \"http://h\"\npassword = \"s3cret\n",
        &expect![[r#"
            f.toml:3:19: invalid basic string, expected `"`
        "#]],
    );
    let loaded = load("[[server]]\nurl = \"http://u:s3cret@h\"\npassword = \"s3cret\"", &[], &[]);
    let text = text_of(&loaded.unwrap_err());
    assert!(!text.contains("s3cret"), "{text}");
    expect![[r#"
        f.toml:2:7: `server.url`: credentials are not allowed in the address; use `username` and `password_file`
        f.toml:3:1: unknown key `server.password`
            put the password into a file, and name it with `password_file`
    "#]]
    .assert_eq(&text);
}

#[test]
fn combinations_that_cannot_be_are_told() {
    check(
        "[[server]]\nname = \"a\"\nurl = \"http://a\"\n[[server]]\nname = \"a\"\nurl = \"http://b\"\n\
         [[server]]\nname = \"c\"\nurl = \"http://b:80/\"\npassword_file = \"/p\"\n\
         [[mount]]\npath = \"/m\"\nservers = [\"a\", \"d\"]\n[[mount]]\npath = \"/m\"\n\
         [read]\nmemory = \"4MiB\"\n\
         [cache]\nmemory_bytes = \"8MiB\"\n[preload]\nhead = \"1MiB\"\n",
        &expect![[r#"
            f.toml:5:1: two servers are named `a`
                :1:1
            f.toml:9:1: its `url` is that of the server `a`
                remove one of them
            f.toml:10:1: a password without a user name
                add `username`, or remove `password_file`
            f.toml:15:1: two mounts at /m
                :11:1
            f.toml:13:1: no server is named `d`
                the servers are: a, a, c
            f.toml:19:1: `cache.memory_bytes` is more than `read.memory`
                it is a share of `read.memory`: raise that, or lower this
            f.toml:21:1: `preload.head` without `preload.patterns`
                name the files, as in patterns = ["**/*.mkv"]
        "#]],
    );
    check(
        "[preload]\npatterns = [\"*.mkv\", \"[a\"]\n",
        &expect![[r#"
            f.toml:2:1: `preload.patterns`: a [ without ] at character 1 of the glob "[a"
        "#]],
    );
    check(
        "server = []",
        &expect![[r#"
            f.toml:1:1: `server` is an empty list
                add a [[server]]
        "#]],
    );
    check(
        "[[server]]\nname = \"a\"\n",
        &expect![[r#"
            f.toml:1:1: a server without `url`
                add it, as in url = "http://127.0.0.1:3030"
        "#]],
    );
}

#[test]
fn variables_are_checked_like_files() {
    let variables = [
        ("TFS_READ__TIMOUT", "5s"),
        ("TFS_READ__TIMEOUT", "5"),
        ("TFS_SERVER__URL", "http://h"),
        ("TFS_METADATA__SHOW_CONTROL", "perhaps"),
        ("TFS_READ__MEMORY", ""),
    ];
    let error = load("", &variables, &[]).unwrap_err();
    expect![[r#"
        TFS_METADATA__SHOW_CONTROL: it must be true or false
        TFS_READ__TIMEOUT: the unit is missing, as in 5s; units are ms, s, m, h or d
        TFS_READ__TIMOUT: unknown key `read.timout`
            did you mean `TFS_READ__TIMEOUT`?
        TFS_SERVER__URL: a variable cannot set it: there may be several `server`s
            use TFS_SERVER, flags, or a file: tfs config init
    "#]]
    .assert_eq(&text_of(&error));
    // Variables that Kubernetes sets for a service of this name cause no warning.
    let strangers = [("TFS_PORT", "x"), ("TFS_SERVICE_HOST", "x"), ("TFS_SEVER", "http://h")];
    let warnings = load("", &strangers, &[]).unwrap().warnings;
    assert_eq!(warnings, ["TFS_SEVER is not a setting of tfs; did you mean TFS_SERVER?"]);
    let patterns = [("TFS_PRELOAD__PATTERNS", "[\"*.mkv\", \"{a,b}\"]")];
    assert_eq!(load("", &patterns, &[]).unwrap().settings.preload.patterns, ["*.mkv", "{a,b}"]);
}

#[test]
fn servers_are_chosen_by_flag_variable_mount_and_configuration() {
    let two = "[[server]]\nname = \"a\"\nurl = \"http://a\"\nmax_streams = 2\n\
               [[server]]\nname = \"b\"\nurl = \"http://b\"\n";
    let choose = |file: &str, variables: &[_], args: &[&str], names: &[String]| {
        let mut loaded = load(file, variables, &[]).unwrap();
        loaded.servers = args.iter().map(|arg| arg.parse().unwrap()).collect();
        match loaded.choose_server(names) {
            Ok(chosen) => {
                format!(
                    "{} {} {}",
                    chosen.section.name, chosen.section.url, chosen.section.max_streams
                )
            }
            Err(problem) => problem.to_string(),
        }
    };
    assert_eq!(choose("", &[], &[], &[]), "default http://127.0.0.1:3030/ 4");
    assert_eq!(choose(two, &[], &["a"], &[]), "a http://a/ 2");
    assert_eq!(choose(two, &[], &["http://a:80"], &[]), "a http://a/ 2");
    assert_eq!(choose(two, &[], &["http://c"], &[]), "default http://c/ 4");
    assert_eq!(choose(two, &[], &["x=http://c"], &[]), "x http://c/ 4");
    assert_eq!(choose(two, &[("TFS_SERVER", "b")], &[], &[]), "b http://b/ 4");
    assert_eq!(choose(two, &[("TFS_SERVER", "b")], &["a"], &[]), "a http://a/ 2");
    assert_eq!(choose(two, &[], &[], &["b".to_owned()]), "b http://b/ 4");
    assert_eq!(choose(two, &[], &[], &[]), "there are several servers: a, b");
    assert_eq!(choose(two, &[], &["a", "b"], &[]), "several servers are given");
    assert_eq!(choose(two, &[("TFS_SERVER", "c")], &[], &[]), "TFS_SERVER: no server is named `c`");
}

#[test]
fn several_servers_are_chosen_with_names_and_credentials_of_their_own() {
    let two = "[[server]]\nname = \"a\"\nurl = \"http://a\"\nmax_streams = 2\n\
               [[server]]\nname = \"b\"\nurl = \"http://b\"\n";
    let choose = |file: &str, variables: &[_], args: &[&str], names: &[&str]| {
        let mut loaded = load(file, variables, &[]).unwrap();
        loaded.servers = args.iter().map(|arg| arg.parse().unwrap()).collect();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        match loaded.choose_servers(&names) {
            Ok(chosen) => {
                let shown =
                    chosen.iter().map(|it| format!("{}={}", it.section.name, it.section.url));
                shown.collect::<Vec<_>>().join(" ")
            }
            Err(problem) => problem.to_string(),
        }
    };
    assert_eq!(choose("", &[], &[], &[]), "default=http://127.0.0.1:3030/");
    assert_eq!(choose(two, &[], &[], &[]), "a=http://a/ b=http://b/");
    assert_eq!(choose(two, &[], &[], &["b"]), "b=http://b/");
    assert_eq!(choose(two, &[], &["b", "a"], &["a"]), "b=http://b/ a=http://a/");
    assert_eq!(choose(two, &[], &["x=http://c", "a"], &[]), "x=http://c/ a=http://a/");
    assert_eq!(choose(two, &[], &["a=http://c", "a"], &[]), "two servers are named `a`");
    assert_eq!(choose("", &[], &["http://c", "http://d"], &[]), "two servers are named `default`");
    assert_eq!(
        choose(two, &[], &["x=http://a", "a"], &[]),
        "the server at http://a/ is named twice"
    );
    assert_eq!(choose(two, &[("TFS_SERVER", "b")], &[], &[]), "b=http://b/");
    // Credentials that are given once may belong to one of the servers only.
    assert_eq!(
        choose(two, &[("TFS_USERNAME", "me"), ("TFS_PASSWORD", "s3cret")], &[], &[]),
        "TFS_USERNAME is for one server, but several are selected"
    );
}

#[test]
fn passwords_come_from_files_and_variables_and_are_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    fs::write(&path, "s3cret\nsecond line\n").unwrap();
    let file = path.to_str().unwrap();
    let choose = |variables: &[_], flags: &[_]| {
        let chosen = load("", variables, flags).unwrap().choose_server(&[]);
        chosen.map(|it| it.connection.credentials.is_some()).map_err(|problem| problem.message)
    };
    let user = ("server.username", "me@home");
    assert_eq!(choose(&[], &[]), Ok(false));
    assert_eq!(choose(&[], &[user, ("server.password_file", file)]), Ok(true));
    assert_eq!(choose(&[("TFS_PASSWORD", "s3cret")], &[user]), Ok(true));
    assert_eq!(choose(&[("TFS_USERNAME", "me"), ("TFS_PASSWORD_FILE", file)], &[]), Ok(true));
    assert_eq!(choose(&[], &[user]), Err("a user name without a password".to_owned()));
    let alone = choose(&[("TFS_PASSWORD", "s3cret")], &[]);
    assert_eq!(alone, Err("a password without a user name".to_owned()));
    let missing = choose(&[], &[user, ("server.password_file", "/missing")]).unwrap_err();
    assert!(missing.starts_with("cannot read the password in /missing: "), "{missing}");
    let loaded = load("", &[("TFS_PASSWORD", "s3cret")], &[user]).unwrap();
    assert!(!format!("{loaded:?}").contains("s3cret"));
}

#[test]
fn a_mount_is_what_is_configured_for_its_path_and_then_the_flags() {
    let file = "[[mount]]\npath = \"/m\"\nuid = 7\nallow_other = true\numask = \"022\"";
    let flags = [("mount.uid", "8"), ("mount.gid", "9")];
    let mount = load(file, &[], &flags).unwrap().mount_at(Path::new("/m")).unwrap();
    assert_eq!((mount.uid, mount.gid, mount.umask), (Some(8), Some(9), 0o22));
    assert!(mount.allow_other);
    let other = load(file, &[], &[]).unwrap().mount_at(Path::new("/n")).unwrap();
    assert_eq!((other.uid, other.umask, other.allow_other), (None, 0, false));
    assert_eq!(other.path, Path::new("/n"));
}

#[test]
fn every_key_has_a_default_or_an_example_that_can_be_used() {
    for key in keys() {
        let (DefaultValue::Is(text)
        | DefaultValue::Required(text)
        | DefaultValue::Unset { example: text, .. }) = key.default;
        let value = toml::de::DeValue::parse(text).unwrap();
        let value = toml_value::value_of(value.get_ref()).unwrap();
        let checked = key.check(value, value_origin::ValueOrigin::InFile);
        assert!(checked.is_ok(), "{}: {checked:?}", key.name);
        assert!(key.about.ends_with('.'), "{}", key.name);
        assert_eq!(find_key(key.name).map(|found| found.name), Some(key.name));
    }
    // The defaults deserialize to settings, and the settings have every key: unknown fields are
    // refused.
    let defaults = Sources::default().load().unwrap();
    assert_eq!(defaults.settings.servers.len(), 1);
    let shown = defaults.values().len();
    let lists = ["mount", "view", "on_demand", "watch", "hook", "serve"];
    let of_lists = keys().filter(|key| lists.contains(&key.section())).count();
    assert_eq!(shown, keys().count() - of_lists);
}

#[test]
fn the_sample_file_can_be_used_as_it_is_and_with_every_key() {
    let sample = sample_file();
    assert_eq!(
        load(&sample, &[], &[]).unwrap().settings,
        Sources::default().load().unwrap().settings
    );
    let is_setting = |line: &str| {
        let key = line.split_once(" = ").map(|(key, _)| key);
        let is_item = line.trim_start().starts_with('"');
        is_item || line.starts_with(['[', ']']) || key.is_some_and(|key| !key.contains(' '))
    };
    let all: Vec<_> = sample
        .lines()
        // A hook has either a command or a URL, and a login is a password or a token.
        .filter(|line| {
            !["# command = ", "# auth_token_file = "].iter().any(|it| line.starts_with(it))
        })
        .map(|line| line.strip_prefix("# ").filter(|line| is_setting(line)).unwrap_or(line))
        .collect();
    let loaded = load(&all.join("\n"), &[("TFS_PASSWORD", "")], &[]);
    let loaded = loaded.unwrap_or_else(|error| panic!("{}", text_of(&error)));
    let mut unset = loaded.values();
    let others = ["hook[0].command", "serve[0].auth_token_file"];
    unset.retain(|value| value.value.is_none() && !others.contains(&value.key.as_str()));
    assert!(unset.is_empty(), "{unset:?}");
    assert!(sample.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn every_key_is_in_the_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/configuration.md");
    let text = fs::read_to_string(path).unwrap();
    let (start, end) = ("<!-- keys: written by a test -->\n", "<!-- end of keys -->");
    let (before, rest) = text.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    // UPDATE_EXPECT=1 rewrites the file.
    expect_file![path].assert_eq(&format!("{before}{start}\n{}{end}{after}", tables()));
    for (variable, about) in SHORT_FORMS {
        assert!(text.contains(&format!("| `{variable}` | {about} |")), "{variable}");
    }
}

#[test]
fn watch_folders_are_checked() {
    let server = "[[server]]\nname = \"home\"\nurl = \"http://h\"\n";
    let loaded = load(&format!("{server}[[watch]]\ndir = \"/w\"\n"), &[], &[]).unwrap();
    let [watch] = loaded.settings.watches.as_slice() else { panic!("one folder") };
    assert_eq!((watch.dir.as_path(), &watch.server), (Path::new("/w"), &None));
    assert!(!watch.paused && !watch.recursive && !watch.remove_added && !watch.allow_urls);
    check(
        &format!(
            "{server}[[watch]]\ndir = \"/w\"\nrecursive = true\n[[watch]]\ndir = \"/w\"\n\
             [[watch]]\ndir = \"/w/x\"\nserver = \"hme\"\n[[watch]]\ndir = \"/v\"\n\
             server = \"embedded\"\n[arr]\nlisten = \"127.0.0.1:0\"\nserver = \"nas\"\n\
             [[mount]]\npath = \"/m\"\ndrop = \"/v\"\n"
        ),
        &expect![[r#"
            f.toml:8:1: two watch folders at /w
                :4:1
            f.toml:10:1: the watch folder /w has it inside
                remove one of them, or set `recursive = false`
            f.toml:11:1: no server is named `hme`
                did you mean `home`?
            f.toml:13:1: /v is a drop folder, which adds files itself
                remove the [[watch]] section
            f.toml:17:1: no server is named `nas`
                the servers are: home, embedded
        "#]],
    );
    check(
        "[arr]\nlisten = \"0.0.0.0:1\"\n[[watch]]\npaused = true\n",
        &expect![[r#"
            f.toml:2:10: `arr.listen`: it must be an address of this machine only and a port, as in 127.0.0.1:3032
            f.toml:3:1: a watch without `dir`
                add it, as in dir = "/srv/watch"
        "#]],
    );
}

#[test]
fn entering_a_directory_starts_no_watch_folder() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().join("tfs.toml");
    fs::write(&here, "[[watch]]\ndir = \"/w\"\n[arr]\nlisten = \"127.0.0.1:0\"\n").unwrap();
    let sources = Sources { file_here: Some(here.clone()), ..Sources::default() };
    expect![[r#"
        tfs.toml:4:1: `arr` is not allowed in a file of the current directory
            put it into the user's file (tfs config path), or name this file with --config
        tfs.toml:1:3: `watch` is not allowed in a file of the current directory
            put it into the user's file (tfs config path), or name this file with --config
    "#]]
    .assert_eq(&text_of(&sources.clone().load().unwrap_err()));
    let named = Sources { named_file: Some(here), ..sources };
    assert_eq!(named.load().unwrap().settings.watches.len(), 1);
}

#[test]
fn hooks_are_checked() {
    let text = "[[hook]]\non = \"torrent_finished\"\ncommand = [\"sh\", \"-c\", \"\"]\n\
                [[hook]]\nname = \"plex\"\non = [\"tree_changed\"]\nmethod = \"GET\"\n\
                url = \"https://h/a?t=secret\"\nheaders = [\"X-A: env:A\"]\n\
                [[hook]]\non = [\"server_down\"]\nurl = \"file:/nonexistent\"\n";
    let loaded = load(text, &[("A", "secret")], &[]).unwrap();
    expect![[r#"
        ConfiguredHook { name: "hook-1", on: [TorrentFinished], call: Command(["sh", "-c", ""]), timeout: 30s }
        ConfiguredHook { name: "plex", on: [TreeChanged], call: Request { url: RequestUrl(https://h), method: Get, headers: [ExtraHeader(x-a, redacted)], body: None }, timeout: 30s }
        ConfiguredHook { name: "hook-3", on: [ServerDown], call: Unusable { shown: "file:/nonexistent", why: "no address: cannot read /nonexistent: No such file or directory (os error 2)" }, timeout: 30s }
    "#]]
    .assert_eq(&loaded.hooks().iter().map(|hook| format!("{hook:?}\n")).collect::<String>());
    assert_eq!(loaded.secret_variables(), ["A"]);
    assert!(loaded.values().iter().all(|value| !format!("{value:?}").contains("secret")));
    check(
        "[[hook]]\non = [\"torrent_finishd\"]\ncommand = [\"./x\"]\n\
         [[hook]]\ncommand = [\"sync -d\"]\nurl = \"h/x\"\n",
        &expect![[r#"
            f.toml:2:6: `hook.on`: it must be "torrent_added", "torrent_finished", "torrent_removed", "tree_changed", "server_down" or "server_up", or a list of them; did you mean `torrent_finished`?
            f.toml:3:11: `hook.command`: the program must be an absolute path, or a name without slashes
            f.toml:4:1: a hook without `on`
                add it, as in on = ["torrent_finished", "torrent_removed"]
            f.toml:5:11: `hook.command`: each argument must be a text of its own, as in ["sync", "-d"]
            f.toml:6:7: `hook.url`: neither http:// nor https://; an address has the form http://host:port/path
        "#]],
    );
    check(
        "[[hook]]\nname = \"a\"\non = []\n\
         [[hook]]\nname = \"a\"\non = [\"server_up\"]\ncommand = [\"x\"]\nurl = \"http://h\"\n\
         [[hook]]\non = [\"server_up\"]\ncommand = [\"x\"]\nmethod = \"PUT\"\n\
         [[hook]]\non = [\"server_up\"]\nurl = \"http://h\"\nmethod = \"GET\"\nbody = \"json\"\n",
        &expect![[r#"
            f.toml:5:1: two hooks are named `a`
                :1:1
            f.toml:3:1: a hook without events
                name them, as in on = ["torrent_finished"]
            f.toml:3:1: a hook without `command` or `url`
                add one, as in command = ["/usr/local/bin/notify"]
            f.toml:8:1: a hook with a `command` and a `url`
                remove one of them, or write two [[hook]] sections
            f.toml:12:1: `method` is for a `url`, and this hook has a `command`
                remove it
            f.toml:17:1: a GET has no body
                remove `body`, or use method = "POST"
        "#]],
    );
}

#[test]
fn entering_a_directory_runs_no_command() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().join("tfs.toml");
    fs::write(&here, "[[hook]]\non = [\"server_up\"]\ncommand = [\"rm\"]\n").unwrap();
    let sources = Sources { file_here: Some(here), ..Sources::default() };
    expect![[r#"
        tfs.toml:1:3: `hook` is not allowed in a file of the current directory
            put it into the user's file (tfs config path), or name this file with --config
    "#]]
    .assert_eq(&text_of(&sources.load().unwrap_err()));
}
