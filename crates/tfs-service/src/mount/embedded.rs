//! The embedded server and the torrents that are added to it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rqbit_client::{BaseUrl, Credentials};
use rqbit_embedded::{EmbeddedConfig, EmbeddedError, EmbeddedServer, PeerLookup};
use rqbit_source::{FoundPeers, PeerSearch};
use tfs_api::wire::ServerAccess;
use tfs_config::ServerSettings;
use tfs_state::{ServerIdentity, make_private_below};
use tfs_sys::blocking;
use tfs_sys::mountinfo::locate;
use vfs_core::InfoHash;

use super::{EmbeddedDirError, StartError};
use crate::add::{PreparedTorrent, TorrentInput};
use crate::random::random_digits;

/// The user name of the server's API. The password is what protects it.
const USER: &str = "tfs";

/// Settings of an embedded server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// The download directory, an absolute path. It is created if it is missing; its parent is not.
    pub dir: PathBuf,
    /// Torrents to add after the start.
    pub add: Vec<TorrentInput>,
    /// Whether it finds peers on the internet. Otherwise it connects only to peers given by
    /// address.
    pub is_online: bool,
}

/// A running embedded server.
#[derive(Debug)]
pub(crate) struct Embedded {
    server: EmbeddedServer,
    access: ServerAccess,
}

/// Finds peers by the embedded server itself, since its HTTP API cannot.
#[derive(Debug)]
struct EmbeddedPeers(PeerLookup);

impl PeerSearch for EmbeddedPeers {
    fn search(&self, torrent: InfoHash) -> FoundPeers<'_> {
        Box::pin(self.0.find(*torrent.as_bytes()))
    }
}

impl EmbeddedSettings {
    /// Checks the directory against the mount point, which exists, and reads the torrents to add.
    /// Creates and starts nothing.
    ///
    /// # Errors
    /// [`StartError::EmbeddedDir`] and [`StartError::Add`].
    pub(crate) async fn prepare(
        &self,
        mountpoint: Option<&Path>,
    ) -> Result<Vec<PreparedTorrent>, StartError> {
        let (dir, mountpoint) = (self.dir.clone(), mountpoint.map(Path::to_owned));
        blocking(move || match mountpoint {
            Some(mountpoint) => check_dir(&dir, &mountpoint),
            None => real_path(&dir).map(drop),
        })
        .await?;
        let mut prepared = Vec::new();
        for input in &self.add {
            prepared.push(input.prepare().await?);
        }
        Ok(prepared)
    }
}

/// Checks the download directory. Compares the real paths of directory and mount point.
fn check_dir(dir: &Path, mountpoint: &Path) -> Result<(), EmbeddedDirError> {
    let (given, dir) = (dir.to_owned(), real_path(dir)?);
    let failed = |source| EmbeddedDirError::System { dir: given.clone(), source };
    // The path of a dead mount cannot be resolved through the mount itself.
    let mountpoint = locate(mountpoint).map_err(failed)?;
    if dir == mountpoint {
        return Err(EmbeddedDirError::IsMountpoint { dir: given });
    }
    if dir.starts_with(&mountpoint) {
        return Err(EmbeddedDirError::InMountpoint { dir: given, mountpoint });
    }
    Ok(())
}

/// Returns the path of a directory without symbolic links. The directory need not exist yet.
fn real_path(dir: &Path) -> Result<PathBuf, EmbeddedDirError> {
    let failed = |source| EmbeddedDirError::System { dir: dir.to_owned(), source };
    match dir.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other.map_err(failed),
    }
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
        return Err(failed(io::ErrorKind::NotFound.into()));
    };
    match parent.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = parent.to_owned();
            Err(EmbeddedDirError::NoParent { dir: dir.to_owned(), parent })
        }
        other => other.map(|parent| parent.join(name)).map_err(failed),
    }
}

impl Embedded {
    /// Starts the server. A new random password protects its API: other users of this machine,
    /// and pages in a browser, cannot make it write files as this user.
    ///
    /// The session is stored in `state_dir`, if there is one.
    pub(crate) async fn start(
        settings: &EmbeddedSettings,
        state_dir: Option<&Path>,
    ) -> Result<Self, EmbeddedError> {
        let mut config = if settings.is_online {
            EmbeddedConfig::internet(&settings.dir)
        } else {
            EmbeddedConfig::loopback(&settings.dir)
        };
        let session_dir = state_dir.and_then(|state_dir| session_dir(state_dir, &settings.dir));
        config.session_dir = session_dir.or(config.session_dir);
        let password = random_digits();
        config.credentials = Some(rqbit_embedded::ApiCredentials {
            username: USER.to_owned(),
            password: password.clone(),
        });
        let server = EmbeddedServer::start(config).await?;
        let url = format!("http://{}/", server.api_addr());
        let record_key = Some(ServerIdentity::of_dir(&settings.dir).as_str().to_owned());
        let access = ServerAccess { url, username: USER.to_owned(), password, record_key };
        Ok(Self { server, access })
    }

    /// Returns the settings by which this process connects to it.
    pub(crate) fn settings(&self) -> ServerSettings {
        let url: BaseUrl = self.access.url.parse().expect("a socket address makes a URL");
        let credentials = Credentials::new(&self.access.username, &self.access.password);
        let credentials = credentials.expect("hexadecimal digits are allowed");
        ServerSettings { credentials: Some(credentials), ..ServerSettings::new(url) }
    }

    /// Returns the address and credentials by which other processes of this user connect to it.
    pub(crate) fn access(&self) -> ServerAccess {
        self.access.clone()
    }

    /// Returns what finds peers of its torrents, also of private ones.
    pub(crate) fn peer_search(&self) -> Arc<dyn PeerSearch> {
        Arc::new(EmbeddedPeers(self.server.peer_lookup()))
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

/// Returns the session directory: below the state directory, one folder for each download
/// directory. It is not in the download directory itself, where a torrent of the right name could
/// replace it.
fn session_dir(state_dir: &Path, dir: &Path) -> Option<PathBuf> {
    match std::fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return None,
        _ => {}
    }
    let dir = dir.canonicalize().ok()?;
    // A path as a file name: separators become `%`, and each `%` is doubled.
    let name = dir.to_str()?.replace('%', "%%").replace('/', "%");
    let session_dir = state_dir.join("embedded").join(name.trim_start_matches('%'));
    // Created here with mode 0700; rqbit would create it and its parents readable by all users.
    match make_private_below(state_dir, &session_dir) {
        Ok(()) => Some(session_dir),
        Err(error) => {
            let dir = session_dir.display();
            tracing::warn!(%dir, %error, "the embedded server does not save its session");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_directory_that_the_mount_would_hide_is_refused() {
        let tmp = tempfile::tempdir().unwrap();
        let root = tmp.path().canonicalize().unwrap();
        let path = |name: &str| root.join(name);
        fs::create_dir_all(path("mnt/inside")).unwrap();
        fs::create_dir(path("mnt-other")).unwrap();
        symlink("mnt", path("link")).unwrap();
        symlink("mnt/inside", path("way")).unwrap();
        fs::write(path("file"), "").unwrap();
        let check = |dir: &str, mountpoint: &str, want: &str| {
            let checked = check_dir(&path(dir), &path(mountpoint));
            let got = checked.map_or_else(|error| error.to_string(), |()| "fine".to_owned());
            assert_eq!(got.replace(root.to_str().unwrap(), ""), want, "{dir} {mountpoint}");
        };
        check("mnt", "mnt", "store in /mnt: it is the mount point");
        check("link", "mnt", "store in /link: it is the mount point");
        check("mnt", "link", "store in /mnt: it is the mount point");
        check("mnt/./", "mnt", "store in /mnt/./: it is the mount point");
        let inside = "it is inside the mount point /mnt";
        check("mnt/inside", "mnt", &format!("store in /mnt/inside: {inside}"));
        check("mnt/new", "mnt", &format!("store in /mnt/new: {inside}"));
        check("way", "mnt", &format!("store in /way: {inside}"));
        check("new", "mnt", "fine");
        check("mnt-other", "mnt", "fine");
        check("a/b", "mnt", "store in /a/b: there is no directory /a");
        check("file/b", "mnt", "store in /file/b");
    }
}
