//! The keys of what other programs hand in: watch folders, and the listener for Sonarr and Radarr.

use super::DefaultValue::{Is, Required, Unset};
use super::{Key, key};
use crate::ValueKind;

pub(super) const WATCH: [Key; 6] = [
    key(
        "watch.dir",
        ValueKind::Path,
        Required("\"/srv/watch\""),
        None,
        "The folder. It may be missing for a time, or lie on a network filesystem.",
    ),
    key(
        "watch.server",
        ValueKind::Name,
        Unset { means: "the only server of the mount", example: "\"embedded\"" },
        None,
        "The name of the server that gets the torrents, or `embedded`. A mount serves the folders \
         of its servers, `tfs daemon` those of all servers.",
    ),
    key(
        "watch.paused",
        ValueKind::Switch,
        Is("false"),
        None,
        "Pause each torrent as soon as it is added. One that the server already has is not \
         changed.",
    ),
    key(
        "watch.recursive",
        ValueKind::Switch,
        Is("false"),
        None,
        "Watch the folders below as well. Symbolic links are not followed.",
    ),
    key(
        "watch.remove_added",
        ValueKind::Switch,
        Is("false"),
        None,
        "Remove the file of a torrent that was added, instead of renaming it to `NAME.added`.",
    ),
    key(
        "watch.allow_urls",
        ValueKind::Switch,
        Is("false"),
        None,
        "Take `.url` files as well. The server fetches the torrent from the address in them.",
    ),
];

pub(super) const ARR: [Key; 3] = [
    key(
        "arr.listen",
        ValueKind::ListenLocal,
        Unset { means: "off", example: "\"127.0.0.1:3032\"" },
        None,
        "The address and port for Sonarr and Radarr, on this machine only. Every user of the \
         machine can use it.",
    ),
    key(
        "arr.server",
        ValueKind::Name,
        Unset { means: "the only server of the mount", example: "\"embedded\"" },
        None,
        "The name of the server behind it, or `embedded`.",
    ),
    key(
        "arr.allow_delete",
        ValueKind::Switch,
        Is("false"),
        None,
        "Let them delete files. Otherwise a delete only forgets the torrent, and the files stay.",
    ),
];
