//! Creates a .torrent file (BEP 3, optionally with the padding files of BEP 47).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::bencode::{InfoFields, info_dict, put_file, torrent_dict};
use crate::piece_hasher::{PieceHasher, sha1};
use crate::source_files::{self, SourceFile};

/// Size of the blocks that rqbit requests from peers; pieces are a multiple of it.
const BLOCK_BYTES: u32 = 16 * 1024;

/// Minimum and maximum of an automatic piece length.
const PIECE_LENGTH_MIN: u32 = 64 * 1024;
const PIECE_LENGTH_MAX: u32 = 16 * 1024 * 1024;

/// Maximum number of pieces before the piece length grows: the .torrent file stays below about 40
/// KiB.
const PIECES_WANTED_MAX: u64 = 2000;

/// Size of one read.
const READ_BYTES: usize = 256 * 1024;

/// Options of a new torrent. The default suits everything but tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeedOptions {
    /// Piece length in bytes, a multiple of 16 KiB. `None` selects it automatically: from 64 KiB up
    /// to 16 MiB, so that there are at most 2000 pieces if possible.
    pub piece_length: Option<u32>,
    /// Put padding files (BEP 47) between files, so that each starts at a piece boundary. They are
    /// entries of the torrent like any other, and never on disk.
    pub pad_files: bool,
    /// Creation date in seconds since 1970. `None` omits it, so that the same files give the same
    /// .torrent file.
    pub creation_date: Option<u64>,
    /// URL of the tracker. `None` for a torrent without one.
    pub announce: Option<String>,
    /// Make it a private torrent (BEP 27), whose peers come only from its tracker.
    pub is_private: bool,
}

/// A torrent and the location of its files.
#[derive(Debug)]
pub(crate) struct TorrentFiles {
    pub(crate) info_hash: [u8; 20],
    /// The .torrent file.
    pub(crate) bytes: Vec<u8>,
    /// Folder to which the paths in the torrent are relative.
    pub(crate) folder: PathBuf,
}

/// Reads all files at `path` and returns their torrent. Blocks until they are hashed.
pub(crate) fn make(path: &Path, options: &SeedOptions) -> io::Result<TorrentFiles> {
    let path = path.canonicalize()?;
    let name = source_files::usable_name(
        path.file_name().ok_or_else(|| invalid("the root directory has no name"))?,
    )?;
    let is_dir = path.is_dir();
    let files = if is_dir { source_files::list(&path)? } else { vec![single(&path, &name)?] };
    let total: u64 = files.iter().map(|file| file.len).sum();
    if total == 0 {
        return Err(invalid("it contains no data"));
    }
    let piece_length = match options.piece_length {
        Some(len) if len > 0 && len.is_multiple_of(BLOCK_BYTES) => len,
        Some(_) => return Err(invalid("the piece length is not a multiple of 16 KiB")),
        None => choose_piece_length(total),
    };
    let pad_to = (options.pad_files && is_dir).then_some(piece_length);
    let (file_list, pieces) = hash(&files, piece_length, pad_to)?;
    let info = info_dict(&InfoFields {
        name: &name,
        file_list: is_dir.then_some(&file_list),
        total,
        piece_length,
        pieces: &pieces,
        is_private: options.is_private,
    });
    let folder = if is_dir { path.clone() } else { parent(&path) };
    let bytes = torrent_dict(&info, options.announce.as_deref(), options.creation_date);
    Ok(TorrentFiles { info_hash: sha1(&info), bytes, folder })
}

fn single(path: &Path, name: &str) -> io::Result<SourceFile> {
    let len = path.metadata()?.len();
    Ok(SourceFile { path: path.to_owned(), components: vec![name.to_owned()], len })
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).to_owned()
}

fn choose_piece_length(total: u64) -> u32 {
    let mut len = PIECE_LENGTH_MIN;
    while len < PIECE_LENGTH_MAX && total.div_ceil(len.into()) > PIECES_WANTED_MAX {
        len *= 2;
    }
    len
}

/// Returns the bencoded list of files and the hashes of all pieces.
///
/// With `pad_to`, a padding file after each file but the last aligns the next file to a piece.
fn hash(
    files: &[SourceFile],
    piece_length: u32,
    pad_to: Option<u32>,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut hasher = PieceHasher::new(usize::try_from(piece_length).map_err(io::Error::other)?);
    let mut buf = vec![0; READ_BYTES];
    let mut list = vec![b'l'];
    for (idx, file) in files.iter().enumerate() {
        hash_file(file, &mut hasher, &mut buf)?;
        put_file(&mut list, &file.components, file.len, false);
        let pad_len = pad_to.map_or(0, |to| file.len.next_multiple_of(to.into()) - file.len);
        if pad_len > 0 && idx + 1 < files.len() {
            io::copy(&mut io::repeat(0).take(pad_len), &mut HasherSink(&mut hasher))?;
            put_file(&mut list, &[".pad".to_owned(), pad_len.to_string()], pad_len, true);
        }
    }
    list.push(b'e');
    Ok((list, hasher.finish()))
}

fn hash_file(file: &SourceFile, hasher: &mut PieceHasher, buf: &mut [u8]) -> io::Result<()> {
    let mut reader = File::open(&file.path)?.take(file.len);
    let mut hashed: u64 = 0;
    loop {
        let read_len = reader.read(buf)?;
        if read_len == 0 {
            break;
        }
        hasher.update(buf.get(..read_len).unwrap_or_default());
        hashed += u64::try_from(read_len).map_err(io::Error::other)?;
    }
    if hashed == file.len {
        return Ok(());
    }
    Err(invalid(&format!("{} shrank while it was read", file.path.display())))
}

/// Lets [`io::copy`] write into a hasher.
struct HasherSink<'a>(&'a mut PieceHasher);

impl io::Write for HasherSink<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.update(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}
