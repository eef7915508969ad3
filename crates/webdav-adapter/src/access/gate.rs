//! The decision who may read.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderMap;

use super::credentials::{CredentialCheck, Presented};
use super::guesses::{GUESSES_MAX, Guesses, PROXY_GUESSES_MAX};
use super::peer::WebdavPeer;
use crate::settings::{WebdavAuth, WebdavSettings, is_loopback};
use crate::tokens::{DeviceTokens, is_token};

/// Decides who may read.
pub(crate) struct WebdavGate {
    login: Option<CredentialCheck>,
    /// Whether paths without a device token are served without a login.
    is_open: bool,
    is_https: bool,
    tokens: Arc<dyn DeviceTokens>,
    guesses: Guesses,
    /// Of all clients of a proxy together.
    proxy_guesses: Guesses,
}

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WebdavVisitor {
    /// Any client: no login is asked for.
    Anyone,
    /// A client with the login.
    User,
    /// The device of this name.
    Device(String),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebdavDenied {
    /// It has no login, or a wrong one: 401.
    Login,
    /// No device has its token: 404.
    Unknown,
    /// Only paths with a device token are served, and this has none: 404.
    NoToken,
    /// Too many guesses of this client were wrong. They are taken again after this time: 429.
    TooMany(Duration),
    /// The login came in clear text over a network: 403.
    ClearText,
}

impl WebdavGate {
    /// Takes a random key from the system.
    pub(crate) fn new(
        settings: &WebdavSettings,
        tokens: Arc<dyn DeviceTokens>,
    ) -> io::Result<Self> {
        Ok(Self {
            login: CredentialCheck::new(&settings.auth)?,
            is_open: settings.auth == WebdavAuth::OpenToAll || is_loopback(settings.listen),
            is_https: settings.tls.is_some(),
            tokens,
            guesses: Guesses::new(GUESSES_MAX),
            proxy_guesses: Guesses::new(PROXY_GUESSES_MAX),
        })
    }

    /// Returns who sends a request whose path has a device token.
    pub(crate) fn device(
        &self,
        token: &str,
        peer: WebdavPeer,
    ) -> Result<WebdavVisitor, WebdavDenied> {
        // Devices of one household share an address: the right ones are not locked out.
        let device = if is_token(token) { self.tokens.device_of(token) } else { None };
        match device {
            Some(name) => Ok(WebdavVisitor::Device(name)),
            None => Err(self.refuse_guess(peer, WebdavDenied::Unknown)),
        }
    }

    /// Returns whether a device still has a token that was right before.
    pub(crate) fn has_device(&self, token: &str) -> bool {
        self.tokens.device_of(token).is_some()
    }

    /// Returns who sends a request whose path has no device token.
    pub(crate) fn visitor(
        &self,
        headers: &HeaderMap,
        peer: WebdavPeer,
    ) -> Result<WebdavVisitor, WebdavDenied> {
        let Some(login) = &self.login else {
            return if self.is_open {
                Ok(WebdavVisitor::Anyone)
            } else {
                Err(WebdavDenied::NoToken)
            };
        };
        if !self.is_https && !is_loopback(peer.address) {
            return Err(WebdavDenied::ClearText);
        }
        let presented = Presented::of(headers).ok_or(WebdavDenied::Login)?;
        let is_right = login.accepts(&presented);
        if let Some(wait) = self.refused_for(peer) {
            return if is_right && login.is_long() {
                Ok(WebdavVisitor::User)
            } else {
                Err(WebdavDenied::TooMany(wait))
            };
        }
        if is_right {
            return Ok(WebdavVisitor::User);
        }
        Err(self.refuse_guess(peer, WebdavDenied::Login))
    }

    fn refuse_guess(&self, peer: WebdavPeer, denied: WebdavDenied) -> WebdavDenied {
        if let Some(wait) = self.refused_for(peer) {
            return WebdavDenied::TooMany(wait);
        }
        self.guesses.count_wrong(peer.client());
        if let Some(proxy) = peer.proxy() {
            self.proxy_guesses.count_wrong(proxy);
        }
        denied
    }

    /// Returns how long guesses of a client are refused.
    fn refused_for(&self, peer: WebdavPeer) -> Option<Duration> {
        let of_client = self.guesses.refused_for(peer.client());
        let of_proxy = peer.proxy().and_then(|proxy| self.proxy_guesses.refused_for(proxy));
        of_client.max(of_proxy)
    }
}

impl fmt::Debug for WebdavGate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebdavGate").field("is_open", &self.is_open).finish_non_exhaustive()
    }
}
