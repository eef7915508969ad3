//! Finds the cause of a failed request to add a torrent.

use std::time::Duration;

use rqbit_client::{Error, ErrorKind, ServerError as Refusal, TimeoutPhase};

use super::fault::AddFault;
use super::input::{PreparedTorrent, SourceKind};
use crate::{ConnectError, RqbitServer};

/// rqbit's message when its timeout for a magnet link or an address expires, with status 500
/// (`http_api/handlers/torrents.rs` of librqbit 9.1.0).
const TIME_IS_OVER: &str = "deadline has elapsed";

/// rqbit's messages when it has no source of peers (`session.rs` of librqbit 9.1.0): the DHT is
/// off, and the link has no trackers.
const NO_WAY_TO_PEERS: [&str; 2] = ["no known way to resolve peers", "stream exhausted"];

/// rqbit's message for a file that already exists (`storage/filesystem/fs.rs`).
const FILE_EXISTS: &str = "allow_overwrite = false";

/// The prefix of rqbit's reasons.
const PREFIX: &str = "error adding torrent: ";

/// The start of the backtrace in an error of rqbit, which is of no use to users.
const BACKTRACE: &str = "Stack backtrace";

/// Statuses of a proxy whose server timed out (RFC 9110, and 524 of Cloudflare).
const PROXY_TIMEOUTS: [u16; 3] = [408, 504, 524];

impl AddFault {
    /// Converts the error of a call to an [`AddError`](super::AddError) of a torrent.
    pub(super) fn of(
        error: Error,
        torrent: &PreparedTorrent,
        time_max: Duration,
        server: &RqbitServer,
    ) -> Self {
        let kind = error.kind();
        if matches!(kind, ErrorKind::Closed) {
            return Self::Dropped;
        }
        let refusal = if let ErrorKind::Status(refusal) = kind { Some(refusal) } else { None };
        if let Some(fault) = refusal.and_then(of_refusal) {
            return fault;
        }
        let is_late = matches!(
            kind,
            ErrorKind::Timeout { phase: TimeoutPhase::Headers | TimeoutPhase::Total }
        );
        if is_late || refusal.is_some_and(|refusal| mentions(refusal, TIME_IS_OVER)) {
            match torrent.kind() {
                SourceKind::Magnet => return Self::NoPeers { time_max },
                SourceKind::Address => return Self::FetchTimedOut { time_max },
                SourceKind::File => {}
            }
        }
        let Some(refusal) = refusal.filter(|refusal| refusal.error_kind.is_some()) else {
            let url = server.client().base_url().clone();
            return Self::Server(ConnectError { url, source: error });
        };
        let reason = reason(refusal, torrent);
        match torrent.kind() {
            SourceKind::Address => Self::NotFetched { reason },
            SourceKind::File | SourceKind::Magnet => Self::Refused { reason },
        }
    }
}

fn mentions(refusal: &Refusal, text: &str) -> bool {
    refusal.human_readable.as_deref().is_some_and(|message| message.contains(text))
}

/// Returns the cause of an error response with a known meaning. rqbit answers in JSON with an
/// `error_kind`. An answer without one comes from a proxy, or from rqbit's HTTP library.
fn of_refusal(refusal: &Refusal) -> Option<AddFault> {
    let is_rqbit = refusal.error_kind.is_some();
    match refusal.status {
        405 => Some(AddFault::ReadOnly),
        413 if is_rqbit => Some(AddFault::TooLargeForServer),
        413 => Some(AddFault::TooLargeForProxy),
        status if !is_rqbit && PROXY_TIMEOUTS.contains(&status) => {
            Some(AddFault::ProxyTimedOut { status })
        }
        _ if mentions(refusal, FILE_EXISTS) => Some(AddFault::FilesExist),
        _ if NO_WAY_TO_PEERS.into_iter().any(|text| mentions(refusal, text)) => {
            Some(AddFault::NoWayToPeers)
        }
        _ => None,
    }
}

/// Returns rqbit's message in one line, without the link, which may contain a key.
fn reason(refusal: &Refusal, torrent: &PreparedTorrent) -> String {
    let text = refusal.human_readable.as_deref().unwrap_or("rqbit gives no reason");
    let text = text.split(BACKTRACE).next().unwrap_or(text);
    let text = text.strip_prefix(PREFIX).unwrap_or(text);
    let words: Vec<_> = text.split_whitespace().collect();
    torrent.without_link(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TorrentInput;

    fn refusal(status: u16, error_kind: Option<&str>, text: &str) -> Refusal {
        Refusal {
            status,
            error_kind: error_kind.map(str::to_owned),
            human_readable: Some(text.to_owned()),
        }
    }

    #[test]
    fn each_answer_has_its_meaning() {
        let rqbit = Some("internal_error");
        let meaning = |status, kind, text: &str| {
            of_refusal(&refusal(status, kind, text)).map(|fault| fault.to_string())
        };
        let check = |status, kind, text: &str, want: &str| {
            assert_eq!(meaning(status, kind, text).as_deref(), Some(want));
        };
        check(413, rqbit, "body too large", "it is larger than this rqbit accepts (status 413)");
        let proxy = "a proxy in front of rqbit rejects requests of this size (status 413)";
        check(413, None, "Request Entity Too Large", proxy);
        let proxy = "a proxy in front of rqbit did not wait for its answer (status 504)";
        check(504, None, "", proxy);
        check(405, None, "", "the server is read-only (status 405)");
        let exists = "error adding torrent: error creating a new file (because allow_overwrite = \
            false) \"/d/a\": File exists (os error 17)";
        check(400, rqbit, exists, "files of it already exist on the server's disk");
        assert_eq!(meaning(500, rqbit, "timeout: deadline has elapsed"), None);
        assert_eq!(meaning(502, None, "Bad Gateway"), None);
    }

    #[tokio::test]
    async fn a_reason_is_one_line_without_backtrace_and_keys() {
        let link = "http://tracker.example/5ecr3t/a.torrent";
        let torrent = TorrentInput::parse(link.as_ref()).prepare().await.unwrap();
        let text = format!(
            "error adding torrent: GET {link} returned 404 Not Found  Stack backtrace:    0: std"
        );
        let refusal = refusal(400, Some("internal_error"), &text);
        assert_eq!(reason(&refusal, &torrent), "GET the address returned 404 Not Found");
    }
}
