//! Property lists, and a launchctl that only records its arguments.

use std::os::unix::fs::PermissionsExt as _;

use expect_test::expect_file;

use super::*;

fn mount<'a>(mountpoint: &'a str, words: &'a [String]) -> UnitCommand<'a> {
    UnitCommand::Service(UnitMount { mountpoint: Path::new(mountpoint), words, embedded: None })
}

fn text_of(mountpoint: &str, words: &[String]) -> String {
    let variables = [("TFS_SERVER", "http://nas:3030/?a&b".to_owned())];
    let (logs, binary) = (Path::new("/var/log"), Path::new("/usr/local/bin/tfs"));
    plist(logs, binary, &variables, Some(Path::new("/etc/tfs.toml")), mount(mountpoint, words))
}

#[test]
fn the_example_is_what_is_written() {
    let words = ["--server=http://nas:3030".to_owned()];
    let text = text_of("/Volumes/t", &words);
    expect_file!["../../../../contrib/launchd/tfs-Volumes-t.plist"].assert_eq(&text);
}

/// Checks what `plutil -lint` checks: each element is closed in its order, and a dictionary has
/// pairs of a key and a value.
#[track_caller]
fn check_xml(text: &str) {
    let body = text.split_once("<plist").unwrap().1.split_once('>').unwrap().1;
    let mut open = vec!["plist"];
    let mut dicts: Vec<Vec<&str>> = vec![Vec::new()];
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('<') {
        assert!(!before.contains('>'), "{before}");
        let entities = before
            .split('&')
            .skip(1)
            .all(|entity| entity.split_once(';').is_some_and(|(name, _)| name.len() <= 4));
        assert!(entities, "{before}");
        let (tag, next) = after.split_once('>').unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            let inside = dicts.pop().unwrap();
            if name == "dict" {
                assert!(inside.chunks(2).all(|pair| pair[0] == "key" && pair[1] != "key"));
            }
        } else {
            dicts.last_mut().unwrap().push(tag.trim_end_matches('/'));
            if !tag.ends_with('/') {
                open.push(tag);
                dicts.push(Vec::new());
            }
        }
        rest = next;
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn messages_go_to_the_directory_of_logs() {
    let (system, binary) = (UnitScope::System, Path::new("/usr/local/bin/tfs"));
    let text = plist_for(system, binary, &[], None, UnitCommand::Daemon);
    check_xml(&text);
    assert!(text.contains("<string>/var/log/tfs.log</string>"), "{text}");
    assert!(text.contains("<string>daemon</string>"), "{text}");
}

#[test]
fn any_path_makes_a_property_list() {
    for mountpoint in [
        "/Volumes/t",
        "/Volumes/my films & \"more\" <1>",
        "/",
        "/a\tb\nc",
        "/ü",
        "/Volumes/]]>&amp;--",
        "/&lt;",
    ] {
        let text = text_of(mountpoint, &["--name=<&>".to_owned()]);
        check_xml(&text);
        assert_eq!(mountpoint_of(&text), Some(PathBuf::from(mountpoint)), "{text}");
    }
    check_xml(&text_of("/a\u{1}b", &[]));
    // Those of other programs.
    for foreign in ["", "<plist>", &text_of("/a", &[]).replace("<string>tfs-a<", "<string>x<")] {
        assert_eq!(mountpoint_of(foreign), None, "{foreign}");
    }
}

#[test]
fn a_service_is_installed_listed_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let launchctl = dir.path().join("launchctl");
    let log = dir.path().join("log");
    fs::write(&launchctl, format!("#!/bin/sh\necho \"$@\" >> {}\n", log.display())).unwrap();
    fs::set_permissions(&launchctl, fs::Permissions::from_mode(0o755)).unwrap();
    let mut manager =
        LaunchManager::new(UnitScope::User, &dir.path().join("Library/Application Support"));
    manager.launchctl = launchctl;
    let mountpoint = Path::new("/Volumes/t");
    let file = manager.file_of(mountpoint);
    assert_eq!(file, dir.path().join("Library/LaunchAgents/tfs-Volumes-t.plist"));
    manager.check_runs().unwrap();
    assert!(manager.services().unwrap().is_empty());
    manager.install(mountpoint, &text_of("/Volumes/t", &[])).unwrap();
    manager.install(mountpoint, &text_of("/Volumes/t", &[])).unwrap();
    let services = manager.services().unwrap();
    assert_eq!((services.len(), &*services[0].mountpoint), (1, mountpoint));
    assert_eq!(services[0].active, "loaded");
    manager.uninstall(mountpoint).unwrap();
    assert!(matches!(manager.uninstall(mountpoint), Err(ServiceError::Unknown { .. })));
    let domain = format!("gui/{}", geteuid().as_raw());
    let said = fs::read_to_string(&log).unwrap();
    let want = [
        format!("bootstrap {domain} {}", file.display()),
        format!("bootout {domain}/tfs-Volumes-t"),
        format!("bootstrap {domain} {}", file.display()),
        format!("print {domain}/tfs-Volumes-t"),
        format!("bootout {domain}/tfs-Volumes-t"),
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), want);
    // What others wrote is left alone.
    fs::write(&file, "<plist/>").unwrap();
    let foreign = manager.install(mountpoint, "");
    assert!(matches!(foreign, Err(ServiceError::Foreign { .. })), "{foreign:?}");
    assert!(matches!(manager.uninstall(mountpoint), Err(ServiceError::Foreign { .. })));
}
