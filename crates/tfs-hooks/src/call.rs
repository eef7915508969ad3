//! One call of a hook.

use std::io;
use std::time::Duration;

use rqbit_client::ErrorKind;

use crate::batch::EventBatch;
use crate::settings::{HookSettings, HookTarget};
use crate::{command, request};

/// Why a call failed. The message fits after a colon, and contains no secret.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The program could not be started.
    #[error("cannot start {program}: {}", start_reason(.source))]
    Start {
        /// The program.
        program: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The program ended with an error.
    #[error("{program} ended with {status}{}", with_output(.output))]
    Ended {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
        /// The first lines of its output.
        output: String,
    },
    /// The program was ended, since it took too long.
    #[error("{program} was killed after {}{}", seconds(*.time_max), with_output(.output))]
    TimedOut {
        /// The program.
        program: String,
        /// The time limit.
        time_max: Duration,
        /// The first lines of its output.
        output: String,
    },
    /// The request failed, and it is no use to repeat it, or it was repeated.
    #[error("{url}: {}", request_reason(.kind))]
    Request {
        /// Scheme, host and port.
        url: String,
        /// Why the last attempt failed.
        kind: Box<ErrorKind>,
    },
}

/// Calls a hook once with events. A URL is tried several times.
///
/// # Errors
/// [`CallError`].
///
/// # Cancel safety
/// Dropping the future kills the command with all of its process group, or drops the request.
pub async fn run_once(settings: &HookSettings, events: &EventBatch) -> Result<(), CallError> {
    match &settings.target {
        HookTarget::Command(target) => command::run(target, events, settings.timeout).await,
        HookTarget::Request(target) => request::run(target, events, settings.timeout).await,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is std's and open")]
fn start_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such program".to_owned(),
        io::ErrorKind::PermissionDenied => "it is not executable, or not for this user".to_owned(),
        _ => error.to_string(),
    }
}

fn request_reason(kind: &ErrorKind) -> String {
    match kind {
        // The target may have a secret.
        ErrorKind::Redirect { .. } | ErrorKind::LoginPage { .. } => {
            "it redirects, which is not followed; use the final address".to_owned()
        }
        ErrorKind::Unauthorized => "status 401: it requires another header".to_owned(),
        kind => kind.to_string(),
    }
}

fn with_output(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(": {output}") }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
