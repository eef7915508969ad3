//! The settings of the page.

use std::net::SocketAddr;
use std::path::PathBuf;

use tfs_config::{Loaded, Problem, Secret};

/// Settings of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSettings {
    /// The address to listen at.
    pub listen: SocketAddr,
    /// Whether the page can change torrents.
    pub control: bool,
    /// Further host names.
    pub hosts: Vec<String>,
    /// The configured token, or why it cannot be used.
    pub(super) token: Result<Option<Secret>, String>,
    /// The file that the token was read from.
    pub(super) token_file: Option<PathBuf>,
}

impl PageSettings {
    /// Returns the settings of a configuration; `None` if the page is off. Reads the file of the
    /// token.
    #[must_use]
    pub fn of(loaded: &Loaded) -> Option<Self> {
        let web = &loaded.settings.web;
        let is_in_variable = loaded.environment.web_token.is_some();
        Some(Self {
            listen: web.listen?,
            control: web.control,
            hosts: web.hosts.clone(),
            token: loaded.web_token().map_err(text),
            token_file: web.token_file.clone().filter(|_| !is_in_variable),
        })
    }
}

fn text(Problem { message, hint, .. }: Problem) -> String {
    match hint {
        Some(hint) => format!("{message}; {hint}"),
        None => message,
    }
}
