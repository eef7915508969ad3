//! The location of a server's state.

use std::path::{Path, PathBuf};

use directories::BaseDirs;
use rqbit_client::BaseUrl;
use tfs_types::fnv1a;

/// Maximum number of characters of an address or path in a directory name, which make it
/// recognizable.
const LABEL_CHARS_MAX: usize = 64;

/// Identity of a server. The same server at two addresses has two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerIdentity(String);

impl ServerIdentity {
    /// The identity of a server at an address, independent of credentials.
    pub fn of_url(url: &BaseUrl) -> Self {
        Self(url.to_string())
    }

    /// The identity of an embedded server with this download directory, independent of its port.
    pub fn of_dir(dir: &Path) -> Self {
        let dir = dir.canonicalize().unwrap_or_else(|_missing| dir.to_owned());
        // Formatted as a literal, so that different paths give different texts.
        Self(format!("embedded {dir:?}"))
    }

    /// Returns the name of the server in records of all servers.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the directory name: a readable label, and a hash that makes it unique.
    fn dir_name(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let label: String = self
            .0
            .chars()
            .map(|c| if is_plain(c) { c } else { '_' })
            .take(LABEL_CHARS_MAX)
            .collect();
        format!("{label}-{:016x}", fnv1a(self.0.as_bytes()))
    }
}

/// Returns the user's state directory of tfs: `$XDG_STATE_HOME/tfs`, else `~/.local/state/tfs`.
/// `None` if the user has no home directory.
pub fn user_state_dir() -> Option<PathBuf> {
    Some(BaseDirs::new()?.state_dir()?.join("tfs"))
}

/// Returns the directory of a server's state below the state directory.
pub(super) fn server_dir(state_dir: &Path, identity: &ServerIdentity) -> PathBuf {
    state_dir.join("servers").join(identity.dir_name())
}

/// Returns the directory for drops of a server that wait, below the state directory.
pub fn drops_dir(state_dir: &Path, identity: &ServerIdentity) -> PathBuf {
    server_dir(state_dir, identity).join("drops")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_has_a_directory_of_its_own() {
        let name = |url: &str| ServerIdentity::of_url(&url.parse().unwrap()).dir_name();
        assert_eq!(name("http://127.0.0.1:3030"), "http___127.0.0.1_3030_-3810c0a5b8e178bf");
        assert_eq!(name("HTTP://H:80"), name("http://h/"));
        let others = ["https://h/", "http://h/a", "http://h:81", "http://h/%2F", "http://h/_2F"];
        for other in others {
            assert_ne!(name(other), name("http://h/"));
        }
        assert_ne!(name("http://h/a/b"), name("http://h/a_b"));
        let long = name(&format!("http://h/{}", "x".repeat(5000)));
        assert!(long.len() < 255, "{long}");
        assert_ne!(
            ServerIdentity::of_dir(Path::new("/no/a")),
            ServerIdentity::of_dir(Path::new("/no/b"))
        );
    }
}
