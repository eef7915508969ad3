//! Mounts as services of launchd, the service manager of macOS: one property list for each mount
//! point (`launchd.plist(5)`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::name::unit_name;
use super::{MountService, ServiceError};
use crate::doctor::{UnitCommand, UnitMount, UnitScope};

/// Directory of the agents and daemons of launchd, of the system's administrator.
const SYSTEM_DIR: &str = "/Library/LaunchDaemons";

/// The beginning of all labels, which are also the names of the files.
const PREFIX: &str = "tfs-";

/// Pause in seconds before a mount that has failed is started again.
const RESTART_SECONDS: u32 = 10;

/// The manager that runs services: of the system or of a user.
#[derive(Debug, Clone)]
pub struct LaunchManager {
    scope: UnitScope,
    dir: PathBuf,
    launchctl: PathBuf,
}

impl LaunchManager {
    /// Returns the manager of a scope. `config_dir` is the user's directory of configuration files,
    /// `~/Library/Application Support`; agents are beside it.
    #[must_use]
    pub fn new(scope: UnitScope, config_dir: &Path) -> Self {
        let library = config_dir.parent().unwrap_or(config_dir);
        let dir = match scope {
            UnitScope::System => PathBuf::from(SYSTEM_DIR),
            UnitScope::User => library.join("LaunchAgents"),
        };
        Self { scope, dir, launchctl: "/bin/launchctl".into() }
    }

    /// Returns the property list of a mount point.
    #[must_use]
    pub fn file_of(&self, mountpoint: &Path) -> PathBuf {
        self.dir.join(format!("{}.plist", label_of(mountpoint)))
    }

    /// Writes the property list of a mount point, and has launchd start the mount, now and at each
    /// login. One that tfs wrote before is replaced.
    ///
    /// # Errors
    /// [`ServiceError`]; if the service does not start, its property list stays.
    pub fn install(&self, mountpoint: &Path, text: &str) -> Result<(), ServiceError> {
        let file = self.file_of(mountpoint);
        let failed = |source| ServiceError::File { file: file.clone(), source };
        let is_loaded = match fs::read_to_string(&file) {
            Ok(before) if mountpoint_of(&before).is_some() => true,
            Ok(_) => return Err(ServiceError::Foreign { file }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(failed(error)),
        };
        let label = label_of(mountpoint);
        if is_loaded && let Err(error) = self.launchctl(&["bootout", &self.target(&label)], &label)
        {
            tracing::debug!(%error, "the service was not loaded");
        }
        fs::create_dir_all(&self.dir).map_err(failed)?;
        fs::write(&file, text).map_err(failed)?;
        let path = file.to_string_lossy().into_owned();
        self.launchctl(&["bootstrap", &self.domain(), &path], &label)
    }

    /// Stops the service of a mount point, and removes its property list.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn uninstall(&self, mountpoint: &Path) -> Result<(), ServiceError> {
        let file = self.file_of(mountpoint);
        let unknown = || ServiceError::Unknown { mountpoint: mountpoint.to_owned() };
        let text = fs::read_to_string(&file).map_err(|source| {
            let is_gone = source.kind() == io::ErrorKind::NotFound;
            if is_gone { unknown() } else { ServiceError::File { file: file.clone(), source } }
        })?;
        if mountpoint_of(&text).is_none() {
            return Err(ServiceError::Foreign { file });
        }
        let label = label_of(mountpoint);
        if let Err(error) = self.launchctl(&["bootout", &self.target(&label)], &label) {
            tracing::debug!(%error, "the service was not loaded");
        }
        fs::remove_file(&file).map_err(|source| ServiceError::File { file, source })
    }

    /// Returns all services, ordered by mount point.
    ///
    /// # Errors
    /// If the directory of property lists cannot be read.
    pub fn services(&self) -> Result<Vec<MountService>, ServiceError> {
        let failed = |source| ServiceError::File { file: self.dir.clone(), source };
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut services = Vec::new();
        for entry in entries {
            let file = entry.map_err(failed)?.path();
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            let Some(unit) = stem.filter(|stem| stem.starts_with(PREFIX)).map(str::to_owned) else {
                continue;
            };
            let text = fs::read_to_string(&file).unwrap_or_default();
            let Some(mountpoint) = mountpoint_of(&text) else { continue };
            let is_loaded = self.launchctl(&["print", &self.target(&unit)], &unit).is_ok();
            let active = if is_loaded { "loaded" } else { "not loaded" }.to_owned();
            services.push(MountService {
                unit,
                mountpoint,
                file,
                active,
                enabled: "enabled".to_owned(),
            });
        }
        services.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
        Ok(services)
    }

    /// Checks that there is a launchd to run services: there is one on each Mac.
    ///
    /// # Errors
    /// Never.
    pub fn check_runs(&self) -> Result<(), ServiceError> {
        Ok(())
    }

    /// Returns `launchctl` as a user types it.
    #[must_use]
    pub fn command_text(&self) -> &'static str {
        match self.scope {
            UnitScope::System => "sudo launchctl",
            UnitScope::User => "launchctl",
        }
    }

    /// Returns where launchd runs the services of the scope.
    fn domain(&self) -> String {
        match self.scope {
            UnitScope::System => "system".to_owned(),
            UnitScope::User => format!("gui/{}", geteuid().as_raw()),
        }
    }

    fn target(&self, label: &str) -> String {
        format!("{}/{label}", self.domain())
    }

    fn launchctl(&self, words: &[&str], unit: &str) -> Result<(), ServiceError> {
        let refused = |output: String| ServiceError::Refused {
            command: format!("{} {}", self.command_text(), words.join(" ")),
            output,
            unit: unit.to_owned(),
        };
        let mut command = Command::new(&self.launchctl);
        let output = command.args(words).stdin(Stdio::null()).output();
        let output = output.map_err(|error| refused(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let first = text.lines().find(|line| !line.trim().is_empty());
        Err(refused(first.map_or_else(|| output.status.to_string(), str::to_owned)))
    }
}

/// Returns the property list for a machine, in the place of a unit of systemd. `binary` is an
/// absolute path, `variables` are settings of tfs, `config` is an additional configuration file.
/// Messages go to a file in the directory for logs of the scope.
#[must_use]
pub fn plist_for(
    scope: UnitScope,
    binary: &Path,
    variables: &[(&str, String)],
    config: Option<&Path>,
    command: UnitCommand<'_>,
) -> String {
    let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    let logs = match (scope, home) {
        (UnitScope::User, Some(home)) => home.join("Library/Logs"),
        (UnitScope::System, _) | (UnitScope::User, None) => PathBuf::from("/var/log"),
    };
    plist(&logs, binary, variables, config, command)
}

fn plist(
    logs: &Path,
    binary: &Path,
    variables: &[(&str, String)],
    config: Option<&Path>,
    command: UnitCommand<'_>,
) -> String {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut words = vec![text(binary)];
    words.extend(config.into_iter().flat_map(|file| ["--config".to_owned(), text(file)]));
    let label = match command {
        UnitCommand::Mount(mount) | UnitCommand::Service(mount) => {
            let UnitMount { mountpoint, words: flags, .. } = mount;
            words.extend(["mount".to_owned(), "-f".to_owned()]);
            words.extend(flags.iter().cloned());
            words.push(text(mountpoint));
            label_of(mountpoint)
        }
        UnitCommand::Daemon => {
            words.push("daemon".to_owned());
            "tfs".to_owned()
        }
    };
    let strings = words.iter().map(|word| format!("        <string>{}</string>\n", escaped(word)));
    let strings: String = strings.collect();
    let variables = variables.iter().map(|(name, value)| {
        let (name, value) = (escaped(name), escaped(value));
        format!("        <key>{name}</key>\n        <string>{value}</string>\n")
    });
    let variables: String = variables.collect();
    let log = escaped(&text(&logs.join(format!("{label}.log"))));
    let label = escaped(&label);
    format!(
        "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
<dict>
    <key>Label</key>
    <string>{label}</string>
    <key>ProgramArguments</key>
    <array>
{strings}    </array>
    <key>EnvironmentVariables</key>
    <dict>
{variables}    </dict>
    <key>RunAtLoad</key>
    <true/>
    <key>KeepAlive</key>
    <dict>
        <key>SuccessfulExit</key>
        <false/>
    </dict>
    <key>ThrottleInterval</key>
    <integer>{RESTART_SECONDS}</integer>
    <key>ProcessType</key>
    <string>Interactive</string>
    <key>StandardErrorPath</key>
    <string>{log}</string>
</dict>
</plist>
"
    )
}

/// Returns the label of a mount point: `tfs-Volumes-t` for `/Volumes/t`.
fn label_of(mountpoint: &Path) -> String {
    let name = unit_name(mountpoint);
    name.strip_suffix(".service").unwrap_or(&name).replace('\\', "%")
}

/// Returns the mount point of a property list that tfs wrote: its last argument, which fits the
/// label.
fn mountpoint_of(plist: &str) -> Option<PathBuf> {
    let (_, rest) = plist.split_once("<key>ProgramArguments</key>")?;
    let (arguments, _) = rest.split_once("</array>")?;
    let mut strings = arguments
        .lines()
        .filter_map(|line| line.trim().strip_prefix("<string>")?.strip_suffix("</string>"));
    let mountpoint = PathBuf::from(unescaped(strings.next_back()?));
    let label = format!("<string>{}</string>", escaped(&label_of(&mountpoint)));
    plist.contains(&label).then_some(mountpoint)
}

/// Returns text for XML. Control characters, which XML 1.0 cannot have, become U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn unescaped(text: &str) -> String {
    let known = [("&lt;", "<"), ("&gt;", ">"), ("&#9;", "\t"), ("&#10;", "\n"), ("&#13;", "\r")];
    let text = known.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

#[cfg(test)]
#[path = "launchd_tests.rs"]
mod tests;
