//! Converts the settings of a configuration into those of a mount.

use std::sync::Arc;

use tfs_config::{
    ChosenServer, DiskUsageMode, DropRemoval, Loaded, MetadataSection, MissingData, MissingError,
    MountLayout, MountRoot, MountSection, PassthroughMode, Problem, ServeSection, Settings,
    TimesMode,
};
use tfs_sys::cgroup::memory_limit_bytes;
use vfs_core::{RootContents, RootLayout, TorrentTime};

use super::start::FIRST_LOOK_TIME_MAX;
use super::{MountServer, MountSettings, ServerChoice};
use crate::on_demand_records::OnDemandChoice;
use crate::{
    AttrOptions, DiskUsage, DropSettings, FrontSettings, MissingErrno, MissingPolicy,
    PollIntervals, PreloadSettings, ProgramPatterns, ReadPolicy, RemovalPolicy, SecurityContext,
};

/// Bytes in a KiB.
const KIB: u64 = 1024;

impl MountSettings {
    /// Returns the settings of a mount of the configuration. Reads the password files.
    ///
    /// # Errors
    /// If the choice of servers is ambiguous, or their credentials cannot be used; if a flag opens
    /// NFS to other machines without a token.
    pub fn of(loaded: &Loaded, mount: &MountSection) -> Result<Self, Problem> {
        let servers = loaded.servers_of(mount)?.into_iter().map(MountServer::from).collect();
        let fronts = FrontSettings::of_mount(loaded, mount)?;
        Ok(Self { fronts, ..Self::with_servers(&loaded.settings, mount, servers) })
    }

    /// Returns the settings of a `[[serve]]` section with a library of its own. Reads the files of
    /// passwords and tokens.
    ///
    /// # Errors
    /// If the choice of servers is ambiguous, or their credentials cannot be used.
    pub fn of_serve(loaded: &Loaded, section: &ServeSection) -> Result<Self, Problem> {
        let tree = loaded.tree_of_serve(section)?;
        let servers = loaded.servers_of(&tree)?.into_iter().map(MountServer::from).collect();
        Ok(Self {
            mountpoint: None,
            fronts: vec![FrontSettings::of(loaded, section)],
            drop: None,
            ..Self::with_servers(&loaded.settings, &tree, servers)
        })
    }

    /// Returns the settings of a mount without front ends, for servers that the caller has chosen.
    #[must_use]
    pub fn with_servers(
        settings: &Settings,
        mount: &MountSection,
        servers: Vec<MountServer>,
    ) -> Self {
        let servers = servers.into_iter().map(|server| server.of_mount(settings, mount)).collect();
        let Settings { read, metadata, cache, preload, .. } = settings;
        // A size above the address space is clamped to it.
        let bytes = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            mountpoint: Some(mount.path.clone()),
            fronts: Vec::new(),
            allow_other: mount.allow_other,
            allow_non_empty: mount.allow_non_empty,
            context: mount.context.as_deref().and_then(SecurityContext::new),
            servers,
            layout: match mount.layout {
                MountLayout::Union => RootLayout::Union,
                MountLayout::ByServer => RootLayout::ByServer,
            },
            // Loaded settings have been compiled once, so that there is no error left.
            views: settings.compile_views(mount).ok().filter(|it| !it.is_empty()).map(Arc::new),
            root: match settings.root_of(mount) {
                MountRoot::Flat => RootContents::Flat,
                MountRoot::Views => RootContents::Views,
                MountRoot::Both => RootContents::Both,
            },
            read: ReadPolicy {
                timeout: read.timeout,
                timeout_max: read.timeout_max,
                missing: match read.missing {
                    MissingData::Wait => MissingPolicy::Wait,
                    MissingData::Fail => MissingPolicy::Fail,
                },
                memory_bytes_max: read.memory_bytes.map_or_else(default_memory, bytes),
                cache_bytes_max: cache.memory_bytes.map(bytes),
                bytes_per_second_max: read.bytes_per_second_max,
            },
            missing_errno: match read.missing_errno {
                MissingError::Eio => MissingErrno::Eio,
                MissingError::Eagain => MissingErrno::Eagain,
                MissingError::Enodata => MissingErrno::Enodata,
            },
            refused_programs: ProgramPatterns::new(&read.refused_programs),
            read_ahead_kb: u32::try_from(read.readahead_bytes.div_ceil(KIB)).unwrap_or(u32::MAX),
            may_pass_through: read.passthrough == PassthroughMode::Auto,
            show_control: metadata.show_control,
            inode32: metadata.inode32,
            times: match metadata.times {
                TimesMode::Created => TorrentTime::Created,
                TimesMode::Added => TorrentTime::Added,
                TimesMode::Finished => TorrentTime::Finished,
            },
            poll_intervals: PollIntervals {
                usual: metadata.poll_interval,
                idle: metadata.poll_interval_idle,
            },
            torrent_ttl: metadata.torrent_ttl,
            removal_delay: metadata.removal_delay,
            first_look_max: FIRST_LOOK_TIME_MAX,
            requires_servers: false,
            appearance: attr_options(metadata, mount),
            state_dir: None,
            preload: PreloadSettings {
                patterns: preload.patterns.clone(),
                head_bytes: preload.head_bytes,
                tail_bytes: preload.tail_bytes,
            },
            next: read.next,
            drop: drop_settings(mount),
        }
    }
}

fn drop_settings(mount: &MountSection) -> Option<DropSettings> {
    mount.drop.as_ref().map(|path| DropSettings {
        path: path.clone(),
        is_required: false,
        allow_non_empty: mount.allow_non_empty,
        removal: match mount.drop_remove {
            DropRemoval::Off => RemovalPolicy::Off,
            DropRemoval::Forget => RemovalPolicy::Forget,
        },
        gid: mount.drop_gid,
        may_fetch: mount.allow_urls,
    })
}

/// Returns the memory of a mount without a setting, in bytes: the default of the core, or a quarter
/// of what the control group allows. The rest is for names, and for whatever else runs there.
fn default_memory() -> usize {
    memory_within(memory_limit_bytes())
}

fn memory_within(limit_bytes: Option<u64>) -> usize {
    let default = ReadPolicy::default().memory_bytes_max;
    let share = limit_bytes.and_then(|limit| usize::try_from(limit / 4).ok());
    share.map_or(default, |share| share.min(default))
}

fn attr_options(metadata: &MetadataSection, mount: &MountSection) -> AttrOptions {
    let default = AttrOptions::default();
    AttrOptions {
        uid: mount.uid.unwrap_or(default.uid),
        gid: mount.gid.unwrap_or(default.gid),
        umask: mount.umask,
        shows_holes: metadata.holes,
        disk_usage: match metadata.disk_usage {
            DiskUsageMode::None => DiskUsage::None,
            DiskUsageMode::Downloaded => DiskUsage::Downloaded,
        },
        attr_ttl: metadata.attr_timeout,
        entry_ttl: metadata.dir_cache_time,
        ..default
    }
}

impl MountServer {
    /// Applies the rules of the configuration and the setting of a mount to how torrents are added.
    fn of_mount(self, settings: &Settings, mount: &MountSection) -> Self {
        let on_demand = self.on_demand.of_mount(settings, self.name.clone(), mount.on_demand);
        Self { on_demand, ..self }
    }
}

impl From<ChosenServer> for MountServer {
    fn from(ChosenServer { section, connection, .. }: ChosenServer) -> Self {
        Self {
            name: section.name,
            choice: ServerChoice::Remote(connection),
            streams_max: section.max_streams,
            local_paths: section.local_paths,
            on_demand: OnDemandChoice::always(section.on_demand.mode()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use vfs_core::Arrangement as _;

    use super::*;
    use crate::READ_AHEAD_KB_DEFAULT;
    use tfs_config::Sources;

    /// Loads a file with one server, one mount and these sections.
    fn settings_of(more: &str) -> MountSettings {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.toml");
        let text = format!("{more}\n[[mount]]\npath = \"/m\"\n");
        fs::write(&path, text).unwrap();
        let sources = Sources { named_file: Some(path), ..Sources::default() };
        let loaded = sources.load().unwrap();
        let [mount] = loaded.settings.mounts.as_slice() else { panic!("one mount") };
        MountSettings::of(&loaded, mount).unwrap()
    }

    #[test]
    fn a_memory_limit_of_the_system_lowers_the_default() {
        for (limit_mib, want_mib) in
            [(None, 128), (Some(64 << 10), 128), (Some(256), 64), (Some(100), 25)]
        {
            let limit = limit_mib.map(|mib: u64| mib << 20);
            assert_eq!(memory_within(limit), want_mib << 20, "{limit_mib:?}");
        }
    }

    #[test]
    fn what_is_not_set_is_as_without_a_configuration() {
        let settings = settings_of("");
        assert_eq!(settings.read, ReadPolicy::default());
        assert!(settings.may_pass_through);
        assert_eq!(settings.missing_errno, MissingErrno::Eio);
        let is_refused = |name| settings.refused_programs.match_command(name);
        assert!(is_refused("updatedb") && is_refused("baloo_file") && !is_refused("mpv"));
        assert_eq!(settings.read_ahead_kb, READ_AHEAD_KB_DEFAULT);
        assert_eq!(settings.appearance, AttrOptions::default());
        let [server] = settings.servers.as_slice() else { panic!("one server") };
        assert_eq!(server.streams_max, crate::STREAMS_MAX_DEFAULT);
        assert_eq!(settings.torrent_ttl, crate::TORRENT_TTL_DEFAULT);
        assert_eq!(settings.removal_delay, crate::REMOVAL_DELAY_DEFAULT);
    }

    #[test]
    fn what_is_set_reaches_the_mount() {
        let settings = settings_of(
            "[read]\npassthrough = \"off\"\nrefused_programs = [\"scan*\"]\n\
             missing = \"fail\"\nmissing_errno = \"ENODATA\"\n\
             timeout = \"7s\"\nreadahead = \"100KB\"\n\
             memory = \"64MiB\"\n[cache]\nmemory_bytes = \"0\"\n[metadata]\nholes = true\n\
             inode32 = true\ntimes = \"finished\"\n\
             torrent_ttl = \"0s\"\nremoval_delay = \"1d\"\n\
             [[server]]\nurl = \"http://h\"\nmax_streams = 2\n\
             local_paths = [[\"/downloads\", \"/srv\"]]\n",
        );
        assert_eq!(settings.read.missing, MissingPolicy::Fail);
        assert_eq!(settings.missing_errno, MissingErrno::Enodata);
        assert_eq!(settings.refused_programs, ProgramPatterns::new(["scan*"]));
        assert!(!settings.may_pass_through);
        assert_eq!(settings.read.timeout.as_secs(), 7);
        assert_eq!(settings.read.memory_bytes_max, 64 << 20);
        assert_eq!(settings.read.cache_bytes_max, Some(0));
        // A fraction of a KiB is rounded up.
        assert_eq!(settings.read_ahead_kb, 98);
        assert!(settings.appearance.shows_holes && settings.inode32);
        assert_eq!(settings.times, TorrentTime::Finished);
        assert!(settings.torrent_ttl.is_zero());
        assert_eq!(settings.removal_delay.as_secs(), 86400);
        assert_eq!(settings.servers[0].streams_max, 2);
        let pair = ("/downloads".into(), "/srv".into());
        assert_eq!(settings.servers[0].local_paths, crate::LocalPaths::Mapped(vec![pair]));
    }

    #[test]
    fn views_reach_the_mount_and_a_change_of_a_rule_makes_other_settings() {
        let none = settings_of("");
        assert_eq!((none.views, none.root), (None, RootContents::Flat));
        let of = |rule: &str| settings_of(&format!("[[view]]\nname = \"A\"\n{rule}\n"));
        let films = of("kind = \"film\"");
        assert_eq!(films.root, RootContents::Both);
        assert_eq!(films.views.as_ref().unwrap().view_names(), ["A", "Other"]);
        assert_eq!(films, of("kind = [\"film\"]"));
        assert_ne!(films, of("kind = \"show\""));
        assert_ne!(films, of("kind = \"film\"\ndedupe = true"));
    }

    #[test]
    fn a_mount_has_its_own_servers_whatever_the_environment_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.toml");
        let text = "[[server]]\nname = \"a\"\nurl = \"http://a\"\n\
                    [[server]]\nname = \"b\"\nurl = \"http://b\"\n\
                    [[mount]]\npath = \"/b\"\nservers = [\"b\"]\n\
                    [[mount]]\npath = \"/any\"\n";
        fs::write(&path, text).unwrap();
        let url = |variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
            let named_file = Some(path.clone());
            let sources =
                Sources { named_file, variables: variables.collect(), ..Sources::default() };
            let loaded = sources.load().unwrap();
            let mounts = loaded.settings.mounts.iter();
            let urls = mounts.map(|mount| {
                let chosen = loaded.servers_of(mount).unwrap().into_iter();
                let urls: Vec<_> = chosen.map(|chosen| chosen.section.url.to_string()).collect();
                urls.join(" ")
            });
            urls.collect::<Vec<_>>()
        };
        assert_eq!(url(&[("TFS_SERVER", "http://c")]), ["http://b/", "http://c/"]);
        assert_eq!(url(&[]), ["http://b/", "http://a/ http://b/"]);
    }
}
