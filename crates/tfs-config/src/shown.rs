//! The settings in effect, for users and scripts.

use figment::value::{Dict, Value};
use serde::Serialize;

use super::keys::{Key, SECTIONS, Section};
use super::secret_source::{shown_header, shown_proxy, shown_request_url};
use super::server_selection::defaults_of;
use super::toml_value::text_of;
use super::{Loaded, Origin, Provenance, ServerArg, ValueKind};

/// The section whose keys have short forms in the environment.
const SERVERS: &str = "server";

/// A key with its value.
#[derive(Debug, Clone, Serialize)]
pub struct ShownValue {
    /// The name, such as `read.timeout` or `server[0].url`.
    pub key: String,
    /// The value; `None` if the key is not set.
    pub value: Option<Value>,
    /// Its source.
    pub from: Provenance,
}

impl ShownValue {
    /// Returns the value as TOML, if there is one.
    #[must_use]
    pub fn toml(&self) -> Option<String> {
        self.value.as_ref().map(text_of)
    }
}

/// An item of a section, with the sources of its values.
struct ShownItem {
    values: Dict,
    /// Its name in the layers; `None` if it is in no layer.
    name: Option<String>,
    /// Keys whose values come from short forms.
    variables: Vec<(&'static str, &'static str)>,
}

impl ShownItem {
    fn set(&mut self, key: &'static str, value: impl Into<Value>, variable: &'static str) {
        self.values.insert(key.to_owned(), value.into());
        self.variables.push((key, variable));
    }
}

impl Loaded {
    /// Returns every key with its value and source. Applies the short forms of the environment, as
    /// commands without `--server` do.
    #[must_use]
    pub fn values(&self) -> Vec<ShownValue> {
        SECTIONS.iter().flat_map(|section| self.values_of(section)).collect()
    }

    fn values_of(&self, section: &Section) -> Vec<ShownValue> {
        let (items, is_list) = match self.figment.find_value(section.name) {
            Ok(Value::Array(_, items)) => (items, true),
            Ok(single) => (vec![single], false),
            Err(_unset) => return Vec::new(),
        };
        let name = |idx| match is_list {
            true => format!("{}[{idx}]", section.name),
            false => section.name.to_owned(),
        };
        let items = items.into_iter().enumerate().map(|(idx, item)| ShownItem {
            values: item.into_dict().unwrap_or_default(),
            name: Some(name(idx)),
            variables: Vec::new(),
        });
        let mut items: Vec<_> = items.collect();
        if section.name == SERVERS {
            self.apply_variables(&mut items);
        }
        let mut shown = Vec::new();
        for (idx, item) in items.iter().enumerate() {
            for key in section.keys {
                let short = key.short_name();
                let variable = item.variables.iter().find(|(key, _)| *key == short);
                let from = match (variable, &item.name) {
                    (Some((_, variable)), _) => {
                        Provenance::of(Origin::Variable((*variable).to_owned()))
                    }
                    (None, Some(name)) => self.place(&format!("{name}.{short}")),
                    (None, None) => Provenance::of(Origin::Default),
                };
                let value = item.values.get(short).cloned().map(|value| without_secret(key, value));
                shown.push(ShownValue { key: format!("{}.{short}", name(idx)), value, from });
            }
        }
        shown
    }

    /// Applies `TFS_SERVER` and the related variables to the servers. A server that only the
    /// variable names becomes the first, or replaces the default one.
    fn apply_variables(&self, servers: &mut Vec<ShownItem>) {
        let environment = &self.environment;
        let server = environment.server.as_ref().and_then(|text| text.parse::<ServerArg>().ok());
        let known = &self.settings.servers;
        let meant = match &server {
            None => (servers.len() == 1).then_some(0),
            Some(ServerArg::Name(name)) => known.iter().position(|it| it.name == *name),
            Some(ServerArg::Url(url) | ServerArg::Named { url, .. }) => {
                let has_default = self.place("server[0].url").origin == Origin::Default;
                let idx = known.iter().position(|it| it.url == *url);
                if has_default {
                    servers.clear();
                }
                match idx.filter(|_| !has_default) {
                    Some(idx) => Some(idx),
                    None => {
                        let values = defaults_of(SERVERS);
                        servers.insert(0, ShownItem { values, name: None, variables: Vec::new() });
                        Some(0)
                    }
                }
            }
        };
        let Some(item) = meant.and_then(|idx| servers.get_mut(idx)) else { return };
        if let Some(ServerArg::Url(url) | ServerArg::Named { url, .. }) = &server {
            item.set("url", url.to_string(), "TFS_SERVER");
        }
        if let Some(ServerArg::Named { name, .. }) = &server {
            item.set("name", name.as_str(), "TFS_SERVER");
        }
        if let Some(name) = &environment.username {
            item.set("username", name.as_str(), "TFS_USERNAME");
        }
        if let Some(file) = &environment.password_file {
            item.set("password_file", file.display().to_string(), "TFS_PASSWORD_FILE");
        }
    }
}

/// Returns a value as it may be shown.
fn without_secret(key: &Key, value: Value) -> Value {
    match (key.kind, &value) {
        (ValueKind::Headers, Value::Array(_, headers)) => {
            let headers = headers.iter().filter_map(Value::as_str).map(shown_header);
            Value::from(headers.collect::<Vec<_>>())
        }
        (ValueKind::Proxy, Value::String(_, text)) => Value::from(shown_proxy(text)),
        (ValueKind::RequestUrl, Value::String(_, text)) => Value::from(shown_request_url(text)),
        _ => value,
    }
}
