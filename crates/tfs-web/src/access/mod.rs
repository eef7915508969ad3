//! Who may use the page: tokens, sessions, keys of files, origins.

mod file_keys;
mod gate;
mod origin;
mod presented;
mod sessions;
mod token;
mod token_check;

pub(crate) use gate::{LoginError, PageGate, Visitor};
pub(crate) use origin::{ForeignPage, OriginClaim, check_change, check_read};
pub use token::{AccessToken, TokenError};
pub(crate) use token_check::Denied;
