//! Parses the JSON of answers, with the position of errors.

mod elements;

use serde::de::DeserializeOwned;

pub(crate) use self::elements::{Elements, parse_element};
use crate::ErrorKind;
use crate::error::CallFailure;

/// Parses the JSON of an answer.
///
/// The position of an error costs a second parse, which runs only after a failure.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallFailure> {
    let error = match serde_json::from_slice(body) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    match body.trim_ascii_start().first() {
        Some(b'{' | b'[') => {}
        Some(b'<') if has_password_field(body) => {
            return Err(CallFailure::new(ErrorKind::LoginPage { location: String::new() }, error));
        }
        Some(b'<') => return Err(CallFailure::new(ErrorKind::NotRqbit { reason: "html" }, error)),
        _ => return Err(CallFailure::new(ErrorKind::NotRqbit { reason: "not json" }, error)),
    }
    let deserializer = &mut serde_json::Deserializer::from_slice(body);
    let path = match serde_path_to_error::deserialize::<_, T>(deserializer) {
        Err(error) => error.path().to_string(),
        Ok(_) => ".".into(),
    };
    Err(CallFailure::new(ErrorKind::MalformedJson { path }, error))
}

/// Returns whether a page asks for a password.
fn has_password_field(page: &[u8]) -> bool {
    const FIELDS: [&[u8]; 2] = [b"type=\"password\"", b"type='password'"];
    FIELDS
        .iter()
        .any(|field| page.windows(field.len()).any(|part| part.eq_ignore_ascii_case(field)))
}
