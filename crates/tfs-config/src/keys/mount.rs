//! The keys of mounts.

use super::DefaultValue::{Is, Required, Unset};
use super::{Key, key};
use crate::ValueKind;

const IDS: ValueKind = ValueKind::Number { min: 0, max: u32::MAX as u64 };

pub(super) const MOUNT: [Key; 18] = [
    key(
        "mount.path",
        ValueKind::Path,
        Required("\"/mnt/t\""),
        None,
        "The mount point: an empty directory.",
    ),
    key(
        "mount.servers",
        ValueKind::Names,
        Is("[]"),
        Some("--server"),
        "The names of the servers whose torrents the mount shows. Empty: all servers.",
    ),
    key(
        "mount.layout",
        ValueKind::Choice(&["union", "by-server"]),
        Is("\"union\""),
        Some("--layout"),
        "How to show the torrents of several servers. `union`: each torrent once, in the root. \
         `by-server`: a directory for each server.",
    ),
    key(
        "mount.root",
        ValueKind::Choice(&["flat", "views", "both"]),
        Unset { means: "`both` if there is a `[[view]]`, else `flat`", example: "\"views\"" },
        Some("--root"),
        "What the root shows. `flat`: the torrents, or the directories of servers. `views`: the \
         directories of the `[[view]]` sections. `both`: the views, and after them the rest of \
         `flat`.",
    ),
    key(
        "mount.rest_view",
        ValueKind::Text,
        Is("\"Other\""),
        None,
        "The view with the torrents that are in no other one. Empty: none. It is left out if a \
         `[[view]]` without conditions shows every torrent.",
    ),
    key(
        "mount.allow_other",
        ValueKind::Switch,
        Is("false"),
        Some("--allow-other"),
        "Let other users, such as that of a media server, read the mount.",
    ),
    key(
        "mount.allow_non_empty",
        ValueKind::Switch,
        Is("false"),
        Some("--allow-non-empty"),
        "Allow a mount point that is not empty. Its contents are hidden while tfs is mounted.",
    ),
    key(
        "mount.uid",
        IDS,
        Unset { means: "the user who mounts", example: "1000" },
        Some("--uid"),
        "The numeric user ID shown as the owner of all files.",
    ),
    key(
        "mount.gid",
        IDS,
        Unset { means: "the group of the user who mounts", example: "1000" },
        Some("--gid"),
        "The numeric group ID shown for all files.",
    ),
    key(
        "mount.umask",
        ValueKind::Mask,
        Is("\"000\""),
        Some("--umask"),
        "Permission bits to remove from files (0444) and directories (0555).",
    ),
    key(
        "mount.context",
        ValueKind::Label,
        Unset { means: "that of the policy", example: "\"system_u:object_r:fusefs_t:s0\"" },
        Some("--context"),
        "The SELinux label of all files. Only root can set it. Systems without SELinux ignore it.",
    ),
    key(
        "mount.drop",
        ValueKind::Path,
        Unset { means: "none", example: "\"/srv/add\"" },
        Some("--drop"),
        "An empty directory to mount as a drop folder: torrent files copied into it are added.",
    ),
    key(
        "mount.drop_remove",
        ValueKind::Choice(&["off", "forget"]),
        Is("\"off\""),
        Some("--drop-remove"),
        "Whether removing a file from the drop folder forgets its torrent; the data stays.",
    ),
    key(
        "mount.drop_gid",
        IDS,
        Unset { means: "none", example: "1000" },
        Some("--drop-gid"),
        "The numeric ID of a group that may use the drop folder too.",
    ),
    key(
        "mount.allow_urls",
        ValueKind::Switch,
        Is("false"),
        Some("--allow-urls"),
        "Let files in the drop folder name an address, which the server then fetches.",
    ),
    key(
        "mount.webdav",
        ValueKind::Listen,
        Unset { means: "off", example: "\"127.0.0.1:8081\"" },
        Some("--webdav"),
        "The address and port where the files of the mount are also served by WebDAV. `[[serve]]` \
         with `mount` has more settings.",
    ),
    key(
        "mount.nfs",
        ValueKind::Listen,
        Unset { means: "off", example: "\"127.0.0.1:2051\"" },
        Some("--nfs"),
        "The address and port where the files of the mount are also served by NFS 3.",
    ),
    key(
        "mount.on_demand",
        ValueKind::OnDemand,
        Unset { means: "as the server", example: "\"file\"" },
        Some("--on-demand"),
        "How the drop folder, the page and other ways of adding of this mount add torrents, as \
         `server.on_demand`.",
    ),
];
