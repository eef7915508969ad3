//! What a request shows to prove its right: a token in `Authorization`, or a cookie.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap};

/// Maximum number of cookies of the right name that are looked up. Browsers send one.
const COOKIES_MAX: usize = 4;

/// Returns the token of an `Authorization` header: `Bearer TOKEN`, or `Basic` with any user name
/// and the token as the password.
pub(super) fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
    let (_user, password) = pair.split_once(':')?;
    Some(password.to_owned())
}

/// Returns the values of the cookies of this name.
pub(super) fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let named = pairs.filter(|(found, _value)| found.trim() == name);
    named.map(|(_name, value)| value.trim()).take(COOKIES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_token(value: &str, expected: Option<&str>) {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(token(&headers).as_deref(), expected, "{value}");
    }

    #[test]
    fn tokens_come_in_two_schemes() {
        check_token("Bearer secret", Some("secret"));
        check_token("bearer  secret ", Some("secret"));
        check_token(&format!("Basic {}", BASE64_STANDARD.encode("me:se:cret")), Some("se:cret"));
        check_token(&format!("basic {}", BASE64_STANDARD.encode(":secret")), Some("secret"));
        for wrong in ["", "Bearer", "secret", "Digest secret", "Basic secret", "Basic c2VjcmV0"] {
            check_token(wrong, None);
        }
        check_token(&format!("Basic {}", BASE64_STANDARD.encode(b"me:\xff\xfe")), None);
        assert_eq!(token(&HeaderMap::new()), None);
    }

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; session=one;session2=no".parse().unwrap());
        headers.append(COOKIE, "  session = two ; sessio=n;; = ; x".parse().unwrap());
        assert_eq!(cookies(&headers, "session"), ["one", "two"]);
        headers.append(COOKIE, "session=x;".repeat(100).parse().unwrap());
        assert_eq!(cookies(&headers, "session").len(), COOKIES_MAX);
    }
}
