//! The table of all configuration keys: the source of the checks, the defaults, the flags and the
//! documentation.

use super::ValueKind;

/// A section of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// The name in brackets.
    pub name: &'static str,
    /// Whether it is a list, with double brackets.
    pub is_list: bool,
    /// Its description.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// A key of a section.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The full name, such as `read.timeout`.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: ValueKind,
    /// Its default.
    pub default: DefaultValue,
    /// The command-line flag that sets it.
    pub flag: Option<&'static str>,
    /// Its description, in one sentence.
    pub about: &'static str,
}

/// The default of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// This value, as TOML.
    Is(&'static str),
    /// No value, with the meaning of that; and an example, as TOML.
    Unset {
        /// The effect of having no value.
        means: &'static str,
        /// An example.
        example: &'static str,
    },
    /// The key is required. This is an example, as TOML.
    Required(&'static str),
}

use DefaultValue::{Is, Required, Unset};

/// More streams do not help on any connection, and rqbit stops at eight.
const STREAMS_MAX: u64 = 256;

/// Less memory is not enough for one stream.
const MEMORY_BYTES_MIN: u64 = 1 << 20;

const IDS: ValueKind = ValueKind::Number { min: 0, max: u32::MAX as u64 };

const fn key(
    name: &'static str,
    kind: ValueKind,
    default: DefaultValue,
    flag: Option<&'static str>,
    about: &'static str,
) -> Key {
    Key { name, kind, default, flag, about }
}

/// All sections, in the order of the documentation.
pub const SECTIONS: [Section; 8] = [
    Section {
        name: "server",
        is_list: true,
        about: "Servers. One at `http://127.0.0.1:3030` if there is none.",
        keys: &SERVER,
    },
    Section {
        name: "mount",
        is_list: true,
        about: "Mounts: what `tfs mount` does at a path unless its flags say otherwise.",
        keys: &MOUNT,
    },
    Section { name: "read", is_list: false, about: "What reads do.", keys: &READ },
    Section {
        name: "metadata",
        is_list: false,
        about: "How soon changes on the server are seen.",
        keys: &METADATA,
    },
    Section { name: "cache", is_list: false, about: "What is kept in memory.", keys: &CACHE },
    Section {
        name: "monitoring",
        is_list: false,
        about: "Figures for monitoring.",
        keys: &MONITORING,
    },
    Section { name: "logging", is_list: false, about: "The log.", keys: &LOGGING },
    Section {
        name: "preload",
        is_list: false,
        about: "What is fetched before anybody reads it, when a torrent appears.",
        keys: &PRELOAD,
    },
];

const SERVER: [Key; 6] = [
    key("server.name", ValueKind::Name, Is("\"default\""), None, "What it is called."),
    key(
        "server.url",
        ValueKind::Url,
        Required("\"http://127.0.0.1:3030\""),
        Some("--server"),
        "Where the API of rqbit is; behind a proxy with its path.",
    ),
    key(
        "server.username",
        ValueKind::User,
        Unset { means: "no user name", example: "\"me\"" },
        Some("--username"),
        "The user name, if the server asks for one.",
    ),
    key(
        "server.password_file",
        ValueKind::Path,
        Unset { means: "`TFS_PASSWORD`", example: "\"/run/secrets/rqbit\"" },
        Some("--password-file"),
        "A file with the password in its first line.",
    ),
    key(
        "server.max_streams",
        ValueKind::Number { min: 1, max: STREAMS_MAX },
        Is("4"),
        Some("--max-streams"),
        "How many streams may be open on the server at a time. rqbit stops at eight.",
    ),
    key(
        "server.local_paths",
        ValueKind::LocalPaths,
        Is("\"auto\""),
        Some("--local-paths"),
        "How to find the server's files on this machine. `auto`: by the paths that the server \
         reports, if it is at an address of this machine. `off`: always read over HTTP. Or pairs \
         of the server's path and ours; at a prompt `FROM=TO`.",
    ),
];

const MOUNT: [Key; 8] = [
    key("mount.path", ValueKind::Path, Required("\"/mnt/t\""), None, "An empty directory."),
    key(
        "mount.servers",
        ValueKind::Names,
        Is("[]"),
        Some("--server"),
        "The servers whose torrents it shows, by their names; none for all there are.",
    ),
    key(
        "mount.layout",
        ValueKind::Choice(&["union", "by-server"]),
        Is("\"union\""),
        Some("--layout"),
        "How the torrents of several servers are shown: each once in the root, or in a directory \
         for each server.",
    ),
    key(
        "mount.allow_other",
        ValueKind::Switch,
        Is("false"),
        Some("--allow-other"),
        "Let other users in, such as the one that a media server runs as.",
    ),
    key(
        "mount.allow_non_empty",
        ValueKind::Switch,
        Is("false"),
        Some("--allow-non-empty"),
        "Mount over a directory with something in it, which is hidden meanwhile.",
    ),
    key(
        "mount.uid",
        IDS,
        Unset { means: "the user who mounts", example: "1000" },
        Some("--uid"),
        "The number of the user who owns all files.",
    ),
    key(
        "mount.gid",
        IDS,
        Unset { means: "the group of the user who mounts", example: "1000" },
        Some("--gid"),
        "The number of the group that owns all files.",
    ),
    key(
        "mount.umask",
        ValueKind::Mask,
        Is("\"000\""),
        Some("--umask"),
        "The permissions that are taken away from files (0444) and directories (0555).",
    ),
];

const READ: [Key; 7] = [
    key(
        "read.missing",
        ValueKind::Choice(&["wait", "fail"]),
        Is("\"wait\""),
        Some("--missing"),
        "What a read does whose data is not downloaded yet: wait for it, or fail at once.",
    ),
    key(
        "read.missing_errno",
        ValueKind::Choice(&["EIO", "EAGAIN", "ENODATA"]),
        Is("\"EIO\""),
        Some("--missing-errno"),
        "The error of a read whose data cannot come, or must not be waited for. Most programs \
         take EAGAIN for the end of the file, or repeat the read without end.",
    ),
    key(
        "read.timeout",
        ValueKind::Time,
        Is("\"60s\""),
        Some("--read-timeout"),
        "How long a read waits without progress: nothing of its torrent is downloaded.",
    ),
    key(
        "read.timeout_max",
        ValueKind::Time,
        Is("\"10m\""),
        Some("--read-timeout-max"),
        "How long a read waits at most while its torrent downloads; less than `timeout` counts as \
         that.",
    ),
    key(
        "read.readahead",
        ValueKind::Size { min: 0 },
        Is("\"256KiB\""),
        None,
        "How far the kernel reads ahead of a program; only a mount by root can change it. tfs \
         reads ahead of sequential readers besides.",
    ),
    key(
        "read.memory",
        ValueKind::Size { min: MEMORY_BYTES_MIN },
        Is("\"128MiB\""),
        Some("--memory"),
        "How much memory the buffers and the cache of a mount may take together.",
    ),
    key(
        "read.passthrough",
        ValueKind::Choice(&["auto", "off"]),
        Is("\"auto\""),
        Some("--passthrough"),
        "Whether the kernel reads complete files on this machine's disk itself: where it can and \
         may, or never.",
    ),
];

const METADATA: [Key; 8] = [
    key(
        "metadata.poll_interval",
        ValueKind::Time,
        Is("\"5s\""),
        Some("--poll-interval"),
        "How often the server is asked for new torrents.",
    ),
    key(
        "metadata.torrent_ttl",
        ValueKind::TimeOrNone,
        Is("\"60s\""),
        None,
        "How long the server's word on where a torrent's files are is believed. Their names and \
         lengths never change, and are asked for once.",
    ),
    key(
        "metadata.removal_delay",
        ValueKind::Days,
        Is("\"7d\""),
        None,
        "How long torrents stay listed that a restarted server does not list any more. One \
         torrent, or a few of many, go after a minute; all of them at once never go by themselves. \
         `tfs refresh --accept-removals` removes them now.",
    ),
    key(
        "metadata.attr_timeout",
        ValueKind::TimeOrNone,
        Is("\"1h\""),
        Some("--attr-timeout"),
        "How long the kernel keeps attributes. It is told of changes, so that long is not late.",
    ),
    key(
        "metadata.dir_cache_time",
        ValueKind::TimeOrNone,
        Is("\"1h\""),
        Some("--dir-cache-time"),
        "How long the kernel keeps names and listings. It is told of changes here too.",
    ),
    key(
        "metadata.show_control",
        ValueKind::Switch,
        Is("false"),
        Some("--show-control"),
        "Show the directory `.tfs` in listings of the root. It is there in any case.",
    ),
    key(
        "metadata.holes",
        ValueKind::Switch,
        Is("false"),
        Some("--holes"),
        "Tell programs that look for holes (`cp`, `tar -S`) what is not downloaded yet: they copy \
         zeros in its place.",
    ),
    key(
        "metadata.inode32",
        ValueKind::Switch,
        Is("false"),
        Some("--inode32"),
        "Use inode numbers below 2^32, for 32-bit programs that fail with `EOVERFLOW` on larger \
         ones. They stay the same after a remount as long as the state directory is kept.",
    ),
];

const CACHE: [Key; 1] = [key(
    "cache.memory_bytes",
    ValueKind::Size { min: 0 },
    Unset { means: "all of `read.memory` that buffers do not need", example: "\"64MiB\"" },
    None,
    "How much of `read.memory` may hold data that was read already.",
)];

const MONITORING: [Key; 1] = [key(
    "monitoring.listen",
    ValueKind::Listen,
    Unset { means: "off", example: "\"127.0.0.1:3031\"" },
    None,
    "Where metrics and health are served over HTTP.",
)];

const LOGGING: [Key; 3] = [
    key(
        "logging.level",
        ValueKind::Choice(&["error", "warn", "info", "debug", "trace"]),
        Is("\"warn\""),
        None,
        "What is logged. `-v` says more; `RUST_LOG` overrides both.",
    ),
    key(
        "logging.format",
        ValueKind::Choice(&["text", "json"]),
        Is("\"text\""),
        Some("--log-format"),
        "Whether the log is for people or for machines.",
    ),
    key(
        "logging.file",
        ValueKind::Path,
        Unset { means: "standard error", example: "\"/var/log/tfs.log\"" },
        Some("--log-file"),
        "Write the log to a file. A mount in the background has no other.",
    ),
];

const PRELOAD: [Key; 3] = [
    key(
        "preload.patterns",
        ValueKind::Patterns,
        Unset { means: "nothing", example: "[\"**/*.mkv\"]" },
        None,
        "Which files, as globs of their names, or with a slash in them of their paths in the mount.",
    ),
    key(
        "preload.head",
        ValueKind::Size { min: 1 },
        Unset { means: "whole files, or only the tail", example: "\"8MiB\"" },
        None,
        "How much from the beginning of each file.",
    ),
    key(
        "preload.tail",
        ValueKind::Size { min: 1 },
        Unset { means: "whole files, or only the head", example: "\"1MiB\"" },
        None,
        "How much from the end of each file.",
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

    /// Returns the help text of its flag: the description and the default.
    #[must_use]
    pub fn help(&self) -> String {
        let about = self.about.replace('`', "");
        let about = about.trim_end_matches('.');
        match self.default {
            Is("false" | "[]") | Required(_) => about.to_owned(),
            Is(default) => format!("{about} [default: {}]", default.trim_matches('"')),
            Unset { means, .. } => format!("{about} [default: {}]", means.replace('`', "")),
        }
    }
}
