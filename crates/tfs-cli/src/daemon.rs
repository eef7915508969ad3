//! `tfs daemon`: serves all mounts of the configuration until a signal.

use tfs_config::{Loaded, Origin, Sources};
use tfs_service::daemon::{Daemon, DaemonClaim, DaemonRuns, LogLevelControl};

use crate::logging::Level;
use crate::report::UserError;
use crate::signals::{Hangup, ServiceSignal, ServiceSignals};
use crate::{exit, run_service};

/// The log of the daemon.
#[derive(Debug)]
struct DaemonLog {
    level: Level,
    /// How often `-v` was given.
    verbose: u8,
}

impl LogLevelControl for DaemonLog {
    fn set_level(&mut self, loaded: &Loaded) -> bool {
        // A program that moves the file away, such as logrotate, makes the daemon reload.
        self.level.reopen();
        self.level.set(verbosity(self.verbose, loaded), loaded.settings.logging.level)
    }
}

/// Runs the command. `verbose` is the number of `-v` flags, with which `level` was set up.
pub(crate) fn run(sources: Sources, loaded: Loaded, verbose: u8, level: Level) -> eyre::Result<u8> {
    let files = loaded.read_files();
    let (daemon, handle) = Daemon::new(sources, loaded, DaemonLog { level, verbose })?;
    run_service(async {
        let _claim = DaemonClaim::take(&files).map_err(|error| runs_already(&error))?;
        let mut signals = ServiceSignals::new(Hangup::Reloads)?;
        let mut serving = Box::pin(daemon.run());
        loop {
            let signal = tokio::select! {
                () = &mut serving => return Ok(exit::SUCCESS),
                signal = signals.next() => signal,
            };
            match signal {
                ServiceSignal::End => handle.end().await,
                ServiceSignal::Reload => handle.reload(),
            }
        }
    })
}

/// Returns the error of a second daemon.
pub(crate) fn runs_already(error: &DaemonRuns) -> UserError {
    let hint = match error.pid {
        Some(pid) => format!(
            "apply a changed configuration with: tfs config reload; end it with: kill \
             {pid}"
        ),
        None => "apply a changed configuration with: tfs config reload".to_owned(),
    };
    UserError::new(exit::DAEMON_RUNS, error.to_string()).with_hint(hint)
}

/// Returns the verbosity beyond the settings. A daemon is observed only by its log, so with the
/// default level it logs what `-v` adds elsewhere.
pub(crate) fn verbosity(verbose: u8, loaded: &Loaded) -> u8 {
    let is_default = loaded.place("logging.level").origin == Origin::Default;
    verbose.max(u8::from(is_default))
}
