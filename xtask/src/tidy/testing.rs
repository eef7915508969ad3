//! The test helper of the rules: samples in, violations out.

use expect_test::Expect;

use super::{TidyFile, Violation};

/// Applies a rule to samples of (path, text) and compares the output of tidy.
///
/// A sample without a violation is rendered as `PATH: fine`.
#[track_caller]
pub(super) fn check(
    rule: impl Fn(&TidyFile<'_>) -> Vec<Violation>,
    samples: &[(&str, &str)],
    expect: &Expect,
) {
    let mut lines = Vec::new();
    for (path, text) in samples {
        let findings = rule(&TidyFile { path, text });
        if findings.is_empty() {
            lines.push(format!("{path}: fine"));
        }
        lines.extend(findings.iter().map(Violation::to_string));
    }
    expect.assert_eq(&lines.join("\n"));
}
