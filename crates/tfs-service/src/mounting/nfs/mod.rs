//! Mounts by NFS from this process over loopback: how tfs mounts on macOS, without FUSE.
//!
//! ```text
//! mount_nfs --> kernel --NFS 3 on 127.0.0.1--> NfsServer --> Export --> Vfs
//! ```
//!
//! # Invariants
//! - The server listens on loopback only, at a port that the system chooses.
//! - MOUNT calls are refused as soon as it is mounted. The exported path, which other users can see
//!   in the mount table, opens nothing then. File handles carry a MAC with a key of this mount.
//! - Without `allow_other`, only the user of the mount and root can read.
//! - The exported path names this process, so that a mount whose process is gone is recognized.

mod command;
mod outside;
mod programs;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nfs_adapter::{NfsServer, NfsSettings, NfsWaits};
use rustix::process::geteuid;
use tfs_sys::blocking;
use tfs_sys::mountinfo::{Device, MountTable, NFS_SOURCE};
use tfs_sys::mounting::{AttrOptions, MountError, SessionError, UnmountError};
use tokio::time::{sleep, timeout};
use vfs_core::{Export, TorrentSource, Vfs};

pub(crate) use self::outside::{liveness, unmount, wait_for_answer};
pub(crate) use self::programs::NfsPrograms;
use crate::random::random_digits;

/// How long a READ may wait before its answer is "ask again". Less than the time after which
/// the kernel takes the server for dead (`deadtimeout`).
const JUKEBOX_AFTER: Duration = Duration::from_secs(5);

/// How often the mount table is compared: macOS tells no process that a mount has ended.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Maximum time for the server to end.
const END_TIME_MAX: Duration = Duration::from_secs(2);

/// What a mount by NFS looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NfsAppearance {
    pub(crate) attributes: AttrOptions,
    /// Whether other users of this machine have access.
    pub(crate) allow_other: bool,
}

/// A mount by NFS. Dropping it ends the server; the mount is removed by the kernel then.
#[derive(Debug)]
pub(crate) struct NfsMounting {
    path: PathBuf,
    device: Device,
    server: NfsServer,
    programs: NfsPrograms,
}

impl NfsMounting {
    /// Starts a server on loopback, and mounts it at `path`, which has no symbolic links.
    ///
    /// # Errors
    /// [`MountError`]; no mount remains.
    ///
    /// # Cancel safety
    /// A mount that was just made remains until the kernel sees that its server is gone.
    pub(crate) async fn start<S: TorrentSource>(
        vfs: Arc<Vfs<S>>,
        path: PathBuf,
        appearance: NfsAppearance,
        programs: NfsPrograms,
    ) -> Result<Self, MountError> {
        let failed = |source| MountError::Mount { path: path.clone(), source };
        let secrets = Secrets::new().map_err(failed)?;
        let settings = settings(&secrets, appearance);
        let server = NfsServer::start(Export::new(vfs), settings)
            .await
            .map_err(|error| failed(io::Error::other(error)))?;
        let options = command::options(server.address().port(), appearance.attributes.attr_ttl);
        let arguments = command::mount_arguments(options, &secrets.source(), &path);
        let (run, at) = (programs.clone(), path.clone());
        blocking(move || run.run_mount(&at, &arguments)).await?;
        let mounts = server.refuse_mounts();
        if mounts > 1 {
            tracing::warn!(mounts, "another program has mounted the server before it was closed");
        }
        let source = secrets.source();
        let device = (programs.table)().map_err(failed)?.at(&path).and_then(|entry| {
            (entry.source.to_str() == Some(source.as_str())).then_some(entry.device)
        });
        let Some(device) = device else {
            let message = "mount_nfs has ended, but the mount table does not show the mount";
            return Err(failed(io::Error::other(message)));
        };
        Ok(Self { path, device, server, programs })
    }

    /// Returns the mount point.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the device number, as in the mount table.
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// Returns whether the mount point leads to this mount.
    ///
    /// # Errors
    /// If the mount table cannot be read.
    pub(crate) fn is_seen(&self) -> io::Result<bool> {
        Ok(is_at(&(self.programs.table)()?, &self.path, self.device))
    }

    /// Resolves when the mount has ended, by any unmount, after a second at most.
    ///
    /// # Errors
    /// Never; an unreadable mount table does not end the mount.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn wait(&self) -> Result<(), SessionError> {
        loop {
            let table = blocking(self.programs.table).await;
            match table {
                Ok(table) if table.places_of(self.device).next().is_none() => return Ok(()),
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "cannot read the mount table"),
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Ends the mount and the server, also while programs use it.
    ///
    /// # Errors
    /// If the mount cannot be removed; the kernel removes it when it misses the server.
    pub(crate) async fn unmount(self) -> Result<(), SessionError> {
        let unmounted = match self.is_seen() {
            Ok(false) => Ok(()),
            Ok(true) | Err(_) => {
                let (programs, path) = (self.programs.clone(), self.path.clone());
                blocking(move || end(&programs, &path)).await
            }
        };
        if timeout(END_TIME_MAX, self.server.end()).await.is_err() {
            tracing::debug!("the NFS server does not end in time");
        }
        unmounted.map_err(|error| SessionError::new(io::Error::other(error)))
    }
}

fn end(programs: &NfsPrograms, path: &Path) -> Result<(), UnmountError> {
    match programs.run_unmount(path) {
        Ok(()) | Err(UnmountError::NotMounted { .. }) => Ok(()),
        Err(error) => {
            tracing::debug!(%error, "the mount is ended by force");
            match programs.run_forced_unmount(path) {
                Err(UnmountError::NotMounted { .. }) => Ok(()),
                ended => ended,
            }
        }
    }
}

fn is_at(table: &MountTable, path: &Path, device: Device) -> bool {
    table.at(path).is_some_and(|entry| entry.device == device)
}

fn settings(secrets: &Secrets, appearance: NfsAppearance) -> NfsSettings {
    let AttrOptions { uid, gid, umask, file_mode, dir_mode, .. } = appearance.attributes;
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mode = |mode: u16| u32::from(mode & !umask);
    NfsSettings {
        export_path: secrets.export_path(),
        uid,
        gid,
        file_mode: mode(file_mode),
        dir_mode: mode(dir_mode),
        waits: NfsWaits::Jukebox { after: JUKEBOX_AFTER },
        only_uid: (!appearance.allow_other).then(|| geteuid().as_raw()),
        ..NfsSettings::new(loopback, secrets.key)
    }
}

/// What protects the server from other users of this machine.
struct Secrets {
    /// The key of file handles.
    key: [u8; 32],
    /// 128 random bits of the exported path, as hexadecimal digits.
    token: String,
}

impl Secrets {
    fn new() -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        Ok(Self { key, token: random_digits() })
    }

    /// Returns the source of the mount, as in the mount table.
    fn source(&self) -> String {
        format!("{NFS_SOURCE}{}-{}", std::process::id(), self.token)
    }

    /// Returns the exported path: the source without the address.
    fn export_path(&self) -> String {
        let source = self.source();
        source.split_once(':').map(|(_, path)| path.to_owned()).unwrap_or_default()
    }
}
