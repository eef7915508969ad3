//! Hints for errors of services.

use std::path::Path;

use tfs_service::service::ServiceError;
use tfs_sys::shell::quoted;

/// Returns the hint for an error of the service manager.
pub(super) fn hint(error: &ServiceError) -> Option<String> {
    match error {
        ServiceError::NoSystemd => Some(
            "the unit is on standard output; without systemd, start tfs another way: \
             docs/guide/containers.md"
                .to_owned(),
        ),
        ServiceError::Foreign { .. } => Some("remove or rename that file first".to_owned()),
        ServiceError::Unknown { .. } => Some("list them with: tfs service status".to_owned()),
        ServiceError::File { .. } => Some("use the rights of its owner, or --user".to_owned()),
        ServiceError::Refused { unit, command, .. } => {
            let user = if command.contains(" --user ") { "--user " } else { "" };
            Some(format!("see its log: journalctl {user}-u {}", quoted(Path::new(unit))))
        }
    }
}
