//! `tfs doctor`.

use std::env;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf, absolute};

use eyre::WrapErr as _;
use serde_json::json;
use tfs_config::{ChosenServer, Loaded, Origin, Problem, ServerSection};
use tfs_service::doctor::{
    CheckResult, DoctorServer, DoctorSettings, Severity, UnitCommand, UnitMount, UnitScope, examine,
};
use tfs_service::service::unit_for;
use tfs_service::{FrontSettings, examined_servers};
use tfs_sys::shell::quoted;

use crate::args::DoctorArgs;
use crate::figures::counted;
use crate::report::settings_error;
use crate::service::CommandLine;
use crate::{exit, output, runtime};

/// The version of the JSON. New fields do not change it.
const JSON_VERSION: u32 = 1;

/// The width of text. Commands for the user to type are never broken.
const WIDTH: usize = 80;

/// The least width of text.
const WIDTH_MIN: usize = 50;

/// The column at which text begins, after the verdict and the name of the check.
const INDENT: usize = 24;

/// The default mount point of a system unit.
const MOUNTPOINT_OF_SYSTEM: &str = "/mnt/tfs";

/// The default mount point of a user unit, below the user's home: users may mount nowhere else.
const MOUNTPOINT_IN_HOME: &str = "tfs";

/// Runs the command.
/// `problems` are the errors of the configuration, which was ignored then.
pub(crate) fn run(
    args: &DoctorArgs,
    line: &CommandLine<'_>,
    loaded: &Loaded,
    problems: &[Problem],
) -> eyre::Result<u8> {
    if args.systemd {
        return print_unit(args, line, loaded);
    }
    let mountpoint = args.mountpoint.as_deref().map(absolute).transpose();
    let mountpoint = mountpoint.wrap_err("cannot use the mount point")?;
    let servers = chosen(loaded, mountpoint.as_deref())?.into_iter();
    let servers = servers.map(|ChosenServer { section, connection, is_embedded }| DoctorServer {
        is_embedded,
        flag: loaded.server_flag(&section.url),
        name: section.name,
        connection,
        streams_max: section.max_streams,
        local_paths: section.local_paths,
    });
    let watches = loaded.settings.watches.iter();
    let watch_dirs = watches.map(|watch| watch.dir.clone()).collect();
    let fronts = FrontSettings::all_of(loaded);
    let settings = DoctorSettings { servers: servers.collect(), mountpoint, watch_dirs, fronts };
    let runtime = runtime()?;
    let examined = runtime.block_on(examine(&settings));
    let findings: Vec<_> = problems.iter().map(invalid).chain(examined).collect();
    // Do not wait: an abandoned check may still block in the kernel.
    runtime.shutdown_background();
    if args.json {
        output::line(&serde_json::to_string_pretty(&json!({
            "version": JSON_VERSION,
            "findings": findings,
        }))?)?;
    } else {
        // The text contains tfs's own colours; untrusted parts of it were escaped one by one.
        output::bytes(format!("{}\n", text(&findings, width(), is_coloured())).as_bytes())?;
    }
    let has_fault = findings.iter().any(|finding| finding.verdict == Severity::Fault);
    Ok(if has_fault { exit::DOCTOR_FAULT } else { exit::SUCCESS })
}

/// Returns the finding for an error of the configuration. The other checks use the defaults then.
fn invalid(problem: &Problem) -> CheckResult {
    let hint = problem.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
    let file = problem.place.as_ref().and_then(|place| match &place.origin {
        Origin::File(path) => Some(format!("tfs --config {} config edit", quoted(path))),
        Origin::Variable(name) => Some(format!("unset {name}")),
        Origin::Default | Origin::Flag(_) => None,
    });
    CheckResult {
        check: "config",
        server: None,
        verdict: Severity::Fault,
        found: format!("{problem}{hint}; the other checks use the defaults"),
        fixes: file.into_iter().collect(),
    }
}

/// Returns the width of text: that of a narrow terminal, else [`WIDTH`].
fn width() -> usize {
    output::terminal_width().map_or(WIDTH, |width| width.clamp(WIDTH_MIN, WIDTH))
}

/// Returns the selected servers: those of the mount, if it is configured or runs.
fn chosen(loaded: &Loaded, mountpoint: Option<&Path>) -> eyre::Result<Vec<ChosenServer>> {
    let mounts = &loaded.settings.mounts;
    let mount = mounts.iter().find(|mount| Some(mount.path.as_path()) == mountpoint);
    let chosen = match mount {
        Some(mount) if !mount.servers.is_empty() => loaded.choose_servers(&mount.servers),
        _ => runtime()?.block_on(examined_servers(loaded, mountpoint)),
    };
    chosen.map_err(settings_error)
}

fn is_coloured() -> bool {
    output::has_colors(std::io::stdout().is_terminal())
}

/// Prints a systemd unit for this machine: a system unit for root, else a user unit. The unit runs
/// the daemon if the configuration has mounts and no mount was named.
fn print_unit(args: &DoctorArgs, line: &CommandLine<'_>, loaded: &Loaded) -> eyre::Result<u8> {
    let scope = if nix::unistd::geteuid().is_root() { UnitScope::System } else { UnitScope::User };
    let binary = env::current_exe().wrap_err("cannot find this program")?;
    let file = line.config.map(absolute).transpose().wrap_err("cannot use the configuration")?;
    let file = file.as_deref();
    let mut first = String::new();
    let unit = if args.mountpoint.is_none() && !loaded.settings.mounts.is_empty() {
        unit_for(scope, &binary, &[], file, UnitCommand::Daemon)
    } else {
        let given = args.mountpoint.as_deref();
        let mountpoint = given.map_or_else(|| mountpoint_of_unit(scope), Path::to_owned);
        let mountpoint = absolute(mountpoint).wrap_err("cannot use the mount point")?;
        if !mountpoint.exists() {
            first = format!("# first: mkdir -p {}\n", quoted(&mountpoint));
        }
        let chosen = chosen(loaded, Some(&mountpoint))?;
        let mut variables = if line.servers.is_empty() { variables(chosen)? } else { Vec::new() };
        for variable in line.variables(loaded) {
            if variables.iter().all(|(name, _)| *name != variable.0) {
                variables.push(variable);
            }
        }
        let mount = UnitMount { mountpoint: &mountpoint, words: &line.words()?, embedded: None };
        unit_for(scope, &binary, &variables, file, UnitCommand::Mount(mount))
    };
    let (path, start) = match scope {
        UnitScope::System => ("/etc/systemd/system/tfs.service", "systemctl"),
        UnitScope::User => ("~/.config/systemd/user/tfs.service", "systemctl --user"),
    };
    output::line(&format!(
        "# {path}\n{first}# then: {start} daemon-reload && {start} enable --now tfs\n\n{}",
        unit.trim_end()
    ))?;
    Ok(exit::SUCCESS)
}

fn mountpoint_of_unit(scope: UnitScope) -> PathBuf {
    let home = env::home_dir().filter(|home| home.is_absolute());
    match (scope, home) {
        (UnitScope::User, Some(home)) => home.join(MOUNTPOINT_IN_HOME),
        (UnitScope::User, None) | (UnitScope::System, _) => MOUNTPOINT_OF_SYSTEM.into(),
    }
}

/// Returns the variables that name the server and the credentials. For several servers there are
/// none: the unit reads the configuration.
fn variables(mut chosen: Vec<ChosenServer>) -> eyre::Result<Vec<(&'static str, String)>> {
    let Some(only) = chosen.pop().filter(|_| chosen.is_empty()) else { return Ok(Vec::new()) };
    let ServerSection { url, username, password_file, .. } = only.section;
    let mut variables = vec![("TFS_SERVER", url.to_string())];
    if let (Some(username), Some(file)) = (username, password_file) {
        let file = absolute(file).wrap_err("cannot use the password file")?;
        variables.push(("TFS_USERNAME", username));
        variables.push(("TFS_PASSWORD_FILE", file.display().to_string()));
    }
    Ok(variables)
}

/// Returns the findings as text, and the number of problems.
fn text(findings: &[CheckResult], width: usize, is_coloured: bool) -> String {
    let mut lines = Vec::new();
    for CheckResult { check, server, verdict, found, fixes } in findings {
        let server = server.as_ref().map_or_else(String::new, |server| format!("{server}: "));
        let found = output::visible(&format!("{server}{found}"));
        let mut found = output::wrapped(&found, width.saturating_sub(INDENT)).into_iter();
        let first = found.next().unwrap_or_default();
        lines.push(format!("{} {check:<14} {first}", label(*verdict, is_coloured)));
        lines.extend(found.map(|line| format!("{:INDENT$}{line}", "")));
        lines.extend(fixes.iter().map(|fix| format!("{:INDENT$}$ {}", "", output::visible(fix))));
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    lines.push(String::new());
    lines.push(match (count(Severity::Fault), count(Severity::Warning)) {
        (0, 0) => "All is well.".to_owned(),
        (faults, warnings) => {
            format!("{}, {}.", counted(faults, "fault"), counted(warnings, "warning"))
        }
    });
    lines.join("\n")
}

/// Returns the verdict, padded to the widest one.
fn label(verdict: Severity, is_coloured: bool) -> String {
    let (word, colour) = match verdict {
        Severity::Ok => ("ok", 32),
        Severity::Warning => ("warning", 33),
        Severity::Fault => ("fault", 31),
    };
    let padded = format!("{word:<8}");
    if is_coloured { format!("\x1b[{colour}m{padded}\x1b[0m") } else { padded }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn finding(check: &'static str, verdict: Severity, found: &str, fixes: &[&str]) -> CheckResult {
        let fixes = fixes.iter().map(|fix| (*fix).to_owned()).collect();
        CheckResult { check, server: None, verdict, found: found.to_owned(), fixes }
    }

    #[test]
    fn findings_read_well_at_80_columns() {
        let findings = [
            finding("fuse-device", Severity::Ok, "/dev/fuse can be opened", &[]),
            finding(
                "allow-other",
                Severity::Warning,
                "/etc/fuse.conf does not have user_allow_other: --allow-other, which a media \
                 server of another user needs, will be refused",
                &["echo user_allow_other | sudo tee -a /etc/fuse.conf"],
            ),
            CheckResult {
                server: Some("home".to_owned()),
                ..finding("server", Severity::Fault, "no\u{1b}[31m", &["a   # one", "b   # two"])
            },
        ];
        let shown = text(&findings, WIDTH, false);
        expect![[r#"
            ok       fuse-device    /dev/fuse can be opened
            warning  allow-other    /etc/fuse.conf does not have user_allow_other:
                                    --allow-other, which a media server of another user
                                    needs, will be refused
                                    $ echo user_allow_other | sudo tee -a /etc/fuse.conf
            fault    server         home: no\u{1b}[31m
                                    $ a   # one
                                    $ b   # two

            1 fault, 1 warning."#]]
        .assert_eq(&shown);
        assert!(shown.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(text(&[], WIDTH, false), "\nAll is well.");
        assert!(text(&findings, WIDTH, true).contains("\x1b[31mfault   \x1b[0m server"));
    }
}
