//! Errors of a server as one line of text.

use vfs_core::SourceError;

/// Returns an error with its innermost cause. The causes between repeat the words of both,
/// so [`tfs_types::chain`] would say them twice.
pub(crate) fn with_root_cause(error: &SourceError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let (error, cause) = (error.to_string(), cause.to_string());
    // The client's own error may begin with the same words, or be the same.
    if cause.starts_with(&error) { cause } else { format!("{error}: {cause}") }
}

#[cfg(test)]
mod tests {
    use std::io;

    use vfs_core::SourceErrorKind;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct ClientError(&'static str, #[source] Option<io::Error>);

    #[track_caller]
    fn check(source: Option<ClientError>, want: &str) {
        let error = SourceError::new(SourceErrorKind::Unreachable, "list a");
        let error = match source {
            Some(source) => error.with_source(source),
            None => error,
        };
        assert_eq!(with_root_cause(&error), want);
    }

    #[test]
    fn the_innermost_cause_is_said_once() {
        check(None, "list a");
        check(Some(ClientError("list a: refused", None)), "list a: refused");
        let refused = || Some(io::Error::other("Connection refused"));
        check(Some(ClientError("list a: refused", refused())), "list a: Connection refused");
    }
}
