//! `tfs service`: mounts that systemd starts at boot.

use std::env;
use std::fs;
use std::path::{Path, PathBuf, absolute};

use eyre::WrapErr as _;
use tfs_config::{Flag, Loaded, ServerArg, words_of};
use tfs_service::check_mountpoint;
use tfs_service::doctor::{UnitCommand, UnitMount, UnitScope};
use tfs_service::service::{MountService, ServiceManager, unit_for};

use crate::args::{InstallArgs, ServiceArgs, ServiceCommand};
use crate::report::{UserError, settings_error};
use crate::{exit, output};

/// Has a file for each user whose services run without a login (`loginctl(1)`).
const LINGERING_USERS: &str = "/var/lib/systemd/linger";

/// Whether launchd runs services, and not systemd.
const IS_LAUNCHD: bool = !cfg!(target_os = "linux");

/// What the command line has apart from the arguments of the command.
pub(crate) struct CommandLine<'a> {
    pub(crate) config: Option<&'a Path>,
    pub(crate) servers: &'a [ServerArg],
    pub(crate) flags: &'a [Flag],
}

/// The key whose value is a path that need not exist when the settings are read.
const DROP_KEY: &str = "mount.drop";

impl CommandLine<'_> {
    /// Returns the flags and servers as words of a unit's command line.
    ///
    /// # Errors
    /// A usage error, if a value is invalid or may be a secret.
    pub(crate) fn words(&self) -> eyre::Result<Vec<String>> {
        // A service runs in another directory.
        let flags = self.flags.iter().map(|flag| match flag.key {
            DROP_KEY => Flag { value: absolute_text(&flag.value), ..flag.clone() },
            _ => flag.clone(),
        });
        let mut words = words_of(&flags.collect::<Vec<_>>()).map_err(|error| {
            UserError::new(exit::USAGE, error).with_hint(
                "every user can read the unit; name a file or a variable: file:PATH, env:NAME",
            )
        })?;
        words.extend(self.servers.iter().map(|server| format!("--server={server}")));
        Ok(words)
    }

    /// Returns the variables of the environment that select the server, unless it is named here,
    /// and its credentials.
    pub(crate) fn variables(&self, loaded: &Loaded) -> Vec<(&'static str, String)> {
        let environment = &loaded.environment;
        let file = environment.password_file.as_ref();
        let file = file.map(|file| absolute(file).unwrap_or_else(|_| file.clone()));
        let variables = [
            ("TFS_SERVER", environment.server.clone().filter(|_| self.servers.is_empty())),
            ("TFS_USERNAME", environment.username.clone()),
            ("TFS_PASSWORD_FILE", file.map(|file| file.display().to_string())),
        ];
        variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Returns an absolute path for a typed one.
fn absolute_text(path: &str) -> String {
    let path = absolute(path).ok().and_then(|path| path.into_os_string().into_string().ok());
    path.unwrap_or_default()
}

/// Runs the command.
pub(crate) fn run(args: &ServiceArgs, line: &CommandLine<'_>, loaded: &Loaded) -> eyre::Result<u8> {
    match &args.command {
        ServiceCommand::Install(args) => install(args, line, loaded),
        ServiceCommand::Uninstall { mountpoint, user } => uninstall(mountpoint.as_deref(), *user),
        ServiceCommand::Status { user, json } => {
            let services = manager(scope(*user))?.services()?;
            if *json {
                output::line(&serde_json::to_string_pretty(&services)?)?;
                return Ok(exit::SUCCESS);
            }
            show(&services)
        }
    }
}

fn install(args: &InstallArgs, line: &CommandLine<'_>, loaded: &Loaded) -> eyre::Result<u8> {
    let scope = scope(args.user);
    let manager = manager(scope)?;
    let mountpoint = absolute(&args.mount.mountpoint).wrap_err("cannot use the mount point")?;
    check_settings(args, &mountpoint, loaded)?;
    let text = unit(args, scope, &mountpoint, line, loaded)?;
    if args.print {
        output::line(text.trim_end())?;
        return Ok(exit::SUCCESS);
    }
    if let Err(error) = manager.check_runs() {
        output::line(text.trim_end())?;
        return Err(error.into());
    }
    // The mount of the service itself is no obstacle.
    if !manager.file_of(&mountpoint).exists() {
        fs::create_dir_all(&mountpoint)
            .wrap_err_with(|| format!("cannot create the mount point {}", mountpoint.display()))?;
        check_mountpoint(&mountpoint, mount_is_allowed(loaded, &mountpoint)?)
            .map_err(tfs_service::StartError::Mountpoint)?;
    }
    manager.install(&mountpoint, &text)?;
    let unit = manager.file_of(&mountpoint);
    let when = if IS_LAUNCHD && scope == UnitScope::User { "login" } else { "boot" };
    output::line(&format!("{} is mounted now and at every {when}", mountpoint.display()))?;
    output::note(&format!("the unit is {}", unit.display()));
    if scope == UnitScope::User && !IS_LAUNCHD && !is_lingering() {
        output::note("it starts when you log in; to start it at boot: loginctl enable-linger");
    }
    Ok(exit::SUCCESS)
}

fn mount_is_allowed(loaded: &Loaded, mountpoint: &Path) -> eyre::Result<bool> {
    Ok(loaded.mount_at(mountpoint).map_err(settings_error)?.allow_non_empty)
}

/// Checks the settings now, so that the service does not fail later.
fn check_settings(args: &InstallArgs, mountpoint: &Path, loaded: &Loaded) -> eyre::Result<()> {
    let mount = loaded.mount_at(mountpoint).map_err(settings_error)?;
    #[cfg(feature = "embedded")]
    if args.mount.embedded.embedded.is_some() {
        if !args.mount.embedded.add.is_empty() {
            let message = "a service cannot add torrents when it starts";
            let hint = "leave --add out, and add them when the service runs: tfs add FILE";
            return Err(UserError::new(exit::USAGE, message).with_hint(hint).into());
        }
        return Ok(());
    }
    let _: &InstallArgs = args;
    loaded.choose_servers(&mount.servers).map(drop).map_err(settings_error)
}

/// Returns the directory of the embedded server, and adds its flags to the words of the command.
#[cfg(feature = "embedded")]
fn embedded_dir(args: &InstallArgs, words: &mut Vec<String>) -> eyre::Result<Option<PathBuf>> {
    let Some(dir) = &args.mount.embedded.embedded else { return Ok(None) };
    let dir = absolute(dir).wrap_err("cannot use the directory of --embedded")?;
    words.push(format!("--embedded={}", utf8(&dir)?));
    if args.mount.embedded.offline {
        words.push("--offline".to_owned());
    }
    Ok(Some(dir))
}

/// Returns the text of the unit.
fn unit(
    args: &InstallArgs,
    scope: UnitScope,
    mountpoint: &Path,
    line: &CommandLine<'_>,
    loaded: &Loaded,
) -> eyre::Result<String> {
    let binary = env::current_exe().wrap_err("cannot find this program")?;
    let config = line.config.map(absolute).transpose().wrap_err("cannot use the configuration")?;
    let mut words = line.words()?;

    #[cfg(feature = "embedded")]
    let embedded = embedded_dir(args, &mut words)?;
    #[cfg(not(feature = "embedded"))]
    let embedded: Option<PathBuf> = None;
    if args.mount.library.require_server {
        words.push("--require-server".to_owned());
    }
    utf8(mountpoint)?;
    let variables = if embedded.is_none() { line.variables(loaded) } else { Vec::new() };
    let mount = UnitMount { mountpoint, words: &words, embedded: embedded.as_deref() };
    let command = UnitCommand::Service(mount);
    Ok(unit_for(scope, &binary, &variables, config.as_deref(), command))
}

fn utf8(path: &Path) -> eyre::Result<&str> {
    let message = || format!("the path {} is not UTF-8, which a unit needs", path.display());
    path.to_str().ok_or_else(|| UserError::new(exit::USAGE, message()).into())
}

fn uninstall(mountpoint: Option<&Path>, user: bool) -> eyre::Result<u8> {
    let manager = manager(scope(user))?;
    let mountpoint = match mountpoint {
        Some(path) => absolute(path).wrap_err("cannot use the mount point")?,
        None => only(manager.services()?)?,
    };
    manager.uninstall(&mountpoint)?;
    output::line(&format!("{} is no service any more", mountpoint.display()))?;
    Ok(exit::SUCCESS)
}

/// Returns the mount point of the only service.
fn only(mut services: Vec<MountService>) -> eyre::Result<PathBuf> {
    match services.pop() {
        Some(service) if services.is_empty() => Ok(service.mountpoint),
        Some(_) => Err(UserError::new(exit::MOUNT_AMBIGUOUS, "there are several services")
            .with_hint("name the mount point; tfs service status lists them")
            .into()),
        None => Err(no_services().into()),
    }
}

/// The error of a command about a service, if there is none.
pub(crate) fn no_services() -> UserError {
    UserError::new(exit::SERVICE_FAILED, "there is no service")
        .with_hint("install one with: tfs service install MOUNTPOINT")
}

/// Prints services as a table.
fn show(services: &[MountService]) -> eyre::Result<u8> {
    if services.is_empty() {
        output::note("there is no service; install one with: tfs service install MOUNTPOINT");
        return Ok(exit::SUCCESS);
    }
    let mut table = output::table();
    table.set_header(["STATE", "AT BOOT", "UNIT", "MOUNTPOINT"]);
    for service in services {
        let mountpoint = service.mountpoint.to_string_lossy();
        table.add_row([
            output::visible(&service.active),
            output::visible(&service.enabled),
            output::visible(&service.unit),
            output::visible(&mountpoint),
        ]);
    }
    output::line(&output::table_text(table))?;
    Ok(exit::SUCCESS)
}

fn scope(is_user: bool) -> UnitScope {
    let is_root = nix::unistd::geteuid().is_root();
    if is_root && !is_user { UnitScope::System } else { UnitScope::User }
}

fn manager(scope: UnitScope) -> eyre::Result<ServiceManager> {
    let dirs = directories::BaseDirs::new();
    let config_dir = dirs.map(|dirs| dirs.config_dir().to_owned());
    match (scope, config_dir) {
        (_, Some(dir)) => Ok(ServiceManager::new(scope, &dir)),
        (UnitScope::System, None) => Ok(ServiceManager::new(scope, Path::new("/"))),
        (UnitScope::User, None) => {
            let message = "this user has no home directory";
            Err(UserError::new(exit::SERVICE_FAILED, message).with_hint("set HOME").into())
        }
    }
}

fn is_lingering() -> bool {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
    user.is_some_and(|user| Path::new(LINGERING_USERS).join(user.name).exists())
}
