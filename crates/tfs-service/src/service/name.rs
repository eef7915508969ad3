//! Names of units that are made for a mount point.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Prefix of all names, which also tells them from the unit of the daemon, `tfs.service`.
const PREFIX: &str = "tfs-";

const SUFFIX: &str = ".service";

/// Returns the name of the unit of a mount point, as `systemd-escape --path` makes it
/// (`systemd.unit(5)`, "String escaping"): `tfs-mnt-t.service` for `/mnt/t`.
pub(super) fn unit_name(mountpoint: &Path) -> String {
    let bytes = mountpoint.as_os_str().as_bytes();
    let parts = bytes.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
    let parts: Vec<String> = parts.map(escaped).collect();
    let name = if parts.is_empty() { "-".to_owned() } else { parts.join("-") };
    format!("{PREFIX}{name}{SUFFIX}")
}

/// Returns whether a file has the name of such a unit.
#[cfg(target_os = "linux")]
pub(super) fn is_unit_name(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

fn escaped(part: &[u8]) -> String {
    let mut text = String::new();
    for (idx, byte) in part.iter().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b":_.".contains(byte);
        if is_plain && !(idx == 0 && *byte == b'.') {
            text.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names are those of `systemd-escape --path` of systemd 257.
    #[test]
    fn names_are_those_of_systemd() {
        for (path, want) in [
            ("/mnt/t", "tfs-mnt-t.service"),
            ("/mnt//t/", "tfs-mnt-t.service"),
            ("/mnt/my films", "tfs-mnt-my\\x20films.service"),
            ("/mnt/a-b", "tfs-mnt-a\\x2db.service"),
            ("/srv/me/.films", "tfs-srv-me-\\x2efilms.service"),
            ("/ü", "tfs-\\xc3\\xbc.service"),
            ("/", "tfs--.service"),
        ] {
            assert_eq!(unit_name(Path::new(path)), want);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn units_are_known_by_their_names() {
        assert!(is_unit_name("tfs-mnt.service") && is_unit_name("tfs--.service"));
        assert!(!is_unit_name("tfs.service") && !is_unit_name("tfs-mnt.mount"));
    }
}
