//! Identifies a torrent in a request: by info hash or by the server's id.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Length of an info hash in bytes: SHA-1.
const INFO_HASH_BYTES: usize = 20;

/// SHA-1 of a torrent's info dictionary: its permanent identity on every server.
///
/// The text form is 40 hexadecimal digits, lower-case when written, any case when parsed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHash([u8; INFO_HASH_BYTES]);

/// Why a text is not an info hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parse the info hash: it must be 40 hexadecimal digits")]
pub struct InfoHashError;

impl InfoHash {
    /// Creates an info hash from its 20 bytes.
    pub const fn from_bytes(bytes: [u8; INFO_HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; INFO_HASH_BYTES] {
        &self.0
    }
}

impl FromStr for InfoHash {
    type Err = InfoHashError;

    fn from_str(text: &str) -> Result<Self, InfoHashError> {
        let digits = text.as_bytes();
        if digits.len() != 2 * INFO_HASH_BYTES {
            return Err(InfoHashError);
        }
        let mut bytes = [0; INFO_HASH_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for &digit in pair {
                let nibble = char::from(digit).to_digit(16).ok_or(InfoHashError)?;
                *byte = (*byte << 4) | u8::try_from(nibble).map_err(|_error| InfoHashError)?;
            }
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InfoHash({self})")
    }
}

impl Serialize for InfoHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InfoHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The torrent of a call.
///
/// Prefer the info hash: a server reuses ids after a restart without persistence, or after a
/// torrent was forgotten and another one added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TorrentRef {
    /// The id on this server, valid until it restarts.
    Id(u64),
    /// The info hash.
    InfoHash(InfoHash),
}

impl From<InfoHash> for TorrentRef {
    fn from(info_hash: InfoHash) -> Self {
        Self::InfoHash(info_hash)
    }
}

impl fmt::Display for TorrentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::InfoHash(info_hash) => info_hash.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, InfoHashError>) {
        let got = text.parse::<InfoHash>().map(|hash| hash.to_string());
        assert_eq!(got.as_deref().map_err(|error| *error), want, "{text}");
    }

    #[test]
    fn info_hash_is_forty_hex_digits() {
        let lower = "0123456789abcdef0123456789abcdef01234567";
        check(lower, Ok(lower));
        check(&lower.to_uppercase(), Ok(lower));
        check("", Err(InfoHashError));
        check(&"0".repeat(39), Err(InfoHashError));
        check(&format!("{lower}0"), Err(InfoHashError));
        check(&lower.replace('f', "g"), Err(InfoHashError));
        check(&lower.replace("ab", "+1"), Err(InfoHashError));
        check("ü".repeat(20).as_str(), Err(InfoHashError));
    }
}
