//! Who may read: logins, device tokens, and limits for guesses.

mod credentials;
mod gate;
mod guesses;

pub(crate) use gate::{Denied, Visitor, WebdavGate};
