//! Mounts as services of systemd, on macOS of launchd: `tfs service install`, `uninstall` and
//! `status`.

#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(target_os = "linux", expect(unreachable_pub, reason = "Linux only tests it"))]
mod launchd;
mod name;
#[cfg(any(target_os = "linux", test))]
mod systemd;

use std::io;
use std::path::PathBuf;

#[cfg(not(target_os = "linux"))]
pub use self::launchd::LaunchManager as ServiceManager;
#[cfg(not(target_os = "linux"))]
pub use self::launchd::plist_for as unit_for;
#[cfg(target_os = "linux")]
pub use self::systemd::ServiceManager;
#[cfg(target_os = "linux")]
pub use crate::doctor::unit::unit_for;

/// A mount that runs as a service.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MountService {
    /// The name of the unit.
    pub unit: String,
    /// Where it mounts.
    pub mountpoint: PathBuf,
    /// The file of the unit.
    pub file: PathBuf,
    /// The state of its process, in the words of systemd, such as `active` or `failed`.
    pub active: String,
    /// Whether it starts at boot, in the words of systemd: `enabled` or `disabled`.
    pub enabled: String,
}

/// Why a service could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no systemd, as in most containers.
    #[error("systemd does not run on this machine")]
    NoSystemd,
    /// The file has the name of the unit, but was not written by tfs.
    #[error("{} was not written by tfs", .file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// There is no service for the mount point.
    #[error("there is no service for {}", .mountpoint.display())]
    Unknown {
        /// The mount point.
        mountpoint: PathBuf,
    },
    /// A file cannot be read, written or removed.
    #[error("cannot change {}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// systemd refused a command.
    #[error("{command} failed: {output}")]
    Refused {
        /// The command.
        command: String,
        /// What it printed.
        output: String,
        /// The unit, for its log.
        unit: String,
    },
}
