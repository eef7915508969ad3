//! `tfs mount`: in the foreground until the mount ends, or in the background once it answers.

use std::net::SocketAddr;
use std::path::absolute;
use std::process::Stdio;

use eyre::WrapErr as _;
#[cfg(feature = "embedded")]
use tfs_api::status::EMBEDDED_NAME;
use tfs_config::{Loaded, MountSection};
use tfs_service::control::{ControlServer, MonitoringServer, MountRegistry};
use tfs_service::service_manager::{ManagerNotice, Watchdog, notify};
use tfs_service::{
    ArrServer, ArrSettings, FrontSettings, HookSettings, Hooks, LibraryPlace, MountServer,
    MountSettings, PageServer, PageSettings, RootContents, RunningMount, WatchFolders,
    WatchSettings, hook_settings,
};
#[cfg(feature = "embedded")]
use tfs_service::{ServerChoice, TorrentInput};
use tokio::sync::Notify;

#[cfg(feature = "embedded")]
use crate::args::EmbeddedArgs;
use crate::args::MountArgs;
use crate::background::{self, ProcessRole};
use crate::logging::Level;
use crate::output;
use crate::report::{self, UserError, settings_error};
use crate::signals::{Hangup, ServiceSignal, ServiceSignals};
use crate::{exit, front_lines, run_service};

/// Runs the command. `level` controls the log.
pub(crate) fn run(args: &MountArgs, loaded: &Loaded, level: &Level) -> eyre::Result<u8> {
    let role = if args.foreground { ProcessRole::Foreground } else { background::role() };
    match role {
        ProcessRole::Parent => {
            background::spawn(args.daemon_timeout, &args.mountpoint, stdin(args))
        }
        ProcessRole::Foreground | ProcessRole::Child => {
            if role == ProcessRole::Child {
                background::leave_terminal()?;
            }
            let settings = settings(args, loaded)?;
            let intake = MountIntake::of(loaded, &settings);
            run_service(serve(settings, intake, role, level))
        }
    }
}

/// What the process of a mount does besides the mount.
#[derive(Default)]
pub(crate) struct MountIntake {
    /// The address of the metrics.
    listen: Option<SocketAddr>,
    watches: Vec<WatchSettings>,
    arr: Option<ArrSettings>,
    page: Option<PageSettings>,
    hooks: Vec<HookSettings>,
}

impl MountIntake {
    /// Returns that of a process with one mount.
    pub(crate) fn of(loaded: &Loaded, settings: &MountSettings) -> Self {
        Self {
            listen: loaded.settings.monitoring.listen,
            watches: WatchSettings::of_mount(loaded, &settings.servers),
            arr: ArrSettings::of_mount(loaded, &settings.servers),
            page: PageSettings::of(loaded),
            hooks: hook_settings(loaded),
        }
    }
}

/// Parses the arguments. Paths become absolute, since the process changes its directory later.
fn settings(args: &MountArgs, loaded: &Loaded) -> eyre::Result<MountSettings> {
    let path = absolute(&args.mountpoint).wrap_err("cannot use the mount point")?;
    let mount = loaded.mount_at(&path).map_err(settings_error)?;
    #[cfg(feature = "embedded")]
    let embedded = embedded_server(&args.embedded, loaded)?;
    #[cfg(not(feature = "embedded"))]
    let embedded = None;
    let servers = servers(embedded, loaded, &mount)?;
    let mut settings = MountSettings::with_servers(&loaded.settings, &mount, servers);
    settings.fronts = FrontSettings::of_mount(loaded, &mount).map_err(settings_error)?;
    check_root(&settings)?;
    if let Some(drop) = &mut settings.drop {
        drop.path = absolute(&drop.path).wrap_err("cannot use the directory of --drop")?;
        // A program that copies into the directory must not find it unmounted.
        drop.is_required = true;
    }
    // The waiting process must get an answer before its time limit.
    settings.first_look_max = args.library.connect_timeout.min(args.daemon_timeout / 2);
    settings.requires_servers = args.library.require_server;
    Ok(settings)
}

/// Returns the standard input of the background process: empty, unless a torrent is read from it.
fn stdin(args: &MountArgs) -> Stdio {
    #[cfg(feature = "embedded")]
    if args.embedded.add.iter().any(|text| TorrentInput::parse(text).is_stdin()) {
        return Stdio::inherit();
    }
    let _: &MountArgs = args;
    Stdio::null()
}

/// Checks that the root is not empty for lack of views.
pub(crate) fn check_root(settings: &MountSettings) -> eyre::Result<()> {
    if settings.root == RootContents::Views && settings.views.is_none() {
        let error =
            UserError::new(exit::CONFIG_INVALID, "the root would be empty: there are no views");
        return Err(error.with_hint("add [[view]] sections with: tfs config edit").into());
    }
    Ok(())
}

/// Returns the embedded server, if there is to be one.
#[cfg(feature = "embedded")]
pub(crate) fn embedded_server(
    args: &EmbeddedArgs,
    loaded: &Loaded,
) -> eyre::Result<Option<MountServer>> {
    let Some(dir) = &args.embedded else { return Ok(None) };
    let choice = ServerChoice::Embedded(tfs_service::EmbeddedSettings {
        dir: absolute(dir).wrap_err("cannot use the directory of --embedded")?,
        add: args.add.iter().map(|text| TorrentInput::parse(text)).collect(),
        is_online: !args.offline,
    });
    let section = loaded.unlisted_server().map_err(settings_error)?;
    Ok(Some(MountServer {
        on_demand: tfs_service::on_demand::OnDemandChoice::default(),
        name: EMBEDDED_NAME.to_owned(),
        choice,
        streams_max: section.max_streams,
        local_paths: section.local_paths,
    }))
}

/// Returns the embedded server, or those that the command line, the environment and the
/// configuration select.
pub(crate) fn servers(
    embedded: Option<MountServer>,
    loaded: &Loaded,
    mount: &MountSection,
) -> eyre::Result<Vec<MountServer>> {
    if let Some(embedded) = embedded {
        return Ok(vec![embedded]);
    }
    let chosen = loaded.choose_servers(&mount.servers).map_err(settings_error)?;
    Ok(chosen.into_iter().map(MountServer::from).collect())
}

/// Mounts and serves until the mount ends or a signal asks for its end.
pub(crate) async fn serve(
    settings: MountSettings,
    intake: MountIntake,
    role: ProcessRole,
    level: &Level,
) -> eyre::Result<u8> {
    let mut signals = ServiceSignals::new(Hangup::of_this_process())?;
    let mounts = MountRegistry::default();
    let fronts = settings.fronts.clone();
    let mount = tokio::select! {
        mount = RunningMount::start(settings, &mounts) => mount?,
        () = signals.end() => return Ok(exit::FAILURE),
        never = output::spinner("waiting for the torrents of the server") => match never {},
    };
    let status = match mount.place() {
        LibraryPlace::Mounted(_) => format!("mounted on {}", mount.place()),
        LibraryPlace::Served(name) => format!("serving on {name}"),
    };
    // The listeners open before the mount is reported as ready.
    let mut doors = Listeners::open(mounts, intake).await;
    for down in mount.servers_down() {
        report::warn_of_server(down);
    }
    for name in mount.magnets() {
        output::note(&format!(
            "looking for peers of {name}; it appears when a peer has sent its metadata"
        ));
    }
    for warning in mount.budget_warnings() {
        output::warning(&warning.message, &warning.hint);
    }
    if let Some(timeout) = mount.kernel_timeout() {
        report::warn_of_kernel_timeout(&timeout);
    }
    if role == ProcessRole::Child && background::ready().is_err() {
        tracing::info!("the command that started the mount has ended; unmounting");
        mount.stop().await?;
        return Ok(exit::FAILURE);
    }
    match mount.place() {
        LibraryPlace::Mounted(_) if role == ProcessRole::Foreground => {
            output::note_to_terminal(&format!("{status}; Ctrl-C unmounts it"));
        }
        LibraryPlace::Mounted(_) => {}
        LibraryPlace::Served(_) => front_lines::announce(&mount.status().fronts, &fronts)?,
    }
    notify(match role {
        ProcessRole::Child => ManagerNotice::ReadyAsMain { status: &status },
        ProcessRole::Foreground | ProcessRole::Parent => ManagerNotice::Ready { status: &status },
    });
    tokio::select! {
        ended = mount.ended() => ended?,
        () = heed(&mut signals, &mount, level) => {}
        () = feed_watchdog(&mount) => {}
    }
    notify(ManagerNotice::Stopping);
    // They would report the end of an embedded server as a failure.
    doors.watch_folders = WatchFolders::default();
    let stopped = mount.stop().await;
    // This answers the processes that requested the end.
    doors.close().await;
    stopped?;
    Ok(exit::SUCCESS)
}

/// Handles signals until one requests the end. A reload signal reopens the log file and polls the
/// servers: a mount has no other external state. Only the daemon reloads the configuration.
async fn heed(signals: &mut ServiceSignals, mount: &RunningMount, level: &Level) {
    let (wanted, refresher) = (Notify::new(), mount.refresher());
    let refreshing = async {
        loop {
            wanted.notified().await;
            let looks = refresher.look_now().await;
            let failed = looks.iter().filter(|look| look.is_err()).count();
            tracing::info!(servers = looks.len(), failed, "polled the servers after SIGHUP");
        }
    };
    let taking = async {
        while signals.next().await == ServiceSignal::Reload {
            level.reopen();
            // Several signals in a row cause one poll.
            wanted.notify_one();
        }
    };
    tokio::select! {
        () = refreshing => {}
        () = taking => {}
    }
}

/// Notifies the watchdog of the service manager, if there is one, while the mount answers. Never
/// returns.
async fn feed_watchdog(mount: &RunningMount) {
    match Watchdog::from_environment() {
        Some(watchdog) => watchdog.watch(async || mount.answers().await).await,
        None => std::future::pending().await,
    }
}

/// The optional parts of the process: control socket, monitoring endpoint, watch folders, the page,
/// hooks, and the listener for Sonarr and Radarr. A mount can run without them.
pub(crate) struct Listeners {
    control: ControlServer,
    monitoring: Option<MonitoringServer>,
    arr: Option<ArrServer>,
    page: Option<PageServer>,
    watch_folders: WatchFolders,
    hooks: Hooks,
    mounts: MountRegistry,
}

impl Listeners {
    /// Opens the listeners, and begins to watch folders. Failures are logged.
    pub(crate) async fn open(mounts: MountRegistry, intake: MountIntake) -> Self {
        let MountIntake { listen, watches, arr, page, hooks: wanted_hooks } = intake;
        let mut hooks = Hooks::default();
        mounts.set_hooks(&mut hooks, wanted_hooks);
        let mut watch_folders = WatchFolders::default();
        watch_folders.set(watches, &mounts).await;
        let arr = match arr {
            Some(settings) => ArrServer::start(settings, &mounts).await.map(Some),
            None => Ok(None),
        };
        let arr = arr.map_err(eyre::Report::new).inspect_err(|error| {
            tracing::warn!("Sonarr and Radarr are not served: failed to {error:#}");
        });
        let page = match page {
            Some(settings) => PageServer::start(settings, &mounts).await.map(Some),
            None => Ok(None),
        };
        let page = page.map_err(eyre::Report::new).inspect_err(|error| {
            tracing::warn!("no page: failed to {error:#}");
        });
        let control = ControlServer::start(mounts.clone()).await;
        let monitoring = match listen {
            Some(address) => MonitoringServer::start(address, mounts.clone(), None).await.map(Some),
            None => Ok(None),
        };
        let monitoring = monitoring.map_err(eyre::Report::new).inspect_err(|error| {
            tracing::warn!("metrics endpoint disabled: failed to {error:#}");
        });
        let (monitoring, arr) = (monitoring.ok().flatten(), arr.ok().flatten());
        let page = page.ok().flatten();
        Self { control, monitoring, arr, page, watch_folders, hooks, mounts }
    }

    /// Closes them, after pending requests are answered and hooks have made their last calls.
    pub(crate) async fn close(self) {
        self.mounts.end_hooks(self.hooks).await;
        if let Some(arr) = self.arr {
            arr.end().await;
        }
        if let Some(page) = self.page {
            page.end().await;
        }
        if let Some(monitoring) = self.monitoring {
            monitoring.end().await;
        }
        self.control.end().await;
    }
}
