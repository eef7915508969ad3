//! Mounts as services of systemd. Each mount point has a unit of its own, whose file names the
//! mount point. Only units that have this line are changed or removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::name::{is_unit_name, unit_name};
use super::{MountService, ServiceError};
use crate::doctor::UnitScope;
use crate::doctor::unit::MOUNTPOINT_KEY;

/// Directory that exists while systemd is the init system (`sd_booted(3)`).
const SYSTEMD_RUNS: &str = "/run/systemd/system";

/// Directory of the system's own units.
const SYSTEM_UNITS: &str = "/etc/systemd/system";

/// The manager that runs services: of the system or of a user.
#[derive(Debug, Clone)]
pub struct ServiceManager {
    scope: UnitScope,
    units: PathBuf,
    systemctl: PathBuf,
    /// Exists while systemd runs.
    running: PathBuf,
}

impl ServiceManager {
    /// Returns the manager of a scope. `config_dir` is the user's directory of configuration files,
    /// such as `~/.config`.
    #[must_use]
    pub fn new(scope: UnitScope, config_dir: &Path) -> Self {
        let units = match scope {
            UnitScope::System => PathBuf::from(SYSTEM_UNITS),
            UnitScope::User => config_dir.join("systemd/user"),
        };
        Self { scope, units, systemctl: "systemctl".into(), running: SYSTEMD_RUNS.into() }
    }

    /// Returns the file of the unit of a mount point.
    #[must_use]
    pub fn file_of(&self, mountpoint: &Path) -> PathBuf {
        self.units.join(unit_name(mountpoint))
    }

    /// Writes the unit of a mount point, starts it, and has it start at boot. A unit that tfs wrote
    /// before is replaced, and restarted if it has changed. Returns when the mount answers.
    ///
    /// # Errors
    /// [`ServiceError`]; if the service does not start, its unit stays.
    pub fn install(&self, mountpoint: &Path, text: &str) -> Result<(), ServiceError> {
        self.check_runs()?;
        let (unit, file) = (unit_name(mountpoint), self.file_of(mountpoint));
        let failed = |source| ServiceError::File { file: file.clone(), source };
        let before = match fs::read_to_string(&file) {
            Ok(before) if mountpoint_of(&before).is_some() => Some(before),
            Ok(_) => return Err(ServiceError::Foreign { file }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        fs::create_dir_all(&self.units).map_err(failed)?;
        fs::write(&file, text).map_err(failed)?;
        self.systemctl(&["daemon-reload"], &unit)?;
        self.systemctl(&["enable", "--now", &unit], &unit)?;
        if before.is_some_and(|before| before != text) {
            self.systemctl(&["restart", &unit], &unit)?;
        }
        Ok(())
    }

    /// Stops the service of a mount point, and removes its unit.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn uninstall(&self, mountpoint: &Path) -> Result<(), ServiceError> {
        let (unit, file) = (unit_name(mountpoint), self.file_of(mountpoint));
        let unknown = || ServiceError::Unknown { mountpoint: mountpoint.to_owned() };
        let text = fs::read_to_string(&file).map_err(|source| {
            let is_gone = source.kind() == io::ErrorKind::NotFound;
            if is_gone { unknown() } else { ServiceError::File { file: file.clone(), source } }
        })?;
        if mountpoint_of(&text).is_none() {
            return Err(ServiceError::Foreign { file });
        }
        // Where systemd does not run, nothing is enabled or running either.
        let runs = self.running.exists();
        if runs {
            self.systemctl(&["disable", "--now", &unit], &unit)?;
        }
        fs::remove_file(&file)
            .map_err(|source| ServiceError::File { file: file.clone(), source })?;
        if runs {
            self.systemctl(&["daemon-reload"], &unit)?;
        }
        Ok(())
    }

    /// Returns all services, ordered by mount point.
    ///
    /// # Errors
    /// If the directory of units cannot be read.
    pub fn services(&self) -> Result<Vec<MountService>, ServiceError> {
        let failed = |source| ServiceError::File { file: self.units.clone(), source };
        let entries = match fs::read_dir(&self.units) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut services = Vec::new();
        for entry in entries {
            let file = entry.map_err(failed)?.path();
            let name = file.file_name().and_then(|name| name.to_str());
            let Some(unit) = name.filter(|name| is_unit_name(name)).map(str::to_owned) else {
                continue;
            };
            let text = fs::read_to_string(&file).unwrap_or_default();
            let Some(mountpoint) = mountpoint_of(&text) else { continue };
            let (active, enabled) = (self.word("is-active", &unit), self.word("is-enabled", &unit));
            services.push(MountService { unit, mountpoint, file, active, enabled });
        }
        services.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
        Ok(services)
    }

    /// Checks that there is a systemd to run services.
    ///
    /// # Errors
    /// [`ServiceError::NoSystemd`].
    pub fn check_runs(&self) -> Result<(), ServiceError> {
        if self.running.exists() { Ok(()) } else { Err(ServiceError::NoSystemd) }
    }

    /// Returns `systemctl` with the words that select the scope, as a user types it.
    #[must_use]
    pub fn command_text(&self) -> &'static str {
        match self.scope {
            UnitScope::System => "systemctl",
            UnitScope::User => "systemctl --user",
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.systemctl);
        if self.scope == UnitScope::User {
            command.arg("--user");
        }
        command.args(words).stdin(Stdio::null());
        command
    }

    fn systemctl(&self, words: &[&str], unit: &str) -> Result<(), ServiceError> {
        let refused = |output: String| ServiceError::Refused {
            command: format!("{} {}", self.command_text(), words.join(" ")),
            output,
            unit: unit.to_owned(),
        };
        let output = self.command(words).output().map_err(|error| refused(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let first = text.lines().find(|line| !line.trim().is_empty());
        Err(refused(first.map_or_else(|| output.status.to_string(), str::to_owned)))
    }

    /// Returns the one word that a query prints, whatever its exit code.
    fn word(&self, query: &str, unit: &str) -> String {
        let unknown = || "unknown".to_owned();
        let Ok(output) = self.command(&[query, unit]).output() else { return unknown() };
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().next().filter(|word| !word.is_empty()).map_or_else(unknown, str::to_owned)
    }
}

/// Returns the mount point of a unit that tfs wrote.
fn mountpoint_of(unit: &str) -> Option<PathBuf> {
    unit.lines().find_map(|line| line.strip_prefix(MOUNTPOINT_KEY)).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use expect_test::expect;
    use tempfile::TempDir;

    use super::*;
    use crate::doctor::unit::mountpoint_line;

    /// A manager whose `systemctl` records its arguments, and fails if one of them is in `refuses`.
    fn manager(dir: &TempDir, refuses: &str) -> ServiceManager {
        let systemctl = dir.path().join("systemctl");
        let log = dir.path().join("log");
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> '{}'\ncase \"$*\" in\n*is-active*) echo active;;\n\
             *is-enabled*) echo enabled;;\n*\"{refuses}\"*) echo 'Failed: no bus' >&2; exit 1;;\n\
             esac\n",
            log.display()
        );
        fs::write(&systemctl, script).unwrap();
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
        ServiceManager {
            scope: UnitScope::User,
            units: dir.path().join("units"),
            systemctl,
            running: dir.path().to_owned(),
        }
    }

    fn text(mountpoint: &str, more: &str) -> String {
        format!("[Unit]\n{}{more}\n", mountpoint_line(Path::new(mountpoint)))
    }

    fn log(dir: &TempDir) -> String {
        fs::read_to_string(dir.path().join("log")).unwrap_or_default()
    }

    #[test]
    fn a_service_is_installed_listed_changed_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let manager = manager(&dir, "none");
        let path = Path::new("/mnt/my films");
        manager.install(path, &text("/mnt/my films", "a")).unwrap();
        manager.install(path, &text("/mnt/my films", "a")).unwrap();
        manager.install(path, &text("/mnt/my films", "b")).unwrap();
        // Neither has the line of tfs.
        fs::write(manager.units.join("tfs-other.service"), "[Unit]\n").unwrap();
        fs::write(manager.units.join("tfs.service"), text("/x", "")).unwrap();
        let services = manager.services().unwrap();
        assert_eq!(services.len(), 1, "{services:?}");
        assert_eq!(services[0].mountpoint, path);
        assert_eq!((&*services[0].active, &*services[0].enabled), ("active", "enabled"));
        manager.uninstall(path).unwrap();
        assert!(!manager.file_of(path).exists());
        let gone = manager.uninstall(path).unwrap_err();
        assert_eq!(gone.to_string(), "there is no service for /mnt/my films");
        expect![[r#"
            --user daemon-reload
            --user enable --now tfs-mnt-my\x20films.service
            --user daemon-reload
            --user enable --now tfs-mnt-my\x20films.service
            --user daemon-reload
            --user enable --now tfs-mnt-my\x20films.service
            --user restart tfs-mnt-my\x20films.service
            --user is-active tfs-mnt-my\x20films.service
            --user is-enabled tfs-mnt-my\x20films.service
            --user disable --now tfs-mnt-my\x20films.service
            --user daemon-reload
        "#]]
        .assert_eq(&log(&dir));
    }

    #[test]
    fn what_cannot_be_installed_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = Path::new("/mnt/t");
        let missing = ServiceManager { running: "/nonexistent".into(), ..manager(&dir, "none") };
        let error = missing.install(path, &text("/mnt/t", "")).unwrap_err();
        assert_eq!(error.to_string(), "systemd does not run on this machine");
        let manager = manager(&dir, "enable");
        let file = manager.file_of(path);
        assert!(!file.exists());
        fs::create_dir_all(&manager.units).unwrap();
        fs::write(&file, "[Unit]\n").unwrap();
        for error in [
            manager.install(path, &text("/mnt/t", "")).unwrap_err(),
            manager.uninstall(path).unwrap_err(),
        ] {
            assert!(error.to_string().ends_with("tfs-mnt-t.service was not written by tfs"));
        }
        assert_eq!(log(&dir), "");
        fs::remove_file(&file).unwrap();
        let error = manager.install(path, &text("/mnt/t", "")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "systemctl --user enable --now tfs-mnt-t.service failed: Failed: no bus"
        );
        assert!(file.exists());
    }
}
