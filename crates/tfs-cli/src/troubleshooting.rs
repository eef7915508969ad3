//! The messages that `docs/troubleshooting.md` quotes are those that tfs and the system say.
//!
//! Each heading of the page that is a message is compared with what the code makes of the error,
//! and each error that a user may meet has to be on the page with its exit code.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::libc;
use rqbit_client::ErrorKind;
use tfs_service::{Holder, MountError, MountpointError, StartError, UnmountError};

use crate::background::too_late;
use crate::report::told;
use crate::{exit, mount_helper};

const PAGE: &str = include_str!("../../../docs/troubleshooting.md");

/// The errno table of the mount, which the page has to know as a whole.
const ERRNO_TABLE: &str = include_str!("../../fuse-adapter/src/errno.rs");

/// Returns the message of each heading of the page, with the exit code that the text below it
/// begins with, if it does.
fn on_page() -> BTreeMap<String, Option<u8>> {
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

/// A cause, whose text the page leaves out.
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
        MountError::Fusermount { path: path(), message: "CAUSE".to_owned() },
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

/// What tfs says, without its causes, and with which exit code.
fn said_by_tfs() -> BTreeMap<String, Option<u8>> {
    let late = Duration::from_secs(180);
    let option = ["mount.tfs", "URL", "PATH", "-o", "NAME"].map(Into::into);
    let others = [too_late(late), mount_helper::understand(&option).unwrap_err()];
    let typed = mountpoint_errors().into_iter().chain(mount_errors()).chain(unmount_errors());
    let all = typed.chain(others.map(eyre::Report::from)).map(|error| {
        let (code, message, _hint) = told(&error);
        // The chain of causes goes on after the message, fusermount3's words after the path.
        let own = message.split(": unmount").next().unwrap().replace(": CAUSE", "");
        (own, Some(code))
    });
    let mut all: BTreeMap<_, _> = all.collect();
    // Only a client makes these, so their two halves are put together here; tests of the command
    // see them as a whole.
    let not_rqbit = ErrorKind::NotRqbit { reason: "it does not name itself rqbit" };
    for (verb, kind, code) in [
        ("reach", ErrorKind::Refused, exit::SERVER_UNREACHABLE),
        ("reach", ErrorKind::Resolve, exit::SERVER_UNREACHABLE),
        ("use", not_rqbit, exit::SERVER_NOT_RQBIT),
        ("use", ErrorKind::Unauthorized, exit::SERVER_UNAUTHORIZED),
    ] {
        all.insert(format!("cannot {verb} rqbit at URL: {kind}"), Some(code));
    }
    // `StartError::List`, whose cause cannot be made here either.
    all.insert("cannot list the torrents".to_owned(), Some(exit::SERVER_FAILED));
    all
}

/// What programs say of the errors of a mount: the words of the system.
fn said_by_the_system() -> BTreeMap<String, Option<u8>> {
    let numbers = [
        libc::ENOTCONN,
        libc::ETIMEDOUT,
        libc::EAGAIN,
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
fn every_message_of_the_page_is_said_and_every_error_is_on_it() {
    let mut said = said_by_tfs();
    said.extend(said_by_the_system());
    let page = on_page();
    let lost: Vec<_> = page.iter().filter(|entry| !said.contains_key(entry.0)).collect();
    assert!(lost.is_empty(), "on the page, but nobody says it: {lost:#?}");
    let missing: Vec<_> = said.iter().filter(|entry| !page.contains_key(entry.0)).collect();
    assert!(missing.is_empty(), "said, but not on the page: {missing:#?}");
    assert_eq!(page, said);
}

#[test]
fn every_errno_of_a_mount_is_explained() {
    let words = ERRNO_TABLE.split("Errno::").skip(1);
    let names = words.map(|rest| rest.split(|c: char| !c.is_ascii_uppercase()).next().unwrap());
    for name in names.filter(|name| name.len() > 1) {
        assert!(PAGE.contains(&format!("`{name}`")), "{name}");
    }
}
