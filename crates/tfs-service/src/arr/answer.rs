//! The answers, in the form of rqbit's: the fields that Sonarr and Radarr read.

use rqbit_client::wire::{
    LiveStats, PeerStats, Speed, TorrentDetails, TorrentFile, TorrentState, TorrentStats,
};
use serde::Serialize;
use tfs_types::InfoHash;

use super::list::Completion;

/// The answer to `GET /`.
#[derive(Debug, Serialize)]
pub(super) struct RootAnswer {
    pub(super) apis: Routes,
    pub(super) server: &'static str,
    pub(super) version: String,
}

/// The routes, with their descriptions.
#[derive(Debug, Serialize)]
pub(super) struct Routes {
    #[serde(rename = "GET /torrents?with_stats=true")]
    list: &'static str,
    #[serde(rename = "POST /torrents?overwrite=true")]
    add: &'static str,
    #[serde(rename = "GET /torrents/{info_hash}")]
    details: &'static str,
    #[serde(rename = "POST /torrents/{info_hash}/forget")]
    forget: &'static str,
    #[serde(rename = "POST /torrents/{info_hash}/delete")]
    delete: &'static str,
}

impl Routes {
    pub(super) fn new(allow_delete: bool) -> Self {
        Self {
            list: "List torrents",
            add: "Add a torrent: a .torrent file or a magnet link",
            details: "Torrent details",
            forget: "Forget the torrent, keep the files",
            delete: match allow_delete {
                true => "Forget the torrent, remove the files",
                false => "Forget the torrent, keep the files (allow_delete is off)",
            },
        }
    }
}

/// The answer to a list.
#[derive(Debug, Serialize)]
pub(super) struct TorrentsAnswer {
    pub(super) torrents: Vec<TorrentAnswer>,
}

/// A torrent. A program adds its name to the folder to get the path.
#[derive(Debug, Serialize)]
pub(super) struct TorrentAnswer {
    id: u64,
    info_hash: String,
    name: String,
    output_folder: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileAnswer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<StatsAnswer>,
}

/// A file of a torrent.
#[derive(Debug, Serialize)]
struct FileAnswer {
    name: String,
    components: Vec<String>,
    length: u64,
    included: bool,
}

/// The stats of a torrent.
#[derive(Debug, Serialize)]
struct StatsAnswer {
    state: &'static str,
    file_progress: Vec<u64>,
    error: Option<String>,
    progress_bytes: u64,
    uploaded_bytes: u64,
    total_bytes: u64,
    finished: bool,
    live: Option<LiveAnswer>,
}

/// The activity of a torrent.
#[derive(Debug, Serialize)]
struct LiveAnswer {
    snapshot: SnapshotAnswer,
    download_speed: SpeedAnswer,
    upload_speed: SpeedAnswer,
    time_remaining: Option<TimeAnswer>,
}

/// The counters of a torrent.
#[derive(Debug, Serialize)]
struct SnapshotAnswer {
    downloaded_and_checked_bytes: u64,
    fetched_bytes: u64,
    uploaded_bytes: u64,
    peer_stats: PeersAnswer,
}

/// The peers of a torrent.
#[derive(Debug, Serialize)]
struct PeersAnswer {
    queued: u32,
    connecting: u32,
    live: u32,
    seen: u32,
    dead: u32,
    not_needed: u32,
    steals: u32,
}

/// A speed in MiB a second, despite the name.
#[derive(Debug, Serialize)]
struct SpeedAnswer {
    mbps: f64,
    human_readable: String,
}

/// A remaining time.
#[derive(Debug, Serialize)]
struct TimeAnswer {
    duration: DurationAnswer,
    human_readable: String,
}

/// A duration, as Rust serializes it.
#[derive(Debug, Serialize)]
struct DurationAnswer {
    secs: u64,
    nanos: u32,
}

/// The answer to adding a torrent.
#[derive(Debug, Serialize)]
pub(super) struct AddAnswer {
    pub(super) id: Option<u64>,
    pub(super) details: TorrentAnswer,
    pub(super) output_folder: String,
}

/// An error, as rqbit sends it.
#[derive(Debug, Serialize)]
pub(super) struct ErrorAnswer {
    pub(super) error_kind: &'static str,
    pub(super) human_readable: String,
    pub(super) status: u16,
    pub(super) status_text: String,
}

impl TorrentAnswer {
    /// Returns the answer for a torrent. `path` is the folder and the name of its files, if it is
    /// known.
    pub(super) fn new(
        torrent: TorrentDetails,
        completion: Option<&Completion>,
        has_stats: bool,
    ) -> Self {
        let TorrentDetails { id, info_hash, name, output_folder, files, stats, .. } = torrent;
        let name = name.unwrap_or_else(|| info_hash.to_string());
        let (output_folder, name) = match completion.and_then(Completion::only_file) {
            // Otherwise the path of the only file would be wrong in several cases: a program
            // appends the name to the folder without a slash, unless the folder ends with the name.
            Some(file) => (output_folder.trim_end_matches('/').to_owned() + "/", file.to_owned()),
            None => (output_folder, name),
        };
        let stats = stats.filter(|_| has_stats).map(|stats| StatsAnswer::new(stats, completion));
        Self {
            id: id.unwrap_or(0),
            info_hash: info_hash.to_string(),
            name,
            output_folder,
            files: files.map(|files| files.into_iter().map(FileAnswer::new).collect()),
            stats,
        }
    }

    /// Returns the answer for a torrent of which only this is known.
    pub(super) fn added(info_hash: InfoHash, id: Option<u64>, name: Option<String>) -> Self {
        Self {
            id: id.unwrap_or(0),
            info_hash: info_hash.to_string(),
            name: name.unwrap_or_else(|| info_hash.to_string()),
            output_folder: String::new(),
            files: None,
            stats: None,
        }
    }
}

impl FileAnswer {
    fn new(file: TorrentFile) -> Self {
        let TorrentFile { name, components, length, included, .. } = file;
        Self { name, components, length, included }
    }
}

impl StatsAnswer {
    /// Without the lengths of the files, a torrent is not finished.
    fn new(stats: TorrentStats, completion: Option<&Completion>) -> Self {
        let TorrentStats { state, file_progress, error, uploaded_bytes, live, .. } = stats;
        let (progress_bytes, total_bytes, finished) = match completion {
            Some(completion) => {
                let (have, total) =
                    (completion.have_bytes(&file_progress), completion.total_bytes());
                let is_settled = state == TorrentState::Live || state == TorrentState::Paused;
                (have, total, is_settled && have == total)
            }
            None => (stats.progress_bytes, stats.total_bytes, false),
        };
        Self {
            state: match state {
                TorrentState::Initializing | TorrentState::Unknown => "initializing",
                TorrentState::Live => "live",
                TorrentState::Paused => "paused",
                TorrentState::Error => "error",
            },
            file_progress,
            error,
            progress_bytes,
            uploaded_bytes,
            total_bytes,
            finished,
            live: live.map(LiveAnswer::new),
        }
    }
}

impl LiveAnswer {
    fn new(live: LiveStats) -> Self {
        let LiveStats { snapshot, download_speed, upload_speed, time_remaining, .. } = live;
        let PeerStats { queued, connecting, live, seen, dead, not_needed, steals, .. } =
            snapshot.peer_stats;
        Self {
            snapshot: SnapshotAnswer {
                downloaded_and_checked_bytes: snapshot.downloaded_and_checked_bytes,
                fetched_bytes: snapshot.fetched_bytes,
                uploaded_bytes: snapshot.uploaded_bytes,
                peer_stats: PeersAnswer {
                    queued,
                    connecting,
                    live,
                    seen,
                    dead,
                    not_needed,
                    steals,
                },
            },
            download_speed: SpeedAnswer::new(download_speed),
            upload_speed: SpeedAnswer::new(upload_speed),
            time_remaining: time_remaining.map(|time| TimeAnswer {
                duration: DurationAnswer {
                    secs: time.duration.as_secs(),
                    nanos: time.duration.subsec_nanos(),
                },
                human_readable: time.human_readable,
            }),
        }
    }
}

impl SpeedAnswer {
    fn new(speed: Speed) -> Self {
        // JSON has no infinity.
        let mbps = if speed.mbps.is_finite() { speed.mbps } else { 0.0 };
        Self { mbps, human_readable: format!("{mbps:.2} MiB/s") }
    }
}
