//! One mount from its start to its end, as a task of its own.

use std::time::Duration;

use tfs_sys::blocking;
use tfs_types::chain;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::plan::TaskExit;
use super::spec::Spec;
use crate::control::MountRegistry;
use crate::{LibraryPlace, RunningMount, StartError};

/// How long a mount may stay in the tree after its session ended before it counts as lost:
/// `umount -f` ends the session first and detaches the mount a moment later.
const LEAVE_TIME_MAX: Duration = Duration::from_millis(500);

/// Capacity of the queue of liveness queries. The watchdog sends one at a time.
const QUESTIONS_MAX: usize = 1;

/// Sends a liveness query to a mount. The mount answers through the enclosed channel.
pub(super) type LivenessQuery = mpsc::Sender<oneshot::Sender<bool>>;

/// Mounts and serves until the mount ends or `stop` is cancelled. `on_up` receives the mount point,
/// without symbolic links, when the mount answers.
pub(super) async fn run(
    spec: Spec,
    mounts: MountRegistry,
    stop: CancellationToken,
    on_up: impl AsyncFnOnce(LivenessQuery, String),
) -> TaskExit {
    let settings = match blocking(move || spec.settings()).await {
        Ok(settings) => settings,
        Err(problem) => return TaskExit::NotStarted(problem.to_string()),
    };
    let mount = tokio::select! {
        mount = RunningMount::start(settings, &mounts) => mount,
        () = stop.cancelled() => return TaskExit::Stopped,
    };
    let mount = match mount {
        Ok(mount) => mount,
        Err(error) => return TaskExit::NotStarted(why(&error)),
    };
    let place = mount.place().clone();
    for down in mount.servers_down() {
        let is_tree_known = down.is_tree_known;
        match place {
            LibraryPlace::Mounted(_) => {
                tracing::warn!(mount = %place, is_tree_known, "mounted without a server: {down}");
            }
            LibraryPlace::Served(_) => {
                tracing::warn!(library = %place, is_tree_known, "serving without a server: {down}");
            }
        }
    }
    for warning in mount.budget_warnings() {
        tracing::warn!(mount = %place, hint = warning.hint, "{}", warning.message);
    }
    if let Some(timeout) = mount.kernel_timeout() {
        tracing::warn!(mount = %place, "{timeout}");
    }
    let (pulse, mut questions) = mpsc::channel::<oneshot::Sender<bool>>(QUESTIONS_MAX);
    on_up(pulse, place.to_string()).await;
    let answering = async {
        while let Some(question) = questions.recv().await {
            // The querier may have timed out.
            _ = question.send(mount.answers().await);
        }
        std::future::pending::<()>().await;
    };
    let end = tokio::select! {
        end = ended(&mount) => end,
        () = stop.cancelled() => TaskExit::Stopped,
        () = answering => TaskExit::Stopped,
    };
    match mount.stop().await {
        Err(error) if end == TaskExit::Stopped => {
            tracing::warn!(mount = %place, error = chain(&error),
                "the mount ended with an error");
        }
        // Reported already.
        Ok(()) | Err(_) => {}
    }
    end
}

/// Resolves when a mount has ended by itself. Returns how.
async fn ended(mount: &RunningMount) -> TaskExit {
    let ended = mount.ended().await;
    if !mount.is_dead() {
        return TaskExit::Unmounted;
    }
    sleep(LEAVE_TIME_MAX).await;
    if !mount.is_dead() {
        return TaskExit::Unmounted;
    }
    match ended {
        Ok(()) => TaskExit::Broken("its connection to the kernel was aborted".to_owned()),
        Err(error) => TaskExit::Broken(chain(&error)),
    }
}

/// Returns why a mount did not start, as a text for users.
fn why(error: &StartError) -> String {
    match error {
        StartError::Mountpoint(_) | StartError::Mount(_) => format!("cannot {}", chain(error)),
        // Its message includes the cause.
        StartError::Server(error) => error.to_string(),
        StartError::Front(_) | StartError::NoPlace => format!("cannot {}", chain(error)),
        StartError::List(_)
        | StartError::Add(_)
        | StartError::Down(_)
        | StartError::NotServed(_) => chain(error),
        #[cfg(feature = "embedded")]
        StartError::Embedded(_) | StartError::EmbeddedDir(_) => chain(error),
    }
}
