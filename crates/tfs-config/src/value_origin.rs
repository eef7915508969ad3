//! The place where a value is written.

/// Where a value comes from, which decides the meaning of a relative path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueOrigin {
    /// A file, which may be read from any directory: paths must be absolute.
    InFile,
    /// The command line: paths are relative to the current directory.
    AtPrompt,
}
