//! Credentials of requests, and their comparison in constant time.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::header::{AUTHORIZATION, HeaderMap};
use sha2::Sha256;

use crate::settings::WebdavAuth;

/// A password of this many characters is too long to be guessed, at any rate of a network: it works
/// while guesses are refused, so that its owner cannot be locked out.
const LONG_CHARS_MIN: usize = 24;

/// What a login is compared with.
pub(super) struct CredentialCheck {
    /// Random: hashes of guesses tell nothing about the one of the secret.
    key: [u8; 32],
    hash: [u8; 32],
    has_user: bool,
    is_long: bool,
}

/// What a request has to prove its right.
pub(super) enum Presented {
    Basic { user: String, password: String },
    Bearer(String),
}

impl CredentialCheck {
    /// Takes a random key from the system; `None` if no login is needed.
    pub(super) fn new(auth: &WebdavAuth) -> io::Result<Option<Self>> {
        let (user, secret) = match auth {
            WebdavAuth::Open | WebdavAuth::OpenToAll => return Ok(None),
            WebdavAuth::Password { user, password } => (Some(user.as_str()), password),
            WebdavAuth::Token(token) => (None, token),
        };
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let hash = mac(&key, user.unwrap_or_default(), secret).finalize().into_bytes().into();
        let is_long = secret.chars().count() >= LONG_CHARS_MIN;
        Ok(Some(Self { key, hash, has_user: user.is_some(), is_long }))
    }

    /// Returns whether the credentials are right.
    pub(super) fn accepts(&self, presented: &Presented) -> bool {
        let (user, secret) = match (presented, self.has_user) {
            (Presented::Basic { user, password }, true) => (user.as_str(), password),
            // The token is the password of any user name.
            (Presented::Basic { password, .. }, false) => ("", password),
            (Presented::Bearer(token), false) => ("", token),
            (Presented::Bearer(_), true) => return false,
        };
        mac(&self.key, user, secret).verify_slice(&self.hash).is_ok()
    }

    /// Returns whether it is compared also while guesses are refused.
    pub(super) fn is_long(&self) -> bool {
        self.is_long
    }
}

impl fmt::Debug for CredentialCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CredentialCheck(hidden)")
    }
}

impl Presented {
    /// Returns the credentials of a request; `None` if it has none, or malformed ones.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, rest) = value.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Bearer(rest.to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self::Basic { user: user.to_owned(), password: password.to_owned() })
    }
}

/// Returns the hash of credentials under a key. A NUL, which no user name has, ends the name.
fn mac(key: &[u8; 32], user: &str, secret: &str) -> Hmac<Sha256> {
    // A key of the block size, which is never refused.
    let mut padded = [0; 64];
    for (to, from) in padded.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new(&padded.into());
    mac.update(user.as_bytes());
    mac.update(b"\0");
    mac.update(secret.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(auth: &WebdavAuth, header: &str, expected: bool) {
        let check = CredentialCheck::new(auth).unwrap().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        let found = Presented::of(&headers).is_some_and(|presented| check.accepts(&presented));
        assert_eq!(found, expected, "{header} for {auth:?}");
    }

    #[test]
    fn only_the_right_credentials_are_accepted() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let login = WebdavAuth::Password { user: "ann".into(), password: "s\u{e9}cret:1".into() };
        check(&login, &basic("ann:s\u{e9}cret:1"), true);
        check(&login, &basic("ann:s\u{e9}cret:1").replace("Basic", "bAsIc"), true);
        for wrong in ["ann:secret:1", "ann:", "ann", ":s\u{e9}cret:1", "an:ns\u{e9}cret:1", ""] {
            check(&login, &basic(wrong), false);
        }
        for wrong in ["Bearer s\u{e9}cret", "Basic", "Basic !", "Digest x", "Bearer"] {
            let wrong: String = wrong.chars().filter(char::is_ascii).collect();
            check(&login, &wrong, false);
        }
        let token = WebdavAuth::Token("0123456789".into());
        check(&token, "Bearer 0123456789", true);
        check(&token, "bearer  0123456789", true);
        check(&token, &basic("anyone:0123456789"), true);
        check(&token, &basic(":0123456789"), true);
        check(&token, &basic("0123456789:"), false);
        check(&token, "Bearer 012345678", false);
    }
}
