//! The keys of what other programs hand in: watch folders.

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
