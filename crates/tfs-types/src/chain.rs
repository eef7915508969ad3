//! Errors and their causes as one line of text.

use std::error::Error;
use std::iter::{once, successors};

/// Returns an error with its causes, separated by colons.
///
/// Many errors repeat the text of their cause. See [`join_causes`] for what is left out.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let causes = successors(error.source(), |&cause| cause.source());
    join_causes(once(error.to_string()).chain(causes.map(ToString::to_string)))
}

/// Joins the texts of an error and its causes, outermost first. A cause is left out if the text
/// before contains what follows its last colon.
#[must_use]
pub fn join_causes(causes: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    for cause in causes {
        let last_words = cause.rsplit(": ").next().unwrap_or(&cause);
        if text.is_empty() {
            text = cause;
        } else if !text.contains(last_words) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct CauseLevel {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    #[track_caller]
    fn check(texts: &[&'static str], want: &str) {
        let levels = texts
            .iter()
            .rev()
            .fold(None, |source, text| Some(Box::new(CauseLevel { text, source })));
        assert_eq!(chain(&*levels.unwrap()), want);
    }

    #[test]
    fn causes_are_said_once() {
        check(&["mount /m"], "mount /m");
        check(
            &["mount /m", "Permission denied (os error 13)"],
            "mount /m: Permission denied (os error 13)",
        );
        check(&["start", "run fusermount3", "not found"], "start: run fusermount3: not found");
        // An error whose text ends with that of its cause.
        check(&["read a: refused", "refused"], "read a: refused");
        check(&["cannot start", "read a: refused", "refused"], "cannot start: read a: refused");
        // The same error under another context.
        check(&["list b: refused", "read a: refused", "refused"], "list b: refused");
        check(&["a", "a"], "a");
    }
}
