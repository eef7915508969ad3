//! Checks that the messages quoted in `docs/reference/errors.md` are those of tfs and the system.
//!
//! Each heading that is a message is compared with the text of the error in code. Each error that a
//! user may meet must be on the page with its exit code.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::libc;
use rqbit_client::{ErrorKind, ProxyFailure, ServerError, TlsError};
use tfs_api::wire::{FailureBody, FailureKind};
use tfs_api::{ControlError, FindError};
use tfs_config::Sources;
use tfs_service::daemon::DaemonRuns;
use tfs_service::service::ServiceError;
use tfs_service::{
    AddError, AddFault, DeviceTokenError, FrontError, FrontKind, Holder, MountError,
    MountpointError, QueryError, SearchError, SelectError, StartError, TorrentRow, UnmountError,
};
use tfs_sys::runtime_dir::RuntimeDirError;

use crate::background::too_late;
use crate::daemon::runs_already;
use crate::report::describe;
use crate::{config, exit, mount_helper, preload, reload, serve, service, torrents};

const PAGE: &str = include_str!("../../../docs/reference/errors.md");

/// The errno table of the mount. The page must contain all of it.
const ERRNO_TABLE: &str = include_str!("../../fuse-adapter/src/errno.rs");

/// Returns the message of each heading of the page, with the exit code at the start of the text
/// below it, if there is one.
pub(crate) fn on_page() -> BTreeMap<String, Option<u8>> {
    let mut messages = BTreeMap::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        let Some(message) = line.strip_prefix("### `").and_then(|rest| rest.strip_suffix('`'))
        else {
            continue;
        };
        let text = lines.find(|line| !line.is_empty()).unwrap();
        let code = text.strip_prefix("Exit code ").map(|rest| {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
            digits.unwrap().parse().unwrap()
        });
        assert!(
            messages.insert(message.to_owned(), code).is_none(),
            "{message} stands there twice"
        );
    }
    messages
}

fn path() -> PathBuf {
    PathBuf::from("PATH")
}

/// A cause. The page omits its text.
fn cause() -> io::Error {
    io::Error::other("CAUSE")
}

fn mountpoint_errors() -> Vec<eyre::Report> {
    let errors = [
        MountpointError::Missing { path: path() },
        MountpointError::NotDirectory { path: path() },
        MountpointError::NotEmpty { path: path() },
        MountpointError::AlreadyMounted { path: path() },
        MountpointError::DeadMount {
            path: path(),
            source: UnmountError::System { path: path(), source: cause() },
        },
        MountpointError::Permission { path: path() },
        MountpointError::System { path: path(), source: cause() },
    ];
    errors.map(StartError::Mountpoint).map(eyre::Report::from).into()
}

fn mount_errors() -> Vec<eyre::Report> {
    let errors = [
        MountError::NoFuseDevice,
        MountError::DevicePermission,
        MountError::NoFusermount,
        MountError::AllowOtherRefused,
        MountError::ContextRefused,
        MountError::Refused { path: path(), message: "CAUSE".to_owned() },
        MountError::NeedsFuse { what: "drop.path" },
        MountError::Mount { path: path(), source: cause() },
        MountError::Session { path: path(), source: cause() },
    ];
    errors.map(StartError::Mount).map(eyre::Report::from).into()
}

fn unmount_errors() -> Vec<eyre::Report> {
    let holder = Holder { pid: 7, command: "mpv".to_owned(), path: path() };
    let errors = [
        UnmountError::NotMounted { path: path() },
        UnmountError::NotTfs { path: path(), fs_type: "ext4".to_owned() },
        UnmountError::Busy { path: path(), holders: vec![holder] },
        UnmountError::NotPermitted { path: path() },
        UnmountError::NoFusermount { path: path() },
    ];
    errors.map(eyre::Report::from).into()
}

/// Errors of commands that talk to a mount.
fn control_errors() -> Vec<eyre::Report> {
    let socket = path;
    let find = [
        FindError::Unanswered { path: path(), pid: Some(7), silent: None },
        FindError::Dead { path: path() },
        FindError::Foreign { path: path(), uid: Some(0) },
        FindError::Foreign { path: path(), uid: Some(7) },
        FindError::SocketLost { path: path(), silent: None },
        FindError::NotInMount { path: path() },
        FindError::NoFile { path: path(), source: cause() },
        FindError::Several { mountpoints: vec!["PATH".to_owned(), "OTHER".to_owned()] },
        FindError::Dir(RuntimeDirError::Foreign { path: path(), uid: 7 }),
    ];
    let control = [
        ControlError::TimedOut { socket: socket(), time_max: Duration::from_secs(5) },
        ControlError::Protocol { socket: socket(), source: "CAUSE".into() },
        ControlError::Foreign { socket: socket(), uid: 7 },
        ControlError::Refused(FailureBody {
            kind: FailureKind::UnknownFile,
            message: "failed to find NAME in the mount: no such file or directory".to_owned(),
            holders: Vec::new(),
        }),
    ];
    let find = find.map(eyre::Report::from).into_iter();
    find.chain(control.map(eyre::Report::from))
        .chain([reload::no_daemon().into(), runs_already(&DaemonRuns { pid: Some(7) }).into()])
        .collect()
}

/// Errors of the configuration and of the command line.
fn typed_errors() -> Vec<eyre::Report> {
    vec![
        config::exists(&path()).into(),
        torrents::no_terminal().into(),
        service::no_services().into(),
        ServiceError::NoSystemd.into(),
        ServiceError::Foreign { file: path() }.into(),
        ServiceError::Unknown { mountpoint: path() }.into(),
        ServiceError::File { file: path(), source: cause() }.into(),
        ServiceError::Refused {
            command: "systemctl enable --now UNIT".to_owned(),
            output: "CAUSE".to_owned(),
            unit: "UNIT".to_owned(),
        }
        .into(),
        SearchError::Query(QueryError::Empty).into(),
        AddError {
            input: "NAME".to_owned(),
            fault: AddFault::Refused { reason: "CAUSE".to_owned() },
        }
        .into(),
    ]
}

/// Errors of `tfs serve`.
fn serve_errors() -> Vec<eyre::Report> {
    let (name, address) = (|| "NAME".to_owned(), "127.0.0.1:8080".parse().unwrap());
    let front = FrontError::Listen { kind: FrontKind::Webdav, address, source: cause() };
    let tokens = [
        DeviceTokenError::Exists { name: name() },
        DeviceTokenError::Unknown { name: name() },
        DeviceTokenError::File { path: path(), source: cause() },
    ];
    let tokens = tokens.map(|error| serve::token_error(&error));
    [eyre::Report::from(StartError::Front(front))].into_iter().chain(tokens).collect()
}

/// Messages without an error that carries the exit code.
fn messages_of_others() -> BTreeMap<String, Option<u8>> {
    let text = || "NAME".to_owned();
    let several =
        SelectError::Ambiguous { text: text(), candidates: vec![TorrentRow::default(); 2] };
    let mut messages = BTreeMap::from([
        (SelectError::Unknown { text: text() }.to_string(), Some(exit::TORRENT_UNKNOWN)),
        (several.to_string(), Some(exit::TORRENT_AMBIGUOUS)),
        (reload::KEPT.to_owned(), Some(exit::RELOADED_IN_PART)),
        (preload::not_preloaded(1), Some(exit::PRELOAD_FAILED)),
    ]);
    let missing = Sources { named_file: Some(path()), ..Sources::default() };
    let variables = vec![("TFS_READ__TIMEOUT".into(), "5".into())];
    let unit = Sources { variables, ..Sources::default() };
    for wrong in [missing, unit] {
        for problem in wrong.load().unwrap_err().problems {
            let own = problem.to_string();
            let own = own.split(": No such file").next().unwrap();
            messages.insert(own.to_owned(), Some(exit::CONFIG_INVALID));
        }
    }
    #[cfg(feature = "embedded")]
    {
        use tfs_service::EmbeddedDirError::{IsMountpoint, NoParent};
        let (dir, parent) = (PathBuf::from("DIR"), PathBuf::from("PARENT"));
        for error in [IsMountpoint { dir: dir.clone() }, NoParent { dir, parent }] {
            messages.insert(format!("cannot {error}"), Some(exit::EMBEDDED_FAILED));
        }
    }
    #[cfg(feature = "embedded")]
    for kind in [
        tfs_service::embed::EmbeddedErrorKind::StartSession,
        tfs_service::embed::EmbeddedErrorKind::SessionInUse,
    ] {
        messages.insert(format!("cannot {kind} DIR"), Some(exit::EMBEDDED_FAILED));
    }
    messages
}

/// The messages of tfs without their causes, with the exit codes.
fn messages_of_tfs() -> BTreeMap<String, Option<u8>> {
    let late = Duration::from_secs(180);
    let option = ["mount.tfs", "URL", "PATH", "-o", "NAME"].map(Into::into);
    let others = [too_late(late, &path()), mount_helper::understand(&option).unwrap_err()];
    let typed = [
        mountpoint_errors(),
        mount_errors(),
        unmount_errors(),
        control_errors(),
        typed_errors(),
        serve_errors(),
    ];
    let all = typed.into_iter().flatten().chain(others.map(eyre::Report::from)).map(|error| {
        let (code, message, _hint) = describe(&error);
        // The chain of causes follows the message, and fusermount3's output follows the path.
        let own = message.split(": unmount").next().unwrap().replace(": CAUSE", "");
        (own, Some(code))
    });
    let mut all: BTreeMap<_, _> = all.collect();
    // Only a client creates these errors, so this code joins their two halves. Tests of the command
    // check the whole text.
    let not_rqbit = ErrorKind::NotRqbit { reason: "it does not name itself rqbit" };
    let login_page = ErrorKind::LoginPage { location: "URL".to_owned() };
    let proxy = |failure| ErrorKind::Proxy { proxy: "URL".to_owned(), failure };
    for (verb, kind, code) in [
        ("reach", ErrorKind::Refused, exit::SERVER_UNREACHABLE),
        ("reach", ErrorKind::Resolve, exit::SERVER_UNREACHABLE),
        ("use", not_rqbit, exit::SERVER_NOT_RQBIT),
        ("use", ErrorKind::Unauthorized, exit::SERVER_UNAUTHORIZED),
        ("reach", ErrorKind::Tls(TlsError::Certificate), exit::SERVER_TLS),
        ("use", ErrorKind::Tls(TlsError::ClientCertificateMissing), exit::SERVER_TLS),
        ("use", ErrorKind::Tls(TlsError::ClientCertificateRefused), exit::SERVER_TLS),
        ("use", login_page, exit::SERVER_UNAUTHORIZED),
        ("reach", proxy(ProxyFailure::Refused), exit::SERVER_UNREACHABLE),
        ("reach", proxy(ProxyFailure::Status { status: 403 }), exit::SERVER_UNREACHABLE),
        ("reach", proxy(ProxyFailure::Unauthorized), exit::SERVER_UNAUTHORIZED),
    ] {
        all.insert(format!("cannot {verb} rqbit at URL: {kind}"), Some(code));
    }
    for (reason, status, code) in [
        ("access is forbidden", 403, exit::SERVER_FORBIDDEN),
        ("the server is busy", 429, exit::SERVER_FAILED),
    ] {
        let answer = ServerError { status, error_kind: None, human_readable: None };
        let kind = ErrorKind::Status(answer);
        all.insert(format!("cannot use rqbit at URL: {reason}: {kind}"), Some(code));
    }
    // `StartError::List`: its cause cannot be created here either.
    all.insert("cannot list the torrents".to_owned(), Some(exit::SERVER_FAILED));
    all
}

/// The system's texts for the errors of a mount, as programs print them.
fn messages_of_the_system() -> BTreeMap<String, Option<u8>> {
    let numbers = [
        libc::ENOTCONN,
        libc::ETIMEDOUT,
        libc::EAGAIN,
        libc::ENODATA,
        libc::EIO,
        libc::ESTALE,
        libc::EACCES,
        libc::ENOENT,
        libc::EROFS,
        libc::EINTR,
        libc::ENOTDIR,
    ];
    let words = numbers.map(|number| {
        let text = io::Error::from_raw_os_error(number).to_string();
        (text.split(" (os error").next().unwrap().to_owned(), None)
    });
    words.into()
}

#[test]
fn the_page_has_all_messages_and_no_other() {
    let mut messages = messages_of_tfs();
    messages.extend(messages_of_others());
    messages.extend(messages_of_the_system());
    let page = on_page();
    let lost: Vec<_> = page.iter().filter(|entry| !messages.contains_key(entry.0)).collect();
    assert!(lost.is_empty(), "on the page, but not a message of tfs: {lost:#?}");
    let missing: Vec<_> = messages.iter().filter(|entry| !page.contains_key(entry.0)).collect();
    assert!(missing.is_empty(), "a message of tfs, but not on the page: {missing:#?}");
    assert_eq!(page, messages);
}

#[test]
fn every_exit_code_of_a_fault_is_explained() {
    /// Codes that are results, or a bug of tfs; the table says everything about them.
    const NO_ENTRY: [u8; 6] = [0, 2, 60, 61, 62, 130];
    let table = include_str!("../../../docs/reference/exit-codes.md").lines();
    let codes = table.filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok());
    let codes: Vec<u8> = codes.filter(|code| !NO_ENTRY.contains(code)).collect();
    assert!(codes.len() > 30, "{codes:?}");
    for code in codes {
        let entry = format!("Exit code {code}");
        let mut after = PAGE.split(&entry).skip(1);
        assert!(after.any(|text| !text.starts_with(|c: char| c.is_ascii_digit())), "{code}");
    }
}

#[test]
fn every_errno_of_a_mount_is_explained() {
    let words = ERRNO_TABLE.split("Errno::").skip(1);
    let names = words.map(|rest| rest.split(|c: char| !c.is_ascii_uppercase()).next().unwrap());
    for name in names.filter(|name| name.len() > 1) {
        assert!(PAGE.contains(&format!("`{name}`")), "{name}");
    }
}
