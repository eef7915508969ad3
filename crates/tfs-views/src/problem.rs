//! What is wrong with the rules of a view.

use std::fmt;

/// A problem of a view, for users. It names the view and the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ViewProblem {
    /// Position of the view.
    pub view: usize,
    /// The name of the view.
    pub name: String,
    /// The key, such as `match` or `not.glob`.
    pub key: String,
    /// What is wrong with it, as a fragment of a sentence.
    pub message: String,
    /// What to do, if there is more to say.
    pub hint: Option<String>,
}

impl fmt::Display for ViewProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, key, message, .. } = self;
        write!(f, "the view {name:?}: `{key}`: {message}")
    }
}
