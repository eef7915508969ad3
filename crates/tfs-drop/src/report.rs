//! Counts and drafts of the folder, for the status.

/// State of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftState {
    /// A program writes it, or has left it incomplete.
    Writing,
    /// It was sent to the server.
    Sending,
    /// It is kept, and waits for the server or for peers.
    Waiting,
    /// It was refused after it had been kept.
    Refused,
}

/// A draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftReport {
    /// Its path in the folder.
    pub path: String,
    /// Its state.
    pub state: DraftState,
    /// What it waits for, or why it was refused.
    pub reason: Option<String>,
}

/// Counts of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FolderReport {
    /// Torrents that are shown.
    pub torrents: usize,
    /// Drafts that are open or that were closed a moment ago.
    pub writing: usize,
    /// Drafts that the server is asked about.
    pub sending: usize,
    /// Drafts that are kept for the server.
    pub waiting: usize,
    /// Drafts that were left incomplete.
    pub incomplete: usize,
    /// `.error` files.
    pub errors: usize,
    /// Files that were added since the start.
    pub added: u64,
    /// Files that were refused since the start.
    pub refused: u64,
    /// The first drafts that wait or were refused.
    pub drafts: Vec<DraftReport>,
}
