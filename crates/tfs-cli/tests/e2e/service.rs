//! `tfs service`: units that systemd accepts, and machines without systemd.

use std::fs;
use std::path::Path;
use std::process::Command;

use expect_test::expect;
use tfs_testkit::skip;

use crate::support::{describe, run, tfs};

/// Whether systemd is the init system here: then a test must not install anything.
fn runs_systemd() -> bool {
    Path::new("/run/systemd/system").exists()
}

/// Returns the output of a command with the directory and the program's path replaced.
fn said(dir: &Path, args: &[&str]) -> String {
    let text = describe(&tfs(dir).args(args).current_dir(dir).output().unwrap());
    text.replace(env!("CARGO_BIN_EXE_tfs"), "/usr/bin/tfs").replace(dir.to_str().unwrap(), "/DIR")
}

/// Returns the lines of a unit that depend on its command.
fn of_command(unit: &str) -> String {
    let keys = ["Exec", "Requires", "X-Tfs", "Environment=", "exit", "Description", "WantedBy"];
    let lines = unit.lines().filter(|line| keys.iter().any(|key| line.starts_with(key)));
    lines.fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn a_unit_has_the_options_of_the_mount_in_any_directory() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let embedded =
        said(dir, &["service", "install", "--user", "--print", "--embedded", "my torrents", "mnt"]);
    let of_server = || {
        said(
            dir,
            &[
                "service",
                "install",
                "--user",
                "--print",
                "-o",
                "uid=7,gid=8",
                "--allow-other",
                "--read-timeout",
                "30s",
                "--header",
                "X-Token: file:token",
                "nas=http://nas:3030",
                "/mnt/t",
            ],
        )
    };
    let server = of_server();
    fs::write(dir.join("token"), "secret\n").unwrap();
    let server_with_token = of_server();
    assert!(server.starts_with("exit 3\n"), "{server}");
    expect![[r#"
        exit 0
        Description=Torrents of rqbit as files at /DIR/mnt
        X-TfsMountPoint=/DIR/mnt
        RequiresMountsFor="/DIR/my torrents"
        ExecStart=/usr/bin/tfs mount -f "--embedded=/DIR/my torrents" /DIR/mnt
        ExecStopPost=-/usr/bin/tfs unmount --lazy /DIR/mnt
        WantedBy=default.target

        exit 0
        Description=Torrents of rqbit as files at /mnt/t
        X-TfsMountPoint=/mnt/t
        ExecStart=/usr/bin/tfs mount -f --uid=7 --gid=8 --read-timeout=30s --allow-other "--header=X-Token: file:/DIR/token" --server=nas=http://nas:3030/ /mnt/t
        ExecStopPost=-/usr/bin/tfs unmount --lazy /mnt/t
        WantedBy=default.target
    "#]].assert_eq(&(of_command(&embedded) + "\n" + &of_command(&server_with_token)));
}

#[test]
fn what_a_service_cannot_do_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let cases: [&[&str]; 6] = [
        &["service", "install", "--print", "--header", "X-Token: secret", "/mnt/t"],
        &["service", "install", "--print", "--proxy", "http://u:secret@proxy:1", "/mnt/t"],
        &["service", "install", "--print", "--embedded", "d", "--add", "x.torrent", "/mnt/t"],
        &["service", "install"],
        &["service", "uninstall", "--user"],
        &["service", "uninstall", "--user", "/mnt/t"],
    ];
    let rows = cases.map(|args| said(dir, args));
    assert!(rows.iter().all(|text| !text.contains("secret")), "{rows:?}");
    expect![[r#"
        exit 2
        error: the value of --header would be readable for all users
        hint: every user can read the unit; name a file or a variable: file:PATH, env:NAME
        exit 2
        error: the value of --proxy would be readable for all users
        hint: every user can read the unit; name a file or a variable: file:PATH, env:NAME
        exit 2
        error: a service cannot add torrents when it starts
        hint: leave --add out, and add them when the service runs: tfs add FILE
        exit 2
        error: the following required arguments were not provided:
          <MOUNTPOINT>...

        Usage: tfs service install [OPTIONS] [SERVER]... <MOUNTPOINT>

        For more information, try '--help'.
        exit 63
        error: there is no service
        hint: install one with: tfs service install MOUNTPOINT
        exit 63
        error: there is no service for /mnt/t
        hint: list them with: tfs service status
    "#]]
    .assert_eq(&rows.concat());
    assert_eq!(run(tfs(dir).args(["service", "status", "--user", "--json"])), "[]\n");
}

#[test]
fn without_systemd_the_unit_is_printed() {
    if runs_systemd() {
        return skip::test(tfs_testkit::test_name!(), "systemd runs here");
    }
    let dir = tempfile::tempdir().unwrap();
    let output = tfs(dir.path())
        .args(["service", "install", "--user", "--embedded", "/srv/torrents"])
        .arg(dir.path().join("mnt"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(63));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("[Unit]\n"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: systemd does not run on this machine\n"), "{stderr}");
    assert!(!dir.path().join("mnt").exists());
}

#[test]
fn systemd_accepts_the_units() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        return skip::for_lack_of("systemd-analyze", tfs_testkit::test_name!());
    };
    drop(version);
    let dir = tempfile::tempdir().unwrap();
    for (idx, flags) in [
        &["--embedded", "/srv/my torrents"][..],
        &["--server", "http://127.0.0.1:3030", "--umask", "022"],
    ]
    .into_iter()
    .enumerate()
    {
        let unit = run(tfs(dir.path())
            .args(["service", "install", "--user", "--print"])
            .args(flags)
            .arg("/mnt/my films"));
        let file = dir.path().join(format!("tfs-{idx}.service"));
        fs::write(&file, unit).unwrap();
        let mut verify = Command::new("systemd-analyze");
        let output = verify.args(["verify", "--user", "--man=no"]).arg(&file).output().unwrap();
        let text = describe(&output);
        // Other units of the machine may have faults.
        let own = text.lines().filter(|line| line.contains(&format!("tfs-{idx}.service")));
        assert_eq!(own.collect::<Vec<_>>(), Vec::<&str>::new(), "{text}");
    }
}
