//! Who reads an open file, if no process of this machine does.

/// The client of a front end on a network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReaderOrigin {
    /// The front end, such as `webdav` or `nfs`.
    pub front: &'static str,
    /// The address of the client, without a port; or another name for it.
    pub peer: String,
    /// What the client calls itself, such as its `User-Agent`; at most some hundred bytes, without
    /// control characters.
    pub agent: Option<String>,
}
