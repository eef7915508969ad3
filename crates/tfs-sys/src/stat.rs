//! Numbers of a `stat(2)` result in one form: their types differ between systems.

use rustix::fs::Stat;

/// Returns the device number of the filesystem.
#[must_use]
pub fn device(stat: &Stat) -> u64 {
    #[cfg(target_os = "linux")]
    return stat.st_dev;
    #[cfg(not(target_os = "linux"))]
    u64::from(stat.st_dev.cast_unsigned())
}

/// Returns the change time of the inode: seconds since 1970 and nanoseconds.
#[must_use]
pub fn changed(stat: &Stat) -> (i64, i64) {
    (stat.st_ctime, nanos(stat.st_ctime_nsec))
}

/// Returns the modification time: seconds since 1970 and nanoseconds.
#[must_use]
pub fn modified(stat: &Stat) -> (i64, i64) {
    (stat.st_mtime, nanos(stat.st_mtime_nsec))
}

#[cfg(target_os = "linux")]
fn nanos(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn nanos(nanos: i64) -> i64 {
    nanos
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn the_numbers_are_those_of_std() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (stat, metadata) =
            (rustix::fs::fstat(&file).unwrap(), file.as_file().metadata().unwrap());
        assert_eq!(device(&stat), metadata.dev());
        assert_eq!(changed(&stat), (metadata.ctime(), metadata.ctime_nsec()));
        assert_eq!(modified(&stat), (metadata.mtime(), metadata.mtime_nsec()));
    }
}
