//! Converts the settings of a configuration into those of front ends.

use tfs_config::{Loaded, MountSection, Problem, ServeAuth, ServeKind, ServeSection};

use super::{FrontAuth, FrontKind, FrontSettings, FrontTls};

impl From<ServeKind> for FrontKind {
    fn from(kind: ServeKind) -> Self {
        match kind {
            ServeKind::Webdav => Self::Webdav,
            ServeKind::Nfs => Self::Nfs,
            ServeKind::Dlna => Self::Dlna,
        }
    }
}

impl FrontSettings {
    /// Returns the settings of a `[[serve]]` section. Reads the file of its password or token. If
    /// that fails, the login is [`FrontAuth::Unusable`].
    #[must_use]
    pub fn of(loaded: &Loaded, section: &ServeSection) -> Self {
        match loaded.serve_auth(section) {
            Ok(auth) => Self::with_auth(section, auth),
            Err(problem) => Self {
                auth: Some(FrontAuth::Unusable(problem.message)),
                ..Self::with_auth(section, None)
            },
        }
    }

    /// Returns the settings of a `[[serve]]` section with a login that was read before: the file
    /// may be a pipe. Reads no file.
    #[must_use]
    pub fn with_auth(section: &ServeSection, auth: Option<ServeAuth>) -> Self {
        let auth = auth.map(|auth| match auth {
            ServeAuth::Password { user, password } => FrontAuth::Password { user, password },
            ServeAuth::Token(token) => FrontAuth::Token(token),
        });
        let tls = section.tls_cert.clone().zip(section.tls_key.clone());
        Self {
            kind: section.kind.into(),
            name: section.name.clone(),
            listen: section.address(),
            auth,
            allows_anyone: section.no_auth,
            tls: tls.map(|(certificate, key)| FrontTls { certificate, key }),
            hosts: section.hosts.clone(),
            first_byte_max: section.first_byte_timeout,
        }
    }

    /// Returns the settings of all front ends of a configuration. Reads the files of passwords and
    /// tokens.
    #[must_use]
    pub fn all_of(loaded: &Loaded) -> Vec<Self> {
        let mounts = loaded.settings.mounts.iter();
        let of_mounts = mounts.filter_map(|mount| Self::of_mount(loaded, mount).ok()).flatten();
        let own = loaded.own_serves().map(|(name, section)| {
            let settings = Self::of(loaded, section);
            Self { name: Some(name), ..settings }
        });
        of_mounts.chain(own).collect()
    }

    /// Returns the settings of the front ends of a mount: those of its own keys, and of the
    /// `[[serve]]` sections with its path. Reads the files of passwords and tokens.
    ///
    /// # Errors
    /// If a flag opens NFS to other machines without a token.
    pub fn of_mount(loaded: &Loaded, mount: &MountSection) -> Result<Vec<Self>, Problem> {
        let sections = loaded.serves_of(mount)?;
        Ok(sections.iter().map(|section| Self::of(loaded, section)).collect())
    }
}
