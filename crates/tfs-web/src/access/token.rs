//! The secret that gives access to the page.

use std::fmt;

/// Minimum number of characters: with ten guesses a minute, eight letters last for 20,000 years.
pub(crate) const TOKEN_CHARS_MIN: usize = 8;

/// Maximum number of bytes; a token travels in a header of at most 16 KiB.
pub(crate) const TOKEN_BYTES_MAX: usize = 1024;

/// A token or password. Its text is never printed.
///
/// It has 8 characters at least and 1024 bytes at most, none of them a control character.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

/// Why a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is too short.
    #[error("the token is too short: it needs at least {TOKEN_CHARS_MIN} characters")]
    Short,
    /// It is too long.
    #[error("the token is too long: it may have at most {TOKEN_BYTES_MAX} bytes")]
    Long,
    /// It has a line break or another control character.
    #[error("the token has a line break or another control character inside of it")]
    Control,
}

impl AccessToken {
    /// Returns the token of a text, without the white space around it.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Long);
        }
        if text.chars().count() < TOKEN_CHARS_MIN {
            return Err(TokenError::Short);
        }
        if text.chars().any(char::is_control) {
            return Err(TokenError::Control);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns its text.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AccessToken(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_checked_and_hidden() {
        assert_eq!(AccessToken::new("1234567"), Err(TokenError::Short));
        assert_eq!(AccessToken::new("  \n"), Err(TokenError::Short));
        assert_eq!(AccessToken::new(&"x".repeat(1025)), Err(TokenError::Long));
        assert_eq!(AccessToken::new("12345678\n12345678"), Err(TokenError::Control));
        let token = AccessToken::new(" 12345678\r\n").expect("eight characters");
        assert_eq!(token.reveal(), "12345678");
        assert!(!format!("{token:?}").contains("123"));
    }
}
