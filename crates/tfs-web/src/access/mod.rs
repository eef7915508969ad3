//! Who may use the page: tokens, sessions, keys of files, host names.

mod token;

pub use token::{AccessToken, TokenError};
