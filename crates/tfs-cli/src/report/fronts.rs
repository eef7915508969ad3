//! Errors of servers for other programs.

use std::io::ErrorKind;

use tfs_service::FrontError;

use super::ErrorReport;
use crate::exit;

/// Returns the report of a front end that did not start.
pub(super) fn report(error: &FrontError) -> ErrorReport {
    let hint = match error {
        FrontError::Listen { address, source, .. } => listen_hint(address.port(), source.kind()),
        FrontError::TlsFile { .. } | FrontError::Key { .. } => {
            Some("the file must exist and be readable by this user".to_owned())
        }
        FrontError::Secret { .. }
        | FrontError::NoPasswords
        | FrontError::OpenToAll { .. }
        | FrontError::Tls { .. }
        | FrontError::Webdav(_)
        | FrontError::Nfs(_)
        | FrontError::NoLogins
        | FrontError::Dlna(_) => None,
    };
    ErrorReport { code: exit::SERVE_FAILED, prefix: "cannot ", hint }
}

/// Returns the hint for an address that cannot be used.
fn listen_hint(port: u16, kind: ErrorKind) -> Option<String> {
    if kind == ErrorKind::AddrInUse {
        return Some(format!(
            "another program listens there: choose another port with --listen, or name it with: \
             ss -ltnp \"sport = :{port}\""
        ));
    }
    if kind == ErrorKind::AddrNotAvailable {
        let hint = "this machine has no such address; for all of its addresses: --listen";
        return Some(format!("{hint} :{port}"));
    }
    let is_denied = kind == ErrorKind::PermissionDenied;
    is_denied.then(|| "a port from 1024 needs no rights, as in --listen :8080".to_owned())
}
