//! The trait between the page and what it shows.

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tfs_api::wire::{FailureBody, SearchAnswer};

use crate::model::{
    AddRequest, FilePlace, History, MountQuery, Overview, PieceMap, TorrentDetail, WebAction,
    WebAdded, WebTorrents,
};

/// What a page shows and does. Dropping a future ends its request.
pub trait WebBackend: fmt::Debug + Send + Sync + 'static {
    /// Returns the first view. Called once a second while a page is open, for all pages together.
    fn overview(&self) -> BoxFuture<'_, Overview>;

    /// Returns the counters of the last ten minutes, from memory.
    fn history(&self) -> History;

    /// Lists the torrents of a mount, with a request to each of its servers.
    fn torrents(&self, mount: MountQuery) -> BoxFuture<'_, Result<WebTorrents, FailureBody>>;

    /// Returns a torrent with its files. `info_hash` has 40 hexadecimal digits.
    fn torrent(
        &self,
        mount: MountQuery,
        info_hash: String,
    ) -> BoxFuture<'_, Result<TorrentDetail, FailureBody>>;

    /// Returns what is there of a file, in at most 512 buckets.
    fn pieces(
        &self,
        place: FilePlace,
        buckets: usize,
    ) -> BoxFuture<'_, Result<PieceMap, FailureBody>>;

    /// Searches the names of a mount; at most `limit` hits.
    fn search(
        &self,
        mount: MountQuery,
        words: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<SearchAnswer, FailureBody>>;

    /// Opens a file for the player of a browser. It is released when the result is dropped.
    fn open(
        &self,
        place: FilePlace,
        client: WebClient,
    ) -> BoxFuture<'_, Result<Box<dyn WebFile>, FailureBody>>;

    /// Changes a torrent. The caller has checked the right to do so.
    fn act(
        &self,
        mount: MountQuery,
        info_hash: String,
        action: WebAction,
    ) -> BoxFuture<'_, Result<(), FailureBody>>;

    /// Adds a torrent. The caller has checked the right to do so.
    fn add(&self, request: AddRequest) -> BoxFuture<'_, Result<WebAdded, FailureBody>>;
}

/// The client of a request, for the status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebClient {
    /// Its address, without the port.
    pub peer: String,
    /// What it calls itself; at most 200 characters, without control characters.
    pub agent: Option<String>,
}

/// An open file.
pub trait WebFile: Send + Sync {
    /// Returns its name.
    fn name(&self) -> &str;

    /// Returns its length in bytes.
    fn len(&self) -> u64;

    /// Returns whether it is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads at most `len` bytes at an offset; fewer only at the end. Waits for missing pieces up
    /// to the deadline of reads.
    fn read(&self, offset: u64, len: u32) -> BoxFuture<'_, Result<Bytes, FailureBody>>;
}
