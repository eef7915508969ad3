//! Where bytes are read from: a file, or an HTTP resource.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use super::http::RangeConnection;

/// A file in some filesystem, or a resource of an HTTP server.
#[derive(Debug, Clone)]
pub(crate) enum ByteSource {
    File(PathBuf),
    Http {
        /// Host and port.
        address: String,
        /// Path and query.
        path: String,
    },
}

/// The prefix of a source that is a resource.
const SCHEME: &str = "http://";

impl ByteSource {
    pub(super) fn word(&self) -> OsString {
        match self {
            Self::File(path) => path.into(),
            Self::Http { address, path } => format!("{SCHEME}{address}{path}").into(),
        }
    }

    /// Parses a URL without user and fragment, or a path.
    pub(crate) fn parse(word: &str) -> Self {
        let Some(rest) = word.strip_prefix(SCHEME) else { return Self::File(word.into()) };
        let (address, path) = rest.split_at(rest.find('/').unwrap());
        Self::Http { address: address.to_owned(), path: path.to_owned() }
    }

    /// Opens it for random reads of blocks.
    pub(super) fn open_random(&self) -> io::Result<OpenSource> {
        let open = self.open(0)?;
        if let OpenSource::File { file, .. } = &open {
            posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_RANDOM)?;
        }
        Ok(open)
    }

    /// Opens it for reads in order, up to `end`. A connection is new.
    pub(super) fn open(&self, end: u64) -> io::Result<OpenSource> {
        Ok(match self {
            Self::File(path) => OpenSource::File { file: File::open(path)?, offset: 0, end },
            Self::Http { address, path } => {
                let mut connection = RangeConnection::open(address)?;
                if end > 0 {
                    connection.begin(path, 0, end)?;
                }
                OpenSource::Http { connection, path: path.clone() }
            }
        })
    }
}

/// An open file, or a connection.
pub(super) enum OpenSource {
    File { file: File, offset: u64, end: u64 },
    Http { connection: RangeConnection, path: String },
}

impl OpenSource {
    /// Reads the next bytes in order, and returns their number, 0 at the end.
    pub(super) fn read_next(&mut self, block: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File { file, offset, end } => {
                let left = usize::try_from(*end - *offset).unwrap_or(usize::MAX);
                let len = block.len().min(left);
                let read = file.read_at(&mut block[..len], *offset)?;
                *offset += read as u64;
                Ok(read)
            }
            Self::Http { connection, .. } => connection.read(block),
        }
    }

    /// Fills a block from any offset.
    pub(super) fn read_block(&mut self, offset: u64, block: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File { file, .. } => file.read_exact_at(block, offset),
            Self::Http { connection, path } => connection.get(path, offset, block),
        }
    }
}
