//! The filesystem embedded in another program, over a custom source: one torrent in memory.
//!
//! `cargo run -p vfs-core --example embed` prints the tree and reads from the middle of a file.
#![expect(clippy::print_stdout, reason = "it is an example")]

use std::error::Error;
use std::num::NonZero;
use std::sync::Arc;

use bytes::Bytes;
use vfs_core::{
    Bitfield, ByteRange, FileEntry, FileId, FileKind, InfoHash, Ino, Layout, MetadataStatus,
    ServerId, SourceError, SourceErrorKind, SourceLimits, SourceStream, TorrentDetails,
    TorrentSource, TorrentState, TorrentSummary, Vfs, VfsConfig,
};

const TEXT: &str = "Every byte of this file is in memory, and so is its torrent.\n";

/// A real source would connect to a server.
struct Memory;

/// The rest of a range.
struct Rest {
    position: u64,
    bytes: Option<Bytes>,
}

impl Memory {
    const TORRENT: InfoHash = InfoHash::from_bytes([7; InfoHash::BYTES]);
}

impl TorrentSource for Memory {
    type Stream = Rest;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        Ok(vec![TorrentSummary {
            info_hash: Self::TORRENT,
            added_order: 0,
            is_resolved: true,
            is_listed: true,
            state: TorrentState::Live,
            file_progress: Some([TEXT.len() as u64].into()),
        }])
    }

    async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
        Ok(TorrentDetails {
            info_hash: torrent,
            name: "a torrent".to_owned(),
            layout: Layout::Directory,
            created: Some(1_700_000_000),
            piece_len: NonZero::new(16 * 1024),
            metadata: MetadataStatus::Known,
            files: vec![FileEntry {
                path: vec!["folder".to_owned(), "file.txt".to_owned()],
                len: TEXT.len() as u64,
                kind: FileKind::Regular,
            }],
        })
    }

    async fn haves(&self, _torrent: InfoHash) -> Result<Bitfield, SourceError> {
        Bitfield::from_fn(1, |_piece| true)
            .ok_or_else(|| SourceError::new(SourceErrorKind::Failed, "make a bitfield"))
    }

    async fn open_at(&self, _: FileId, _: u64, range: ByteRange) -> Result<Rest, SourceError> {
        let bytes = usize::try_from(range.start()).ok().zip(usize::try_from(range.end()).ok());
        let bytes = bytes.and_then(|(start, end)| TEXT.as_bytes().get(start..end));
        Ok(Rest { position: range.start(), bytes: bytes.map(Bytes::from_static) })
    }

    fn limits(&self) -> SourceLimits {
        SourceLimits { streams_max: 4 }
    }
}

impl SourceStream for Rest {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        let chunk = self.bytes.take();
        self.position += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Ok(chunk)
    }

    fn position(&self) -> u64 {
        self.position
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let vfs = Vfs::new(Arc::new(Memory), VfsConfig::default());
    let source = vfs.source(ServerId::FIRST).ok_or("no such server")?;
    let listing = source.list().await?;
    let mut details = Vec::new();
    for torrent in vfs.unknown_torrents(ServerId::FIRST, &listing) {
        details.push(source.details(torrent).await?);
    }
    // A program that keeps running would repeat this with the present time.
    vfs.apply(ServerId::FIRST, listing, details, 0);

    let mut dir = Ino::ROOT;
    for name in ["a torrent", "folder"] {
        dir = vfs.lookup(dir, name.as_bytes())?.attr.ino;
        println!("{name}/");
    }
    let file = vfs.lookup(dir, b"file.txt")?.attr;
    println!("file.txt, {} bytes", file.size);

    let handle = vfs.open(file.ino)?;
    let bytes = vfs.read(handle, 6, 4).await?;
    println!("four bytes from offset 6: {}", String::from_utf8_lossy(&bytes));
    vfs.release(handle);
    vfs.shut_down();
    Ok(())
}
