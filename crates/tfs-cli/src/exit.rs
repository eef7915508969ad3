//! Exit codes: a promise to scripts. Codes are added, never changed;
//! `docs/reference/exit-codes.md` has the same list, and a test compares the two.

/// Success.
pub(crate) const SUCCESS: u8 = 0;
/// Another error.
pub(crate) const FAILURE: u8 = 1;
/// The command line is invalid.
pub(crate) const USAGE: u8 = 2; // clap's own
/// The configuration is invalid.
pub(crate) const CONFIG_INVALID: u8 = 3;
/// The configuration file already exists.
pub(crate) const CONFIG_EXISTS: u8 = 4;

/// The mount point does not exist.
pub(crate) const MOUNTPOINT_MISSING: u8 = 10;
/// The mount point is not a directory.
pub(crate) const MOUNTPOINT_NOT_DIRECTORY: u8 = 11;
/// The mount point is not empty.
pub(crate) const MOUNTPOINT_NOT_EMPTY: u8 = 12;
/// tfs is already mounted there.
pub(crate) const MOUNTPOINT_IN_USE: u8 = 13;
/// There is a dead mount that cannot be cleaned up.
pub(crate) const MOUNTPOINT_DEAD: u8 = 14;
/// This user may not mount there.
pub(crate) const MOUNTPOINT_DENIED: u8 = 15;
/// The server cannot be reached.
pub(crate) const SERVER_UNREACHABLE: u8 = 20;
/// The server is not rqbit.
pub(crate) const SERVER_NOT_RQBIT: u8 = 21;
/// The server, or a proxy, requires other credentials or a login.
pub(crate) const SERVER_UNAUTHORIZED: u8 = 22;
/// The server answered with an error, or too late.
pub(crate) const SERVER_FAILED: u8 = 23;
/// The TLS handshake failed, or the server requires another client certificate.
pub(crate) const SERVER_TLS: u8 = 24;
/// The server, or a proxy in front of it, forbids access.
pub(crate) const SERVER_FORBIDDEN: u8 = 25;
/// There is no `/dev/fuse`.
pub(crate) const NO_FUSE_DEVICE: u8 = 30;
/// `/dev/fuse` may not be opened.
pub(crate) const FUSE_DENIED: u8 = 31;
/// `fusermount3` is not installed.
pub(crate) const NO_FUSERMOUNT: u8 = 32;
/// `--allow-other` is not allowed for this user.
pub(crate) const ALLOW_OTHER_DENIED: u8 = 33;
/// The system refused to mount for another reason.
pub(crate) const MOUNT_FAILED: u8 = 34;
/// The mount did not answer in time.
pub(crate) const MOUNT_TIMED_OUT: u8 = 35;
/// tfs is not mounted there.
pub(crate) const NOT_MOUNTED: u8 = 40;
/// The mount is in use.
pub(crate) const MOUNT_BUSY: u8 = 41;
/// The system refused to unmount.
pub(crate) const UNMOUNT_FAILED: u8 = 42;
/// The process behind a mount does not answer.
pub(crate) const MOUNT_UNANSWERED: u8 = 43;
/// There are several mounts, and the command names none.
pub(crate) const MOUNT_AMBIGUOUS: u8 = 44;
/// The process behind a mount could not carry out the request.
pub(crate) const CONTROL_FAILED: u8 = 45;
/// The path is not in a mount of tfs.
pub(crate) const NOT_IN_MOUNT: u8 = 46;
/// The mount does not have that file.
pub(crate) const FILE_UNKNOWN: u8 = 47;
/// No daemon of this user is running.
pub(crate) const NO_DAEMON: u8 = 48;
/// The changed configuration is not fully applied yet.
pub(crate) const RELOADED_IN_PART: u8 = 49;
/// A daemon with this configuration is already running.
pub(crate) const DAEMON_RUNS: u8 = 59;
/// The embedded server did not start.
#[cfg(feature = "embedded")]
pub(crate) const EMBEDDED_FAILED: u8 = 50;
/// A torrent was not added.
pub(crate) const ADD_FAILED: u8 = 51;
/// No torrent matches the argument.
pub(crate) const TORRENT_UNKNOWN: u8 = 52;
/// Several torrents match the argument.
pub(crate) const TORRENT_AMBIGUOUS: u8 = 53;
/// Not confirmed.
pub(crate) const NOT_CONFIRMED: u8 = 54;
/// The search pattern is invalid.
pub(crate) const QUERY_INVALID: u8 = 55;
/// Some files could not be preloaded.
pub(crate) const PRELOAD_FAILED: u8 = 56;
/// A check of the demo failed.
#[cfg(feature = "embedded")]
pub(crate) const DEMO_FAILED: u8 = 60;
/// The doctor found a fault.
pub(crate) const DOCTOR_FAULT: u8 = 61;
/// A mount does not show all data of its servers, or a part of it is not there.
pub(crate) const UNHEALTHY: u8 = 62;
/// The service manager is missing or refused, or there is no such service.
pub(crate) const SERVICE_FAILED: u8 = 63;
/// Files cannot be served: the address, the certificate or the login cannot be used.
pub(crate) const SERVE_FAILED: u8 = 64;
/// A token of a device cannot be created or revoked.
pub(crate) const TOKEN_FAILED: u8 = 65;
/// Interrupted by a signal, or the output of a preload was closed.
pub(crate) const INTERRUPTED: u8 = 130; // what shells say of Ctrl-C

/// Returns each code with its meaning in ascending order, from the comments in this file.
pub(crate) fn documented() -> Vec<(u8, String)> {
    let mut meaning = "";
    let mut codes = Vec::new();
    for line in include_str!("exit.rs").lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            meaning = text;
        } else if let Some(code) = line.strip_prefix("pub(crate) const ") {
            let number = code.split_once("= ").and_then(|(_, value)| value.split_once(';'));
            let number = number.and_then(|(number, _)| number.parse().ok());
            codes.extend(number.map(|number| (number, meaning.to_owned())));
        }
    }
    codes.sort();
    codes
}

#[cfg(test)]
mod tests {
    use super::documented;

    /// Returns the rows of the table in the documentation.
    fn in_docs() -> Vec<(u8, String)> {
        let rows =
            include_str!("../../../docs/reference/exit-codes.md").lines().filter_map(|line| {
                let mut cells = line.strip_prefix("| ")?.split(" | ");
                let code = cells.next()?.parse().ok()?;
                Some((code, cells.next()?.to_owned()))
            });
        rows.collect()
    }

    #[test]
    fn every_code_is_documented_in_the_same_words() {
        assert_eq!(in_docs(), documented());
        let mut codes: Vec<_> = documented().into_iter().map(|(code, _)| code).collect();
        codes.dedup();
        assert_eq!(codes.len(), documented().len());
    }
}
