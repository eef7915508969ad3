//! The server that was asked for on the command line.

use std::fs;

use eyre::WrapErr as _;
use tfs_service::{Credentials, ServerSettings};

use crate::args::ServerArgs;

impl ServerArgs {
    /// Returns the server, with the password read from its file.
    pub(crate) fn settings(&self) -> eyre::Result<ServerSettings> {
        let credentials = match (&self.username, &self.password_file) {
            (Some(username), Some(path)) => {
                let text = fs::read_to_string(path)
                    .wrap_err_with(|| format!("cannot read the password in {}", path.display()))?;
                let password = text.lines().next().unwrap_or_default();
                Some(Credentials::new(username, password).wrap_err("cannot use the credentials")?)
            }
            _ => None,
        };
        Ok(ServerSettings { url: self.server.clone(), credentials })
    }
}
