//! Errors for people: the failure, its cause, a hint, and the exit code.

mod fronts;
mod mounts;
mod services;

use std::error::Error as StdError;
use std::fmt;

use tfs_api::wire::{FailureBody, FailureKind};
use tfs_api::{ControlError, FindError};
use tfs_config::{Problem, SettingsError};
#[cfg(feature = "embedded")]
use tfs_service::EmbeddedDirError;
use tfs_service::{
    AddError, AddFault, BaseUrl, ConnectError, KernelTimeout, SearchError, SelectError, ServerDown,
    ServerDownCause, ServerFailure, SourceErrorKind, StartError,
};
use tfs_sys::shell::quoted;
use tfs_types::join_causes;

use self::mounts::{inside, mount, mountpoint, unmount};
use crate::{exit, output};

/// How many matching torrents are shown.
const CANDIDATE_COUNT_MAX: usize = 10;

/// An error of the command itself, with its code and hint.
#[derive(Debug)]
pub(crate) struct UserError {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl UserError {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for UserError {}

/// An exit code, the start of the message, and a hint.
struct ErrorReport {
    code: u8,
    /// Put before error texts that fit after "failed to".
    prefix: &'static str,
    hint: Option<String>,
}

/// Returns whether the causes of an error add to its own text.
fn tells_causes(error: &eyre::Report) -> bool {
    let server = match error.downcast_ref() {
        Some(StartError::Server(server)) => Some(server),
        _ => error.downcast_ref(),
    };
    server.is_none_or(|server: &ConnectError| server.fault() == ServerFailure::Tls)
}

/// Hint for a server that answers with an error.
const LOG_HINT: &str = "check the log of rqbit";

/// Returns the hint for a server that cannot be reached. A remote one cannot be started from here.
fn what_to_do(error: &ConnectError) -> String {
    if let Some(start) = error.start_command() {
        return format!("start it with \"{start} <DIR>\"");
    }
    let port = error.url.port();
    if error.is_closed_by_program() {
        return format!(
            "a program that is not rqbit may listen there, or rqbit has just ended; name it with: \
             ss -ltnp \"sport = :{port}\""
        );
    }
    check_address(&error.url)
}

/// Returns the hint for an address where rqbit should answer.
fn check_address(url: &BaseUrl) -> String {
    format!("check that the address is right and that rqbit listens there: curl -sS {url}")
}

/// Hint for a server or proxy that forbids a call.
const FORBIDDEN_HINT: &str =
    "check what the server, and any proxy in front of it, allow this user and this address";

/// Hint for a server or proxy that asks to retry later.
const BUSY_HINT: &str = "try again later, or raise the limit for requests of the server or of the \
    proxy in front of it";

/// Hint for a proxy that cannot be used.
const PROXY_HINT: &str =
    "check the address of the proxy, and that it allows connections to the port of the server";

/// Hint for a proxy that requires other credentials.
const PROXY_CREDENTIALS_HINT: &str = "put user name and password into its address, as in \
    http://user:password@proxy:3128, in a file: --proxy file:PATH";

/// Hint for a server that requires another client certificate.
const CLIENT_CERTIFICATE_HINT: &str =
    "pass --client-cert and --client-key with a certificate of the server's authority";

/// Hint for a login page in front of a server.
const LOGIN_HINT: &str = "pass the header that lets programs in, such as a service token: \
    --header 'NAME: file:PATH'; or exempt the path of rqbit's API from the login";

/// Returns the hint for a server that was unavailable when the mount started.
fn down_hint(down: &ServerDown) -> String {
    match &down.cause {
        ServerDownCause::Server(error) => match error.fault() {
            ServerFailure::Busy => "tfs tries again by itself; if that does not help, raise the \
                limit for requests of the server or of the proxy in front of it"
                .to_owned(),
            ServerFailure::Failed => LOG_HINT.to_owned(),
            ServerFailure::Unreachable
            | ServerFailure::TimedOut
            | ServerFailure::Tls
            | ServerFailure::Unauthorized
            | ServerFailure::Forbidden
            | ServerFailure::NotRqbit => what_to_do(error),
            ServerFailure::Proxy => PROXY_HINT.to_owned(),
            ServerFailure::ProxyUnauthorized => PROXY_CREDENTIALS_HINT.to_owned(),
            ServerFailure::ClientCertificate => CLIENT_CERTIFICATE_HINT.to_owned(),
            ServerFailure::LoginPage => LOGIN_HINT.to_owned(),
        },
        ServerDownCause::List(url, error) => match error.kind {
            SourceErrorKind::Failed => LOG_HINT.to_owned(),
            SourceErrorKind::NotFound
            | SourceErrorKind::Unreachable
            | SourceErrorKind::TimedOut
            | SourceErrorKind::Denied
            | SourceErrorKind::Protocol => check_address(url),
        },
        ServerDownCause::Slow(url, _) => check_address(url),
        ServerDownCause::Incomplete { .. } => "follow the progress with: tfs status".to_owned(),
    }
}

/// Warns of a server that was unavailable when the mount started.
pub(crate) fn warn_of_server(down: &ServerDown) {
    let meanwhile = if matches!(down.cause, ServerDownCause::Incomplete { .. }) {
        "the mount shows the torrents once it has the details of all"
    } else if down.is_tree_known {
        "the mount shows the torrents as they were last known until it answers"
    } else {
        "its torrents are unknown, so none show until it answers"
    };
    let hint = format!("{meanwhile}; {}", down_hint(down));
    output::warning(&down.to_string(), &hint);
}

/// Warns of a kernel time-out that shortens the deadlines of reads.
pub(crate) fn warn_of_kernel_timeout(timeout: &KernelTimeout) {
    output::warning(&timeout.to_string(), &timeout.fix());
}

/// Converts a problem of the settings to an error.
pub(crate) fn settings_error(problem: Problem) -> eyre::Report {
    SettingsError::from(problem).into()
}

/// Prints an error with its hint, and returns the exit code.
pub(crate) fn report(error: &eyre::Report) -> u8 {
    if let Some(SettingsError { problems }) = error.downcast_ref() {
        for problem in problems {
            output::error(&problem.to_string(), problem.hint.as_deref());
        }
        return exit::CONFIG_INVALID;
    }
    if let Some(error) = error.downcast_ref() {
        return select(error);
    }
    let (code, message, hint) = describe(error);
    output::error(&message, hint.as_deref());
    code
}

/// Returns the report of an error: exit code, message and hint.
pub(crate) fn describe(error: &eyre::Report) -> (u8, String, Option<String>) {
    let ErrorReport { code, prefix, hint } = verdict(error);
    (code, format!("{prefix}{}", message(error)), hint)
}

fn verdict(error: &eyre::Report) -> ErrorReport {
    if let Some(UserError { code, hint, .. }) = error.downcast_ref() {
        return ErrorReport { code: *code, prefix: "", hint: hint.clone() };
    }
    if let Some(error) = error.downcast_ref() {
        return start(error);
    }
    if let Some(error) = error.downcast_ref() {
        return server(error);
    }
    if let Some(error) = error.downcast_ref() {
        return unmount(error);
    }
    if let Some(error) = error.downcast_ref() {
        return find(error);
    }
    if let Some(error) = error.downcast_ref() {
        return control(error);
    }
    if let Some(error) = error.downcast_ref() {
        return search(error);
    }
    if let Some(error) = error.downcast_ref() {
        return add(error);
    }
    if let Some(error) = error.downcast_ref() {
        let hint = services::hint(error);
        return ErrorReport { code: exit::SERVICE_FAILED, prefix: "", hint };
    }
    #[cfg(feature = "embedded")]
    if let Some(error) = error.downcast_ref() {
        return embedded(error);
    }
    ErrorReport { code: exit::FAILURE, prefix: "", hint: None }
}

fn start(error: &StartError) -> ErrorReport {
    match error {
        StartError::Mountpoint(error) => mountpoint(error),
        StartError::Server(error) => server(error),
        StartError::List(error) if error.kind == SourceErrorKind::Denied => {
            hinted(exit::SERVER_FORBIDDEN, "", FORBIDDEN_HINT)
        }
        StartError::List(_) => hinted(exit::SERVER_FAILED, "", LOG_HINT),
        StartError::Down(down) => {
            let code = match &down.cause {
                ServerDownCause::Server(error) => server(error).code,
                ServerDownCause::Slow(..) => exit::SERVER_UNREACHABLE,
                ServerDownCause::List(..) | ServerDownCause::Incomplete { .. } => {
                    exit::SERVER_FAILED
                }
            };
            hinted(code, "", down_hint(down))
        }
        #[cfg(feature = "embedded")]
        StartError::Embedded(error) => embedded(error),
        #[cfg(feature = "embedded")]
        StartError::EmbeddedDir(error) => embedded_dir(error),
        StartError::Add(error) => add_at_start(error),
        StartError::Mount(error) => mount(error),
        StartError::Front(error) => fronts::report(error),
        StartError::NotServed(_) => {
            ErrorReport { code: exit::SERVE_FAILED, prefix: "", hint: None }
        }
        StartError::NoPlace => ErrorReport { code: exit::FAILURE, prefix: "cannot ", hint: None },
    }
}

/// Reports a torrent that an embedded server did not take when its mount started. Without the
/// mount, commands cannot help.
fn add_at_start(error: &AddError) -> ErrorReport {
    let hint = if matches!(error.fault, AddFault::FilesExist) {
        "other files of that name are in the directory: move them away, or mount without --add and \
         overwrite them with: tfs add --overwrite FILE"
    } else if matches!(error.fault, AddFault::SharedFiles { .. }) {
        "mount without --add for this one, and add it to another rqbit"
    } else {
        return add(error);
    };
    ErrorReport { hint: Some(hint.to_owned()), ..add(error) }
}

fn add(AddError { fault, .. }: &AddError) -> ErrorReport {
    if let AddFault::Server(error) = fault {
        return server(error);
    }
    ErrorReport {
        code: exit::ADD_FAILED,
        prefix: "",
        hint: crate::add_hint::hint(fault).map(str::to_owned),
    }
}

fn server(error: &ConnectError) -> ErrorReport {
    match error.fault() {
        ServerFailure::Unreachable => {
            let is_startable = error.start_command().is_some();
            let instead = if cfg!(feature = "embedded") && is_startable {
                ", or use --embedded <DIR>"
            } else {
                ""
            };
            hinted(exit::SERVER_UNREACHABLE, "", what_to_do(error) + instead)
        }
        ServerFailure::TimedOut => hinted(
            exit::SERVER_FAILED,
            "",
            "check whether the server is overloaded, then try again",
        ),
        ServerFailure::Tls => hinted(
            exit::SERVER_TLS,
            "",
            "check whether the address needs http instead of https, and whether the system trusts \
             the certificate; for a private authority pass its certificate with --ca-file",
        ),
        ServerFailure::ClientCertificate => hinted(exit::SERVER_TLS, "", CLIENT_CERTIFICATE_HINT),
        ServerFailure::Proxy => hinted(exit::SERVER_UNREACHABLE, "", PROXY_HINT),
        ServerFailure::ProxyUnauthorized => {
            hinted(exit::SERVER_UNAUTHORIZED, "", PROXY_CREDENTIALS_HINT)
        }
        ServerFailure::LoginPage => hinted(exit::SERVER_UNAUTHORIZED, "", LOGIN_HINT),
        ServerFailure::Unauthorized => hinted(
            exit::SERVER_UNAUTHORIZED,
            "",
            "pass --username, and --password-file with a file that has the password",
        ),
        ServerFailure::NotRqbit => hinted(
            exit::SERVER_NOT_RQBIT,
            "",
            "pass the address of rqbit's API with --server, such as http://127.0.0.1:3030; \
             behind a proxy with its path, such as https://host/rqbit",
        ),
        ServerFailure::Forbidden => hinted(exit::SERVER_FORBIDDEN, "", FORBIDDEN_HINT),
        ServerFailure::Busy => hinted(exit::SERVER_FAILED, "", BUSY_HINT),
        ServerFailure::Failed => hinted(exit::SERVER_FAILED, "", LOG_HINT),
    }
}

#[cfg(feature = "embedded")]
fn embedded_dir(error: &EmbeddedDirError) -> ErrorReport {
    let hint = match error {
        EmbeddedDirError::IsMountpoint { .. } | EmbeddedDirError::InMountpoint { .. } => {
            "use a directory elsewhere: the mount would hide the downloads".to_owned()
        }
        EmbeddedDirError::NoParent { parent, .. } => {
            format!(
                "check that its disk is mounted, or create it with: mkdir -p {}",
                quoted(parent)
            )
        }
        EmbeddedDirError::System { .. } => unusable_dir(error).to_owned(),
    };
    hinted(exit::EMBEDDED_FAILED, "cannot ", hint)
}

/// Returns what to do about a directory that cannot be used, by the error of the system.
#[cfg(feature = "embedded")]
fn unusable_dir(error: &(dyn std::error::Error + 'static)) -> &'static str {
    use std::io::{self, ErrorKind};

    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    let system = causes.find_map(|cause| cause.downcast_ref::<io::Error>());
    match system.map(io::Error::kind) {
        Some(ErrorKind::AlreadyExists | ErrorKind::NotADirectory) => {
            "it is a file, or inside one: use a directory"
        }
        _ => "use a directory that you can write to",
    }
}

#[cfg(feature = "embedded")]
fn embedded(error: &tfs_service::embed::EmbeddedError) -> ErrorReport {
    use tfs_service::embed::EmbeddedErrorKind;

    let hint = match error.kind() {
        EmbeddedErrorKind::CreateDir | EmbeddedErrorKind::WriteDir => unusable_dir(error),
        EmbeddedErrorKind::SessionInUse => {
            "another mount has the same download directory: find it with tfs status and unmount \
             it, or use another directory"
        }
        EmbeddedErrorKind::BindPort
        | EmbeddedErrorKind::StartSession
        | EmbeddedErrorKind::CreateTorrent
        | EmbeddedErrorKind::SeedTorrent => "see more with -f -vv",
    };
    hinted(exit::EMBEDDED_FAILED, "cannot ", hint)
}

/// Prints the matching torrents, and returns the exit code.
fn select(error: &SelectError) -> u8 {
    match error {
        SelectError::Unknown { .. } => {
            output::error(&error.to_string(), Some("list all torrents with: tfs list"));
            exit::TORRENT_UNKNOWN
        }
        SelectError::Ambiguous { candidates, .. } => {
            output::error(&error.to_string(), Some("use the id or the info hash of one of them:"));
            for torrent in candidates.iter().take(CANDIDATE_COUNT_MAX) {
                let id = torrent.id.map(|id| id.to_string()).unwrap_or_default();
                let name = torrent.name.as_deref().unwrap_or_default();
                output::note(&format!("  {id:>4}  {}  {name}", torrent.info_hash));
            }
            if candidates.len() > CANDIDATE_COUNT_MAX {
                output::note(&format!("  and {} more", candidates.len() - CANDIDATE_COUNT_MAX));
            }
            exit::TORRENT_AMBIGUOUS
        }
    }
}

fn find(error: &FindError) -> ErrorReport {
    const PREFIX: &str = "cannot ";
    match error {
        FindError::Dir(_) => {
            hinted(exit::CONTROL_FAILED, PREFIX, "check its owner, or set XDG_RUNTIME_DIR")
        }
        FindError::Path { .. } => {
            ErrorReport { code: exit::NOT_MOUNTED, prefix: PREFIX, hint: None }
        }
        FindError::NoFile { .. } => {
            hinted(exit::FILE_UNKNOWN, PREFIX, "list mounts with: tfs status; list files with: ls")
        }
        FindError::NotMounted { path } => {
            let hint =
                inside(path).map(|mount| format!("it is inside the mount {}", quoted(&mount)));
            let hint = hint.unwrap_or_else(|| "list mounts with: tfs status".to_owned());
            hinted(exit::NOT_MOUNTED, PREFIX, hint)
        }
        FindError::NotInMount { .. } => {
            hinted(exit::NOT_IN_MOUNT, PREFIX, "list mounts with: tfs status")
        }
        FindError::None { others, .. } if others.is_empty() => {
            hinted(exit::NOT_MOUNTED, PREFIX, "mount with: tfs mount <MOUNTPOINT>")
        }
        FindError::None { .. } => hinted(
            exit::NOT_MOUNTED,
            PREFIX,
            "mount with: tfs mount <MOUNTPOINT>; list mounts of other users with: tfs status",
        ),
        FindError::Dead { path } => hinted(
            exit::MOUNT_UNANSWERED,
            PREFIX,
            format!("clean it up with: tfs unmount {}", quoted(path)),
        ),
        FindError::Foreign { uid: Some(0), .. } => {
            hinted(exit::MOUNT_UNANSWERED, PREFIX, "only root is answered: run it with sudo")
        }
        FindError::Foreign { .. } => hinted(
            exit::MOUNT_UNANSWERED,
            PREFIX,
            "only the user who mounted is answered: run it as that user",
        ),
        FindError::Unanswered { path, pid, .. } => {
            let resume = pid.map_or_else(String::new, |pid| {
                format!("if it is stopped, continue it: kill -CONT {pid}; ")
            });
            let end = format!("if it is stuck, end it: tfs unmount --force {}", quoted(path));
            hinted(exit::MOUNT_UNANSWERED, PREFIX, resume + &end)
        }
        FindError::SocketLost { .. } => hinted(
            exit::MOUNT_UNANSWERED,
            PREFIX,
            "the mount is healthy and creates a new socket within seconds: try again",
        ),
        FindError::Several { .. } => {
            hinted(exit::MOUNT_AMBIGUOUS, PREFIX, "add one of them to the command")
        }
    }
}

fn control(error: &ControlError) -> ErrorReport {
    match error {
        ControlError::Gone { .. } => hinted(
            exit::NOT_MOUNTED,
            "cannot ",
            "it has just ended; list the others with: tfs status",
        ),
        ControlError::Foreign { .. } => hinted(
            exit::CONTROL_FAILED,
            "cannot ",
            "remove the socket, and find out who created it",
        ),
        ControlError::TimedOut { .. } | ControlError::Protocol { .. } => hinted(
            exit::MOUNT_UNANSWERED,
            "cannot ",
            "check whether the process is stopped, or has another version of tfs",
        ),
        ControlError::Refused(failure) => refused(failure),
    }
}

fn refused(failure: &FailureBody) -> ErrorReport {
    let code = match failure.kind {
        FailureKind::UnknownMount => exit::NOT_MOUNTED,
        FailureKind::Ambiguous => exit::MOUNT_AMBIGUOUS,
        FailureKind::Busy => exit::MOUNT_BUSY,
        FailureKind::ServerFailed | FailureKind::ServerUnreachable => {
            let is_away = failure.kind == FailureKind::ServerUnreachable;
            let code = if is_away { exit::SERVER_UNREACHABLE } else { exit::SERVER_FAILED };
            return hinted(code, "", "the mount shows the torrents as last known");
        }
        FailureKind::BadQuery => exit::QUERY_INVALID,
        FailureKind::UnknownFile => exit::FILE_UNKNOWN,
        FailureKind::NotDaemon => exit::NO_DAEMON,
        FailureKind::ConfigInvalid => {
            return hinted(
                exit::CONFIG_INVALID,
                "",
                "correct it, then reload; nothing was changed",
            );
        }
        FailureKind::BadRequest
        | FailureKind::UnknownPath
        | FailureKind::WrongMethod
        | FailureKind::TooLarge
        | FailureKind::TooSlow
        | FailureKind::NotPermitted
        | FailureKind::TimedOut
        | FailureKind::Unavailable
        | FailureKind::Gone
        | FailureKind::Failed
        | FailureKind::Unknown => exit::CONTROL_FAILED,
    };
    ErrorReport { code, prefix: "", hint: None }
}

fn search(error: &SearchError) -> ErrorReport {
    match error {
        SearchError::Query(_) => {
            ErrorReport { code: exit::QUERY_INVALID, prefix: "cannot ", hint: None }
        }
        SearchError::Source(_) => hinted(exit::SERVER_FAILED, "cannot ", "check the log of rqbit"),
    }
}

fn hinted(code: u8, prefix: &'static str, hint: impl Into<String>) -> ErrorReport {
    ErrorReport { code, prefix, hint: Some(hint.into()) }
}

/// Returns an error and its causes in one line, without causes that the text before already
/// contains.
fn message(error: &eyre::Report) -> String {
    let cause_count = if tells_causes(error) { usize::MAX } else { 1 };
    let causes = error.chain().take(cause_count).enumerate();
    // Texts that fit after "cannot" do not fit after a colon.
    join_causes(causes.map(|(depth, cause)| match cause.downcast_ref::<ControlError>() {
        Some(cause) if depth > 0 => cause.as_reason(),
        _ => cause.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_silent_is_a_reason_in_words() {
        let silent = ControlError::TimedOut {
            socket: "/run/s".into(),
            time_max: std::time::Duration::from_secs(5),
        };
        let error =
            FindError::Unanswered { path: "/mnt/t".into(), pid: None, silent: Some(silent) };
        let (code, message, _hint) = describe(&error.into());
        assert_eq!(code, exit::MOUNT_UNANSWERED);
        assert_eq!(
            message,
            "cannot reach the process behind /mnt/t: no answer from /run/s within 5 s"
        );
    }
}
