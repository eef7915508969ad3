//! The arguments of `tfs serve`.

use std::ffi::{OsStr, OsString};

use clap::{Args, Subcommand};
use tfs_config::{Flag, ServeKind, ServerArg};

#[cfg(feature = "embedded")]
use super::library::EmbeddedArgs;
use super::library::{LibraryArgs, is_path};
use super::setting::{help, setting};
use super::{ServerArgs, set};

const CLIENTS: &str = "Clients";

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(subcommand)]
    pub(crate) command: ServeCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServeCommand {
    /// Serve by WebDAV, and to browsers and players.
    #[command(after_help = WEBDAV_HELP)]
    Webdav(Box<ServeWebdavArgs>),
    /// Serve by NFS 3.
    #[command(after_help = NFS_HELP)]
    Nfs(Box<ServeNfsArgs>),
    /// Serve to TVs by DLNA.
    #[command(after_help = DLNA_HELP)]
    Dlna(Box<ServeDlnaArgs>),
    /// Create, list or revoke the tokens of devices, for players that cannot log in.
    #[command(after_help = TOKEN_HELP)]
    Token(ServeTokenArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ServeWebdavArgs {
    #[command(flatten)]
    pub(crate) tree: ServeTreeArgs,
    #[arg(long, help_heading = CLIENTS, alias = "addr", value_name = "ADDRESS",
        help = help("serve.listen"), value_parser = setting("serve.listen"))]
    listen: Option<String>,
    #[arg(long, help_heading = CLIENTS, value_name = "NAME", help = help("serve.auth_user"),
        value_parser = setting("serve.auth_user"))]
    auth_user: Option<String>,
    #[arg(long, help_heading = CLIENTS, value_name = "FILE",
        help = help("serve.auth_password_file"),
        value_parser = setting("serve.auth_password_file"))]
    auth_password_file: Option<String>,
    #[arg(long, help_heading = CLIENTS, value_name = "FILE", help = help("serve.auth_token_file"),
        value_parser = setting("serve.auth_token_file"))]
    auth_token_file: Option<String>,
    #[arg(long, help_heading = CLIENTS, help = help("serve.no_auth"))]
    no_auth: bool,
    #[arg(long, help_heading = CLIENTS, value_name = "FILE", help = help("serve.tls_cert"),
        value_parser = setting("serve.tls_cert"))]
    tls_cert: Option<String>,
    #[arg(long, help_heading = CLIENTS, value_name = "FILE", help = help("serve.tls_key"),
        value_parser = setting("serve.tls_key"))]
    tls_key: Option<String>,
    #[arg(long = "allow-host", help_heading = CLIENTS, value_name = "HOST",
        help = help("serve.hosts"), value_parser = setting("serve.hosts"))]
    hosts: Vec<String>,
    #[arg(long, help_heading = CLIENTS, value_name = "TIME",
        help = help("serve.first_byte_timeout"),
        value_parser = setting("serve.first_byte_timeout"))]
    first_byte_timeout: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeNfsArgs {
    #[command(flatten)]
    pub(crate) tree: ServeTreeArgs,
    #[arg(long, help_heading = CLIENTS, alias = "addr", value_name = "ADDRESS",
        help = help("serve.listen"), value_parser = setting("serve.listen"))]
    listen: Option<String>,
    #[arg(long, help_heading = CLIENTS, value_name = "FILE", help = help("serve.auth_token_file"),
        value_parser = setting("serve.auth_token_file"))]
    auth_token_file: Option<String>,
    #[arg(long, help_heading = CLIENTS, help = help("serve.no_auth"))]
    no_auth: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeDlnaArgs {
    #[command(flatten)]
    pub(crate) tree: ServeTreeArgs,
    #[arg(long, help_heading = CLIENTS, alias = "addr", value_name = "ADDRESS",
        help = help("serve.listen"), value_parser = setting("serve.listen"))]
    listen: Option<String>,
}

/// What is served.
#[derive(Debug, Args)]
pub(crate) struct ServeTreeArgs {
    /// The rqbit servers, as --server takes them.
    #[arg(value_name = "SERVER")]
    places: Vec<OsString>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[cfg(feature = "embedded")]
    #[command(flatten)]
    pub(crate) embedded: EmbeddedArgs,
    #[command(flatten)]
    pub(crate) library: LibraryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ServeTokenArgs {
    #[command(subcommand)]
    pub(crate) command: ServeTokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServeTokenCommand {
    /// Create a token for a device, and print its URL once.
    New {
        /// The name of the device, such as "tv".
        #[arg(value_name = "DEVICE")]
        name: String,
    },
    /// List the devices that have a token.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make the token of a device invalid at once.
    Revoke {
        /// The name of the device.
        #[arg(value_name = "DEVICE")]
        name: String,
    },
}

impl ServeArgs {
    /// Returns the protocol and what is served, unless the command is about tokens.
    pub(crate) fn tree(&self) -> Option<(ServeKind, &ServeTreeArgs)> {
        match &self.command {
            ServeCommand::Webdav(args) => Some((ServeKind::Webdav, &args.tree)),
            ServeCommand::Nfs(args) => Some((ServeKind::Nfs, &args.tree)),
            ServeCommand::Dlna(args) => Some((ServeKind::Dlna, &args.tree)),
            ServeCommand::Token(_) => None,
        }
    }

    /// Moves the servers before the flags to those of `--server`.
    ///
    /// # Errors
    /// A sentence that names the wrong argument, without a password that it may contain.
    pub(super) fn place(&mut self) -> Result<(), String> {
        match &mut self.command {
            ServeCommand::Webdav(args) => args.tree.place(ServeKind::Webdav),
            ServeCommand::Nfs(args) => args.tree.place(ServeKind::Nfs),
            ServeCommand::Dlna(args) => args.tree.place(ServeKind::Dlna),
            ServeCommand::Token(_) => Ok(()),
        }
    }

    /// Adds the settings on the command line.
    pub(super) fn set(&self, flags: &mut Vec<Flag>) {
        let on = "true".to_owned();
        let (tree, listen, token_file, no_auth) = match &self.command {
            ServeCommand::Webdav(args) => {
                set(flags, "serve.auth_user", args.auth_user.as_ref());
                set(flags, "serve.auth_password_file", args.auth_password_file.as_ref());
                set(flags, "serve.tls_cert", args.tls_cert.as_ref());
                set(flags, "serve.tls_key", args.tls_key.as_ref());
                for host in &args.hosts {
                    set(flags, "serve.hosts", Some(host));
                }
                set(flags, "serve.first_byte_timeout", args.first_byte_timeout.as_ref());
                (&args.tree, &args.listen, args.auth_token_file.as_ref(), args.no_auth)
            }
            ServeCommand::Nfs(args) => {
                (&args.tree, &args.listen, args.auth_token_file.as_ref(), args.no_auth)
            }
            ServeCommand::Dlna(args) => (&args.tree, &args.listen, None, false),
            ServeCommand::Token(_) => return,
        };
        tree.library.set(flags);
        set(flags, "serve.listen", listen.as_ref());
        set(flags, "serve.auth_token_file", token_file);
        set(flags, "serve.no_auth", no_auth.then_some(&on));
    }
}

impl ServeTreeArgs {
    fn place(&mut self, kind: ServeKind) -> Result<(), String> {
        #[cfg(feature = "embedded")]
        if self.embedded.embedded.is_some() && !self.places.is_empty() {
            return Err("--embedded is the server, so no other can be given".to_owned());
        }
        let servers = self.places.drain(..).map(|place| server_of(&place, kind));
        let mut servers = servers.collect::<Result<Vec<_>, String>>()?;
        servers.append(&mut self.server.server);
        self.server.server = servers;
        Ok(())
    }
}

/// Parses a server.
fn server_of(place: &OsStr, kind: ServeKind) -> Result<ServerArg, String> {
    if place.is_empty() {
        return Err("an argument is empty: is a variable of the shell unset?".to_owned());
    }
    if is_path(place) {
        let instead = match kind {
            ServeKind::Webdav => "use: tfs mount --webdav 127.0.0.1:8080 MOUNTPOINT",
            ServeKind::Nfs => "use: tfs mount --nfs 127.0.0.1:2050 MOUNTPOINT",
            ServeKind::Dlna => "add a [[serve]] section with `mount` to the configuration",
        };
        return Err(format!(
            "tfs serve has no mount point: leave the path out; to serve the files of a mount, \
             {instead}"
        ));
    }
    let text = place.to_str().ok_or("a server is not UTF-8")?;
    text.parse().map_err(|reason| format!("invalid server: {reason}"))
}

pub(super) const SERVE_HELP: &str = "\
It runs in the foreground until Ctrl-C, and needs neither FUSE nor root.
For the files of a mount, use \"tfs mount --webdav ADDRESS\", or [[serve]] sections
in the configuration.

Examples:
  tfs serve webdav                         the rqbit on this machine, on port 8080
  tfs serve nfs http://nas:3030            an rqbit elsewhere
  tfs serve token new tv                   a URL for a player that cannot log in";

const WEBDAV_HELP: &str = "\
Other machines need a login over TLS, or the token of a device:
tfs serve token new DEVICE. --no-auth lets everybody in.

Examples:
  tfs serve webdav                         http://127.0.0.1:8080/ for this machine
  tfs serve webdav --listen :8080          for devices with a token
  tfs serve webdav nas:3030 --listen :8443 --tls-cert cert.pem --tls-key key.pem \\
      --auth-user me --auth-password-file ~/.tfs-password
  tfs serve webdav --embedded ~/torrents   no server: rqbit runs inside tfs";

const NFS_HELP: &str = "\
It prints the commands that mount it on Linux and macOS. NFS has no logins and no
encryption: for other machines, --auth-token-file puts a secret into the path.

Examples:
  tfs serve nfs                            for this machine, on port 2050
  tfs serve nfs --listen :2050 --auth-token-file ~/.tfs-token
  tfs serve nfs --embedded ~/torrents      no server: rqbit runs inside tfs";

const DLNA_HELP: &str = "\
TVs find it by themselves. They do not log in: every device in the network can
read everything.

Examples:
  tfs serve dlna                           the rqbit on this machine
  tfs serve dlna --listen 192.168.1.10:8200";

const TOKEN_HELP: &str = "\
A token is part of the URL, so a player needs no login. It is printed once; tfs
keeps only its hash. A revoked one stops working within a second.

Examples:
  tfs serve token new tv
  tfs serve token list
  tfs serve token revoke tv";
