//! Extra request headers, such as the access token of a reverse proxy.

use std::fmt;

use hyper::header::{HeaderName, HeaderValue};

/// Maximum size of a value. nginx and Apache accept 8 KiB for a whole header line by default.
const VALUE_BYTES_MAX: usize = 7 * 1024;

/// Names that this client or HTTP itself sets. Another value would break the range, the length or
/// the framing of a request, or would be sent to another host than intended.
const RESERVED_NAMES: [&str; 20] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A header that is added to every request.
///
/// `Debug` shows its name only.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtraHeader {
    name: HeaderName,
    value: HeaderValue,
}

/// Why a header cannot be added to requests.
///
/// No variant carries the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtraHeaderError {
    /// The name is empty, or contains a character that HTTP does not allow (RFC 9110, 5.6.2).
    #[error("use the header: invalid name")]
    Name,
    /// The client sets this header itself.
    #[error("use the header {name}: tfs sets it itself")]
    Reserved {
        /// The name, in lower case.
        name: String,
    },
    /// The value contains a line end, another control character, or a character outside of ASCII.
    #[error("use the header {name}: a line end or another invalid character in its value")]
    Value {
        /// The name, in lower case.
        name: String,
    },
    /// The value has more than 7 KiB.
    #[error("use the header {name}: its value is too long")]
    TooLong {
        /// The name, in lower case.
        name: String,
    },
}

impl ExtraHeader {
    /// Creates a header. Spaces around the value are removed.
    ///
    /// # Errors
    ///
    /// Any [`ExtraHeaderError`].
    pub fn new(name: &str, value: &str) -> Result<Self, ExtraHeaderError> {
        let name = Self::check_name(name)?;
        let value = value.trim_matches([' ', '\t']);
        if value.len() > VALUE_BYTES_MAX {
            return Err(ExtraHeaderError::TooLong { name: name.to_string() });
        }
        let parsed = HeaderValue::from_str(value).ok().filter(|_| value.is_ascii());
        let Some(mut value) = parsed else {
            return Err(ExtraHeaderError::Value { name: name.to_string() });
        };
        value.set_sensitive(true);
        Ok(Self { name, value })
    }

    /// Checks a name, and returns it in lower case.
    ///
    /// # Errors
    ///
    /// [`ExtraHeaderError::Name`] and [`ExtraHeaderError::Reserved`].
    pub fn checked_name(name: &str) -> Result<String, ExtraHeaderError> {
        Self::check_name(name).map(|name| name.to_string())
    }

    /// Returns the name, in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Returns the name and the value, which is marked as sensitive.
    pub(crate) fn parts(&self) -> (&HeaderName, &HeaderValue) {
        (&self.name, &self.value)
    }

    fn check_name(name: &str) -> Result<HeaderName, ExtraHeaderError> {
        let name = HeaderName::try_from(name.trim()).map_err(|_invalid| ExtraHeaderError::Name)?;
        if RESERVED_NAMES.contains(&name.as_str()) {
            return Err(ExtraHeaderError::Reserved { name: name.to_string() });
        }
        Ok(name)
    }
}

impl fmt::Debug for ExtraHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExtraHeader({}, redacted)", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_can_be_sent_and_others() {
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        let cases = [
            ("CF-Access-Client-Id", " secret "),
            ("X-Empty", ""),
            ("Cookie", "a=secret; b=\"c\""),
            ("Authorization", "Bearer secret"),
            ("X Y", "secret"),
            ("", "secret"),
            ("X:", "secret"),
            ("Host", "secret"),
            ("rAnge", "secret"),
            ("Content-Length", "secret"),
            ("X-A", "secret\r\nX-Evil: 1"),
            ("X-A", "secret\u{e4}"),
            ("X-A", &long),
        ];
        let rows = cases.map(|(name, value)| match ExtraHeader::new(name, value) {
            Ok(header) => {
                format!("{name:?} -> {header:?} {:?}\n", header.parts().1.to_str().unwrap())
            }
            Err(error) => format!("{name:?} -> cannot {error}\n"),
        });
        expect_test::expect![[r#"
            "CF-Access-Client-Id" -> ExtraHeader(cf-access-client-id, redacted) "secret"
            "X-Empty" -> ExtraHeader(x-empty, redacted) ""
            "Cookie" -> ExtraHeader(cookie, redacted) "a=secret; b=\"c\""
            "Authorization" -> ExtraHeader(authorization, redacted) "Bearer secret"
            "X Y" -> cannot use the header: invalid name
            "" -> cannot use the header: invalid name
            "X:" -> cannot use the header: invalid name
            "Host" -> cannot use the header host: tfs sets it itself
            "rAnge" -> cannot use the header range: tfs sets it itself
            "Content-Length" -> cannot use the header content-length: tfs sets it itself
            "X-A" -> cannot use the header x-a: a line end or another invalid character in its value
            "X-A" -> cannot use the header x-a: a line end or another invalid character in its value
            "X-A" -> cannot use the header x-a: its value is too long
        "#]]
        .assert_eq(&rows.concat());
    }
}
