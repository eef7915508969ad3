//! `tfs daemon`: all mounts of the configuration, until a signal.

use tfs_service::daemon::Daemon;
use tfs_service::settings::{Loaded, Sources};

use crate::signals::{DaemonSignal, DaemonSignals};
use crate::{exit, run_service};

/// Runs the command.
pub(crate) fn run(sources: Sources, loaded: Loaded) -> eyre::Result<u8> {
    let (daemon, handle) = Daemon::new(sources, loaded)?;
    run_service(async {
        let mut signals = DaemonSignals::new()?;
        let mut serving = Box::pin(daemon.run());
        loop {
            let signal = tokio::select! {
                () = &mut serving => return Ok(exit::SUCCESS),
                signal = signals.next() => signal,
            };
            match signal {
                DaemonSignal::End => handle.end().await,
                DaemonSignal::Reload => handle.reload(),
            }
        }
    })
}
