//! What a started program inherits.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The first descriptor that is not standard input, output or error.
const FIRST_OTHER: libc::c_int = 3;

/// Maximum number of descriptors that are closed one by one: on kernels before 5.11, and on macOS,
/// which has no `close_range(2)`. Few processes may open more.
const DESCRIPTORS_MAX: libc::c_int = 4096;

/// Makes a program inherit no descriptor but its standard input, output and error, whatever other
/// code of this process has opened, and without a lock that such code would have to take.
///
/// The downside: std then starts the program by `fork(2)`, which copies the page tables of this
/// process.
pub fn inherit_no_descriptors(command: &mut Command) {
    #[expect(unsafe_code, reason = "only the new process can mark its descriptors")]
    // SAFETY: between `fork(2)` and `execve(2)` the closure only makes system calls by functions
    // that are safe after a fork (signal-safety(7)): it takes no lock and allocates nothing.
    unsafe {
        command.pre_exec(mark_descriptors);
    }
}

/// Marks all descriptors from [`FIRST_OTHER`] on to be closed by `execve(2)`. They are not closed
/// at once, since std reports a failed start over one of them.
fn mark_descriptors() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if is_range_marked() {
        return Ok(());
    }
    for fd in FIRST_OTHER..DESCRIPTORS_MAX {
        #[expect(unsafe_code, reason = "the number may be of no open descriptor")]
        // SAFETY: `fcntl(2)` takes numbers; it fails for a descriptor that is not open.
        unsafe {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
    Ok(())
}

/// Marks the descriptors by one system call, if the kernel has it.
#[cfg(target_os = "linux")]
fn is_range_marked() -> bool {
    let flag = libc::CLOSE_RANGE_CLOEXEC;
    #[expect(unsafe_code, reason = "no safe crate has close_range")]
    // SAFETY: `close_range(2)` takes three numbers, and with this flag it closes nothing.
    let marked =
        unsafe { libc::syscall(libc::SYS_close_range, FIRST_OTHER, libc::c_uint::MAX, flag) };
    marked == 0
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::process::Stdio;

    use rustix::io::{FdFlags, fcntl_setfd};

    use super::*;

    #[test]
    fn a_program_inherits_no_other_descriptor() {
        let leaked = File::open("/dev/null").unwrap();
        fcntl_setfd(&leaked, FdFlags::empty()).unwrap();
        // Both Linux and macOS have it.
        let path = format!("/dev/fd/{}", leaked.as_raw_fd());
        let has_it = |prepare: fn(&mut Command)| {
            let mut command = Command::new("test");
            prepare(command.args(["-e", &path]).stdin(Stdio::null()));
            command.status().unwrap().success()
        };
        assert!(has_it(|_command| {}));
        assert!(!has_it(inherit_no_descriptors));
    }

    #[test]
    fn a_program_that_cannot_start_is_reported() {
        let mut command = Command::new("/nonexistent/program");
        inherit_no_descriptors(&mut command);
        assert_eq!(command.status().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
