//! The versions of rqbit that tfs is tested with.

/// The versions, major and minor, that the tests of tfs run: `tfs_testkit::swarm`.
/// `docs/reference/rqbit-versions.md` lists their differences.
pub const RQBIT_VERSIONS_TESTED: [&str; 2] = ["8.1", "9.1"];

/// Maximum length of a version that is printed: the server's text ends up on a terminal.
const CHARS_MAX: usize = 32;

/// Returns a version for display: without control characters, and at most [`CHARS_MAX`] long.
pub(crate) fn shown(version: &str) -> String {
    version.chars().filter(|it| !it.is_control()).take(CHARS_MAX).collect()
}

/// Returns a warning for a version that tfs is not tested with; `None` for tested ones.
pub(crate) fn untested(version: &str) -> Option<String> {
    let is_tested = RQBIT_VERSIONS_TESTED.iter().any(|tested| {
        let rest = version.strip_prefix(tested);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    let version = shown(version);
    (!is_tested).then(|| {
        format!("rqbit {version} is not tested; tested: {}", RQBIT_VERSIONS_TESTED.join(", "))
    })
}

/// Returns whether a version is older than 9: it provides no `.torrent` files and no bitfields.
pub(crate) fn lacks_metadata(version: &str) -> bool {
    let major = version.split('.').next().and_then(|major| major.parse::<u64>().ok());
    major.is_some_and(|major| major < 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_versions_are_named() {
        for tested in ["8.1.1", "9.1.0", "9.1", "8.1.0-rc.1"] {
            assert_eq!(untested(tested), None, "{tested}");
        }
        let said = |version| untested(version).unwrap();
        assert_eq!(said("7.0.0"), "rqbit 7.0.0 is not tested; tested: 8.1, 9.1");
        assert_eq!(said("9.10.0"), "rqbit 9.10.0 is not tested; tested: 8.1, 9.1");
        assert_eq!(said("9\u{1b}[31m"), "rqbit 9[31m is not tested; tested: 8.1, 9.1");
        assert!(said(&"9".repeat(1000)).len() < 100);
        assert!(lacks_metadata("8.1.1") && !lacks_metadata("9.1.0") && !lacks_metadata(""));
    }
}
