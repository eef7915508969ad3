//! `tfs serve`: the torrents by WebDAV, NFS or DLNA, in the foreground and without FUSE.

mod token;

#[cfg(test)]
pub(crate) use self::token::failed as token_error;

use tfs_config::Loaded;
use tfs_service::{FrontSettings, MountSettings};

use crate::args::{ServeArgs, ServeCommand};
use crate::background::ProcessRole;
use crate::logging::Level;
use crate::mount::{self, MountIntake};
use crate::report::settings_error;
use crate::run_service;

/// Runs the command. `level` controls the log.
pub(crate) fn run(args: &ServeArgs, loaded: &Loaded, level: &Level) -> eyre::Result<u8> {
    match &args.command {
        ServeCommand::Webdav(_) | ServeCommand::Nfs(_) | ServeCommand::Dlna(_) => {
            let settings = settings(args, loaded)?;
            let intake = MountIntake::of(loaded, &settings);
            run_service(mount::serve(settings, intake, ProcessRole::Foreground, level))
        }
        ServeCommand::Token(args) => token::run(args, loaded),
    }
}

/// Returns the settings of a library that is mounted nowhere. Reads the files of secrets.
fn settings(args: &ServeArgs, loaded: &Loaded) -> eyre::Result<MountSettings> {
    let (kind, tree) = args.tree().ok_or_else(|| eyre::eyre!("tokens have no settings"))?;
    let section = loaded.serve_at(kind).map_err(settings_error)?;
    // A service retries with an unusable login; a command reports it.
    let auth = loaded.serve_auth(&section).map_err(settings_error)?;
    let mount = loaded.tree_of_serve(&section).map_err(settings_error)?;
    #[cfg(feature = "embedded")]
    let embedded = mount::embedded_server(&tree.embedded, loaded)?;
    #[cfg(not(feature = "embedded"))]
    let embedded = None;
    let servers = mount::servers(embedded, loaded, &mount)?;
    let settings = MountSettings {
        mountpoint: None,
        fronts: vec![FrontSettings::with_auth(&section, auth)],
        drop: None,
        first_look_max: tree.library.connect_timeout,
        requires_servers: tree.library.require_server,
        ..MountSettings::with_servers(&loaded.settings, &mount, servers)
    };
    mount::check_root(&settings)?;
    Ok(settings)
}
