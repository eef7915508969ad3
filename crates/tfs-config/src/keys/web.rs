//! The keys of the page in a browser.

use super::DefaultValue::{Is, Unset};
use super::{Key, key};
use crate::ValueKind;

pub(super) const WEB: [Key; 4] = [
    key(
        "web.listen",
        ValueKind::Listen,
        Unset { means: "off", example: "\"127.0.0.1:9132\"" },
        None,
        "The address and port of the page. At an address that other machines can reach it needs a \
         token.",
    ),
    key(
        "web.token_file",
        ValueKind::Path,
        Unset { means: "`TFS_WEB_TOKEN`", example: "\"/run/secrets/tfs-web\"" },
        None,
        "A file whose first line is the token that the page asks for, of at least 8 characters. \
         Without a token, every user of the machine can see the page.",
    ),
    key(
        "web.control",
        ValueKind::Switch,
        Is("false"),
        None,
        "Whether the page can change torrents: add, pause, start, select files, preload, forget \
         and delete. This needs a token; at an address of this machine tfs makes it, in the file \
         `web-token` of its state directory.",
    ),
    key(
        "web.hosts",
        ValueKind::Hosts,
        Is("[]"),
        None,
        "Host names by which browsers reach the page, such as that of a proxy in front of it. IP \
         addresses and `localhost` are always allowed.",
    ),
];
