//! Hints for a torrent that was not added, one for each cause.

use tfs_service::{AddFault, MagnetFault, TorrentFault};

/// Hint for input that is not a torrent.
const WHAT: &str = "name a .torrent file, a magnet link, or the http address of a .torrent file";

/// Hint for a truncated file.
const AGAIN: &str = "download the .torrent file again";

/// Hint for a torrent that needs a BitTorrent v2 client.
const VERSION_1: &str = "look for the same in a version 1 or hybrid torrent";

/// Returns the hint for a fault. `None` for a fault of the server itself: all commands share that
/// hint.
pub(crate) fn hint(fault: &AddFault) -> Option<&'static str> {
    Some(match fault {
        AddFault::Read(_) | AddFault::TooLarge { .. } => WHAT,
        AddFault::Directory => "name the .torrent files in it",
        AddFault::ReadTimedOut { .. } => "see whether a program writes to it, and ends",
        AddFault::Torrent(fault) => torrent(*fault),
        AddFault::Magnet(fault) => magnet(*fault),
        AddFault::Address(_) => WHAT,
        AddFault::NoPeers { .. } => {
            "try again, give it more time with --timeout, or add the .torrent file"
        }
        AddFault::NoWayToPeers => "add the .torrent file, or a magnet link with trackers (tr=...)",
        AddFault::FetchTimedOut { .. } => "download the .torrent file yourself, and add that",
        AddFault::NotFetched { .. } => "see in a browser whether the address has a .torrent file",
        AddFault::FilesExist => {
            "see with tfs list whether they are another torrent's; files of this torrent are used \
             with --overwrite, which replaces all that does not match"
        }
        AddFault::TooLargeForServer => "start rqbit with a larger --http-api-max-upload-size",
        AddFault::TooLargeForProxy => {
            "raise the limit of the proxy (nginx: client_max_body_size 16m), or go around it with \
             --server"
        }
        AddFault::ProxyTimedOut { .. } => {
            "raise the time-out of the proxy (nginx: proxy_read_timeout 1h), or go around it with \
             --server"
        }
        AddFault::ReadOnly => "add it to an rqbit that runs as \"rqbit server start\"",
        AddFault::Dropped => "look into the log of rqbit: it may have failed at this torrent",
        AddFault::Refused { .. } => "look into the log of rqbit",
        AddFault::Server(_) => return None,
    })
}

fn torrent(fault: TorrentFault) -> &'static str {
    match fault {
        TorrentFault::Empty | TorrentFault::Damaged => AGAIN,
        TorrentFault::WebPage => {
            "the site may want a login: download the .torrent file with a browser"
        }
        TorrentFault::MagnetText => "add the link that is in it: tfs add \"$(cat FILE)\"",
        TorrentFault::NotTorrent | TorrentFault::NoInfo => WHAT,
        TorrentFault::Version2 => VERSION_1,
        TorrentFault::NoPieces
        | TorrentFault::NoPieceLength
        | TorrentFault::NoFiles
        | TorrentFault::NoBytes
        | TorrentFault::MissingHashes { .. } => "nothing can be downloaded by it: get another one",
    }
}

fn magnet(fault: MagnetFault) -> &'static str {
    match fault {
        MagnetFault::NoInfoHash | MagnetFault::InfoHash => {
            "copy the whole link, and put it in quotes: a shell ends it at each &"
        }
        MagnetFault::Version2 => VERSION_1,
        MagnetFault::TooManySelected => "take so= out of the link",
    }
}
