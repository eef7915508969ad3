//! The decision who may see the page and change torrents.

use std::io;

use hyper::header::HeaderMap;

use super::file_keys::FileKeys;
use super::presented;
use super::sessions::{SESSION_TIME_MAX, SessionId, Sessions};
use super::token::AccessToken;
use super::token_check::{Denied, TokenCheck};
use crate::model::FilePlace;

/// What protects the page: nothing without a token.
#[derive(Debug)]
pub(crate) struct PageGate {
    lock: Option<Lock>,
}

/// A token and what follows from it.
#[derive(Debug)]
struct Lock {
    check: TokenCheck,
    sessions: Sessions,
    file_keys: FileKeys,
    cookie_name: String,
}

/// How the sender of a request has proved its right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// Not at all: the page has no token.
    Anyone,
    /// By the cookie of a session, which browsers send on their own.
    Session(SessionId),
    /// By the token itself.
    Token,
}

impl PageGate {
    /// `port` is that of the listener. Browsers send a cookie to all ports of a host, so that its
    /// name tells two pages apart.
    pub(crate) fn new(token: Option<&AccessToken>, port: u16) -> io::Result<Self> {
        let lock = match token {
            None => None,
            Some(token) => Some(Lock {
                check: TokenCheck::new(token)?,
                sessions: Sessions::default(),
                file_keys: FileKeys::new(token),
                cookie_name: format!("tfs_session_{port}"),
            }),
        };
        Ok(Self { lock })
    }

    /// Returns whether the page has no token.
    pub(crate) fn is_open(&self) -> bool {
        self.lock.is_none()
    }

    /// Returns who sends a request.
    pub(crate) fn visitor(&self, headers: &HeaderMap) -> Result<Visitor, Denied> {
        let Some(lock) = &self.lock else { return Ok(Visitor::Anyone) };
        if let Some(session) = lock.session(headers) {
            return Ok(Visitor::Session(session));
        }
        let token = presented::token(headers).ok_or(Denied::Missing)?;
        lock.check.check(&token).map(|()| Visitor::Token)
    }

    /// Returns whether a visitor still has the right that it had.
    pub(crate) fn is_alive(&self, visitor: Visitor) -> bool {
        match (visitor, &self.lock) {
            (Visitor::Session(session), Some(lock)) => lock.sessions.is_alive(session),
            (Visitor::Session(_), None) => false,
            (Visitor::Anyone | Visitor::Token, _) => true,
        }
    }

    /// Begins a session if the token is right. Returns the value of `Set-Cookie`; `None` if the
    /// page has no token.
    pub(crate) fn log_in(&self, token: &str, is_https: bool) -> Result<Option<String>, LoginError> {
        let Some(lock) = &self.lock else { return Ok(None) };
        lock.check.check(token).map_err(LoginError::Denied)?;
        let secret = lock.sessions.begin().map_err(LoginError::System)?;
        Ok(Some(lock.cookie(&secret, SESSION_TIME_MAX.as_secs(), is_https)))
    }

    /// Ends the session of a request. Returns the value of `Set-Cookie` that removes the cookie.
    pub(crate) fn log_out(&self, headers: &HeaderMap, is_https: bool) -> Option<String> {
        let lock = self.lock.as_ref()?;
        if let Some(session) = lock.session(headers) {
            lock.sessions.end(session);
        }
        Some(lock.cookie("", 0, is_https))
    }

    /// Returns the key in links to a file; `None` if the page has no token.
    pub(crate) fn file_key(&self, place: &FilePlace) -> Option<String> {
        self.lock.as_ref().map(|lock| lock.file_keys.key_of(place))
    }

    /// Returns whether a key is that of a file.
    pub(crate) fn is_file_key(&self, place: &FilePlace, key: &str) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.file_keys.is_key_of(place, key))
    }
}

/// Why no session began.
#[derive(Debug)]
pub(crate) enum LoginError {
    /// The token is not accepted.
    Denied(Denied),
    /// The system has no random numbers.
    System(io::Error),
}

impl Lock {
    fn session(&self, headers: &HeaderMap) -> Option<SessionId> {
        let secrets = presented::cookies(headers, &self.cookie_name);
        secrets.into_iter().find_map(|secret| self.sessions.find(secret))
    }

    fn cookie(&self, value: &str, seconds: u64, is_https: bool) -> String {
        let secure = if is_https { "; Secure" } else { "" };
        let name = &self.cookie_name;
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}
