//! The table of all configuration keys: the source of the checks, the defaults, the flags and the
//! documentation.

mod conditions;
mod hook;
mod intake;
mod key;
mod mount;
mod on_demand;
mod read;
mod serve;
mod view;
mod web;

use super::ValueKind;
pub(crate) use conditions::CONDITIONS;
use view::VIEW;

use key::key;
pub use key::{DefaultValue, Key, Section};

/// The prefix of all variables.
pub(super) const PREFIX: &str = "TFS_";

/// The separator between a section and its key in the name of a variable.
pub(super) const SEPARATOR: &str = "__";

/// Sections and keys that the file in the current directory may not have: entering a directory must
/// not make tfs take files or requests of others, or run commands.
pub(super) const REFUSED_HERE: [&str; 11] = [
    "arr",
    "hook",
    "serve",
    "watch",
    "web",
    "mount.drop",
    "mount.drop_remove",
    "mount.drop_gid",
    "mount.allow_urls",
    "mount.webdav",
    "mount.nfs",
];

use DefaultValue::{Is, Required, Unset};

/// More streams do not help on any connection, and rqbit stops at eight.
const STREAMS_MAX: u64 = 256;

/// All sections, in the order of the documentation.
pub const SECTIONS: [Section; 15] = [
    Section {
        name: "server",
        is_list: true,
        about: "The rqbit servers. Without any, tfs uses `http://127.0.0.1:3030`.",
        keys: &SERVER,
    },
    Section {
        name: "mount",
        is_list: true,
        about: "The mounts of `tfs daemon`, and the defaults of `tfs mount` for their paths.",
        keys: &mount::MOUNT,
    },
    Section {
        name: "view",
        is_list: true,
        about: "Directories by rule in all mounts: each shows the torrents that meet its \
                conditions.",
        keys: &VIEW,
    },
    Section {
        name: "on_demand",
        is_list: true,
        about: "Which of the torrents that tfs adds are on demand. The first rule whose conditions \
                are met decides, before `mount.on_demand` and `server.on_demand`.",
        keys: &on_demand::ON_DEMAND,
    },
    Section {
        name: "watch",
        is_list: true,
        about: "Folders whose `.torrent` and `.magnet` files are added to a server.",
        keys: &intake::WATCH,
    },
    Section { name: "read", is_list: false, about: "How reads behave.", keys: &read::READ },
    Section {
        name: "metadata",
        is_list: false,
        about: "Torrent lists, names and attributes, and how long they are cached.",
        keys: &METADATA,
    },
    Section {
        name: "cache",
        is_list: false,
        about: "File content cached in memory.",
        keys: &CACHE,
    },
    Section {
        name: "monitoring",
        is_list: false,
        about: "Metrics and health over HTTP.",
        keys: &MONITORING,
    },
    Section {
        name: "web",
        is_list: false,
        about: "The page: what is going on, in a browser.",
        keys: &web::WEB,
    },
    Section {
        name: "serve",
        is_list: true,
        about: "WebDAV, NFS and DLNA: the same files for other programs and machines, without \
                FUSE.",
        keys: &serve::SERVE,
    },
    Section {
        name: "arr",
        is_list: false,
        about: "A listener for the rqbit client of Sonarr and Radarr.",
        keys: &intake::ARR,
    },
    Section {
        name: "hook",
        is_list: true,
        about: "Commands and URLs that are called when something happens. Each has either \
                `command` or `url`.",
        keys: &hook::HOOK,
    },
    Section { name: "logging", is_list: false, about: "The log.", keys: &LOGGING },
    Section {
        name: "preload",
        is_list: false,
        about: "Files to download as soon as their torrent appears.",
        keys: &PRELOAD,
    },
];

const SERVER: [Key; 12] = [
    key(
        "server.name",
        ValueKind::Name,
        Is("\"default\""),
        None,
        "The name of the server in messages, `--server` and `mount.servers`.",
    ),
    key(
        "server.url",
        ValueKind::Url,
        Required("\"http://127.0.0.1:3030\""),
        Some("--server"),
        "The URL of rqbit's HTTP API, with its path if it is behind a proxy.",
    ),
    key(
        "server.username",
        ValueKind::User,
        Unset { means: "none", example: "\"me\"" },
        Some("--username"),
        "The user name for HTTP authentication.",
    ),
    key(
        "server.password_file",
        ValueKind::Path,
        Unset { means: "`TFS_PASSWORD`", example: "\"/run/secrets/rqbit\"" },
        Some("--password-file"),
        "A file whose first line is the password.",
    ),
    key(
        "server.ca_file",
        ValueKind::Path,
        Unset { means: "the system's roots only", example: "\"/etc/ssl/home-ca.pem\"" },
        Some("--ca-file"),
        "A PEM file with certificates to trust in addition to the system's, for a server with a \
         private certificate authority. Read at start and by `tfs config reload`.",
    ),
    key(
        "server.client_cert",
        ValueKind::Path,
        Unset { means: "none", example: "\"/etc/tfs/client.pem\"" },
        Some("--client-cert"),
        "A PEM file with the certificate for a server that requires one of its clients, and its \
         chain. Read at start and by `tfs config reload`.",
    ),
    key(
        "server.client_key",
        ValueKind::Path,
        Unset { means: "in the file of the certificate", example: "\"/etc/tfs/client.key\"" },
        Some("--client-key"),
        "A PEM file with the private key of `client_cert`, without a passphrase.",
    ),
    key(
        "server.headers",
        ValueKind::Headers,
        Unset { means: "none", example: "[\"X-Token: file:/run/secrets/token\"]" },
        Some("--header"),
        "Headers to send with every request, such as the service token of an identity provider. A \
         value may be `file:PATH` (its first line) or `env:NAME`, read at start and by \
         `tfs config reload`. Values are never shown or logged. The flag may be repeated.",
    ),
    key(
        "server.proxy",
        ValueKind::Proxy,
        Unset { means: "none", example: "\"http://proxy:3128\"" },
        Some("--proxy"),
        "The HTTP proxy for all connections to the server. With a password: `file:PATH` or \
         `env:NAME` of an address such as `http://user:password@proxy:3128`. Variables such as \
         `http_proxy` are not used.",
    ),
    key(
        "server.max_streams",
        ValueKind::Number { min: 1, max: STREAMS_MAX },
        Is("4"),
        Some("--max-streams"),
        "Maximum number of streams open on the server at a time. rqbit stops answering at eight.",
    ),
    key(
        "server.local_paths",
        ValueKind::LocalPaths,
        Is("\"auto\""),
        Some("--local-paths"),
        "How to find the server's files on this machine. `auto`: use the paths that the server \
         reports, if it is at an address of this machine. `off`: always read over HTTP. Or map \
         paths of the server to local ones, with the flag as `/downloads=/srv/torrents`.",
    ),
    key(
        "server.on_demand",
        ValueKind::OnDemand,
        Is("false"),
        None,
        "How tfs adds torrents to the server. `false`: the server downloads everything. `pieces`: \
         only what programs read. `file`: also the whole of a file that a program reads in order. \
         Torrents that the server has already are not changed.",
    ),
];

const METADATA: [Key; 11] = [
    key(
        "metadata.poll_interval",
        ValueKind::Time,
        Is("\"5s\""),
        Some("--poll-interval"),
        "How often tfs polls the server for new torrents.",
    ),
    key(
        "metadata.poll_interval_idle",
        ValueKind::Time,
        Is("\"60s\""),
        None,
        "How often tfs polls a server that is not on this machine, while nothing changes there and \
         no program looks at the mount. A listing, a lookup of an unknown name, a read or a \
         command makes it poll at once.",
    ),
    key(
        "metadata.torrent_ttl",
        ValueKind::TimeOrNone,
        Is("\"60s\""),
        None,
        "How long to cache the folder of a torrent as reported by the server. Names and lengths \
         of files never change and are fetched once.",
    ),
    key(
        "metadata.removal_delay",
        ValueKind::Days,
        Is("\"7d\""),
        None,
        "How long torrents stay listed that a restarted server no longer lists. One torrent, or a \
         few of many, disappear after a minute. All of them at once never disappear by themselves. \
         `tfs refresh --accept-removals` removes them now.",
    ),
    key(
        "metadata.attr_timeout",
        ValueKind::TimeOrNone,
        Is("\"1h\""),
        Some("--attr-timeout"),
        "How long the kernel caches attributes. tfs notifies it of changes, so a long time does \
         not delay them.",
    ),
    key(
        "metadata.dir_cache_time",
        ValueKind::TimeOrNone,
        Is("\"1h\""),
        Some("--dir-cache-time"),
        "How long the kernel caches names and listings. tfs notifies it of these changes too.",
    ),
    key(
        "metadata.show_control",
        ValueKind::Switch,
        Is("false"),
        Some("--show-control"),
        "Show the directory `.tfs` in listings of the root. It exists in any case.",
    ),
    key(
        "metadata.holes",
        ValueKind::Switch,
        Is("false"),
        Some("--holes"),
        "Report data that is not downloaded yet as holes. Programs that look for holes (`cp`, \
         `tar -S`) copy zeros in its place.",
    ),
    key(
        "metadata.inode32",
        ValueKind::Switch,
        Is("false"),
        Some("--inode32"),
        "Use inode numbers below 2^32, for 32-bit programs that fail with `EOVERFLOW` on larger \
         ones. The numbers survive a remount as long as the state directory is kept.",
    ),
    key(
        "metadata.disk_usage",
        ValueKind::Choice(&["none", "downloaded"]),
        Is("\"none\""),
        Some("--disk-usage"),
        "What `df` shows as used. `none`: nothing, since the mount itself uses no disk, so alarms \
         about full disks do not fire. `downloaded`: what is downloaded; what is missing is \
         available.",
    ),
    key(
        "metadata.times",
        ValueKind::Choice(&["created", "added", "finished"]),
        Is("\"created\""),
        Some("--times"),
        "Which time the files of a torrent show. `created`: its creation date. `added`: when tfs \
         first saw it. `finished`: when tfs first saw it complete, and before that as `added`.",
    ),
];

const CACHE: [Key; 1] = [key(
    "cache.memory_bytes",
    ValueKind::Size { min: 0 },
    Unset { means: "all of `read.memory` that the buffers do not use", example: "\"64MiB\"" },
    None,
    "How much of `read.memory` may cache data that was read.",
)];

const MONITORING: [Key; 1] = [key(
    "monitoring.listen",
    ValueKind::Listen,
    Unset { means: "off", example: "\"127.0.0.1:3031\"" },
    None,
    "The address and port where tfs serves metrics and health over HTTP.",
)];

const LOGGING: [Key; 3] = [
    key(
        "logging.level",
        ValueKind::Choice(&["error", "warn", "info", "debug", "trace"]),
        Is("\"warn\""),
        Some("--log-level"),
        "The minimum severity of log entries. `-v` lowers it; `RUST_LOG` overrides both.",
    ),
    key(
        "logging.format",
        ValueKind::Choice(&["text", "json"]),
        Is("\"text\""),
        Some("--log-format"),
        "The format of log entries.",
    ),
    key(
        "logging.file",
        ValueKind::Path,
        Unset { means: "standard error", example: "\"/var/log/tfs.log\"" },
        Some("--log-file"),
        "Write the log to a file. A background mount logs nowhere else.",
    ),
];

const PRELOAD: [Key; 3] = [
    key(
        "preload.patterns",
        ValueKind::Patterns,
        Unset { means: "none", example: "[\"**/*.mkv\"]" },
        None,
        "Globs of the files to preload. A glob with a slash matches the path in the mount, others \
         the name.",
    ),
    key(
        "preload.head",
        ValueKind::Size { min: 1 },
        Unset { means: "whole files, or only the tail", example: "\"8MiB\"" },
        None,
        "How much to preload from the beginning of each file.",
    ),
    key(
        "preload.tail",
        ValueKind::Size { min: 1 },
        Unset { means: "whole files, or only the head", example: "\"1MiB\"" },
        None,
        "How much to preload from the end of each file.",
    ),
];

/// Returns all keys.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// Returns the key of a full name such as `read.timeout`.
#[must_use]
pub fn find_key(name: &str) -> Option<&'static Key> {
    keys().find(|key| key.name == name)
}

/// Returns the variable that sets a key of a section that is no list.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', SEPARATOR))
}

impl Section {
    /// Returns its heading in a file.
    #[must_use]
    pub fn heading(&self) -> String {
        if self.is_list { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }
}

impl Key {
    /// Returns the name without its section.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// Returns the name without its keys.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }

    /// Returns the effect of having no value, if the key may have none.
    #[must_use]
    pub fn effect_if_unset(&self) -> Option<&'static str> {
        match self.default {
            Unset { means, .. } => Some(means),
            Is(_) | Required(_) => None,
        }
    }

    /// Returns its flag for messages, or its name if it has none.
    pub(super) fn flag_name(&self) -> String {
        self.flag.unwrap_or(self.name).to_owned()
    }

    /// Returns the variable that sets it: for keys of a list, that of the only server.
    fn variable(&self) -> Option<String> {
        let is_in_list =
            SECTIONS.iter().any(|section| section.is_list && section.name == self.section());
        if !is_in_list {
            return Some(variable_of(self.name));
        }
        let short = match self.name {
            "server.url" => "TFS_SERVER",
            "server.username" => "TFS_USERNAME",
            "server.password_file" => "TFS_PASSWORD_FILE",
            _ => return None,
        };
        Some(short.to_owned())
    }

    /// Returns the help text of its flag: the description, the variable and the default.
    #[must_use]
    pub fn help(&self) -> String {
        let about = self.about.replace('`', "");
        let about = about.trim_end_matches('.');
        let variable = self.variable().map(|name| format!(" [env: {name}]"));
        let about = format!("{about}{}", variable.unwrap_or_default());
        match self.default {
            Is("false" | "[]") | Required(_) => about,
            Is(default) => format!("{about} [default: {}]", default.trim_matches('"')),
            Unset { means, .. } => format!("{about} [default: {}]", means.replace('`', "")),
        }
    }
}
