//! Front ends that are ready to serve: settings checked, files read, addresses taken.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use dlna_adapter::DlnaSettings;
use nfs_adapter::NfsSettings;
use rustix::system::uname;
use tfs_sys::blocking;
use tokio::net::TcpListener;
use webdav_adapter::{WebdavAuth, WebdavError, WebdavSettings, WebdavTls};

use super::nfs_key::{self, FrontKey, own_key, random_key};
use super::{FrontAuth, FrontError, FrontKind, FrontSettings, FrontTls};

/// Size of the send buffer of each connection in bytes; the system doubles it for its own use. What
/// a client that pauses leaves in it was read for nothing.
const SEND_BUFFER_BYTES: u32 = 256 << 10;

/// The path of an export with a token, without the token.
const TOKEN_PATH: &str = "/k/";

/// A front end that listens and does not answer yet.
#[derive(Debug)]
pub(crate) struct BoundFront {
    pub(super) settings: FrontSettings,
    pub(super) ready: Result<ReadyFront, FrontError>,
}

/// What a front end serves with.
#[derive(Debug)]
pub(super) struct ReadyFront {
    pub(super) listener: TcpListener,
    /// The address with the actual port.
    pub(super) address: SocketAddr,
    pub(super) protocol: ReadyProtocol,
}

/// The settings of a protocol.
#[derive(Debug)]
pub(super) enum ReadyProtocol {
    Webdav(Box<WebdavSettings>),
    Nfs(NfsSettings),
    Dlna(DlnaSettings),
}

impl BoundFront {
    /// Checks the settings, reads the files and takes the address. Must be called in a runtime.
    pub(crate) async fn bind(settings: FrontSettings, state_dir: Option<&Path>) -> Self {
        let (wanted, state_dir) = (settings.clone(), state_dir.map(Path::to_owned));
        let protocol = blocking(move || protocol(&wanted, state_dir.as_deref())).await;
        let ready = protocol.and_then(|protocol| listen(&settings, protocol));
        Self { settings, ready }
    }

    /// Returns the name of a library that is served only here, such as `webdav://127.0.0.1:8080`.
    pub(crate) fn place_name(&self) -> String {
        let FrontSettings { kind, listen, .. } = self.settings;
        let address = self.ready.as_ref().map_or(listen, |ready| ready.address);
        format!("{kind}://{address}")
    }

    /// Returns it, if it is ready.
    ///
    /// # Errors
    /// [`FrontError`].
    pub(crate) fn required(self) -> Result<Self, FrontError> {
        let ready = Ok(self.ready?);
        Ok(Self { settings: self.settings, ready })
    }
}

fn listen(settings: &FrontSettings, protocol: ReadyProtocol) -> Result<ReadyFront, FrontError> {
    let FrontSettings { kind, listen, .. } = *settings;
    let failed = |source| FrontError::Listen { kind, address: listen, source };
    let listener = tfs_http::bind_with(listen, SEND_BUFFER_BYTES).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(ReadyFront { listener, address, protocol })
}

/// Checks the settings, and reads the files that they name.
fn protocol(
    settings: &FrontSettings,
    state_dir: Option<&Path>,
) -> Result<ReadyProtocol, FrontError> {
    check_secret(settings)?;
    match settings.kind {
        FrontKind::Webdav => webdav(settings).map(Box::new).map(ReadyProtocol::Webdav),
        FrontKind::Nfs => nfs(settings, state_dir).map(ReadyProtocol::Nfs),
        FrontKind::Dlna => dlna(settings, state_dir).map(ReadyProtocol::Dlna),
    }
}

fn check_secret(settings: &FrontSettings) -> Result<(), FrontError> {
    let failed = |why: &str| FrontError::Secret { kind: settings.kind, why: why.to_owned() };
    settings.unusable_secret().map_or(Ok(()), |why| Err(failed(why)))
}

fn webdav(settings: &FrontSettings) -> Result<WebdavSettings, FrontError> {
    let mut webdav = WebdavSettings::new(settings.listen);
    webdav.auth = match &settings.auth {
        None | Some(FrontAuth::Unusable(_)) if settings.allows_anyone => WebdavAuth::OpenToAll,
        None | Some(FrontAuth::Unusable(_)) => WebdavAuth::Open,
        Some(FrontAuth::Password { user, password }) => {
            let password = password.expose().to_owned();
            WebdavAuth::Password { user: user.clone(), password }
        }
        Some(FrontAuth::Token(token)) => WebdavAuth::Token(token.expose().to_owned()),
    };
    webdav.tls = settings.tls.as_ref().map(tls).transpose()?;
    webdav.hosts.clone_from(&settings.hosts);
    webdav.first_byte_max = settings.first_byte_max;
    webdav.check().map_err(WebdavError::from)?;
    Ok(webdav)
}

fn tls(files: &FrontTls) -> Result<WebdavTls, FrontError> {
    let kind = FrontKind::Webdav;
    let read = |path: &PathBuf| {
        fs::read(path).map_err(|source| FrontError::TlsFile { kind, path: path.clone(), source })
    };
    let (certificate, key) = (read(&files.certificate)?, read(&files.key)?);
    WebdavTls::from_pem(&certificate, &key).map_err(|source| {
        let path = if source.is_about_key() { &files.key } else { &files.certificate };
        FrontError::Tls { path: path.clone(), source }
    })
}

fn nfs(settings: &FrontSettings, state_dir: Option<&Path>) -> Result<NfsSettings, FrontError> {
    let export_path = export_path(settings)?;
    let key = key(settings.kind, state_dir)?;
    Ok(NfsSettings { export_path, ..NfsSettings::new(settings.listen, key) })
}

/// Returns the path that NFS clients mount.
fn export_path(settings: &FrontSettings) -> Result<String, FrontError> {
    let (kind, address) = (settings.kind, settings.listen);
    match &settings.auth {
        Some(FrontAuth::Password { .. }) => Err(FrontError::NoPasswords),
        Some(FrontAuth::Token(token)) => Ok(format!("{TOKEN_PATH}{}", token.expose())),
        None | Some(FrontAuth::Unusable(_)) => {
            if !address.ip().to_canonical().is_loopback() && !settings.allows_anyone {
                return Err(FrontError::OpenToAll { kind, address });
            }
            Ok("/".to_owned())
        }
    }
}

fn dlna(settings: &FrontSettings, state_dir: Option<&Path>) -> Result<DlnaSettings, FrontError> {
    let FrontSettings { kind, listen, first_byte_max, .. } = *settings;
    check_dlna(settings)?;
    let name = settings.name.clone().filter(|name| !is_default_name(name));
    let friendly_name = name.unwrap_or_else(|| {
        // Several machines of a home may have one.
        let host = uname().nodename().to_string_lossy().into_owned();
        format!("tfs on {host}")
    });
    Ok(DlnaSettings { listen, friendly_name, key: key(kind, state_dir)?, first_byte_max })
}

fn check_dlna(settings: &FrontSettings) -> Result<(), FrontError> {
    match settings.auth.is_some() || settings.tls.is_some() {
        true => Err(FrontError::NoLogins),
        false => Ok(()),
    }
}

/// Returns whether a name is one that the settings give: `dlna`, or `serve-1`.
fn is_default_name(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    name == FrontKind::Dlna.as_str() || name.strip_prefix("serve-").is_some_and(is_number)
}

/// Returns the key of this user, or one until the end if there is no state directory.
fn key(kind: FrontKind, state_dir: Option<&Path>) -> Result<FrontKey, FrontError> {
    match state_dir {
        Some(dir) => own_key(dir).map_err(|source| {
            let path = dir.join(nfs_key::NAME);
            FrontError::Key { kind, path, source }
        }),
        None => {
            tracing::warn!(%kind, "clients lose their files at a restart: no state directory");
            Ok(random_key())
        }
    }
}

/// Checks the settings of a front end, and reads the files that they name. Takes no address and
/// makes no key.
///
/// # Errors
/// [`FrontError`].
pub(crate) fn check_settings(settings: &FrontSettings) -> Result<(), FrontError> {
    check_secret(settings)?;
    match settings.kind {
        FrontKind::Webdav => webdav(settings).map(drop),
        FrontKind::Nfs => export_path(settings).map(drop),
        FrontKind::Dlna => check_dlna(settings),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tfs_config::Secret;
    use tfs_types::chain;

    use super::*;

    fn settings(kind: FrontKind, listen: &str, auth: Option<FrontAuth>) -> FrontSettings {
        FrontSettings {
            kind,
            name: None,
            listen: listen.parse().unwrap(),
            auth,
            allows_anyone: false,
            tls: None,
            hosts: Vec::new(),
            first_byte_max: Duration::from_secs(20),
        }
    }

    fn password() -> Option<FrontAuth> {
        Some(FrontAuth::Password { user: "me".to_owned(), password: Secret::new("12345678") })
    }

    /// Checks why settings are refused; an empty text if they are not.
    #[track_caller]
    fn check(settings: &FrontSettings, want: &str) {
        let dir = tempfile::tempdir().unwrap();
        let found = protocol(settings, Some(dir.path())).err();
        let found = found.map(|error| chain(&error)).unwrap_or_default();
        assert!(found.starts_with(want) && found.is_empty() == want.is_empty(), "{found}");
    }

    #[test]
    fn what_other_machines_reach_needs_a_secret() {
        use FrontKind::{Dlna, Nfs, Webdav};
        let token = || Some(FrontAuth::Token(Secret::new("0123456789abcdef")));
        check(&settings(Nfs, "127.0.0.1:0", None), "");
        check(&settings(Nfs, "192.168.1.2:0", token()), "");
        check(
            &settings(Nfs, "0.0.0.0:2050", None),
            "serve nfs at 0.0.0.0:2050: other machines can reach it, and there is no token",
        );
        let open = FrontSettings { allows_anyone: true, ..settings(Nfs, "0.0.0.0:2050", None) };
        check(&open, "");
        check(&settings(Nfs, "127.0.0.1:0", password()), "serve nfs with a user name");
        check(&settings(Webdav, "0.0.0.0:0", None), "");
        check(&settings(Webdav, "127.0.0.1:0", password()), "");
        check(&settings(Webdav, "0.0.0.0:0", password()), "serve WebDAV: a login at 0.0.0.0:0");
        let why = FrontAuth::Unusable("cannot read the password in /p".to_owned());
        check(
            &settings(Webdav, "127.0.0.1:0", Some(why)),
            "serve webdav: cannot read the password in /p",
        );
        check(&settings(Dlna, "0.0.0.0:8200", None), "");
        check(&settings(Dlna, "0.0.0.0:8200", token()), "serve dlna: televisions know neither");
        let files = FrontTls { certificate: "/gone/cert".into(), key: "/gone/key".into() };
        let tls = FrontSettings { tls: Some(files), ..settings(Webdav, "127.0.0.1:0", None) };
        check(&tls, "serve webdav: cannot read /gone/cert: No such file");
    }

    #[tokio::test]
    async fn an_address_is_taken_before_anything_is_served() {
        let bind = async |listen: &str| {
            BoundFront::bind(settings(FrontKind::Webdav, listen, None), None).await
        };
        let front = bind("127.0.0.1:0").await.required().unwrap();
        let name = front.place_name();
        let address = name.strip_prefix("webdav://").unwrap();
        assert!(!address.ends_with(":0"), "{address}");
        let error = bind(address).await.required().unwrap_err();
        assert!(chain(&error).starts_with(&format!("serve webdav at {address}: Address already")));
    }
}
