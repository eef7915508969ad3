//! The validated settings that the program uses.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use rqbit_client::BaseUrl;
use rqbit_source::LocalPaths;
use serde::{Deserialize, Deserializer};

use super::Secret;
use super::mount_layout::MountLayout;
use super::on_demand::{OnDemandRuleSection, OnDemandSetting};
use super::serve_section::ServeSection;
use super::units::{de_long_time, de_mask, de_rate, de_size, de_size_if_set, de_text, de_time};
use super::view_section::ViewSection;

/// All settings. The table of [`keys`](super::keys) documents each key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct Settings {
    #[serde(rename = "server")]
    pub servers: Vec<ServerSection>,
    #[serde(rename = "mount")]
    pub mounts: Vec<MountSection>,
    #[serde(rename = "view")]
    pub views: Vec<ViewSection>,
    #[serde(rename = "on_demand")]
    pub on_demand_rules: Vec<OnDemandRuleSection>,
    #[serde(rename = "watch")]
    pub watches: Vec<WatchSection>,
    #[serde(rename = "hook")]
    pub hooks: Vec<HookSection>,
    #[serde(rename = "serve")]
    pub serves: Vec<ServeSection>,
    pub read: ReadSection,
    pub metadata: MetadataSection,
    pub cache: CacheSection,
    pub monitoring: MonitoringSection,
    pub web: WebSection,
    pub arr: ArrSection,
    pub logging: LoggingSection,
    pub preload: PreloadSection,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct ServerSection {
    pub name: String,
    #[serde(deserialize_with = "de_text")]
    pub url: BaseUrl,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    #[serde(default)]
    pub headers: Vec<Secret>,
    pub proxy: Option<Secret>,
    pub max_streams: usize,
    #[serde(deserialize_with = "de_local_paths")]
    pub local_paths: LocalPaths,
    pub on_demand: OnDemandSetting,
}

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct MountSection {
    pub path: PathBuf,
    pub servers: Vec<String>,
    pub layout: MountLayout,
    pub root: Option<MountRoot>,
    pub rest_view: String,
    pub allow_other: bool,
    pub allow_non_empty: bool,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    #[serde(deserialize_with = "de_mask")]
    pub umask: u16,
    pub context: Option<String>,
    pub drop: Option<PathBuf>,
    pub drop_remove: DropRemoval,
    pub drop_gid: Option<u32>,
    pub allow_urls: bool,
    pub webdav: Option<SocketAddr>,
    pub nfs: Option<SocketAddr>,
    pub on_demand: Option<OnDemandSetting>,
}

/// What removing a file from a drop folder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DropRemoval {
    /// It is refused.
    Off,
    /// The server forgets the torrent, and keeps its files.
    Forget,
}

/// A watch folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct WatchSection {
    pub dir: PathBuf,
    pub server: Option<String>,
    pub paused: bool,
    pub recursive: bool,
    pub remove_added: bool,
    pub allow_urls: bool,
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct HookSection {
    pub on: Vec<HookEvent>,
    pub name: Option<String>,
    pub command: Option<Vec<String>>,
    pub url: Option<Secret>,
    pub method: HookMethod,
    #[serde(default)]
    pub headers: Vec<Secret>,
    pub body: Option<HookBodyMode>,
    #[serde(deserialize_with = "de_time")]
    pub timeout: Duration,
}

/// An event that a hook is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the guide of hooks describes each")]
pub enum HookEvent {
    TorrentAdded,
    TorrentFinished,
    TorrentRemoved,
    TreeChanged,
    ServerDown,
    ServerUp,
}

/// The method of a hook's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they are those of HTTP")]
pub enum HookMethod {
    Get,
    Post,
    Put,
}

/// The body of a hook's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookBodyMode {
    /// The list of events.
    Json,
    /// A message for people.
    Text,
    /// None.
    None,
}

/// What the root of a mount shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountRoot {
    /// The torrents, or the directories of servers.
    Flat,
    /// The views.
    Views,
    /// The views, and after them what `Flat` shows.
    Both,
}

/// Settings of reads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct ReadSection {
    pub missing: MissingData,
    pub missing_errno: MissingError,
    #[serde(deserialize_with = "de_time")]
    pub timeout: Duration,
    #[serde(deserialize_with = "de_time")]
    pub timeout_max: Duration,
    #[serde(rename = "readahead", deserialize_with = "de_size")]
    pub readahead_bytes: u64,
    #[serde(rename = "memory", default, deserialize_with = "de_size_if_set")]
    pub memory_bytes: Option<u64>,
    #[serde(rename = "bandwidth", deserialize_with = "de_rate")]
    pub bytes_per_second_max: Option<NonZeroU64>,
    pub passthrough: PassthroughMode,
    pub next: NextMode,
    pub refused_programs: Vec<String>,
}

/// What is downloaded of the next episode while one is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NextMode {
    /// Nothing.
    Off,
    /// What a player needs to start.
    Head,
    /// All of it.
    Whole,
}

/// Whether the kernel may read complete local files itself (passthrough).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PassthroughMode {
    /// If possible and permitted.
    Auto,
    /// Never.
    Off,
}

/// How a read of data that is not downloaded behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingData {
    /// It waits until the data arrives or the deadline expires.
    Wait,
    /// It fails at once.
    Fail,
}

/// The error of a read of missing data that must not be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MissingError {
    /// An input/output error, which every program handles.
    Eio,
    /// For programs that retry later.
    Eagain,
    /// For programs that distinguish this error from one of the server.
    Enodata,
}

/// Settings of discovery and of metadata caches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct MetadataSection {
    #[serde(deserialize_with = "de_time")]
    pub poll_interval: Duration,
    #[serde(deserialize_with = "de_time")]
    pub poll_interval_idle: Duration,
    #[serde(deserialize_with = "de_time")]
    pub torrent_ttl: Duration,
    #[serde(deserialize_with = "de_long_time")]
    pub removal_delay: Duration,
    #[serde(deserialize_with = "de_time")]
    pub attr_timeout: Duration,
    #[serde(deserialize_with = "de_time")]
    pub dir_cache_time: Duration,
    pub show_control: bool,
    pub holes: bool,
    pub inode32: bool,
    pub disk_usage: DiskUsageMode,
    pub times: TimesMode,
}

/// Which time the files of a torrent show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimesMode {
    /// The creation date of the torrent.
    Created,
    /// When it was first seen.
    Added,
    /// When it was first seen complete.
    Finished,
}

/// What `df` shows as used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskUsageMode {
    /// Nothing: the mount itself uses no disk.
    None,
    /// What is downloaded; what is missing is available.
    Downloaded,
}

/// Settings of the memory and of caches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct CacheSection {
    #[serde(default, deserialize_with = "de_size_if_set")]
    pub memory_bytes: Option<u64>,
}

/// Settings of the metrics endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct MonitoringSection {
    pub listen: Option<SocketAddr>,
}

/// Settings of the page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct WebSection {
    pub listen: Option<SocketAddr>,
    pub token_file: Option<PathBuf>,
    pub control: bool,
    pub hosts: Vec<String>,
}

/// Settings of the listener for Sonarr and Radarr.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct ArrSection {
    pub listen: Option<SocketAddr>,
    pub server: Option<String>,
    pub allow_delete: bool,
}

/// Settings of the log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct LoggingSection {
    pub level: LogLevel,
    pub format: LogFormat,
    pub file: Option<PathBuf>,
}

/// The minimum level of log messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "everybody knows them")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For users: a line for each event.
    Text,
    /// For programs: a JSON object for each event.
    Json,
}

/// Settings of automatic preloads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct PreloadSection {
    #[serde(default)]
    pub patterns: Vec<String>,
    #[serde(rename = "head", default, deserialize_with = "de_size_if_set")]
    pub head_bytes: Option<u64>,
    #[serde(rename = "tail", default, deserialize_with = "de_size_if_set")]
    pub tail_bytes: Option<u64>,
}

/// Deserializes the mapping of local paths: a word or a list of pairs.
fn de_local_paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LocalPaths, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        ModeName(ModeName),
        Pairs(Vec<(PathBuf, PathBuf)>),
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum ModeName {
        Auto,
        Off,
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::ModeName(ModeName::Auto) => LocalPaths::Auto,
        Form::ModeName(ModeName::Off) => LocalPaths::Off,
        Form::Pairs(pairs) => LocalPaths::Mapped(pairs),
    })
}
