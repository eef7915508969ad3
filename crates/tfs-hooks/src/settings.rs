//! What a hook calls, and for which events.

use std::time::Duration;

use rqbit_client::{ExtraHeader, RequestUrl, UrlMethod};
use tfs_api::wire::EventKind;

/// A hook. Two that are equal make the same calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSettings {
    /// Its name, for the status and the log.
    pub name: String,
    /// The kinds of events that it is called for.
    pub on: Vec<EventKind>,
    /// What it calls.
    pub target: HookTarget,
    /// The time limit of a call; of a URL, that of each attempt.
    pub timeout: Duration,
}

/// What a hook calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookTarget {
    /// A program.
    Command(CommandTarget),
    /// A URL.
    Request(RequestTarget),
    /// Nothing, as it is configured with a secret that cannot be read. Each call fails.
    Unusable {
        /// What it would call, for status and log.
        shown: String,
        /// Why it cannot.
        why: String,
    },
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTarget {
    /// The program: an absolute path, or a name that is looked up in `PATH`.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables of the environment that it does not get, beside those of tfs: others have a
    /// secret.
    pub hidden_variables: Vec<String>,
}

/// A URL with what is sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTarget {
    /// The address.
    pub url: RequestUrl,
    /// The method.
    pub method: UrlMethod,
    /// Further headers, which may be secret.
    pub headers: Vec<ExtraHeader>,
    /// The body.
    pub body: HookBody,
}

/// The body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookBody {
    /// The events as a JSON list.
    Json,
    /// A message for people.
    Text,
    /// None.
    Empty,
}

impl HookTarget {
    /// Returns it for status and log: the program, or scheme, host and port.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Command(command) => command.program.clone(),
            Self::Request(request) => request.url.to_string(),
            Self::Unusable { shown, .. } => shown.clone(),
        }
    }
}
