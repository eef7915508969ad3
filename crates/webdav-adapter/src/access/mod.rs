//! Who may read: logins, device tokens, and limits for guesses.

mod credentials;
mod gate;
mod guesses;
mod peer;
mod right;

pub(crate) use gate::{WebdavDenied, WebdavGate, WebdavVisitor};
pub(crate) use peer::WebdavPeer;
pub(crate) use right::ReadRight;
