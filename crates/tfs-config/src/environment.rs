//! Settings from the environment: `TFS_READ__TIMEOUT=30s` for `read.timeout`, and short forms.

use std::ffi::OsString;
use std::path::PathBuf;

use super::keys::{PREFIX, SECTIONS, SEPARATOR, find_key, variable_of};
use super::layer::{Layer, did_you_mean};
use super::secret::Secret;
use super::suggest::{nearest, nearest_key};
use super::{Origin, Problem, Provenance};

/// The variables that do not correspond to a key.
pub const SHORT_FORMS: [(&str, &str); 6] = [
    ("TFS_SERVER", "The server, as `--server` takes it."),
    ("TFS_USERNAME", "The user name, as `--username`."),
    ("TFS_PASSWORD_FILE", "A file with the password, as `--password-file`."),
    ("TFS_PASSWORD", "The password itself."),
    ("TFS_WEB_TOKEN", "The token of the page."),
    ("TFS_CONFIG", "A configuration file, as `--config`."),
];

/// The values of the short forms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `TFS_SERVER`.
    pub server: Option<String>,
    /// `TFS_USERNAME`.
    pub username: Option<String>,
    /// `TFS_PASSWORD_FILE`.
    pub password_file: Option<PathBuf>,
    /// `TFS_PASSWORD`.
    pub password: Option<Secret>,
    /// `TFS_WEB_TOKEN`.
    pub web_token: Option<Secret>,
    /// `TFS_CONFIG`.
    pub config: Option<PathBuf>,
}

/// Settings from the environment.
pub(super) struct EnvironmentValues {
    pub(super) layer: Layer,
    pub(super) short: Environment,
    pub(super) problems: Vec<Problem>,
    /// Variables that look like a typing error, but may belong to another program.
    pub(super) warnings: Vec<String>,
}

/// Reads variables. An empty one counts as unset.
pub(super) fn read(variables: &[(OsString, OsString)]) -> EnvironmentValues {
    let mut read = EnvironmentValues {
        layer: Layer::new("environment"),
        short: Environment::default(),
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    // Sorted, so that the order of messages is fixed.
    let mut variables: Vec<_> = variables.iter().collect();
    variables.sort();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if !value.is_empty() {
            read.variable(name, value);
        }
    }
    read
}

impl EnvironmentValues {
    fn variable(&mut self, name: &str, value: &OsString) {
        let place = || Provenance::of(Origin::Variable(name.to_owned()));
        if self.short_path(name, value) {
            return;
        }
        let known = is_short_form(name);
        let Some((section, key)) =
            name.strip_prefix(PREFIX).and_then(|name| name.split_once(SEPARATOR))
        else {
            if !known {
                self.stranger(name);
                return;
            }
            match value.to_str() {
                Some(text) => self.short_text(name, text),
                None => self.problems.push(Problem::at(place(), "it is not UTF-8")),
            }
            return;
        };
        let section = section.to_lowercase();
        let full_name = format!("{section}.{}", key.to_lowercase());
        if SECTIONS.iter().any(|known| known.is_list && known.name == section) {
            let message = format!("a variable cannot set it: there may be several `{section}`s");
            let hint = "use TFS_SERVER, flags, or a file: tfs config init";
            self.problems.push(Problem::at(place(), message).hint(hint));
            return;
        }
        let Some(key) = find_key(&full_name) else {
            let singles = SECTIONS.iter().filter(|section| !section.is_list);
            let names = singles.flat_map(|section| section.keys).map(|key| key.name);
            let near = nearest_key(&full_name, names).map(variable_of);
            let problem = Problem::at(place(), format!("unknown key `{full_name}`"));
            self.problems.push(did_you_mean(problem, near.as_deref()));
            return;
        };
        let Some(text) = value.to_str() else {
            self.problems.push(Problem::at(place(), "it is not UTF-8"));
            return;
        };
        if let Err(problem) = self.layer.set(key, text, Origin::Variable(name.to_owned())) {
            self.problems.push(problem);
        }
    }

    /// Reads a short form that is a path, which may be invalid UTF-8.
    fn short_path(&mut self, name: &str, value: &OsString) -> bool {
        let path = match name {
            "TFS_PASSWORD_FILE" => &mut self.short.password_file,
            "TFS_CONFIG" => &mut self.short.config,
            _ => return false,
        };
        *path = Some(PathBuf::from(value));
        true
    }

    fn short_text(&mut self, name: &str, text: &str) {
        match name {
            "TFS_SERVER" => self.short.server = Some(text.to_owned()),
            "TFS_USERNAME" => self.short.username = Some(text.to_owned()),
            "TFS_PASSWORD" => self.short.password = Some(Secret::new(text)),
            "TFS_WEB_TOKEN" => self.short.web_token = Some(Secret::new(text)),
            _ => {}
        }
    }

    /// Warns about an unknown variable with a name similar to a known one. Others are ignored:
    /// Kubernetes, for example, sets `TFS_PORT` and more for a service called `tfs`.
    fn stranger(&mut self, name: &str) {
        let sections = SECTIONS.iter().filter(|section| !section.is_list);
        let singles = sections.flat_map(|section| section.keys);
        let singles = singles.map(|key| variable_of(key.name)).collect::<Vec<_>>();
        let known = SHORT_FORMS.iter().map(|(name, _)| *name);
        if let Some(near) = nearest(name, known.chain(singles.iter().map(String::as_str))) {
            self.warnings.push(format!("{name} is not a setting of tfs; did you mean {near}?"));
        }
    }
}

fn is_short_form(name: &str) -> bool {
    SHORT_FORMS.iter().any(|(known, _)| *known == name)
}
