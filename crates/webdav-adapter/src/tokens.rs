//! Device tokens: the right to read as a part of the path, for players without logins.

/// Maximum length of a token in a path, in bytes.
const TOKEN_BYTES_MAX: usize = 64;

/// Minimum length of a token in a path, in bytes: 128 bits in base32 have 26 characters.
const TOKEN_BYTES_MIN: usize = 26;

/// The tokens of devices, each 128 random bits as 32 hexadecimal digits or in base32.
pub trait DeviceTokens: Send + Sync {
    /// Returns the name of the device that has a token; `None` if no device has it.
    ///
    /// It is called for each request under `/k/TOKEN/`, and must not block. A comparison of hashes
    /// tells nothing about the token by its time.
    fn device_of(&self, token: &str) -> Option<String>;
}

/// No device has a token.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDevices;

impl DeviceTokens for NoDevices {
    fn device_of(&self, _token: &str) -> Option<String> {
        None
    }
}

/// Returns whether a text could be a token: others are refused without a look-up.
pub(crate) fn is_token(text: &str) -> bool {
    (TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_of_a_tokens_length_are_looked_up() {
        assert!(is_token(&"0a".repeat(16)));
        assert!(is_token("ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
        for text in ["", "short", &"a".repeat(65), &"-".repeat(32), &"\u{e9}".repeat(16)] {
            assert!(!is_token(text), "{text}");
        }
    }
}
