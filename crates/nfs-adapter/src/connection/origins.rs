//! The readers behind a connection, as `tfs status` shows them.

use std::collections::HashMap;
use std::sync::Arc;

use vfs_core::ReaderOrigin;

/// Maximum number of machine names of a connection. A client has one.
const NAMES_MAX: usize = 8;

/// Maximum length of a machine name that is shown, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The readers behind a connection.
#[derive(Debug)]
pub(super) struct Origins {
    /// Without a machine name.
    unnamed: Arc<ReaderOrigin>,
    named: HashMap<Box<[u8]>, Arc<ReaderOrigin>>,
}

impl Origins {
    pub(super) fn new(peer: &str) -> Self {
        let origin = ReaderOrigin { front: "nfs", peer: peer.to_owned(), agent: None };
        Self { unnamed: Arc::new(origin), named: HashMap::new() }
    }

    /// Returns all readers so far.
    pub(super) fn all(&self) -> impl Iterator<Item = &ReaderOrigin> {
        self.named.values().chain([&self.unnamed]).map(|it| &**it)
    }

    /// Returns the reader with the machine name of AUTH_SYS, which clients choose.
    pub(super) fn get(&mut self, machine: Option<&[u8]>) -> Arc<ReaderOrigin> {
        let Some(machine) = machine else { return Arc::clone(&self.unnamed) };
        if let Some(known) = self.named.get(machine) {
            return Arc::clone(known);
        }
        let (Some(agent), ..NAMES_MAX) = (shown(machine), self.named.len()) else {
            return Arc::clone(&self.unnamed);
        };
        let origin = Arc::new(ReaderOrigin { agent: Some(agent), ..(*self.unnamed).clone() });
        self.named.insert(machine.into(), Arc::clone(&origin));
        origin
    }
}

/// Returns a machine name that can be shown.
fn shown(machine: &[u8]) -> Option<String> {
    let name = str::from_utf8(machine).ok()?;
    let is_sane = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.chars().all(|char| char.is_ascii_graphic());
    is_sane.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_names_are_kept_if_they_can_be_shown() {
        let mut origins = Origins::new("::1");
        let mut agent = |machine: &[u8]| origins.get(Some(machine)).agent.clone();
        assert_eq!(agent(b"laptop.lan").as_deref(), Some("laptop.lan"));
        for insane in [&b""[..], b"a\x1b[31m", b"a b", b"\xff", &[b'a'; 65]] {
            assert_eq!(agent(insane), None, "{insane:?}");
        }
        let named = (0..100).filter(|it: &u32| agent(it.to_string().as_bytes()).is_some());
        assert_eq!(named.count(), NAMES_MAX - 1);
        assert_eq!(agent(b"laptop.lan").as_deref(), Some("laptop.lan"));
        assert_eq!(*origins.get(None), *Origins::new("::1").unnamed);
    }
}
