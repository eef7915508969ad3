//! What stands in front of a server and lets only some requests pass, such as an identity provider.

use super::head::Head;

/// Headers that every request must have, and the answer to a request without one.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The bytes of the answer. The connection is closed after them.
    pub answer: String,
}

impl Gate {
    /// Returns a gate whose answer redirects to a login page.
    #[must_use]
    pub fn redirecting(headers: &[(&str, &str)], location: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let answer = format!(
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        Self { headers: headers.collect(), answer }
    }

    pub(super) fn lets_pass(&self, request: &Head) -> bool {
        self.headers.iter().all(|(name, value)| request.get(name) == Some(value.as_str()))
    }
}
