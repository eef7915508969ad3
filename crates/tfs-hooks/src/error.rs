//! Why a call of a hook failed.

use std::io;
use std::time::Duration;

use rqbit_client::ErrorKind;

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
    /// The settings name a secret that could not be read.
    #[error("{0}")]
    Unusable(String),
    /// The request failed, and it is no use to repeat it, or it was repeated.
    #[error("{url}: {}", request_reason(.kind))]
    Request {
        /// Scheme, host and port.
        url: String,
        /// Why the last attempt failed.
        kind: Box<ErrorKind>,
    },
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
    if matches!(kind, ErrorKind::Redirect { .. } | ErrorKind::LoginPage { .. }) {
        // The target of the redirect may have a secret.
        return "it redirects, which is not followed; use the final address".to_owned();
    }
    if *kind == ErrorKind::Unauthorized {
        return "status 401: it requires a header with a valid token".to_owned();
    }
    kind.to_string()
}

fn with_output(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(": {output}") }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
