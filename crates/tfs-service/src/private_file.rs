//! Secrets that tfs makes itself, in files that only this user can read.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use tfs_state::make_private_below;

use crate::random::random_digits;

/// All permissions for group and others.
pub(crate) const OPEN_TO_OTHERS: u32 = 0o077;

/// Reads a file `name` of a state directory by `read`. If there is none, makes one with `content`
/// first. Blocks on the disk.
///
/// # Errors
/// Those of the system and of `read`.
pub(crate) fn read_or_make<T>(
    state_dir: &Path,
    name: &str,
    read: impl Fn(&Path) -> io::Result<T>,
    content: impl FnOnce() -> Vec<u8>,
) -> io::Result<T> {
    let path = state_dir.join(name);
    match read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_private_below(state_dir, state_dir)?;
            make(&path, name, &content())?;
            // That of another process, if it was faster.
            read(&path)
        }
        read => read,
    }
}

/// Writes a new file beside its place, and then gives it its name: another process never reads half
/// of it. An existing file stays.
fn make(path: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let beside = path.with_file_name(format!("{name}.{}.new", random_digits()));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = file.write_all(content);
    let linked = written.and_then(|()| match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // A filesystem without hard links.
        Err(_) => fs::rename(&beside, path),
        Ok(()) => Ok(()),
    });
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => linked.and(Err(error)),
        _ => linked,
    }
}
