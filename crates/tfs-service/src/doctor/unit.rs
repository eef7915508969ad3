//! systemd units: those in `contrib/systemd`, and one for this machine.

use std::path::Path;

/// Key of the line of an installed unit that has its mount point. systemd ignores keys that begin
/// with `X-`.
pub(crate) const MOUNTPOINT_KEY: &str = "X-TfsMountPoint=";

/// Returns the line of an installed unit that has its mount point.
pub(crate) fn mountpoint_line(mountpoint: &Path) -> String {
    format!("{MOUNTPOINT_KEY}{}\n", mountpoint.display())
}

/// The service manager that runs the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitScope {
    /// The system manager: runs as root, and other users have access.
    System,
    /// A user's manager: mounts with fusermount3.
    User,
}

/// `TimeoutStartSec=`: longer than the three minutes that `tfs mount` may take.
const START_SECONDS_MAX: u32 = 200;

/// `WatchdogSec=`: a mount that is silent for longer counts as hung. It is queried twice in that
/// time.
const WATCHDOG_SECONDS: u32 = 60;

/// `TimeoutStopSec=`: readers get errors at once, and the rest takes seconds.
const STOP_SECONDS_MAX: u32 = 30;

/// The command of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitCommand<'a> {
    /// One mount.
    Mount(UnitMount<'a>),
    /// One mount, by `tfs service install`.
    Service(UnitMount<'a>),
    /// All mounts of the configuration.
    Daemon,
}

/// The mount of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitMount<'a> {
    /// The absolute path.
    pub mountpoint: &'a Path,
    /// Flags and servers before the mount point, each a word.
    pub words: &'a [String],
    /// The directory of an embedded server, whose disk must be mounted first.
    pub embedded: Option<&'a Path>,
}

/// The lines of a unit that depend on its command; words are escaped.
struct UnitLines {
    description: String,
    /// Lines of the section `[Unit]`.
    relations: String,
    exec: String,
}

impl UnitLines {
    /// Returns the lines for one mount. Its unit also cleans up after it.
    fn mount(binary: &str, flags: &str, mountpoint: &str) -> Self {
        Self {
            description: format!("Torrents of rqbit as files at {mountpoint}"),
            relations: String::new(),
            exec: format!(
                "\
ExecStart={binary} mount -f{flags} {mountpoint}
# Whatever ended it, no dead mount stays behind. Fails, which is fine, if there is none.
ExecStopPost=-{binary} unmount --lazy {mountpoint}"
            ),
        }
    }

    /// Returns the lines for a daemon, which cleans up dead mounts itself when it restarts.
    fn daemon(binary: &str, flags: &str) -> Self {
        Self {
            description: "Torrents of rqbit as files".to_owned(),
            relations: String::new(),
            exec: format!(
                "\
ExecStart={binary} daemon{flags}
# Takes over a changed configuration, and fails if it is wrong: then all stays as it was.
ExecReload={binary} config reload"
            ),
        }
    }
}

/// Returns the text of a unit. `environment` consists of `Environment=` lines.
fn unit(
    scope: UnitScope,
    environment: &str,
    UnitLines { description, relations, exec }: &UnitLines,
) -> String {
    let (settings, after, wanted_by) = match scope {
        UnitScope::System => (
            "-/etc/default/tfs",
            "Wants=network-online.target\nAfter=network-online.target rqbit.service\n",
            "multi-user.target",
        ),
        // A user's manager has no access to the units of the system.
        UnitScope::User => ("-%E/tfs/environment", "After=rqbit.service\n", "default.target"),
    };
    format!(
        "\
[Unit]
Description={description}
Documentation=man:tfs(1)
{relations}{after}
[Service]
Type=notify
{environment}# TFS_SERVER=http://127.0.0.1:3030 and the like; it may be missing.
EnvironmentFile={settings}
{exec}
Restart=on-failure
RestartSec=5
# tfs says that it lives only as long as what it mounted answers.
WatchdogSec={WATCHDOG_SECONDS}
TimeoutStartSec={START_SECONDS_MAX}
TimeoutStopSec={STOP_SECONDS_MAX}
# No ProtectSystem=, PrivateTmp= or the like: they give the service a mount namespace of its own,
# in which nobody else sees the mount. NoNewPrivileges= would disarm fusermount3.

[Install]
WantedBy={wanted_by}
"
    )
}

/// Returns a path as a word of a command line: `%` and `$` are doubled, and separators are quoted
/// (`systemd.service(5)`, "Command lines").
fn escaped(word: &str) -> String {
    let doubled = word.replace('%', "%%").replace('$', "$$");
    let ends_word = |it: char| it.is_whitespace() || matches!(it, '"' | '\'' | '\\' | ';');
    if doubled.is_empty() || doubled.contains(ends_word) { quoted(&doubled) } else { doubled }
}

/// Returns a line that sets a variable; `$` is not special there (`systemd.exec(5)`).
fn environment_line(name: &str, value: &str) -> String {
    format!("Environment={}\n", quoted(&format!("{name}={}", value.replace('%', "%%"))))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// Returns the unit for a machine. `binary` is an absolute path. `variables` are settings of tfs,
/// which `EnvironmentFile=` may override. `config` is an additional configuration file.
#[must_use]
#[cfg_attr(
    not(target_os = "linux"),
    expect(
        unreachable_pub,
        reason = "only Linux has units of systemd, which this is exported for"
    )
)]
pub fn unit_for(
    scope: UnitScope,
    binary: &Path,
    variables: &[(&str, String)],
    config: Option<&Path>,
    command: UnitCommand<'_>,
) -> String {
    let word = |path: &Path| escaped(&path.to_string_lossy());
    let binary = word(binary);
    let config = config.map(|file| format!(" --config {}", word(file))).unwrap_or_default();
    let lines = match command {
        UnitCommand::Mount(mount) => mount_lines(scope, &binary, &config, mount),
        UnitCommand::Service(mount) => {
            let lines = mount_lines(scope, &binary, &config, mount);
            UnitLines { relations: mountpoint_line(mount.mountpoint) + &lines.relations, ..lines }
        }
        UnitCommand::Daemon => UnitLines::daemon(&binary, &config),
    };
    let environment: String =
        variables.iter().map(|(name, value)| environment_line(name, value)).collect();
    unit(scope, &environment, &lines)
}

/// Returns the lines of a mount.
fn mount_lines(
    scope: UnitScope,
    binary: &str,
    config: &str,
    UnitMount { mountpoint, words, embedded }: UnitMount<'_>,
) -> UnitLines {
    let has_allow_other = words.iter().any(|word| word == "--allow-other");
    let usual = if has_allow_other { "" } else { mount_flags(scope) };
    let words: String = words.iter().map(|word| format!(" {}", escaped(word))).collect();
    let path = mountpoint.to_string_lossy();
    let lines = UnitLines::mount(binary, &format!("{config}{usual}{words}"), &escaped(&path));
    let disk =
        embedded.map(|dir| format!("RequiresMountsFor={}\n", escaped(&dir.to_string_lossy())));
    UnitLines { relations: disk.unwrap_or_default(), ..lines }
}

/// Returns the flags of a mount. A mount by root is for other users, such as a media server.
fn mount_flags(scope: UnitScope) -> &'static str {
    match scope {
        UnitScope::System => " --allow-other",
        UnitScope::User => "",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    #[test]
    fn the_units_of_the_package_are_those_that_are_printed() {
        let binary = "/usr/bin/tfs";
        let of_path = |scope| UnitLines::mount(binary, mount_flags(scope), "%f");
        let daemon = UnitLines::daemon(binary, "");
        let [system, user] = [UnitScope::System, UnitScope::User];
        expect_file!["../../../../contrib/systemd/system/tfs.service"]
            .assert_eq(&unit(system, "", &daemon));
        expect_file!["../../../../contrib/systemd/system/tfs@.service"].assert_eq(&unit(
            system,
            "",
            &of_path(system),
        ));
        expect_file!["../../../../contrib/systemd/user/tfs.service"]
            .assert_eq(&unit(user, "", &daemon));
        expect_file!["../../../../contrib/systemd/user/tfs@.service"].assert_eq(&unit(
            user,
            "",
            &of_path(user),
        ));
    }

    #[test]
    fn words_of_a_unit_cannot_become_several() {
        for (word, want) in [
            ("/usr/bin/tfs", "/usr/bin/tfs"),
            ("/mnt/my films", "\"/mnt/my films\""),
            ("/mnt/100%", "/mnt/100%%"),
            ("/mnt/$HOME", "/mnt/$$HOME"),
            ("/mnt/a\"b\\c", "\"/mnt/a\\\"b\\\\c\""),
            ("", "\"\""),
        ] {
            assert_eq!(escaped(word), want);
        }
        let words = ["--ca-file=/etc/my ca.pem".to_owned()];
        let mountpoint = Path::new("/mnt/my films");
        let unit = unit_for(
            UnitScope::System,
            Path::new("/opt/tfs 1/tfs"),
            &[("TFS_SERVER", "http://h/%20x\"$y".to_owned())],
            None,
            UnitCommand::Mount(UnitMount { mountpoint, words: &words, embedded: None }),
        );
        let lines: Vec<_> = unit.lines().filter(|line| line.contains("tfs 1")).collect();
        assert_eq!(
            lines,
            [
                "ExecStart=\"/opt/tfs 1/tfs\" mount -f --allow-other \"--ca-file=/etc/my ca.pem\" \"/mnt/my films\"",
                "ExecStopPost=-\"/opt/tfs 1/tfs\" unmount --lazy \"/mnt/my films\"",
            ]
        );
        let daemon = unit_for(
            UnitScope::User,
            Path::new("/opt/tfs 1/tfs"),
            &[],
            Some(Path::new("/etc/my tfs.toml")),
            UnitCommand::Daemon,
        );
        let lines: Vec<_> = daemon.lines().filter(|line| line.contains("tfs 1")).collect();
        assert_eq!(
            lines,
            [
                "ExecStart=\"/opt/tfs 1/tfs\" daemon --config \"/etc/my tfs.toml\"",
                "ExecReload=\"/opt/tfs 1/tfs\" config reload",
            ]
        );
        assert!(unit.contains("\nEnvironment=\"TFS_SERVER=http://h/%%20x\\\"$y\"\n"), "{unit}");
    }
}
