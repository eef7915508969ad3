//! "Did you mean": finds the known word that is most similar to an unknown one.

/// Minimum similarity of two words, from 0 to 1, for a suggestion. `timout` and `timeout` have
/// 0.86, `read` and `mount` 0.
const LIKENESS_MIN: f64 = 0.6;

/// Returns the candidate that is most similar to a word, if it is similar enough. Of several with
/// the same similarity, returns the first.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    nearest_by(candidates, |candidate| strsim::normalized_damerau_levenshtein(word, candidate))
}

/// Returns the full name of the key that is most similar to an unknown one: by its full name, or by
/// its last part, for a key in the wrong section.
pub(super) fn nearest_key<'a>(
    key: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    nearest_by(candidates, |candidate| {
        let whole = strsim::normalized_damerau_levenshtein(key, candidate);
        let part = strsim::normalized_damerau_levenshtein(&last(key), &last(candidate));
        // Of two equal matches, a key of the same section is preferred.
        whole.max(part - 0.01)
    })
}

fn nearest_by<'a>(
    candidates: impl IntoIterator<Item = &'a str>,
    likeness: impl Fn(&str) -> f64,
) -> Option<&'a str> {
    let mut best = None;
    let mut best_likeness = LIKENESS_MIN;
    for candidate in candidates {
        let likeness = likeness(candidate);
        if likeness > best_likeness {
            best = Some(candidate);
            best_likeness = likeness;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let keys = ["read.timeout", "read.memory", "mount.path", "server.url"];
        let check = |key: &str, want| assert_eq!(nearest_key(key, keys), want, "{key}");
        check("read.timout", Some("read.timeout"));
        check("raed.timeout", Some("read.timeout"));
        check("timeout", Some("read.timeout"));
        check("mount.timeout", Some("read.timeout"));
        check("server.pth", Some("mount.path"));
        check("colour", None);
        assert_eq!(nearest("wiat", ["wait", "fail"]), Some("wait"));
        assert_eq!(nearest("never", ["wait", "fail"]), None);
    }
}
