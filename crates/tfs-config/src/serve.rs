//! The servers for other programs: which a mount or a command has, and their secrets.

use std::net::SocketAddr;
use std::path::Path;

use figment::value::Value;

use super::check_serve::{OPEN_NFS_HINT, is_same, problems_of};
use super::keys::{find_key, keys};
use super::server_selection::{defaults_of, extract};
use super::{Loaded, MountSection, Problem, Secret, ServeKind, ServeSection};

/// Minimum length of a token or a password, in characters: as that of the page.
const SECRET_CHARS_MIN: usize = 8;

/// Maximum length of a token, in bytes: it is a part of paths.
const TOKEN_BYTES_MAX: usize = 255;

/// A command that makes a token.
const MAKE_TOKEN: &str = "make one with: head -c 16 /dev/urandom | base32";

/// What clients of a server have to know. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServeAuth {
    /// A user name and a password.
    Password {
        /// The user name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Token(Secret),
}

impl Loaded {
    /// Returns the `[[serve]]` sections that have a library of their own, with their names.
    pub fn own_serves(&self) -> impl Iterator<Item = (String, &ServeSection)> {
        let named = self.settings.serves.iter().enumerate();
        let own = named.filter(|(_, serve)| serve.mount.is_none());
        own.map(|(idx, serve)| (self.serve_name(idx, serve), serve))
    }

    /// Returns the servers of a mount: its keys `webdav` and `nfs`, and the `[[serve]]` sections
    /// with its path.
    ///
    /// # Errors
    /// If a flag opens NFS to other machines without a token, or both have one address.
    pub fn serves_of(&self, mount: &MountSection) -> Result<Vec<ServeSection>, Problem> {
        let short = [(ServeKind::Webdav, mount.webdav), (ServeKind::Nfs, mount.nfs)];
        let short = short.into_iter().filter_map(|(kind, listen)| Some((kind, listen?)));
        let short = short.map(|(kind, listen)| {
            let serve = self.default_serve(kind)?;
            let serve = ServeSection { listen: Some(listen), ..serve };
            match problems_of(&serve).into_iter().next() {
                None => Ok(serve),
                // The only one that the address alone can cause.
                Some((_, message, _)) => {
                    let message = format!("--{}: {message}", kind.word());
                    Err(Problem::without_place(message).hint(OPEN_NFS_HINT))
                }
            }
        });
        let mut serves = short.collect::<Result<Vec<_>, Problem>>()?;
        if let [one, other] = serves.as_slice()
            && one.address().port() != 0
            && is_same(one.address(), other.address())
        {
            let address = other.address();
            let message = format!("--nfs: WebDAV has the address {address} too");
            return Err(Problem::without_place(message).hint("choose another port"));
        }
        let sections = self.settings.serves.iter();
        let of_mount = |serve: &&ServeSection| serve.mount.as_deref() == Some(mount.path.as_path());
        serves.extend(sections.filter(of_mount).cloned());
        Ok(serves)
    }

    /// Returns the settings of `tfs serve KIND` with the flags of the command line. They are those
    /// of the section of this kind at the same address, or of the only section of this kind if no
    /// address is given. A section with `mount` does not count.
    ///
    /// # Errors
    /// If a flag is invalid, or flags and section do not fit together.
    pub fn serve_at(&self, kind: ServeKind) -> Result<ServeSection, Problem> {
        let listen = self.flags.iter().rev().find(|flag| flag.key == "serve.listen");
        let listen = listen.and_then(|flag| super::units::listen(&flag.value).ok());
        let serves = self.settings.serves.iter().enumerate();
        let mut same = serves.filter(|(_, serve)| serve.kind == kind && serve.mount.is_none());
        let found = match listen {
            Some(address) => same.find(|(_, serve)| serve.address() == address),
            None => same.next().filter(|_| same.next().is_none()),
        };
        let mut item = match found {
            Some((idx, _)) => self.item("serve", idx),
            None => defaults_of("serve"),
        };
        item.insert("kind".to_owned(), Value::from(kind.word()));
        self.overlay("serve", &mut item)?;
        let serve: ServeSection = extract(item)?;
        match problems_of(&serve).into_iter().next() {
            None => Ok(serve),
            Some((key, message, hint)) => {
                let flag = find_key(key).and_then(|key| key.flag).unwrap_or(key);
                Err(Problem::without_place(format!("{flag}: {message}")).hint(with_flags(&hint)))
            }
        }
    }

    /// Returns the settings of the tree that a server shows if it has no mount. The path is not
    /// used.
    ///
    /// # Errors
    /// If a flag is invalid.
    pub fn tree_of_serve(&self, serve: &ServeSection) -> Result<MountSection, Problem> {
        let mut mount = self.mount_at(Path::new("/"))?;
        if !self.flags.iter().any(|flag| flag.key == "mount.layout") {
            mount.layout = serve.layout;
        }
        mount.servers.clone_from(&serve.servers);
        Ok(mount)
    }

    /// Returns the login of a server, if there is one. Reads its file.
    ///
    /// # Errors
    /// If a file cannot be read, or its first line is empty or too short.
    pub fn serve_auth(&self, serve: &ServeSection) -> Result<Option<ServeAuth>, Problem> {
        if let (Some(user), Some(path)) = (&serve.auth_user, &serve.auth_password_file) {
            let password = read("password", path)?;
            if password.expose().chars().count() < SECRET_CHARS_MIN {
                let shown = path.display();
                let message = format!(
                    "the password in {shown} must have at least {SECRET_CHARS_MIN} characters"
                );
                return Err(Problem::without_place(message).hint(MAKE_TOKEN));
            }
            return Ok(Some(ServeAuth::Password { user: user.clone(), password }));
        }
        let Some(path) = &serve.auth_token_file else { return Ok(None) };
        let token = read("token", path)?;
        let text = token.expose();
        let shown = path.display();
        let message = if !(SECRET_CHARS_MIN..=TOKEN_BYTES_MAX).contains(&text.len()) {
            format!(
                "the token in {shown} must have {SECRET_CHARS_MIN} to {TOKEN_BYTES_MAX} characters"
            )
        } else if !text.bytes().all(is_of_token) {
            format!("the token in {shown} must consist of letters, digits, `-`, `_`, `.` and `=`")
        } else {
            return Ok(Some(ServeAuth::Token(token)));
        };
        Err(Problem::without_place(message).hint(MAKE_TOKEN))
    }

    /// Returns the addresses of all WebDAV servers of the configuration, and whether each uses TLS.
    #[must_use]
    pub fn webdav_addresses(&self) -> Vec<(SocketAddr, bool)> {
        let serves = self.settings.serves.iter().filter(|serve| serve.kind == ServeKind::Webdav);
        let serves = serves.map(|serve| (serve.address(), serve.tls_cert.is_some()));
        let mounts = self.settings.mounts.iter();
        serves.chain(mounts.filter_map(|mount| Some((mount.webdav?, false)))).collect()
    }

    /// Returns a section with only the defaults.
    fn default_serve(&self, kind: ServeKind) -> Result<ServeSection, Problem> {
        let mut item = defaults_of("serve");
        item.insert("kind".to_owned(), Value::from(kind.word()));
        extract(item)
    }

    fn serve_name(&self, idx: usize, serve: &ServeSection) -> String {
        serve.name.clone().unwrap_or_else(|| format!("serve-{}", idx + 1))
    }
}

/// Returns a hint that names flags instead of keys.
fn with_flags(hint: &str) -> String {
    let of_serve = keys().filter(|key| key.section() == "serve");
    of_serve
        .filter_map(|key| Some((key.short_name(), key.flag?)))
        .fold(hint.to_owned(), |hint, (name, flag)| hint.replace(&format!("`{name}`"), flag))
}

/// Returns whether a token may contain a byte: it is a part of paths and of URLs.
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte)
}

/// Reads the first line of a file with a password or a token.
fn read(what: &str, path: &Path) -> Result<Secret, Problem> {
    let shown = path.display();
    let secret = Secret::read(path).map_err(|error| {
        Problem::without_place(format!("cannot read the {what} in {shown}: {error}"))
            .hint("the file must exist and be readable by this user")
    })?;
    if secret.expose().trim().is_empty() {
        let problem = Problem::without_place(format!("the {what} in {shown} is empty"));
        return Err(problem.hint(MAKE_TOKEN));
    }
    Ok(secret)
}
