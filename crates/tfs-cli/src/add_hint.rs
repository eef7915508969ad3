//! Hints for a torrent that was not added, one for each cause.

use tfs_service::{AddFault, MagnetFault, TorrentFault};

/// Hint for input that is not a torrent.
const WHAT: &str = "pass a .torrent file, a magnet link, or the URL of a .torrent file";

/// Hint for a truncated file.
const AGAIN: &str = "download the .torrent file again";

/// Hint for a torrent that needs a BitTorrent v2 client.
const VERSION_1: &str = "find a version 1 or hybrid torrent of the same content";

/// Returns the hint for a fault. `None` for a fault of the server itself: all commands share that
/// hint.
pub(crate) fn hint(fault: &AddFault) -> Option<&'static str> {
    Some(match fault {
        AddFault::Read(_) | AddFault::TooLarge { .. } => WHAT,
        AddFault::Directory => "pass the .torrent files in it",
        AddFault::ReadTimedOut { .. } => "check that the program that writes to it ends",
        AddFault::Torrent(fault) => torrent(*fault),
        AddFault::Magnet(fault) => magnet(*fault),
        AddFault::Address(_) => WHAT,
        AddFault::NoPeers { .. } => {
            "try again, give it more time with --timeout, or add the .torrent file"
        }
        AddFault::NoWayToPeers => "add the .torrent file, or a magnet link with trackers (tr=...)",
        AddFault::FetchTimedOut { .. } => "download the .torrent file yourself, and add that",
        AddFault::NotFetched { .. } => "check in a browser that the address has a .torrent file",
        AddFault::FilesExist => {
            "check with tfs list whether they belong to another torrent; to reuse files of this \
             torrent, add --overwrite, which overwrites parts that do not match"
        }
        AddFault::SharedFiles { .. } => {
            "two torrents at one path overwrite each other: remove the other one first (tfs forget \
             keeps its files), or add this one to another rqbit"
        }
        AddFault::TooLargeForServer => "start rqbit with a larger --http-api-max-upload-size",
        AddFault::TooLargeForProxy => {
            "raise the limit of the proxy (nginx: client_max_body_size 16m), or bypass it with \
             --server"
        }
        AddFault::ProxyTimedOut { .. } => {
            "raise the time-out of the proxy (nginx: proxy_read_timeout 1h), or bypass it with \
             --server"
        }
        AddFault::ReadOnly => "add it to an rqbit that runs as \"rqbit server start\"",
        AddFault::Dropped => "check the log of rqbit: it may have failed on this torrent",
        AddFault::Refused { .. } => "check the log of rqbit",
        AddFault::Records(_) => {
            "the state directory must belong to you, and its disk must have room; or add it with \
             --no-on-demand"
        }
        AddFault::Server(_) => return None,
    })
}

fn torrent(fault: TorrentFault) -> &'static str {
    match fault {
        TorrentFault::Empty | TorrentFault::Damaged => AGAIN,
        TorrentFault::WebPage => {
            "the site may require a login: download the .torrent file with a browser"
        }
        TorrentFault::MagnetText => "add the link that is in it: tfs add \"$(cat FILE)\"",
        TorrentFault::NotTorrent | TorrentFault::NoInfo => WHAT,
        TorrentFault::Version2 => VERSION_1,
        TorrentFault::NoPieces
        | TorrentFault::NoPieceLength
        | TorrentFault::NoFiles
        | TorrentFault::NoBytes
        | TorrentFault::MissingHashes { .. } => "it cannot be downloaded: use another one",
    }
}

fn magnet(fault: MagnetFault) -> &'static str {
    match fault {
        MagnetFault::NoInfoHash | MagnetFault::InfoHash => {
            "copy the whole link, and put it in quotes: a shell ends it at each &"
        }
        MagnetFault::Version2 => VERSION_1,
        MagnetFault::TooManySelected => "remove so= from the link",
    }
}
