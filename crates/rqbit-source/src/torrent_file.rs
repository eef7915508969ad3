//! Checks a `.torrent` file before it is sent to a server.
//!
//! Only files that rqbit 9.1 refuses or fails on are rejected: for example, a `piece length` of
//! zero ends the request's task with a panic, and the connection closes without an answer.
//! Uncertain cases are left to the server.

use vfs_core::InfoHash;

use crate::bencode::Value;
use crate::metainfo::{info_hash, piece_len};

/// Length of a SHA-1 hash in bytes. `pieces` is a concatenation of them (BEP 3).
const HASH_BYTES: u64 = 20;

/// Maximum number of bytes of another file that are examined to name its type.
const GUESS_BYTES_MAX: usize = 1024;

/// Why rqbit cannot use a file as a `.torrent` file. The text fits after "cannot add x: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TorrentFault {
    /// The file is empty.
    #[error("it is empty")]
    Empty,
    /// The file is HTML, such as a login page.
    #[error("it is a web page, not a .torrent file")]
    WebPage,
    /// The file is a text with a magnet link.
    #[error("it is a text with a magnet link, not a .torrent file")]
    MagnetText,
    /// The file does not begin with a bencoded dictionary.
    #[error("it is not a .torrent file")]
    NotTorrent,
    /// The file begins with a bencoded dictionary that has no end.
    #[error("it is a truncated or damaged .torrent file")]
    Damaged,
    /// The file is a bencoded dictionary of another kind, such as the resume data of a client.
    #[error("it is not a .torrent file: it has no \"info\"")]
    NoInfo,
    /// The file has only version 2 hashes (BEP 52).
    #[error("it is a version 2 torrent (BEP 52), which rqbit does not support")]
    Version2,
    /// The file has no piece hashes.
    #[error("it has no piece hashes")]
    NoPieces,
    /// `piece length` is missing or zero.
    #[error("it has no piece length")]
    NoPieceLength,
    /// The file has neither a single file nor a list of files.
    #[error("it has no files")]
    NoFiles,
    /// All of its files are empty.
    #[error("all of its files are empty, and rqbit rejects such torrents")]
    NoBytes,
    /// Some pieces have no hash, so that the torrent can never be complete.
    #[error("it has {hashes} piece hashes for {pieces} pieces")]
    MissingHashes {
        /// Number of pieces that its files need.
        pieces: u64,
        /// Number of hashes that it has.
        hashes: u64,
    },
}

/// Checks a `.torrent` file and returns the length of its dictionary in bytes. Bytes after it, such
/// as the line end that some programs append, are not part of it, and rqbit refuses them.
///
/// Reads each byte a few times; allocates nothing.
///
/// # Errors
/// [`TorrentFault`].
pub fn check_torrent_file(bytes: &[u8]) -> Result<usize, TorrentFault> {
    let Some((torrent, len)) = Value::parse_with_len(bytes) else { return Err(guess(bytes)) };
    if !matches!(torrent, Value::Dictionary(_)) {
        return Err(TorrentFault::NotTorrent);
    }
    let is_dictionary = |value: &Value<'_>| matches!(value, Value::Dictionary(_));
    let info = torrent.get(b"info").filter(is_dictionary).ok_or(TorrentFault::NoInfo)?;
    let Some(pieces) = info.get(b"pieces") else {
        let is_version2 = info.get(b"meta version").is_some() || info.get(b"file tree").is_some();
        return Err(if is_version2 { TorrentFault::Version2 } else { TorrentFault::NoPieces });
    };
    let hashes = pieces.as_bytes().ok_or(TorrentFault::NoPieces)?.len() as u64 / HASH_BYTES;
    let piece_len = piece_len(info).ok_or(TorrentFault::NoPieceLength)?;
    match total_bytes(info)? {
        None => {}
        Some(0) => return Err(TorrentFault::NoBytes),
        Some(total_bytes) => {
            let pieces = total_bytes.div_ceil(u64::from(piece_len.get()));
            if hashes < pieces {
                return Err(TorrentFault::MissingHashes { pieces, hashes });
            }
        }
    }
    Ok(len)
}

/// Returns the info hash of a `.torrent` file. `None` if it has no `info`. Takes about a second for
/// each gigabyte.
#[must_use]
pub fn torrent_info_hash(bytes: &[u8]) -> Option<InfoHash> {
    info_hash(bytes).map(InfoHash::from_bytes)
}

/// Returns the total length of all files. `None` if a length is not a 64-bit integer, which rqbit
/// may accept.
fn total_bytes(info: Value<'_>) -> Result<Option<u64>, TorrentFault> {
    match (info.get(b"length"), info.get(b"files").and_then(Value::as_list)) {
        (None, None) => Err(TorrentFault::NoFiles),
        (Some(length), None) => Ok(length.as_u64()),
        (_, Some(files)) => {
            let lengths = files.map(|file| file.get(b"length").and_then(Value::as_u64));
            Ok(lengths.into_iter().try_fold(0_u64, |total, length| total.checked_add(length?)))
        }
    }
}

/// Names the type of a file that does not begin with a bencoded value.
fn guess(bytes: &[u8]) -> TorrentFault {
    let bytes = bytes.trim_ascii_start();
    let start = bytes.get(..GUESS_BYTES_MAX.min(bytes.len())).unwrap_or_default();
    let begins_with =
        |text: &[u8]| start.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
    match start {
        [] => TorrentFault::Empty,
        [b'<', ..] => TorrentFault::WebPage,
        [b'd', b'0'..=b'9', ..] => TorrentFault::Damaged,
        _ if begins_with(b"magnet:") => TorrentFault::MagnetText,
        _ => TorrentFault::NotTorrent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: &str = "6:pieces20:aaaaabbbbbcccccddddd";

    #[track_caller]
    fn check(bytes: impl AsRef<[u8]>, want: &str) {
        let bytes = bytes.as_ref();
        let got = match check_torrent_file(bytes) {
            Ok(len) => format!("{len} of {}", bytes.len()),
            Err(fault) => fault.to_string(),
        };
        assert_eq!(got, want, "{}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn what_rqbit_accepts_is_accepted() {
        for variant in tfs_testkit::torrent_variants::all() {
            let len = check_torrent_file(&variant.torrent);
            assert_eq!(len, Ok(variant.torrent.len()), "{}", variant.what);
        }
    }

    /// Real files end in a newline, and rqbit refuses them as a whole.
    #[test]
    fn what_follows_the_dictionary_is_no_part_of_it() {
        let torrent = format!("d4:infod6:lengthi1e12:piece lengthi16384e{PIECE}ee");
        check(&torrent, "74 of 74");
        check(format!("{torrent}\r\n"), "74 of 76");
        check(format!("{torrent}{torrent}"), "74 of 148");
    }

    #[test]
    fn what_is_no_torrent_is_named() {
        check("", "it is empty");
        check(" \n", "it is empty");
        check("-----BEGIN OPENSSH PRIVATE KEY-----\n", "it is not a .torrent file");
        check("i5e", "it is not a .torrent file");
        check("4:info", "it is not a .torrent file");
        check("le", "it is not a .torrent file");
        check("\n<!DOCTYPE html>", "it is a web page, not a .torrent file");
        check("Magnet:?xt=", "it is a text with a magnet link, not a .torrent file");
        check("d4:infod6:length", "it is a truncated or damaged .torrent file");
        check("de", "it is not a .torrent file: it has no \"info\"");
        check("d4:info1:xe", "it is not a .torrent file: it has no \"info\"");
        check("l".repeat(1_000_000), "it is not a .torrent file");
    }

    #[test]
    fn what_rqbit_cannot_use_is_named() {
        let info = |info: &str| format!("d4:infod{info}ee");
        let version2 = "it is a version 2 torrent (BEP 52), which rqbit does not support";
        check(info("9:file treede12:meta versioni2e"), version2);
        check(info("12:meta versioni2e"), version2);
        check(info("6:lengthi1e"), "it has no piece hashes");
        check(info("6:piecesi1e"), "it has no piece hashes");
        // librqbit 9.1.0 panics in a request with this one.
        let zero = info(&format!("6:lengthi1e12:piece lengthi0e{PIECE}"));
        check(zero, "it has no piece length");
        check(info(&format!("6:lengthi1e{PIECE}")), "it has no piece length");
        let with = |files: &str| info(&format!("{files}12:piece lengthi16384e{PIECE}"));
        check(with(""), "it has no files");
        let no_bytes = "all of its files are empty, and rqbit rejects such torrents";
        check(with("6:lengthi0e"), no_bytes);
        check(with("5:filesle"), no_bytes);
        check(with("6:lengthi16385e"), "it has 1 piece hashes for 2 pieces");
        // The number of pieces overflows in librqbit, which then panics or needs gigabytes.
        let many = info(&format!("6:lengthi4294967296e12:piece lengthi1e{PIECE}"));
        check(many, "it has 1 piece hashes for 4294967296 pieces");
        // rqbit parses these lengths differently.
        check(with("6:lengthi18446744073709551617e"), "93 of 93");
    }
}
