//! Queries of addresses.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use tfs_api::wire::{FailureBody, FailureKind};

use crate::model::MountQuery;

/// The parameters of a request, decoded. Their number is bounded by the size of a head.
#[derive(Debug, Default)]
pub(crate) struct UrlQuery(Vec<(String, String)>);

impl UrlQuery {
    /// Decodes a query or the body of a form.
    pub(crate) fn parse(text: &str) -> Result<Self, FailureBody> {
        let mut pairs = Vec::<(String, String)>::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if pairs.iter().any(|(other, _value)| *other == name) {
                return Err(bad(&format!("the query has \"{}\" twice", name.escape_debug())));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// Returns a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _value)| found == name).map(|(_name, value)| value.as_str())
    }

    /// Returns a parameter that is a number or `true` or `false`; `default` if there is none.
    pub(crate) fn value<T: FromStr>(&self, name: &str, default: T) -> Result<T, FailureBody> {
        match self.get(name) {
            None => Ok(default),
            Some(text) => {
                text.parse().map_err(|_error| bad(&format!("\"{name}\" in the query is malformed")))
            }
        }
    }

    /// Returns a parameter that must be there.
    pub(crate) fn needed(&self, name: &str) -> Result<&str, FailureBody> {
        self.get(name).ok_or_else(|| bad(&format!("the query needs \"{name}\"")))
    }

    /// Returns the mount that the query names.
    pub(crate) fn mount(&self) -> MountQuery {
        MountQuery { mountpoint: self.get("mountpoint").map(str::to_owned) }
    }
}

/// Decodes `+` and percent-encoded bytes, which must be UTF-8.
fn decode(text: &str) -> Result<String, FailureBody> {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        let digits = rest.get(at + 1..at + 3).unwrap_or_default();
        if digits.len() != 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(bad("the query has a % without two hexadecimal digits"));
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_error) => Err(bad("the query is not UTF-8")),
    }
}

fn bad(message: &str) -> FailureBody {
    FailureBody::new(FailureKind::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match UrlQuery::parse(text) {
            Ok(UrlQuery(pairs)) => format!("{pairs:?}"),
            Err(failure) => failure.message,
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn queries_are_decoded_strictly() {
        check("", "[]");
        check("a=1&b=x+y%20z&c&&d==%26", r#"[("a", "1"), ("b", "x y z"), ("c", ""), ("d", "=&")]"#);
        check("q=%F0%9F%8E%AC%00", r#"[("q", "🎬\0")]"#);
        check("mountpoint=/mnt/%2e%2e/x", r#"[("mountpoint", "/mnt/../x")]"#);
        check("a=%", "the query has a % without two hexadecimal digits");
        check("a=%4", "the query has a % without two hexadecimal digits");
        check("%zz=1", "the query has a % without two hexadecimal digits");
        check("a=%f0%9f", "the query is not UTF-8");
        check("a=1&%61=2", "the query has \"a\" twice");
    }

    #[test]
    fn numbers_are_checked() {
        let query = UrlQuery::parse("limit=12&paused=true&bad=-1").unwrap();
        assert_eq!(query.value("limit", 5_usize), Ok(12));
        assert_eq!(query.value("other", 5_usize), Ok(5));
        assert_eq!(query.value("paused", false), Ok(true));
        assert!(query.value("bad", 5_usize).is_err());
        assert!(query.needed("other").is_err());
    }
}
