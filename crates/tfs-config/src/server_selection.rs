//! Selects the servers and mounts of a command, and applies the flags to them.

use std::net::IpAddr;
use std::path::Path;

use figment::value::{Dict, Value};
use rqbit_client::{BaseUrl, Credentials};
use serde::de::DeserializeOwned;

use super::keys::{SECTIONS, find_key};
use super::layer::item_defaults;
use super::secret::Secret;
use super::value_origin::ValueOrigin;
use super::{
    ChosenServer, Loaded, MountSection, Origin, Problem, Provenance, ServerArg, ServerSection,
    ServerSettings, ValueKind,
};

/// The variable that names the server.
const SERVER_VARIABLE: &str = "TFS_SERVER";

impl Loaded {
    /// Returns the selected server: the one of the command line, else of the environment, else of a
    /// mount's `names`, else the only configured one. Reads the password file.
    ///
    /// # Errors
    /// If there is no such server or several, or the credentials cannot be used.
    pub fn choose_server(&self, names: &[String]) -> Result<ChosenServer, Problem> {
        let mut sections = self.candidates(names)?;
        match sections.pop().filter(|_| sections.is_empty()) {
            Some(section) => self.chosen(&section),
            None if self.servers.is_empty() => {
                let names: Vec<_> =
                    self.settings.servers.iter().map(|it| it.name.as_str()).collect();
                let message = format!("there are several servers: {}", names.join(", "));
                Err(problem(message).hint("choose one with --server"))
            }
            None => Err(problem("several servers are given").hint("this command takes one server")),
        }
    }

    /// Returns all selected servers, at least one, with unique names: those of the command line,
    /// else that of the environment, else a mount's `names`, else all configured ones. Reads the
    /// password files.
    ///
    /// # Errors
    /// If two have the same name or address, or credentials cannot be used.
    pub fn choose_servers(&self, names: &[String]) -> Result<Vec<ChosenServer>, Problem> {
        self.all_of(&self.candidates(names)?)
    }

    /// Returns the servers named on the command line, else the one named in the environment.
    ///
    /// # Errors
    /// If the value in the environment is invalid.
    pub fn named_servers(&self) -> Result<Vec<ServerArg>, Problem> {
        match (&self.environment.server, self.servers.as_slice()) {
            (Some(text), []) => Ok(vec![parse_variable(text)?]),
            (_, named) => Ok(named.to_vec()),
        }
    }

    /// Returns the settings of these servers, as [`choose_servers`](Self::choose_servers) does for
    /// those of the command line.
    ///
    /// # Errors
    /// As for `choose_servers`.
    pub fn choose_of(&self, servers: &[ServerArg]) -> Result<Vec<ChosenServer>, Problem> {
        let sections = servers.iter().map(|server| self.server_item(server, None));
        self.all_of(&sections.collect::<Result<Vec<_>, _>>()?)
    }

    /// Returns whether the command line or the environment sets a user name or a password.
    #[must_use]
    pub fn names_credentials(&self) -> bool {
        self.check_credentials_are_their_own().is_err()
    }

    /// Returns whether a file or a variable configures servers; otherwise there is the default one.
    #[must_use]
    pub fn has_configured_servers(&self) -> bool {
        let keys = ["server[0].url", "server[0].name"];
        keys.into_iter().any(|key| self.place(key).origin != Origin::Default)
    }

    /// Returns the servers of a mount if the command line names none: those of its `servers`
    /// setting, else those of [`choose_servers`](Self::choose_servers). The environment does not
    /// override `servers`, so that each of several mounts keeps its own.
    ///
    /// # Errors
    /// As for `choose_servers`.
    pub fn servers_of(&self, mount: &MountSection) -> Result<Vec<ChosenServer>, Problem> {
        match mount.servers.as_slice() {
            [] => self.choose_servers(&[]),
            names => self.all_of(&self.named(names)?),
        }
    }

    /// Returns the settings of a configured server, whatever the command line names.
    ///
    /// # Errors
    /// If there is none with this name, or its credentials cannot be used.
    pub fn configured_server(&self, name: &str) -> Result<ChosenServer, Problem> {
        let item = self.server_item(&ServerArg::Name(name.to_owned()), None)?;
        self.chosen(&item)
    }

    /// Returns the value of `--server` for suggested commands, if they need one: the configured
    /// name of the server, or its URL.
    #[must_use]
    pub fn server_flag(&self, url: &BaseUrl) -> Option<String> {
        let unsaid = self.unsaid_servers().unwrap_or_default();
        let is_it = |item: &Dict| {
            let of_item = item.get("url").and_then(Value::as_str);
            of_item.and_then(|text| text.parse().ok()) == Some(url.clone())
        };
        if matches!(unsaid.as_slice(), [only] if is_it(only)) {
            return None;
        }
        let known = self.settings.servers.iter().find(|server| server.url == *url);
        Some(known.map_or_else(|| url.to_string(), |server| server.name.clone()))
    }

    fn all_of(&self, sections: &[Dict]) -> Result<Vec<ChosenServer>, Problem> {
        if sections.len() > 1 {
            self.check_credentials_are_their_own()?;
        }
        let chosen: Result<Vec<_>, _> =
            sections.iter().map(|section| self.chosen(section)).collect();
        let chosen = chosen?;
        for (position, one) in chosen.iter().enumerate() {
            let name = &one.section.name;
            for other in chosen.iter().take(position) {
                if other.section.url == one.section.url {
                    let message = format!("the server at {} is named twice", one.section.url);
                    return Err(problem(message).hint("remove one of them"));
                }
                if other.section.name == *name {
                    return Err(problem(format!("two servers are named `{name}`")).hint(
                        "give them different names, as in --server home=http://127.0.0.1:3030",
                    ));
                }
            }
        }
        Ok(chosen)
    }

    /// Checks that credentials for one server are not sent to several.
    fn check_credentials_are_their_own(&self) -> Result<(), Problem> {
        let environment = &self.environment;
        let flag = |key: &str| self.flags.iter().any(|flag| flag.key == key);
        let said_once = [
            ("--username", flag("server.username")),
            ("--password-file", flag("server.password_file")),
            ("--header", flag("server.headers")),
            ("--client-cert", flag("server.client_cert")),
            ("--client-key", flag("server.client_key")),
            ("TFS_USERNAME", environment.username.is_some()),
            ("TFS_PASSWORD", environment.password.is_some()),
            ("TFS_PASSWORD_FILE", environment.password_file.is_some()),
        ];
        match said_once.into_iter().find(|(_, is_said)| *is_said) {
            None => Ok(()),
            Some((name, _)) => {
                Err(problem(format!("{name} is for one server, but several are selected"))
                    .hint("give each its own settings in the configuration: see tfs config init"))
            }
        }
    }

    fn chosen(&self, section: &Dict) -> Result<ChosenServer, Problem> {
        let section = self.with_credentials(section)?;
        let credentials = self.credentials(&section)?;
        let access = self.access(&section)?;
        let connection = ServerSettings { url: section.url.clone(), credentials, access };
        Ok(ChosenServer { section, connection, is_embedded: false })
    }

    /// Returns the settings of a server that is not configured, for an embedded one. Its URL is not
    /// used.
    ///
    /// # Errors
    /// If a flag is invalid.
    pub fn unlisted_server(&self) -> Result<ServerSection, Problem> {
        let mut item = defaults_of("server");
        item.insert("url".to_owned(), Value::from("http://127.0.0.1"));
        self.overlay("server", &mut item)?;
        extract(item)
    }

    /// Returns the mount at a path with its configured or default settings, overridden by the flags
    /// of the command line.
    ///
    /// # Errors
    /// If a flag is invalid.
    pub fn mount_at(&self, path: &Path) -> Result<MountSection, Problem> {
        let configured = self.settings.mounts.iter().position(|mount| mount.path == path);
        let mut item = match configured {
            Some(idx) => self.item("mount", idx),
            None => {
                let mut item = defaults_of("mount");
                let path = path.to_str().ok_or_else(|| problem("the mount point is not UTF-8"))?;
                item.insert("path".to_owned(), Value::from(path));
                item
            }
        };
        self.overlay("mount", &mut item)?;
        extract(item)
    }

    /// Returns the items of the selected servers, before the flags are applied.
    fn candidates(&self, names: &[String]) -> Result<Vec<Dict>, Problem> {
        if !self.servers.is_empty() {
            return self.servers.iter().map(|server| self.server_item(server, None)).collect();
        }
        if self.environment.server.is_none() && !names.is_empty() {
            return self.named(names);
        }
        self.unsaid_servers()
    }

    /// Returns the items of the servers that are selected if neither the command line nor a mount
    /// names any.
    fn unsaid_servers(&self) -> Result<Vec<Dict>, Problem> {
        if let Some(text) = &self.environment.server {
            let place = Provenance::of(Origin::Variable(SERVER_VARIABLE.to_owned()));
            return Ok(vec![self.server_item(&parse_variable(text)?, Some(place))?]);
        }
        Ok((0..self.settings.servers.len()).map(|idx| self.item("server", idx)).collect())
    }

    fn named(&self, names: &[String]) -> Result<Vec<Dict>, Problem> {
        let servers = names.iter().map(|name| ServerArg::Name(name.clone()));
        servers.map(|server| self.server_item(&server, None)).collect()
    }

    fn server_item(&self, server: &ServerArg, place: Option<Provenance>) -> Result<Dict, Problem> {
        let servers = &self.settings.servers;
        let (name, url) = match server {
            ServerArg::Name(name) => {
                let Some(idx) = servers.iter().position(|it| it.name == *name) else {
                    let names: Vec<_> = servers.iter().map(|it| it.name.as_str()).collect();
                    let hint = if self.has_configured_servers() {
                        format!(
                            "the configuration has: {}; an address begins with http://",
                            names.join(", ")
                        )
                    } else if name.parse::<IpAddr>().is_ok() {
                        format!("an address begins with http://, as in http://{name}:3030")
                    } else {
                        format!(
                            "no server is configured: use an address such as http://{name}:3030, \
                             or add it with: tfs config set server.{name}.url URL"
                        )
                    };
                    let message = format!("no server is named `{name}`");
                    return Err(Problem { place, message, hint: Some(hint) });
                };
                return Ok(self.item("server", idx));
            }
            ServerArg::Url(url) => (None, url),
            ServerArg::Named { name, url } => (Some(name), url),
        };
        // The configured settings of a URL apply whatever name is given.
        let mut item = match servers.iter().position(|it| it.url == *url) {
            Some(idx) => self.item("server", idx),
            None => defaults_of("server"),
        };
        item.insert("url".to_owned(), Value::from(url.to_string()));
        if let Some(name) = name {
            item.insert("name".to_owned(), Value::from(name.as_str()));
        }
        Ok(item)
    }

    fn with_credentials(&self, item: &Dict) -> Result<ServerSection, Problem> {
        let mut item = item.clone();
        if let Some(name) = &self.environment.username {
            item.insert("username".to_owned(), Value::from(name.as_str()));
        }
        self.overlay("server", &mut item)?;
        extract(item)
    }

    fn credentials(&self, server: &ServerSection) -> Result<Option<Credentials>, Problem> {
        let from_flag = self.flags.iter().any(|flag| flag.key == "server.password_file");
        let environment = &self.environment;
        let file = match &environment.password_file {
            Some(file) if !from_flag => Some(file),
            _ => server.password_file.as_ref(),
        };
        let password = match (&environment.password, file) {
            (Some(password), _) if !from_flag => Some(password.clone()),
            (_, Some(file)) => Some(Secret::read(file).map_err(|error| {
                problem(format!("cannot read the password in {}: {error}", file.display()))
                    .hint("the file must exist and be readable by this user")
            })?),
            (_, None) => None,
        };
        match (&server.username, password) {
            (Some(username), Some(password)) => {
                let credentials = Credentials::new(username, password.expose());
                let failed = |error| problem(format!("cannot {error}"));
                credentials.map(Some).map_err(failed)
            }
            (Some(_), None) => Err(problem("a user name without a password")
                .hint("name a file with --password-file, or set TFS_PASSWORD")),
            (None, Some(_)) => Err(problem("a password without a user name")
                .hint("name the user with --username, or set TFS_USERNAME")),
            (None, None) => Ok(None),
        }
    }

    /// Returns an item of a list, with the defaults of its keys filled in.
    pub(super) fn item(&self, section: &str, idx: usize) -> Dict {
        let items = self.figment.find_value(section).ok().and_then(Value::into_array);
        let item = items.and_then(|items| items.into_iter().nth(idx));
        item.and_then(Value::into_dict).unwrap_or_default()
    }

    /// Applies the flags of a section to an item.
    pub(super) fn overlay(&self, section: &str, item: &mut Dict) -> Result<(), Problem> {
        let mut set = Vec::new();
        for flag in &self.flags {
            let key = find_key(flag.key).expect("flags name keys of the table");
            if key.section() != section {
                continue;
            }
            let value = key.kind.parse(&flag.value);
            let value = value.and_then(|value| key.kind.check(value, ValueOrigin::AtPrompt));
            let place = Provenance::of(Origin::Flag(key.flag_name()));
            let value = value.map_err(|reason| Problem::at(place, reason))?;
            // A list whose flag is repeated has all of them.
            if matches!(key.kind, ValueKind::Headers | ValueKind::Names | ValueKind::Hosts)
                && key.flag.is_some()
                && set.contains(&flag.key)
                && let Some(Value::Array(_, items)) = item.get_mut(key.short_name())
            {
                items.extend(value.into_array().unwrap_or_default());
                continue;
            }
            set.push(flag.key);
            item.insert(key.short_name().to_owned(), value);
        }
        Ok(())
    }
}

/// Parses the server of the environment.
fn parse_variable(text: &str) -> Result<ServerArg, Problem> {
    let place = || Provenance::of(Origin::Variable(SERVER_VARIABLE.to_owned()));
    text.parse().map_err(|reason: String| Problem::at(place(), reason))
}

/// Returns an item of a list with only the defaults.
pub(super) fn defaults_of(name: &str) -> Dict {
    SECTIONS.iter().find(|section| section.name == name).map(item_defaults).unwrap_or_default()
}

pub(super) fn extract<T: DeserializeOwned>(item: Dict) -> Result<T, Problem> {
    Value::from(item).deserialize().map_err(|error| problem(error.to_string()))
}

fn problem(message: impl Into<String>) -> Problem {
    Problem { place: None, message: message.into(), hint: None }
}
