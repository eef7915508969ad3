//! `tfs config`: init, show, path.

use std::fs;

use expect_test::expect;

use crate::support::{describe, tfs};

// The texts are in tests/cmd/config-init.trycmd.
#[test]
fn a_file_is_made_used_and_not_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let run = |args: &[&str]| describe(&tfs(dir).args(args).output().unwrap(), dir);
    run(&["config", "init"]);
    let written = fs::read_to_string(dir.join("config/tfs/config.toml")).unwrap();
    assert_eq!(run(&["config", "init", "--print"]), format!("exit 0\n{written}"));
    let json: serde_json::Value =
        serde_json::from_str(run(&["config", "path", "--json"]).split_once('\n').unwrap().1)
            .unwrap();
    assert_eq!((&json[0]["state"], &json[1]["state"]), (&"missing".into(), &"read".into()));
}

// The text is in tests/cmd/config-show.trycmd.
#[test]
fn show_says_what_holds_and_where_it_came_from() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let server = "[[server]]\nname = \"home\"\nurl = \"http://h\"\nusername = \"me\"\n";
    let file = server.to_owned() + "[read]\ntimeout = \"5s\"";
    fs::write(dir.join("tfs.toml"), file).unwrap();
    let show = |args: &[&str]| {
        let mut command = tfs(dir);
        command.args(["config", "show"]).args(args);
        command.env("TFS_PASSWORD", "s3cret").env("TFS_READ__MEMORY", "64MiB");
        describe(&command.output().unwrap(), dir)
    };
    let text = show(&[]);
    assert!(!text.contains("s3cret"), "{text}");
    let json = show(&["--json"]);
    assert!(!json.contains("s3cret"), "{json}");
    let json: serde_json::Value = serde_json::from_str(json.split_once('\n').unwrap().1).unwrap();
    let value = |key: &str| {
        let values = json["values"].as_array().unwrap();
        let value = values.iter().find(|value| value["key"] == key).unwrap();
        format!("{} {}", value["from"], value["value"])
    };
    expect![[r#"
        {"column":1,"kind":"file","line":6,"name":"DIR/tfs.toml"} "5s"
        {"kind":"default"} 4
        {"kind":"default"} null"#]]
    .assert_eq(&["read.timeout", "server[0].max_streams", "logging.file"].map(value).join("\n"));
}

// TFS_SERVER names the server of all commands, so the output has it.
#[test]
fn show_has_the_server_of_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let show = |file: &str, variables: &[(&str, &str)]| {
        fs::write(dir.join("tfs.toml"), file).unwrap();
        let mut command = tfs(dir);
        command.args(["config", "show"]).envs(variables.iter().copied());
        let text = describe(&command.output().unwrap(), dir);
        let is_shown = |line: &&str| {
            ["name = ", "url = ", "username = ", "password_file = "]
                .iter()
                .any(|key| line.starts_with(key))
        };
        text.lines().filter(is_shown).map(|line| line.to_owned() + "\n").collect::<String>()
    };
    let url = ("TFS_SERVER", "http://h:1");
    let me = [url, ("TFS_USERNAME", "me"), ("TFS_PASSWORD_FILE", "/run/pw")];
    expect![[r#"
        name = "default"
        url = "http://h:1/"        # TFS_SERVER
        username = "me"            # TFS_USERNAME
        password_file = "/run/pw"  # TFS_PASSWORD_FILE
    "#]]
    .assert_eq(&show("", &me));
    expect![[r#"
        name = "nas"         # TFS_SERVER
        url = "http://h:1/"  # TFS_SERVER
    "#]]
    .assert_eq(&show("", &[("TFS_SERVER", "nas=http://h:1")]));
    // The default server itself.
    expect![[r#"
        name = "default"
        url = "http://127.0.0.1:3030/"  # TFS_SERVER
    "#]]
    .assert_eq(&show("", &[("TFS_SERVER", "http://127.0.0.1:3030")]));
    let home = "[[server]]\nname = \"home\"\nurl = \"http://home\"\n";
    expect![[r#"
        name = "default"
        url = "http://h:1/"  # TFS_SERVER
        name = "home"        # DIR/tfs.toml:2:1
        url = "http://home"  # DIR/tfs.toml:3:1
    "#]]
    .assert_eq(&show(home, &[url]));
    // A server of the configuration.
    expect![[r#"
        name = "home"        # DIR/tfs.toml:2:1
        url = "http://home"  # DIR/tfs.toml:3:1
    "#]]
    .assert_eq(&show(home, &[("TFS_SERVER", "home")]));
    expect![[r#"
        name = "home"        # DIR/tfs.toml:2:1
        url = "http://home"  # DIR/tfs.toml:3:1
        username = "me"      # TFS_USERNAME
    "#]]
    .assert_eq(&show(home, &[("TFS_USERNAME", "me")]));
}

// A service user whose home is not accessible, or is not a directory.
#[test]
fn a_home_that_cannot_be_entered_is_no_reason_to_fail() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // No user can follow a link to itself, not even root.
    std::os::unix::fs::symlink("closed", dir.join("closed")).unwrap();
    let show = |home: &str, args: &[&str]| {
        let mut command = tfs(dir);
        command.env("HOME", home).env_remove("XDG_CONFIG_HOME").args(args);
        let text = describe(&command.args(["config", "path"]).output().unwrap(), dir);
        // Log lines follow.
        text.lines().take(4).map(|line| line.to_owned() + "\n").collect::<String>()
    };
    let closed = dir.join("closed").display().to_string();
    expect![[r#"
        exit 0
        missing  DIR/etc/tfs/config.toml
        ignored, Too many levels of symbolic links (os error 40):  DIR/closed/.config/tfs/config.toml
        missing  DIR/tfs.toml
    "#]]
    .assert_eq(&show(&closed, &[]));
    expect![[r#"
        exit 0
        missing  DIR/etc/tfs/config.toml
        missing  /dev/null/.config/tfs/config.toml
        missing  DIR/tfs.toml
    "#]]
    .assert_eq(&show("/dev/null", &[]));
    // Commands that need the settings continue with a warning, but a file that was named must be
    // readable.
    let mut command = tfs(dir);
    command.env("HOME", &closed).env_remove("XDG_CONFIG_HOME").args(["config", "show"]);
    let text = describe(&command.output().unwrap(), dir);
    assert!(text.starts_with("exit 0\n"), "{text}");
    assert!(text.contains("closed/.config/tfs/config.toml is not read: "), "{text}");
    let named = dir.join("closed/named.toml");
    let output = tfs(dir).args(["config", "show", "--config"]).arg(&named).output().unwrap();
    let text = describe(&output, dir);
    assert!(text.starts_with("exit 3\nerror: DIR/closed/named.toml: cannot read it: "), "{text}");
}
