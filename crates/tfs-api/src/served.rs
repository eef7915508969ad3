//! Names of libraries that are mounted nowhere: `webdav://127.0.0.1:8080`. The URL of a front end,
//! as the status has it, is such a name too.
//!
//! Such a name stands where a mount point does. It is not a path: nothing is looked up on the disk.

use std::path::{Path, PathBuf};

/// The schemes of the names.
const SCHEMES: [&str; 5] = ["webdav://", "nfs://", "dlna://", "http://", "https://"];

/// Returns the name of a library that is only served, if the text is one, and the path of a file in
/// it, without a leading slash; empty for the root.
#[must_use]
pub fn served_name(path: &Path) -> Option<(&str, &str)> {
    let text = path.to_str()?;
    let scheme = SCHEMES.into_iter().find(|scheme| text.starts_with(scheme))?;
    let (address, inside) = match text.get(scheme.len()..)?.split_once('/') {
        Some((address, inside)) => (address, inside),
        None => (text.get(scheme.len()..)?, ""),
    };
    let name = text.get(..scheme.len() + address.len())?;
    (!address.is_empty()).then_some((name, inside.trim_matches('/')))
}

/// Returns the name of a library that is only served, if the path is one, and not a file in it.
pub(super) fn served_root(path: &Path) -> Option<&str> {
    served_name(path).filter(|(_, inside)| inside.is_empty()).map(|(name, _)| name)
}

/// Returns the library and the path of a file in it.
pub(super) fn enter_served(path: &Path) -> Option<(PathBuf, String)> {
    let (name, inside) = served_name(path)?;
    Some((PathBuf::from(name), inside.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<(&str, &str)>) {
        assert_eq!(served_name(Path::new(text)), want);
    }

    #[test]
    fn a_name_has_a_scheme_and_an_address() {
        check("webdav://127.0.0.1:8080", Some(("webdav://127.0.0.1:8080", "")));
        check("webdav://127.0.0.1:8080/", Some(("webdav://127.0.0.1:8080", "")));
        check("nfs://[::1]:2050/t/film.mkv", Some(("nfs://[::1]:2050", "t/film.mkv")));
        check("dlna://0.0.0.0:8200", Some(("dlna://0.0.0.0:8200", "")));
        check("webdav:///t", None);
        check("webdav:/127.0.0.1", None);
        check("/mnt/webdav://x", None);
        check("http://127.0.0.1:8080/", Some(("http://127.0.0.1:8080", "")));
        check("ftp://127.0.0.1:8080", None);
    }
}
