//! What a check found: data, for whoever prints it.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it is to be.
    Ok,
    /// tfs works, but not everything that it can do.
    Warning,
    /// tfs does not work like this.
    Fault,
}

/// What one check found. Serialized, this is an entry of `tfs doctor --json`: fields are added,
/// never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// The name of the check, such as `fuse-device`. One check may find several things.
    pub check: &'static str,
    /// Which server it is about, where there are several.
    pub server: Option<String>,
    /// How bad it is.
    pub verdict: Severity,
    /// What was found, as a fragment of a sentence.
    pub found: String,
    /// What helps: commands to type, of which one is enough. What is said about one of them
    /// follows it as a comment of the shell.
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
