//! The user name and password of HTTP basic authentication.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;

/// A user name and a password for HTTP basic authentication.
///
/// `Debug` shows neither, and no method returns them. Plain `http` sends them unencrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    header: HeaderValue,
}

/// Why a user name and a password cannot be sent by basic authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// There is no colon between user name and password.
    #[error("parse the credentials: not of the form user:password")]
    NoColon,
    /// The user name holds a colon, which would end it (RFC 7617).
    #[error("use the credentials: colon in the user name")]
    ColonInUser,
    /// They contain a control character (RFC 7617 forbids them).
    #[error("use the credentials: control character in them")]
    ControlCharacter,
}

impl Credentials {
    /// Creates credentials from a user name and a password.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::ColonInUser`] and [`CredentialsError::ControlCharacter`].
    pub fn new(user: &str, password: &str) -> Result<Self, CredentialsError> {
        if user.contains(':') {
            return Err(CredentialsError::ColonInUser);
        }
        if user.chars().chain(password.chars()).any(char::is_control) {
            return Err(CredentialsError::ControlCharacter);
        }
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        let mut header = HeaderValue::try_from(format!("Basic {encoded}"))
            .expect("base64 is made of characters that a header may hold");
        header.set_sensitive(true);
        Ok(Self { header })
    }

    /// Returns the value of the `Authorization` header, marked as sensitive.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl FromStr for Credentials {
    type Err = CredentialsError;

    /// Parses `user:password`; the password may contain colons.
    fn from_str(text: &str) -> Result<Self, CredentialsError> {
        let (user, password) = text.split_once(':').ok_or(CredentialsError::NoColon)?;
        Self::new(user, password)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cases: &[&str], want: &expect_test::Expect) {
        let rows = cases.iter().map(|text| match text.parse::<Credentials>() {
            Ok(it) => {
                format!("{text:?} -> {it:?} {:?} {:?}\n", it.header(), it.header().to_str())
            }
            Err(error) => format!("{text:?} -> failed to {error}\n"),
        });
        want.assert_eq(&rows.collect::<String>());
    }

    #[test]
    fn are_encoded_and_never_shown() {
        let cases = ["user:pass", "user:", ":", "a:b:c", "ü:ö", "user", "a:b\r\nX-Evil: 1"];
        check(
            &cases,
            &expect_test::expect![[r#"
            "user:pass" -> Credentials(redacted) Sensitive Ok("Basic dXNlcjpwYXNz")
            "user:" -> Credentials(redacted) Sensitive Ok("Basic dXNlcjo=")
            ":" -> Credentials(redacted) Sensitive Ok("Basic Og==")
            "a:b:c" -> Credentials(redacted) Sensitive Ok("Basic YTpiOmM=")
            "ü:ö" -> Credentials(redacted) Sensitive Ok("Basic w7w6w7Y=")
            "user" -> failed to parse the credentials: not of the form user:password
            "a:b\r\nX-Evil: 1" -> failed to use the credentials: control character in them
        "#]],
        );
        assert_eq!(Credentials::new("a:b", "c").map(|_| ()), Err(CredentialsError::ColonInUser));
    }
}
