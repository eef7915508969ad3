//! Which process is behind a mount.
//!
//! Nothing here looks into a mount: a path is only compared with the kernel's table, and the
//! number of the filesystem there with what each process says of its mounts.

use std::io;
use std::path::{Path, PathBuf};

use fuse_adapter::mountinfo::{MountTable, locate};
use futures_util::future::join_all;

use super::client::{ControlClient, ControlError};
use super::runtime_dir::{RuntimeDir, RuntimeDirError};
use super::socket::remove_stale;
use super::wire::{MountId, ProcessMounts};
use crate::blocking::blocking;

/// A mount whose process answers.
#[derive(Debug, Clone)]
pub struct FoundMount {
    /// Whom to ask.
    pub client: ControlClient,
    /// What to ask about.
    pub mount: MountId,
}

/// Why no mount was found, or not one. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The directory of the sockets cannot be used.
    #[error(transparent)]
    Dir(#[from] RuntimeDirError),
    /// The path does not lead anywhere.
    #[error("find {}", path.display())]
    Path {
        /// What was asked for.
        path: PathBuf,
        /// What is wrong with it, or with the table of mounts.
        source: io::Error,
    },
    /// No tfs is mounted at the path.
    #[error("find a mount of tfs at {}", path.display())]
    NotMounted {
        /// Where.
        path: PathBuf,
    },
    /// The path is in no mount of tfs.
    #[error("find {} in a mount of tfs", path.display())]
    NotInMount {
        /// What was asked for.
        path: PathBuf,
    },
    /// A tfs is mounted at the path, but its process does not answer this user.
    #[error("reach the process behind {}", path.display())]
    Unanswered {
        /// Where.
        path: PathBuf,
        /// Why the process that may be it did not answer.
        #[source]
        silent: Option<ControlError>,
    },
    /// No path was given, and nothing of this user is mounted.
    #[error("find a mount: no tfs of this user has mounted anything")]
    None {
        /// Why a process that is there did not answer.
        #[source]
        silent: Option<ControlError>,
    },
    /// No path was given, and several mounts are there.
    #[error("choose between the mounts {}", mountpoints.join(", "))]
    Several {
        /// Where they are.
        mountpoints: Vec<String>,
    },
}

/// The processes of this user: those that answered, and what went wrong with the first that did
/// not.
#[derive(Debug, Default)]
struct Processes {
    answered: Vec<(ControlClient, ProcessMounts)>,
    silent: Option<ControlError>,
}

/// Returns a client for each process of this user that may answer, in a fixed order. What dead
/// processes left is removed.
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

/// Returns a client for each daemon of this user that answers.
///
/// # Errors
/// As for [`clients`].
pub(crate) async fn daemons() -> Result<Vec<ControlClient>, FindError> {
    let processes = ask(clients().await?).await;
    let daemons = processes.answered.into_iter().filter(|(_, process)| process.is_daemon);
    Ok(daemons.map(|(client, _)| client).collect())
}

/// Returns the mount at `path`, or without a path the only one that there is.
///
/// # Errors
/// [`FindError`].
pub async fn find_mount(path: Option<&Path>) -> Result<FoundMount, FindError> {
    let device = match path.map(Path::to_owned) {
        Some(path) => Some((path.clone(), blocking(move || device_at(&path)).await?)),
        None => None,
    };
    choose(device, ask(clients().await?).await)
}

fn clients_in(dir: &RuntimeDir) -> Result<Vec<ControlClient>, FindError> {
    remove_stale(dir);
    let failed = |source| RuntimeDirError::Io { path: dir.path().to_owned(), source };
    Ok(dir.sockets().map_err(failed)?.into_iter().map(ControlClient::new).collect())
}

/// Asks all processes at once what they have mounted.
async fn ask(clients: Vec<ControlClient>) -> Processes {
    let answers = clients.into_iter().map(async |client| {
        let answer = client.mounts().await;
        (client, answer)
    });
    let mut processes = Processes::default();
    for (client, answer) in join_all(answers).await {
        match answer {
            Ok(mounts) => processes.answered.push((client, mounts)),
            // It ended between the look at the directory and the question.
            Err(ControlError::Gone { .. }) => {}
            Err(error) => {
                tracing::debug!(socket = %client.socket().display(), %error, "no answer");
                processes.silent.get_or_insert(error);
            }
        }
    }
    processes
}

/// Decides which mount is meant.
fn choose(
    device: Option<(PathBuf, String)>,
    Processes { answered, silent }: Processes,
) -> Result<FoundMount, FindError> {
    let mounts = answered.into_iter().flat_map(|(client, process)| {
        let mounts = process.mounts.into_iter();
        mounts.map(move |mount| FoundMount { client: client.clone(), mount })
    });
    let mut mounts: Vec<_> = mounts.collect();
    if let Some((path, device)) = device {
        // Not the path: the mount may be seen at several.
        let found = mounts.into_iter().find(|found| found.mount.device == device);
        return found.ok_or(FindError::Unanswered { path, silent });
    }
    match (mounts.pop(), mounts.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            mounts.push(last);
            let mountpoints = mounts.into_iter().map(|found| found.mount.mountpoint);
            let mut mountpoints: Vec<_> = mountpoints.collect();
            mountpoints.sort();
            Err(FindError::Several { mountpoints })
        }
        (None, _) => Err(FindError::None { silent }),
    }
}

/// Returns the number of the filesystem of ours that one sees at a path.
fn device_at(path: &Path) -> Result<String, FindError> {
    let failed = |source| FindError::Path { path: path.to_owned(), source };
    let table = MountTable::read().map_err(failed)?;
    let located = locate(path).map_err(failed)?;
    let entry = match table.at(&located) {
        Some(entry) => Some(entry),
        // It is no mount, so that it cannot hang as one; it may be a link to one.
        None => located.canonicalize().ok().and_then(|target| table.at(&target)),
    };
    match entry.filter(|entry| entry.is_tfs()) {
        Some(entry) => Ok(entry.device.to_string()),
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
        let device = device.map(|device| (PathBuf::from("/m"), device.to_owned()));
        let found = choose(device, Processes { answered, silent });
        want.assert_eq(&match found {
            Ok(found) => format!("{} {}", found.client.socket().display(), found.mount.mountpoint),
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
        check(
            None,
            vec![none()],
            None,
            &expect!["find a mount: no tfs of this user has mounted anything"],
        );
        check(
            None,
            vec![],
            stopped(),
            &expect![
                "find a mount: no tfs of this user has mounted anything: get an answer from d within 5 s"
            ],
        );
        check(Some("0:9"), vec![a(), b()], None, &expect!["reach the process behind /m"]);
        check(
            Some("0:9"),
            vec![a()],
            stopped(),
            &expect!["reach the process behind /m: get an answer from d within 5 s"],
        );
    }

    #[test]
    fn what_is_not_ours_is_no_mount() {
        for path in ["/", "/proc", "/proc/self/nothing"] {
            let error = device_at(Path::new(path)).unwrap_err();
            assert!(matches!(error, FindError::NotMounted { .. }), "{path}: {error:?}");
        }
        let error = device_at(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(matches!(error, FindError::Path { .. }), "{error:?}");
    }
}
