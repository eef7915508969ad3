//! fusermount3: mounts and unmounts for users other than root.

use std::env;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// Name of the program. The version of libfuse 2 lacks required options.
const PROGRAM: &str = "fusermount3";

/// Directories to search if `PATH` does not contain it: services often run with an almost empty
/// `PATH`.
const FALLBACK_DIRS: [&str; 3] = ["/usr/bin", "/bin", "/usr/local/bin"];

/// Maximum time for mounting: a few system calls. The program is killed afterwards.
const MOUNT_TIME_MAX: Duration = Duration::from_secs(10);

/// Variable with the descriptor on which the program expects the socket for its answer.
const SOCKET_VAR: &str = "_FUSE_COMMFD";

/// Why fusermount3 failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FusermountError {
    #[error("find fusermount3")]
    Missing,
    #[error("run fusermount3")]
    Run(#[source] io::Error),
    /// Its error message, without the program name.
    #[error("{0}")]
    Refused(String),
}

/// Returns the path of fusermount3, if it is installed. Users other than root need it.
#[must_use]
pub fn fusermount_path() -> Option<PathBuf> {
    find().ok()
}

/// Returns the path of the program.
fn find() -> Result<PathBuf, FusermountError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).chain(FALLBACK_DIRS.iter().map(PathBuf::from));
    dirs.map(|dir| dir.join(PROGRAM)).find(|file| is_program(file)).ok_or(FusermountError::Missing)
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Mounts, and returns the FUSE device of the mount.
pub(crate) fn mount(mount_point: &Path, options: &str) -> Result<OwnedFd, FusermountError> {
    let (ours, theirs) = UnixStream::pair().map_err(FusermountError::Run)?;
    ours.set_read_timeout(Some(MOUNT_TIME_MAX)).map_err(FusermountError::Run)?;
    let child = command()?
        .args(["-o", options, "--"])
        .arg(mount_point)
        // As standard input: besides output and error, the only descriptor that a child gets.
        .env(SOCKET_VAR, "0")
        .stdin(OwnedFd::from(theirs))
        .spawn()
        .map_err(FusermountError::Run)?;
    let device = receive_device(&ours);
    // An error is a time-out; waiting for the child would then block.
    let output = finish(child, device.is_err()).map_err(FusermountError::Run)?;
    match device {
        Ok(Some(device)) if output.status.success() => Ok(device),
        Ok(_) => Err(refusal(&output)),
        Err(error) => Err(FusermountError::Run(error)),
    }
}

/// Unmounts. A lazily unmounted mount ends when its last user closes it.
pub(crate) fn unmount(mount_point: &Path, is_lazy: bool) -> Result<(), FusermountError> {
    let output = command()?
        .arg(if is_lazy { "-uz" } else { "-u" })
        .arg("--")
        .arg(mount_point)
        .stdin(Stdio::null())
        .output()
        .map_err(FusermountError::Run)?;
    if output.status.success() { Ok(()) } else { Err(refusal(&output)) }
}

fn command() -> Result<Command, FusermountError> {
    let mut command = Command::new(find()?);
    // The output is parsed, so it has to be English.
    command.env("LC_ALL", "C").stdout(Stdio::null()).stderr(Stdio::piped());
    Ok(command)
}

/// Returns the device that the program sends, or `None` if it exits without sending one.
fn receive_device(socket: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0_u8; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut data = [IoSliceMut::new(&mut byte)];
    recvmsg(socket.as_fd(), &mut data, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
            return Ok(descriptors.next());
        }
    }
    Ok(None)
}

fn finish(mut child: Child, must_kill: bool) -> io::Result<Output> {
    if must_kill {
        child.kill()?;
    }
    child.wait_with_output()
}

fn refusal(output: &Output) -> FusermountError {
    let text = String::from_utf8_lossy(&output.stderr);
    let text = text.trim();
    let text = text.strip_prefix("fusermount3: ").unwrap_or(text);
    if text.is_empty() {
        return FusermountError::Refused(format!("fusermount3 ended with {}", output.status));
    }
    FusermountError::Refused(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{IoSlice, Read as _, Seek as _, Write as _};

    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    use super::*;

    #[test]
    fn the_device_arrives_over_the_socket() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"the device").unwrap();
        file.rewind().unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [file.as_fd()];
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        sendmsg(&theirs, &[IoSlice::new(b"x")], &mut control, SendFlags::empty()).unwrap();

        let device = receive_device(&ours).unwrap().unwrap();
        let mut text = String::new();
        File::from(device).read_to_string(&mut text).unwrap();
        assert_eq!(text, "the device");

        // A program that fails exits without writing to the socket.
        drop(theirs);
        assert!(receive_device(&ours).unwrap().is_none());
    }

    #[test]
    fn a_program_that_hangs_is_given_up() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!(receive_device(&ours).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(!finish(child, true).unwrap().status.success());
    }
}
