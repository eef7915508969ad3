//! Where a value stands, and what is wrong there.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "lowercase")]
pub enum Origin {
    /// From nowhere: it is what tfs does unless told otherwise.
    Default,
    /// From a configuration file.
    File(PathBuf),
    /// From a variable of the environment.
    Variable(String),
    /// From the command line.
    Flag(String),
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// What it stands in.
    #[serde(flatten)]
    pub origin: Origin,
    /// The line in a file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The character in the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands, if it stands anywhere.
    pub place: Option<Provenance>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Everything that is wrong with the settings, in the order in which it is read; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Provenance {
    /// Returns the place of a value of which only the origin is known.
    #[must_use]
    pub const fn of(origin: Origin) -> Self {
        Self { origin, line: None, column: None }
    }

    /// Returns the place of a byte in a file that holds `text`.
    pub(super) fn in_file(path: PathBuf, text: &str, byte_idx: usize) -> Self {
        let before = text.get(..byte_idx).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let line = before.matches('\n').count() + 1;
        Self { origin: Origin::File(path), line: Some(line), column: Some(column) }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => f.write_str("default")?,
            Origin::File(path) => path.display().fmt(f)?,
            Origin::Variable(name) | Origin::Flag(name) => f.write_str(name)?,
        }
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        Ok(())
    }
}

impl Problem {
    pub(super) fn at(place: Provenance, message: impl Into<String>) -> Self {
        Self { place: Some(place), message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, problem) in self.problems.iter().enumerate() {
            if idx > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl From<Problem> for SettingsError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}
