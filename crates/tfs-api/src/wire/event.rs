//! Events of a process: `GET /v1/events`, `tfs events --follow`, hooks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// What.
    pub event: EventKind,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The mount point.
    pub mountpoint: String,
    /// The name of the server; null for [`EventKind::TreeChanged`].
    pub server: Option<String>,
    /// The info hash of the torrent, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info_hash: Option<String>,
    /// The name of the torrent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The path of its file or directory in the mount, absolute; the first of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why a server is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A torrent is shown that was not.
    TorrentAdded,
    /// All selected files of a torrent are there.
    TorrentFinished,
    /// A torrent is no longer shown: a removal that is believed.
    TorrentRemoved,
    /// Names appeared, changed or went, for any reason.
    TreeChanged,
    /// A server does not answer.
    ServerDown,
    /// A server answers again.
    ServerUp,
    /// A kind that this client does not know.
    #[serde(other)]
    Unknown,
}

impl EventKind {
    /// All known kinds.
    pub const ALL: [Self; 6] = [
        Self::TorrentAdded,
        Self::TorrentFinished,
        Self::TorrentRemoved,
        Self::TreeChanged,
        Self::ServerDown,
        Self::ServerUp,
    ];

    /// Returns its name in JSON and in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TorrentAdded => "torrent_added",
            Self::TorrentFinished => "torrent_finished",
            Self::TorrentRemoved => "torrent_removed",
            Self::TreeChanged => "tree_changed",
            Self::ServerDown => "server_down",
            Self::ServerUp => "server_up",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A line of the answer to `GET /v1/events`, which ends with the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EventLine {
    /// An event.
    Event(Box<ServiceEvent>),
    /// The client was too slow.
    Lost(LostEvents),
}

/// Events that a client was too slow to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostEvents {
    /// Their number.
    pub lost: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_wire_and_others_are_unknown() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        let later: EventKind = serde_json::from_str("\"torrent_moved\"").unwrap();
        assert_eq!(later, EventKind::Unknown);
    }

    #[test]
    fn a_line_is_an_event_or_a_number_of_lost_ones() {
        let event = ServiceEvent {
            event: EventKind::TorrentAdded,
            at: 7,
            mountpoint: "/mnt/t".to_owned(),
            server: Some("home".to_owned()),
            info_hash: None,
            name: Some("a\n\"b\"".to_owned()),
            path: None,
            error: None,
        };
        let lines = [EventLine::Event(Box::new(event)), EventLine::Lost(LostEvents { lost: 3 })];
        let text = lines.each_ref().map(|line| serde_json::to_string(line).unwrap());
        expect_test::expect![[r#"
            {"event":"torrent_added","at":7,"mountpoint":"/mnt/t","server":"home","name":"a\n\"b\""}
            {"lost":3}"#]]
        .assert_eq(&text.join("\n"));
        let read = text.each_ref().map(|line| serde_json::from_str::<EventLine>(line).unwrap());
        assert_eq!(read, lines);
    }
}
