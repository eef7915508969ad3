//! `tfs daemon`: all mounts of the configuration, until a signal.

use tfs_service::daemon::{Daemon, Log};
use tfs_service::settings::{Loaded, Origin, Sources};

use crate::logging::Level;
use crate::signals::{DaemonSignal, DaemonSignals};
use crate::{exit, run_service};

/// The log of the daemon.
#[derive(Debug)]
struct DaemonLog {
    level: Level,
    /// How often `-v` was given.
    verbose: u8,
}

impl Log for DaemonLog {
    fn set_level(&mut self, loaded: &Loaded) -> bool {
        self.level.set(verbosity(self.verbose, loaded), loaded.settings.logging.level)
    }
}

/// Runs the command. `verbose` is how often `-v` was given, and `level` began with it.
pub(crate) fn run(sources: Sources, loaded: Loaded, verbose: u8, level: Level) -> eyre::Result<u8> {
    let (daemon, handle) = Daemon::new(sources, loaded, DaemonLog { level, verbose })?;
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

/// Returns how much more is logged than the settings say. What a daemon does is seen in its log
/// only, so that it says by default what `-v` has others say.
pub(crate) fn verbosity(verbose: u8, loaded: &Loaded) -> u8 {
    let is_default = loaded.place("logging.level").origin == Origin::Default;
    verbose.max(u8::from(is_default))
}
