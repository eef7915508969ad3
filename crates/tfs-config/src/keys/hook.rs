//! The keys of hooks.

use super::DefaultValue::{Is, Required, Unset};
use super::{Key, key};
use crate::ValueKind;

/// The names of events.
pub(crate) const EVENTS: [&str; 6] = [
    "torrent_added",
    "torrent_finished",
    "torrent_removed",
    "tree_changed",
    "server_down",
    "server_up",
];

pub(super) const HOOK: [Key; 8] = [
    key(
        "hook.on",
        ValueKind::Words(&EVENTS),
        Required("[\"torrent_finished\", \"torrent_removed\"]"),
        None,
        "The events that it is called for.",
    ),
    key(
        "hook.name",
        ValueKind::Name,
        Unset { means: "`hook-1` for the first, and so on", example: "\"jellyfin\"" },
        None,
        "Its name in the log, in `tfs status` and in metrics.",
    ),
    key(
        "hook.command",
        ValueKind::Argv,
        Unset { means: "none; `url` is set instead", example: "[\"/usr/local/bin/notify\"]" },
        None,
        "The program to run and its arguments, without a shell: an absolute path, or a name that \
         is looked up in `PATH`.",
    ),
    key(
        "hook.url",
        ValueKind::RequestUrl,
        Unset { means: "none; `command` is set instead", example: "\"http://127.0.0.1:8080/tfs\"" },
        None,
        "The address to send a request to. `file:PATH` (its first line) or `env:NAME` for one that \
         is secret, read at start and by `tfs config reload`.",
    ),
    key(
        "hook.method",
        ValueKind::Choice(&["POST", "GET", "PUT"]),
        Is("\"POST\""),
        None,
        "The method of the request.",
    ),
    key(
        "hook.headers",
        ValueKind::Headers,
        Unset { means: "none", example: "[\"X-Token: file:/run/secrets/token\"]" },
        None,
        "Headers of the request. A value may be `file:PATH` or `env:NAME`, as in `server.headers`. \
         Values are never shown or logged.",
    ),
    key(
        "hook.body",
        ValueKind::Choice(&["json", "text", "none"]),
        Unset { means: "`json`, or `none` for a GET", example: "\"text\"" },
        None,
        "The body of the request. `json`: the list of events. `text`: a message for people. \
         `none`: no body.",
    ),
    key(
        "hook.timeout",
        ValueKind::Time,
        Is("\"30s\""),
        None,
        "How long a call may take. A command is then killed, with all processes of its group; a \
         request counts as failed and is repeated.",
    ),
];
