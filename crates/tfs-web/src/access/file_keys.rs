//! Keys in links to files: a player needs no login, and gets no more than its file.

use std::fmt;

use hmac::Mac as _;

use super::sessions::hex;
use super::token::AccessToken;
use super::token_check::mac;
use crate::model::FilePlace;

/// Length of a key in bytes. Half of the hash is 128 bits, and keeps links short.
const KEY_BYTES: usize = 16;

/// Makes and checks keys. They are derived from the token, so that links work after a restart, and
/// end when the token is changed.
pub(crate) struct FileKeys {
    secret: [u8; 32],
}

impl FileKeys {
    pub(crate) fn new(token: &AccessToken) -> Self {
        let secret = mac(b"tfs: the keys of links to files ", token.reveal());
        Self { secret: secret.finalize().into_bytes().into() }
    }

    /// Returns the key of a file: 32 hexadecimal digits.
    pub(crate) fn key_of(&self, place: &FilePlace) -> String {
        let mut key = hex(&mac(&self.secret, &text_of(place)).finalize().into_bytes());
        key.truncate(2 * KEY_BYTES);
        key
    }

    /// Returns whether a key is that of a file, in constant time.
    pub(crate) fn is_key_of(&self, place: &FilePlace, key: &str) -> bool {
        let Some(key) = parse(key) else { return false };
        mac(&self.secret, &text_of(place)).verify_truncated_left(&key).is_ok()
    }
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FileKeys(hidden)")
    }
}

/// Returns the text of a place. The mount point is the last part, since it may have any character.
fn text_of(place: &FilePlace) -> String {
    let FilePlace { mountpoint, info_hash, file_index } = place;
    format!("{info_hash}/{file_index}/{mountpoint}")
}

/// Returns the bytes of a key.
fn parse(key: &str) -> Option<[u8; KEY_BYTES]> {
    if key.len() != 2 * KEY_BYTES || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(key, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_one_file_and_one_token() {
        let keys = |token: &str| FileKeys::new(&AccessToken::new(token).unwrap());
        let place = |info_hash: &str, file_index, mountpoint: &str| FilePlace {
            mountpoint: mountpoint.to_owned(),
            info_hash: info_hash.to_owned(),
            file_index,
        };
        let hash = "a".repeat(40);
        let file = place(&hash, 1, "/mnt");
        let key = keys("12345678").key_of(&file);
        assert_eq!(key.len(), 32);
        assert_eq!(key, keys("12345678").key_of(&file), "it survives a restart");
        assert!(keys("12345678").is_key_of(&file, &key));
        assert!(keys("12345678").is_key_of(&file, &key.to_uppercase()));
        assert!(!keys("12345679").is_key_of(&file, &key));
        for other in [
            place(&hash, 11, "/mnt"),
            place(&hash, 1, "/mnt/"),
            place(&hash, 0, "/mnt"),
            place(&"b".repeat(40), 1, "/mnt"),
        ] {
            assert!(!keys("12345678").is_key_of(&other, &key), "{other:?}");
        }
        for wrong in [
            "",
            &key.replacen('a', "b", 1).repeat(2),
            &format!("{key}0"),
            &"0".repeat(32),
            &"+1".repeat(16),
        ] {
            assert!(!keys("12345678").is_key_of(&file, wrong), "{wrong}");
        }
    }
}
