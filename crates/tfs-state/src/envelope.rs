//! The file format of version 0.1.0: a header line with a checksum, then JSON.
//!
//! ```text
//! tfs-state 1 torrent 1a2b3c4d 1234
//! {"info_hash":"...
//! ```
//!
//! The header consists of the format, its version, the kind of file, the CRC-32 of the content
//! after the line, and the length of the content in bytes. The header comes first, so that a later
//! version can change everything else and a reader can still distinguish it from damage.

#[cfg(test)]
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first word of every state file.
const FORMAT: &str = "tfs-state";

/// The version that 0.1.0 wrote.
const VERSION: u32 = 1;

/// Maximum length of the header: the words above, with room for numbers of later versions.
const HEAD_BYTES_MAX: usize = 128;

/// Why the content of a file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum EnvelopeError {
    /// It is damaged.
    #[error("it is damaged")]
    Damaged,
    /// A later version of tfs wrote it.
    #[error("a later version of tfs wrote it")]
    Newer,
}

/// Encodes a value as the content of a file of this kind.
#[cfg(test)]
pub(super) fn encode(kind: &str, value: &impl Serialize) -> Vec<u8> {
    let body = serde_json::to_vec(value).expect("structs of texts and numbers can be written");
    let crc = crc32fast::hash(&body);
    let mut bytes = format!("{FORMAT} {VERSION} {kind} {crc:08x} {}\n", body.len()).into_bytes();
    bytes.extend(body);
    bytes
}

/// Decodes the content of a file of this kind.
///
/// # Errors
/// [`EnvelopeError`].
pub(super) fn decode<T: DeserializeOwned>(kind: &str, bytes: &[u8]) -> Result<T, EnvelopeError> {
    let head_len = bytes.iter().take(HEAD_BYTES_MAX).position(|byte| *byte == b'\n');
    let (head, body) = bytes
        .split_at_checked(head_len.ok_or(EnvelopeError::Damaged)?)
        .ok_or(EnvelopeError::Damaged)?;
    let body = body.get(1..).ok_or(EnvelopeError::Damaged)?;
    let mut words = str::from_utf8(head).map_err(|_not_utf8| EnvelopeError::Damaged)?.split(' ');
    if words.next() != Some(FORMAT) {
        return Err(EnvelopeError::Damaged);
    }
    let version: u32 =
        words.next().and_then(|word| word.parse().ok()).ok_or(EnvelopeError::Damaged)?;
    if version > VERSION {
        return Err(EnvelopeError::Newer);
    }
    let rest = [kind.to_owned(), format!("{:08x}", crc32fast::hash(body)), body.len().to_string()];
    if version != VERSION || !words.eq(rest.iter().map(String::as_str)) {
        return Err(EnvelopeError::Damaged);
    }
    serde_json::from_slice(body).map_err(|_other_fields| EnvelopeError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let value = vec!["one".to_owned(), "zwei \u{e4}".to_owned()];
        let bytes = encode("words", &value);
        assert!(bytes.starts_with(b"tfs-state 1 words "));
        assert_eq!(decode("words", &bytes), Ok(value));
        assert_eq!(decode::<Vec<String>>("other", &bytes), Err(EnvelopeError::Damaged));
        assert_eq!(decode::<Vec<u8>>("words", &bytes), Err(EnvelopeError::Damaged));
        assert_eq!(
            decode::<Vec<String>>("words", b"tfs-state 2 words"),
            Err(EnvelopeError::Damaged)
        );
        assert_eq!(
            decode::<Vec<String>>("words", b"tfs-state 2 x y\nz"),
            Err(EnvelopeError::Newer)
        );
        assert_eq!(decode::<Vec<String>>("words", b""), Err(EnvelopeError::Damaged));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let bytes = encode("words", &["one", "two"]);
        for position in 0..bytes.len() {
            assert!(decode::<Vec<String>>("words", &bytes[..position]).is_err(), "{position}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                let read = decode::<Vec<String>>("words", &flipped);
                assert!(read.is_err(), "bit {bit} of byte {position}: {read:?}");
            }
        }
    }
}
