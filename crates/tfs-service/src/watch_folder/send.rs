//! Sends the torrents of a file to a server, and judges failures.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use rqbit_client::wire::TorrentDetails;

use crate::add::{add_beside, pause_new};
use crate::{
    AddError, AddFault, AddWishes, AddedRow, Existing, PreparedTorrent, RqbitServer, ServerFailure,
    add,
};

/// Timeout for a `.torrent` file. rqbit takes milliseconds.
const FILE_TIME_MAX: Duration = Duration::from_secs(60);

/// Timeout for finding the peers of a link. Most are found in seconds; the rest is retried, and
/// must not keep other links from their turn.
const LINK_TIME_MAX: Duration = Duration::from_secs(120);

/// How many links of one file are resolved at a time.
const LINKS_AT_ONCE: usize = 2;

/// Number of attempts after which a failure of one torrent alone is final.
const ATTEMPTS_MAX: u32 = 3;

/// The mark of an error of the server's system in a message of rqbit, such as a full disk or too
/// many open files. It says nothing about the torrent.
const OF_SYSTEM: &str = "(os error ";

/// The error that a name in the torrent is too long, which stays.
const NAME_TOO_LONG: &str = "(os error 36)";

/// Why the torrents of a file were not added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SendFailure {
    /// They never will be.
    Refused(String),
    /// They may be later.
    Later(String),
    /// The server cannot be used for any torrent. It may process this one badly if `is_after_send`.
    ServerDown { why: String, is_after_send: bool },
}

/// Options of a folder for its torrents.
#[derive(Debug, Clone, Copy)]
pub(super) struct SendOptions {
    pub(super) paused: bool,
    /// Number of earlier attempts with this file.
    pub(super) failures: u32,
}

/// Adds the torrent of a `.torrent` file. `before` is the server's list from before.
pub(super) async fn send_file(
    server: &RqbitServer,
    torrent: &PreparedTorrent,
    options: SendOptions,
    before: &[TorrentDetails],
) -> Result<(), SendFailure> {
    let wishes = AddWishes::new(Existing::Refuse, FILE_TIME_MAX);
    let added = add_beside(server, torrent, &wishes, before).await;
    finish(server, added, options, false).await
}

/// Adds the torrents of links. Those of another attempt are on the server already, which is no
/// failure.
pub(super) async fn send_links(
    server: &RqbitServer,
    torrents: Vec<PreparedTorrent>,
    options: SendOptions,
) -> Result<(), SendFailure> {
    let is_only = torrents.len() == 1;
    let sent = torrents.into_iter().map(|torrent| async move {
        let wishes = AddWishes::new(Existing::Refuse, LINK_TIME_MAX);
        let added = add(server, &torrent, &wishes).await;
        let sent = finish(server, added, options, torrent.has_trackers()).await;
        sent.map_err(|failure| match is_only {
            true => failure,
            false => failure.with_label(torrent.label()),
        })
    });
    let failures = stream::iter(sent).buffer_unordered(LINKS_AT_ONCE);
    let failures: Vec<_> = failures.filter_map(async |sent| sent.err()).collect().await;
    let worst = failures.into_iter().max_by_key(SendFailure::rank);
    worst.map_or(Ok(()), Err)
}

async fn finish(
    server: &RqbitServer,
    added: Result<AddedRow, AddError>,
    options: SendOptions,
    has_trackers: bool,
) -> Result<(), SendFailure> {
    let row = added.map_err(|AddError { fault, .. }| {
        // rqbit says the same if the trackers do not answer.
        if has_trackers && matches!(fault, AddFault::NoWayToPeers) {
            let why = "no tracker of the link answers, and rqbit's DHT is off";
            return SendFailure::Later(why.to_owned());
        }
        judge(&fault, options.failures)
    })?;
    tracing::info!(
        name = row.name,
        info_hash = row.info_hash,
        is_new = row.added,
        "added from a watch folder"
    );
    if options.paused && row.added {
        pause(server, &row).await;
    }
    Ok(())
}

async fn pause(server: &RqbitServer, row: &AddedRow) {
    let Ok(info_hash) = row.info_hash.parse() else { return };
    if let Err(error) = pause_new(server, info_hash).await {
        tracing::warn!(name = row.name, %error, "cannot pause a torrent of a watch folder");
    }
}

impl SendFailure {
    /// Returns its weight among the failures of one file: a server that is down is retried as a
    /// whole, and one bad link makes the file bad once all others were tried.
    fn rank(&self) -> u8 {
        match self {
            Self::ServerDown { .. } => 2,
            Self::Later(_) => 1,
            Self::Refused(_) => 0,
        }
    }

    fn with_label(self, label: &str) -> Self {
        match self {
            Self::Refused(why) => Self::Refused(format!("{label}: {why}")),
            Self::Later(why) => Self::Later(format!("{label}: {why}")),
            Self::ServerDown { .. } => self,
        }
    }
}

/// Judges why a torrent was not added, after a number of failed attempts before this one.
fn judge(fault: &AddFault, failures: u32) -> SendFailure {
    let why = fault.to_string();
    match fault {
        AddFault::ReadOnly => SendFailure::ServerDown { why, is_after_send: false },
        AddFault::Records(_) => SendFailure::Later(why),
        AddFault::Server(error) => {
            let is_after_send =
                matches!(error.fault(), ServerFailure::TimedOut | ServerFailure::Failed);
            SendFailure::ServerDown { why, is_after_send }
        }
        // Peers come and go.
        AddFault::NoPeers { .. } | AddFault::FetchTimedOut { .. } => SendFailure::Later(why),
        AddFault::Refused { reason }
            if reason.contains(OF_SYSTEM) && !reason.contains(NAME_TOO_LONG) =>
        {
            SendFailure::Later(why)
        }
        AddFault::ProxyTimedOut { .. } | AddFault::Dropped | AddFault::NotFetched { .. }
            if failures + 1 < ATTEMPTS_MAX =>
        {
            SendFailure::Later(why)
        }
        AddFault::FilesExist => SendFailure::Refused(format!(
            "{why}; to use those files, add it with: tfs add --overwrite"
        )),
        AddFault::Read(_)
        | AddFault::Directory
        | AddFault::TooLarge { .. }
        | AddFault::ReadTimedOut { .. }
        | AddFault::Torrent(_)
        | AddFault::Magnet(_)
        | AddFault::Address(_)
        | AddFault::NoWayToPeers
        | AddFault::NotFetched { .. }
        | AddFault::SharedFiles { .. }
        | AddFault::TooLargeForServer
        | AddFault::TooLargeForProxy
        | AddFault::ProxyTimedOut { .. }
        | AddFault::Dropped
        | AddFault::Refused { .. } => SendFailure::Refused(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_retried_and_the_rest_is_refused() {
        let refused = |reason: &str| AddFault::Refused { reason: reason.to_owned() };
        let is_refused =
            |fault: &AddFault, failures| matches!(judge(fault, failures), SendFailure::Refused(_));
        assert!(is_refused(&refused("it is bad"), 0));
        assert!(!is_refused(&refused("write: No space left on device (os error 28)"), 9));
        assert!(!is_refused(&refused("open: Too many open files (os error 24)"), 9));
        assert!(is_refused(&refused("open: File name too long (os error 36)"), 0));
        assert!(is_refused(&AddFault::FilesExist, 0));
        assert!(!is_refused(&AddFault::NoPeers { time_max: FILE_TIME_MAX }, 99));
        assert_eq!([0, 1, 2].map(|it| is_refused(&AddFault::Dropped, it)), [false, false, true]);
        let down = judge(&AddFault::ReadOnly, 0);
        assert!(matches!(down, SendFailure::ServerDown { is_after_send: false, .. }));
    }
}
