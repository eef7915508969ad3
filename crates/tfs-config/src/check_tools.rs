//! What checks of several sections need: places of keys, repeated values, names of servers.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Loaded, Origin, Problem, Provenance};

/// Names the embedded server of the process, which no section configures.
pub(super) const EMBEDDED: &str = "embedded";

/// Returns the problem of a key that names a server which is not configured.
pub(super) fn unknown_server(loaded: &Loaded, name: Option<&str>, key: &str) -> Option<Problem> {
    let name = name.filter(|name| *name != EMBEDDED)?;
    let names = || loaded.settings.servers.iter().map(|server| server.name.as_str());
    if names().any(|known| known == name) {
        return None;
    }
    let problem = Problem::at(loaded.place(key), format!("no server is named `{name}`"));
    Some(match super::suggest::nearest(name, names()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => {
            let names: Vec<_> = names().chain([EMBEDDED]).collect();
            problem.hint(format!("the servers are: {}", names.join(", ")))
        }
    })
}

/// Returns the place of a key of a list's item, or of the item if the key is not set.
pub(super) fn best_place(loaded: &Loaded, item: &str, key: &str) -> Provenance {
    let place = loaded.place(&format!("{item}.{key}"));
    if place.origin == Origin::Default { loaded.place(item) } else { place }
}

/// Returns each repeated value, with its index and the index of its first occurrence.
pub(super) fn repeats<T: Eq + Hash + Copy>(
    values: impl Iterator<Item = T>,
) -> Vec<(usize, usize, T)> {
    let mut firsts = HashMap::new();
    let mut repeats = Vec::new();
    for (idx, value) in values.enumerate() {
        let first = *firsts.entry(value).or_insert(idx);
        if first != idx {
            repeats.push((idx, first, value));
        }
    }
    repeats
}
