//! Results of checks, as data for printing.

use serde::Serialize;

/// Severity of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No problem.
    Ok,
    /// tfs works, with limitations.
    Warning,
    /// tfs does not work.
    Fault,
}

/// Result of one check. Serialized, this is an entry of `tfs doctor --json`: fields are added,
/// never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// The name of the check, such as `fuse-device`. One check may have several results.
    pub check: &'static str,
    /// The server that it concerns, if there are several.
    pub server: Option<String>,
    /// Its severity.
    pub verdict: Severity,
    /// The finding, as a fragment of a sentence.
    pub found: String,
    /// Remedies: alternative shell commands, one of which is enough. An explanation follows a
    /// command as a shell comment.
    pub fixes: Vec<String>,
}

impl CheckResult {
    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        let (verdict, found) = (Severity::Ok, found.into());
        Self { check, server: None, verdict, found, fixes: Vec::new() }
    }

    pub(super) fn warning(check: &'static str, found: impl Into<String>) -> Self {
        Self { verdict: Severity::Warning, ..Self::ok(check, found) }
    }

    pub(super) fn fault(check: &'static str, found: impl Into<String>) -> Self {
        Self { verdict: Severity::Fault, ..Self::ok(check, found) }
    }

    pub(super) fn fix(mut self, command: impl Into<String>) -> Self {
        self.fixes.push(command.into());
        self
    }
}

/// Returns the findings of a table test as text.
#[cfg(test)]
pub(super) fn render(findings: &[CheckResult]) -> String {
    let lines = findings.iter().flat_map(|CheckResult { check, verdict, found, fixes, .. }| {
        let fixes = fixes.iter().map(|fix| format!("    $ {fix}\n"));
        std::iter::once(format!("{verdict:?} {check}: {found}\n")).chain(fixes)
    });
    lines.collect()
}
