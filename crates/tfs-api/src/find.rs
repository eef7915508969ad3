//! Finds the process behind a mount.
//!
//! No path inside a mount is accessed. A path is compared with the kernel's mount table, and the
//! device number found there with those that each process reports.

use std::io;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use rustix::process::geteuid;
use tfs_sys::blocking;
use tfs_sys::mountinfo::{MountEntry, MountTable};
use tfs_sys::runtime_dir::{RuntimeDir, RuntimeDirError};

use super::client::{ControlClient, ControlError};
use super::elsewhere::{self, UnreachedState};
use super::served::served_root;
use super::stale::remove_stale;
use super::status::FrontStatus;
use super::wire::{MountId, ProcessMounts};

/// A mount whose process answers.
#[derive(Debug, Clone)]
pub struct FoundMount {
    /// Client of the process.
    pub client: ControlClient,
    /// The mount.
    pub mount: MountId,
    /// The process id, as reported by the process.
    pub pid: u32,
}

/// Why no mount, or no single mount, was found. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The directory of the sockets cannot be used.
    #[error(transparent)]
    Dir(#[from] RuntimeDirError),
    /// The path does not exist or cannot be resolved.
    #[error("find {}", path.display())]
    Path {
        /// The given path.
        path: PathBuf,
        /// The error of the path, or of the mount table.
        source: io::Error,
    },
    /// The path of a file does not exist.
    #[error("find {}", path.display())]
    NoFile {
        /// The given path.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// No tfs is mounted at the path.
    #[error("find a mount of tfs at {}", path.display())]
    NotMounted {
        /// The path.
        path: PathBuf,
    },
    /// The path is in no mount of tfs.
    #[error("find {} in a mount of tfs", path.display())]
    NotInMount {
        /// The given path.
        path: PathBuf,
    },
    /// A tfs is mounted at the path, and its process is gone.
    #[error("reach the process behind {}: it has ended, and the mount is dead", path.display())]
    Dead {
        /// The path.
        path: PathBuf,
    },
    /// Another user has mounted a tfs at the path.
    #[error("ask the mount at {}: {} has mounted it", path.display(), user(*uid))]
    Foreign {
        /// The path.
        path: PathBuf,
        /// The user, if the kernel reports it.
        uid: Option<u32>,
    },
    /// A tfs is mounted at the path, but its process is stopped or blocked.
    #[error("reach the process behind {}", path.display())]
    Unanswered {
        /// The path.
        path: PathBuf,
        /// The process, if the kernel reports it.
        pid: Option<u32>,
        /// Error of the process that may own the mount.
        #[source]
        silent: Option<ControlError>,
    },
    /// A tfs is mounted at the path and answers, but its control socket is lost.
    #[error("reach the process behind {}: its control socket was removed", path.display())]
    SocketLost {
        /// The path.
        path: PathBuf,
        /// Error of the process that may own the mount.
        #[source]
        silent: Option<ControlError>,
    },
    /// No path was given, and this user has no mount.
    #[error("find a mount: this user has no mounts")]
    None {
        /// Mount points of other users on this machine.
        others: Vec<PathBuf>,
        /// Error of a running process that did not answer.
        #[source]
        silent: Option<ControlError>,
    },
    /// No path was given, and there are several mounts.
    #[error("choose between the mounts {}", mountpoints.join(", "))]
    Several {
        /// The mount points.
        mountpoints: Vec<String>,
    },
}

/// The processes of this user that answered, and the error of the first that did not.
#[derive(Debug, Default)]
pub(super) struct Processes {
    pub(super) answered: Vec<(ControlClient, ProcessMounts)>,
    silent: Option<ControlError>,
}

impl Processes {
    /// Returns the mount with this device number.
    fn find(&self, device: &str) -> Option<FoundMount> {
        self.find_by(|mount| mount.device == device)
    }

    /// Returns the mount or library that has a front end at this URL, as its status has it.
    async fn find_front(&self, url: &str) -> Option<FoundMount> {
        let is_at = |front: &FrontStatus| {
            front.url.as_ref().is_some_and(|own| own.trim_end_matches('/') == url)
        };
        for (client, _) in &self.answered {
            let Ok(reply) = client.status().await else { continue };
            let found = reply.mounts.iter().find(|mount| mount.status.fronts.iter().any(is_at));
            if let Some(found) = found {
                return self.find_by(|mount| {
                    mount.device == found.device && mount.mountpoint == found.status.mountpoint
                });
            }
        }
        None
    }

    fn find_by(&self, is_wanted: impl Fn(&MountId) -> bool) -> Option<FoundMount> {
        self.answered.iter().find_map(|(client, process)| {
            let mount = process.mounts.iter().find(|mount| is_wanted(mount))?.clone();
            Some(FoundMount { client: client.clone(), mount, pid: process.pid })
        })
    }
}

/// Returns a client for each process of this user that may answer, in a fixed order. Removes the
/// sockets of dead processes.
///
/// # Errors
/// If the directory of the sockets cannot be used.
pub async fn clients() -> Result<Vec<ControlClient>, FindError> {
    blocking(|| {
        let Some(dir) = RuntimeDir::find()? else { return Ok(Vec::new()) };
        clients_in(&dir)
    })
    .await
}

/// Returns a client for each process of this user, for root for those of all users.
///
/// # Errors
/// As for [`clients`].
pub async fn all_clients() -> Result<Vec<ControlClient>, FindError> {
    let mut all = clients().await?;
    let known = all.clone();
    let further = blocking(move || {
        let table = MountTable::read().unwrap_or_default();
        elsewhere::clients(&table, &known)
    });
    all.extend(further.await);
    Ok(all)
}

/// Returns a client for each daemon of this user that answers.
///
/// # Errors
/// As for [`clients`].
pub async fn daemons() -> Result<Vec<ControlClient>, FindError> {
    let processes = ask(clients().await?).await;
    let daemons = processes.answered.into_iter().filter(|(_, process)| process.is_daemon);
    Ok(daemons.map(|(client, _)| client).collect())
}

/// Returns the mount at `path`, or without a path the only mount. The [name](crate::served_name) of
/// a library that is only served stands for a path.
///
/// A process without a socket in the runtime directory of this user is looked up in the kernel's
/// list of sockets: it may have another `XDG_RUNTIME_DIR`, or, for root, belong to another user.
///
/// # Errors
/// [`FindError`].
pub async fn find_mount(path: Option<&Path>) -> Result<FoundMount, FindError> {
    let Some(path) = path else {
        return choose(ask(clients().await?).await);
    };
    if let Some(name) = served_root(path) {
        let own = ask(clients().await?).await;
        let found = match own.find_by(|mount| mount.mountpoint == name) {
            None => own.find_front(name).await,
            found => found,
        };
        return found.ok_or_else(|| FindError::NotMounted { path: path.to_owned() });
    }
    let given = path.to_owned();
    let (table, entry) = blocking(move || entry_at(&given)).await?;
    // By device, not by path: the mount may be visible at several paths.
    let device = entry.device.to_string();
    let known = clients().await?;
    let own = ask(known.clone()).await;
    if let Some(found) = own.find(&device) {
        return Ok(found);
    }
    let further = blocking(move || elsewhere::clients(&table, &known)).await;
    if let Some(found) = ask(further).await.find(&device) {
        return Ok(found);
    }
    Err(unreached(path, entry, own.silent).await)
}

/// Returns the mount at `path`, or without a path all mounts of this user, in the order of their
/// paths. Returns at least one.
///
/// # Errors
/// [`FindError`].
pub async fn find_mounts(path: Option<&Path>) -> Result<Vec<FoundMount>, FindError> {
    match path {
        Some(_) => find_mount(path).await.map(|found| vec![found]),
        None => all_of(ask(clients().await?).await),
    }
}

/// Returns the paths of the mounts that this user has mounted, also of dead ones. A mount below
/// another one comes first.
///
/// # Errors
/// If the mount table cannot be read.
pub fn own_mountpoints() -> io::Result<Vec<PathBuf>> {
    let us = geteuid().as_raw();
    let mounts = elsewhere::mounts_in(&MountTable::read()?).into_iter();
    let own = mounts.filter(|entry| entry.user_id == Some(us));
    let mut paths: Vec<_> = own.map(|entry| entry.mount_point).collect();
    paths.sort_by(|a, b| b.cmp(a));
    Ok(paths)
}

/// Returns the paths of the drop folders that this user has mounted and whose libraries are gone,
/// also of dead ones. An unmount of a library includes its folder.
///
/// # Errors
/// If the mount table cannot be read.
pub fn own_drop_folders() -> io::Result<Vec<PathBuf>> {
    let us = geteuid().as_raw();
    let table = MountTable::read()?;
    let has_library = |entry: &&MountEntry| {
        table.tfs().any(|library| library.mount_point.as_os_str() == entry.source)
    };
    let own = table.drops().filter(|entry| entry.user_id == Some(us));
    let own = own.filter(|entry| !has_library(entry));
    Ok(own.map(|entry| entry.mount_point.clone()).collect())
}

/// Returns the error for a mount whose process was not found.
async fn unreached(path: &Path, entry: MountEntry, silent: Option<ControlError>) -> FindError {
    let path = path.to_owned();
    let Some(mount) = elsewhere::look_at(vec![entry]).await.pop() else {
        return FindError::NotMounted { path };
    };
    match mount.state {
        UnreachedState::Dead => FindError::Dead { path },
        UnreachedState::Foreign => FindError::Foreign { path, uid: mount.owner_uid },
        UnreachedState::Silent => FindError::Unanswered { path, pid: mount.pid, silent },
        UnreachedState::SocketLost => FindError::SocketLost { path, silent },
    }
}

/// Formats a user for a message.
fn user(uid: Option<u32>) -> String {
    match uid {
        None => "another user".to_owned(),
        Some(0) => "root".to_owned(),
        Some(uid) => format!("user {uid}"),
    }
}

fn clients_in(dir: &RuntimeDir) -> Result<Vec<ControlClient>, FindError> {
    remove_stale(dir);
    let failed = |source| RuntimeDirError::Io { path: dir.path().to_owned(), source };
    Ok(dir.sockets().map_err(failed)?.into_iter().map(ControlClient::new).collect())
}

/// Queries the mounts of all processes concurrently.
pub(super) async fn ask(clients: Vec<ControlClient>) -> Processes {
    let answers = clients.into_iter().map(async |client| {
        let answer = client.mounts().await;
        (client, answer)
    });
    let mut processes = Processes::default();
    for (client, answer) in join_all(answers).await {
        match answer {
            Ok(mounts) => processes.answered.push((client, mounts)),
            // It ended after the directory was read.
            Err(ControlError::Gone { .. }) => {}
            Err(error) => {
                tracing::debug!(socket = %client.socket().display(), %error, "no answer");
                processes.silent.get_or_insert(error);
            }
        }
    }
    processes
}

/// Selects the mount if the command names none.
fn choose(processes: Processes) -> Result<FoundMount, FindError> {
    let mounts = all_of(processes)?;
    <[_; 1]>::try_from(mounts).map(|[only]| only).map_err(|mounts| {
        let mountpoints = mounts.into_iter().map(|found| found.mount.mountpoint);
        FindError::Several { mountpoints: mountpoints.collect() }
    })
}

/// Returns the mounts of all processes in the order of their paths, at least one.
fn all_of(Processes { answered, silent }: Processes) -> Result<Vec<FoundMount>, FindError> {
    let mounts = answered.into_iter().flat_map(|(client, process)| {
        let (pid, mounts) = (process.pid, process.mounts.into_iter());
        mounts.map(move |mount| FoundMount { client: client.clone(), mount, pid })
    });
    let mut mounts: Vec<_> = mounts.collect();
    mounts.sort_by(|a, b| a.mount.mountpoint.cmp(&b.mount.mountpoint));
    if mounts.is_empty() {
        let table = MountTable::read().unwrap_or_default();
        let others = elsewhere::mounts_in(&table).into_iter().map(|entry| entry.mount_point);
        return Err(FindError::None { others: others.collect(), silent });
    }
    Ok(mounts)
}

/// Returns the mount of tfs that is visible at a path, and the mount table.
fn entry_at(path: &Path) -> Result<(MountTable, MountEntry), FindError> {
    let failed = |source| FindError::Path { path: path.to_owned(), source };
    let table = MountTable::read().map_err(failed)?;
    let location = table.locate(path).map_err(failed)?;
    // A path inside a mount is not a mount point.
    let is_root = location.inside.as_ref().is_none_or(Vec::is_empty);
    let entry = table.at(&location.path).filter(|entry| is_root && entry.is_tfs()).cloned();
    match entry {
        Some(entry) => Ok((table, entry)),
        None => Err(FindError::NotMounted { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn process(name: &str, mounts: &[(&str, &str)]) -> (ControlClient, ProcessMounts) {
        let id = |(mountpoint, device): &(&str, &str)| MountId {
            mountpoint: (*mountpoint).to_owned(),
            device: (*device).to_owned(),
        };
        let mounts = mounts.iter().map(id).collect();
        let process = ProcessMounts { pid: 1, version: String::new(), mounts, is_daemon: false };
        (ControlClient::new(PathBuf::from(name)), process)
    }

    #[track_caller]
    fn check(
        device: Option<&str>,
        answered: Vec<(ControlClient, ProcessMounts)>,
        silent: Option<ControlError>,
        want: &Expect,
    ) {
        let processes = Processes { answered, silent };
        let found = match device {
            Some(device) => Ok(processes.find(device)),
            None => choose(processes).map(Some),
        };
        want.assert_eq(&match found {
            Ok(Some(found)) => {
                format!("{} {}", found.client.socket().display(), found.mount.mountpoint)
            }
            Ok(None) => "none".to_owned(),
            Err(error) => match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
        });
    }

    #[test]
    fn the_mount_is_found_where_it_is_clear_which_one() {
        let a = || process("a", &[("/m", "0:5")]);
        let b = || process("b", &[("/m", "0:6"), ("/n", "0:7")]);
        let none = || process("c", &[]);
        let stopped = || {
            Some(ControlError::TimedOut {
                socket: PathBuf::from("d"),
                time_max: std::time::Duration::from_secs(5),
            })
        };
        check(None, vec![none(), a()], None, &expect!["a /m"]);
        check(Some("0:5"), vec![a(), b()], None, &expect!["a /m"]);
        check(Some("0:6"), vec![a(), b()], None, &expect!["b /m"]);
        check(None, vec![a(), b()], None, &expect!["choose between the mounts /m, /m, /n"]);
        check(None, vec![none()], None, &expect!["find a mount: this user has no mounts"]);
        check(
            None,
            vec![],
            stopped(),
            &expect!["find a mount: this user has no mounts: get an answer from d within 5 s"],
        );
        check(Some("0:9"), vec![a(), b()], None, &expect!["none"]);
    }

    #[test]
    fn what_is_not_ours_is_no_mount() {
        for path in ["/", "/proc", "/proc/self/nothing"] {
            let error = entry_at(Path::new(path)).unwrap_err();
            assert!(matches!(error, FindError::NotMounted { .. }), "{path}: {error:?}");
        }
        let error = entry_at(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(matches!(error, FindError::Path { .. }), "{error:?}");
    }
}
