//! `tfs mount`: in the foreground until it ends, or in the background once it answers.

use std::path::absolute;

use eyre::WrapErr as _;
use tfs_service::service_manager::{Notice, Watchdog, notify};
use tfs_service::{
    Appearance, MissingPolicy, MountSettings, ReadPolicy, RunningMount, ServerChoice,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{Missing, MountArgs};
use crate::background::{self, Role};
use crate::{exit, report, runtime};

/// Runs the command.
pub(crate) fn run(args: &MountArgs) -> eyre::Result<u8> {
    let role = if args.foreground { Role::Foreground } else { background::role() };
    match role {
        Role::Parent => background::spawn(args.daemon_timeout),
        Role::Foreground | Role::Child => {
            if role == Role::Child {
                background::leave_terminal()?;
            }
            let settings = settings(args)?;
            runtime()?.block_on(serve(settings, role))
        }
    }
}

/// Understands the arguments. Paths become absolute: the process changes its directory later.
fn settings(args: &MountArgs) -> eyre::Result<MountSettings> {
    let server = server(args)?;
    Ok(MountSettings {
        mountpoint: absolute(&args.mountpoint).wrap_err("cannot use the mount point")?,
        server,
        allow_other: args.allow_other,
        allow_non_empty: args.allow_non_empty,
        streams_max: args.max_streams,
        read: ReadPolicy {
            timeout: args.read_timeout,
            missing: match args.missing {
                Missing::Wait => MissingPolicy::Wait,
                Missing::Fail => MissingPolicy::Fail,
            },
            memory_bytes_max: args.memory,
        },
        show_control: args.show_control,
        poll_interval: args.poll_interval,
        appearance: Appearance::default(),
        state_dir: None,
    })
}

#[cfg(feature = "embedded")]
fn server(args: &MountArgs) -> eyre::Result<ServerChoice> {
    use tfs_service::{EmbeddedSettings, TorrentInput};

    let Some(dir) = &args.embedded.embedded else {
        return Ok(ServerChoice::Remote(args.server.settings()?));
    };
    Ok(ServerChoice::Embedded(EmbeddedSettings {
        dir: absolute(dir).wrap_err("cannot use the directory of --embedded")?,
        add: args.embedded.add.iter().map(|text| TorrentInput::parse(text)).collect(),
        is_online: !args.embedded.offline,
    }))
}

#[cfg(not(feature = "embedded"))]
fn server(args: &MountArgs) -> eyre::Result<ServerChoice> {
    Ok(ServerChoice::Remote(args.server.settings()?))
}

/// Mounts and serves until the mount ends or a signal asks for its end.
async fn serve(settings: MountSettings, role: Role) -> eyre::Result<u8> {
    let mut signals = Signals::new()?;
    let status = format!("mounted on {}", settings.mountpoint.display());
    let mount = tokio::select! {
        mount = RunningMount::start(settings) => mount?,
        () = signals.next() => return Ok(exit::FAILURE),
    };
    if let Some(down) = mount.server_down() {
        report::warn_of_server(down);
    }
    if role == Role::Child && background::ready().is_err() {
        tracing::info!("nobody waits for the mount any more");
        mount.stop().await?;
        return Ok(exit::FAILURE);
    }
    notify(match role {
        Role::Child => Notice::ReadyAsMain { status: &status },
        Role::Foreground | Role::Parent => Notice::Ready { status: &status },
    });
    tokio::select! {
        ended = mount.ended() => ended?,
        () = signals.next() => {}
        () = prove_life(&mount) => {}
    }
    notify(Notice::Stopping);
    mount.stop().await?;
    Ok(exit::SUCCESS)
}

/// Tells the service manager that the mount answers, for as long as it wants to hear it and it is
/// true. Never ends.
async fn prove_life(mount: &RunningMount) {
    match Watchdog::from_environment() {
        Some(watchdog) => watchdog.watch(async || mount.answers().await).await,
        None => std::future::pending().await,
    }
}

/// The signals that end a mount cleanly. A lost terminal is one of them: a mount that outlived it
/// unseen would surprise.
pub(crate) struct Signals([Signal; 3]);

impl Signals {
    pub(crate) fn new() -> eyre::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    /// Resolves when one of the signals has come.
    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
