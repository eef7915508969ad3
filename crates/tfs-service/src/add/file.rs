//! Reads a `.torrent` file from a path of any kind: a pipe, a device, or a file of any size.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tfs_sys::spawn_detached;
use tokio::time::timeout;

use super::fault::AddFault;

/// Maximum size of a `.torrent` file: rqbit's limit.
pub(super) const FILE_BYTES_MAX: u64 = 10 << 20;

/// Timeout for reading a file. A pipe may come from a program that downloads it, as in `<(curl
/// ...)`; a pipe without a writer never ends.
pub(super) const READ_TIME_MAX: Duration = Duration::from_secs(60);

/// The path of the standard input.
pub(super) const STDIN: &str = "/dev/stdin";

/// All paths of the standard input.
const STDIN_PATHS: [&str; 3] = [STDIN, "/dev/fd/0", "/proc/self/fd/0"];

/// Returns whether a path is the standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    STDIN_PATHS.iter().any(|stdin| Path::new(stdin) == path)
}

/// Reads a whole file, for `time_max` at most.
pub(super) async fn read(path: &Path, time_max: Duration) -> Result<Vec<u8>, AddFault> {
    let path = path.to_owned();
    // Opening a pipe without a writer never returns.
    let bytes = spawn_detached("tfs-read", move || read_inline(&path)).map_err(AddFault::Read)?;
    match timeout(time_max, bytes).await {
        Ok(Ok(read)) => read,
        Ok(Err(_panicked)) => Err(AddFault::Read(std::io::Error::other("the thread panicked"))),
        Err(_elapsed) => Err(AddFault::ReadTimedOut { time_max }),
    }
}

fn read_inline(path: &PathBuf) -> Result<Vec<u8>, AddFault> {
    let file = File::open(path).map_err(AddFault::Read)?;
    let metadata = file.metadata().map_err(AddFault::Read)?;
    if metadata.is_dir() {
        return Err(AddFault::Directory);
    }
    let too_large = AddFault::TooLarge { max_bytes: FILE_BYTES_MAX };
    if metadata.len() > FILE_BYTES_MAX {
        return Err(too_large);
    }
    let mut bytes = Vec::new();
    // Devices and pipes have no length. One extra byte shows that the limit is exceeded.
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(AddFault::Read)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(too_large) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;

    #[track_caller]
    fn check(read: Result<Vec<u8>, AddFault>, want: &str) {
        let got = match read {
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(fault) => fault.to_string(),
        };
        assert_eq!(got, want);
    }

    #[tokio::test]
    async fn what_is_read_has_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let long = Duration::from_secs(60);
        fs::write(&path, "abc").unwrap();
        check(read(&path, long).await, "3 bytes");
        let too_large = "it is larger than 10 MiB, the limit of rqbit";
        check(read("/dev/zero".as_ref(), long).await, too_large);
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        check(read(&path, long).await, too_large);
        File::create(&path).unwrap().set_len(FILE_BYTES_MAX).unwrap();
        check(read(&path, long).await, "10485760 bytes");
        check(read(dir.path(), long).await, "it is a directory");
        check(read("/dev/null".as_ref(), long).await, "0 bytes");
    }

    #[tokio::test]
    async fn a_pipe_is_read_to_its_end_and_not_waited_for_without_one() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let dir = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = dir.path().join(name);
            mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
            path
        };
        let silent = read(&pipe("silent"), Duration::from_millis(1)).await;
        check(silent, "it did not finish within 1ms");
        let path = pipe("written");
        let writer = path.clone();
        let writing = thread::spawn(move || fs::write(writer, "abc").unwrap());
        check(read(&path, READ_TIME_MAX).await, "3 bytes");
        writing.join().unwrap();
    }
}
