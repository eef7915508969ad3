//! The device tokens as servers use them: from memory, read again when the file has changed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tfs_types::chain;
use webdav_adapter::DeviceTokens;

use super::file::{TokenFile, TokenFileStamp, hash_of};

/// How long the content counts as current. Then one system call tells whether the file has changed.
const FRESH_TIME: Duration = Duration::from_millis(500);

/// The tokens of a state directory. Without a directory there are none.
#[derive(Debug)]
pub(crate) struct KnownTokens {
    file: Option<TokenFile>,
    /// Protects the content; held for a look-up, and twice a second at most for a look at the file.
    known: Mutex<TokenTable>,
}

#[derive(Debug, Default)]
struct TokenTable {
    looked_at: Option<Instant>,
    stamp: Option<TokenFileStamp>,
    /// Names of devices, by the hash of the token.
    names: HashMap<[u8; 32], String>,
}

impl KnownTokens {
    pub(crate) fn new(state_dir: Option<&Path>) -> Self {
        let file = state_dir.map(TokenFile::in_state_dir);
        let mut known = TokenTable::default();
        if let Some(file) = &file {
            // A file that cannot be used is reported at the start, and not at the first request.
            known.look(file);
            known.looked_at = None;
        }
        Self { file, known: Mutex::new(known) }
    }
}

impl DeviceTokens for KnownTokens {
    fn device_of(&self, token: &str) -> Option<String> {
        let file = self.file.as_ref()?;
        let hash = hash_of(token);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.looked_at.is_none_or(|at| at.elapsed() >= FRESH_TIME) {
            known.look(file);
        }
        known.names.get(&hash).cloned()
    }
}

impl TokenTable {
    /// Reads the file again if it has changed. A file that cannot be used has no tokens.
    fn look(&mut self, file: &TokenFile) {
        self.looked_at = Some(Instant::now());
        let stamp = file.stamp();
        if stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        let tokens = file.read().map(|lines| lines.or_warn(file)).unwrap_or_else(|error| {
            let (path, why) = (file.path().display(), chain(&error));
            tracing::warn!(%path, why, "device tokens cannot be used");
            Vec::new()
        });
        self.names = tokens.into_iter().map(|token| (token.hash, token.name)).collect();
    }
}

#[cfg(test)]
mod tests {
    use tfs_testkit::until::until;

    use super::super::DeviceTokenStore;
    use super::*;

    #[test]
    fn a_token_counts_until_it_is_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let store = DeviceTokenStore::in_state_dir(dir.path());
        let known = KnownTokens::new(Some(dir.path()));
        assert_eq!(known.device_of("nothing"), None);
        let token = store.create("tv").unwrap();
        let until_it_is = |want: Option<&str>| {
            until("the change is seen", || {
                (known.device_of(&token).as_deref() == want).then_some(())
            });
        };
        until_it_is(Some("tv"));
        assert_eq!(known.device_of(&token.to_uppercase()).as_deref(), Some("tv"));
        store.revoke("tv").unwrap();
        until_it_is(None);
        assert_eq!(KnownTokens::new(None).device_of(&token), None);
    }
}
