//! Values that may be secret: written out, or the name of a file or variable that has them.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, absolute};

use rqbit_client::{ExtraHeader, Proxy, RequestUrl};

use super::Secret;
use super::value_origin::ValueOrigin;

/// Prefix of the path of a file with the value.
const FILE: &str = "file:";

/// Prefix of the name of a variable with the value.
const VARIABLE: &str = "env:";

/// Text that replaces a secret value in output.
pub(super) const NOT_SHOWN: &str = "(not shown)";

/// The form of a value that may be secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretSource<'a> {
    /// The value itself.
    Literal(&'a str),
    /// The first line of this file.
    File(&'a str),
    /// This variable of the environment.
    Variable(&'a str),
}

/// All variables of the environment. `Debug` does not show them.
#[derive(Clone, Default)]
pub(super) struct Variables(pub(super) Vec<(OsString, OsString)>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variables({})", self.0.len())
    }
}

impl<'a> SecretSource<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let text = text.trim();
        if let Some(path) = text.strip_prefix(FILE) {
            return Self::File(path);
        }
        match text.strip_prefix(VARIABLE) {
            Some(name) => Self::Variable(name),
            None => Self::Literal(text),
        }
    }

    /// Returns the name of the variable that has the value.
    pub(super) fn variable(self) -> Option<&'a str> {
        match self {
            Self::Variable(name) => Some(name),
            Self::Literal(_) | Self::File(_) => None,
        }
    }

    /// Checks the form, and returns it with an absolute path.
    ///
    /// # Errors
    /// A message for users, without the value.
    fn checked(self, written: ValueOrigin) -> Result<String, String> {
        match self {
            Self::Literal(text) => Ok(text.to_owned()),
            Self::File(path) => match written {
                _ if path.is_empty() => Err("a path must follow file:".to_owned()),
                ValueOrigin::InFile if !Path::new(path).is_absolute() => {
                    Err("the path after file: must begin with /".to_owned())
                }
                ValueOrigin::InFile => Ok(format!("{FILE}{path}")),
                ValueOrigin::AtPrompt => {
                    let path = absolute(path).map_err(|error| error.to_string())?;
                    let path = path.to_str().ok_or("the current directory is not UTF-8")?;
                    Ok(format!("{FILE}{path}"))
                }
            },
            Self::Variable(name) if name.is_empty() || name.contains(['=', '\0']) => {
                Err("the name of a variable must follow env:".to_owned())
            }
            Self::Variable(name) => Ok(format!("{VARIABLE}{name}")),
        }
    }

    /// Reads the value.
    ///
    /// # Errors
    /// What failed, for a message that begins with "cannot".
    pub(super) fn read(self, variables: &Variables) -> Result<Secret, String> {
        match self {
            Self::Literal(text) => Ok(Secret::new(text)),
            Self::File(path) => {
                let secret = Secret::read(Path::new(path));
                let secret = secret.map_err(|error| format!("read {path}: {error}"))?;
                match secret.expose() {
                    "" => Err(format!("use {path}: its first line is empty")),
                    _ => Ok(secret),
                }
            }
            Self::Variable(name) => {
                let known = variables.0.iter().find(|(known, _)| known == name);
                match known.map(|(_, value)| value.to_str()) {
                    None => Err(format!("use the variable {name}: it is not set")),
                    Some(None) => Err(format!("use the variable {name}: it is not UTF-8")),
                    Some(Some("")) => Err(format!("use the variable {name}: it is empty")),
                    Some(Some(value)) => Ok(Secret::new(value)),
                }
            }
        }
    }
}

/// Checks a header, `Name: VALUE`, and returns it in the form of the settings.
///
/// # Errors
/// A message for users, without the value.
pub(super) fn check_header(text: &str, written: ValueOrigin) -> Result<String, String> {
    let form = "a header has the form Name: value";
    let (name, value) = text.split_once(':').ok_or(form)?;
    let name = name.trim();
    // Not the name itself, which may be a value without its name.
    ExtraHeader::checked_name(name).map_err(|error| header_error(&error.to_string()))?;
    let source = SecretSource::of(value);
    if let SecretSource::Literal(value) = source {
        ExtraHeader::new(name, value).map_err(|error| header_error(&error.to_string()))?;
    }
    Ok(format!("{name}: {}", source.checked(written)?))
}

/// Splits a valid header into its name and its value.
pub(super) fn split_header(text: &str) -> (&str, SecretSource<'_>) {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    (name, SecretSource::of(value))
}

fn header_error(text: &str) -> String {
    text.strip_prefix("use ").unwrap_or(text).to_owned()
}

/// Checks the address of a proxy, and returns it in the form of the settings.
///
/// # Errors
/// A message for users, without the value.
pub(super) fn check_proxy(text: &str, written: ValueOrigin) -> Result<String, String> {
    let source = SecretSource::of(text);
    if let SecretSource::Literal(text) = source {
        text.parse::<Proxy>().map_err(|error| {
            let error = error.to_string();
            let reason = error.split_once(": ").map_or(&*error, |(_, reason)| reason);
            format!("{reason}; a proxy has the form http://host:3128")
        })?;
    }
    source.checked(written)
}

/// Parses the address of a request.
///
/// # Errors
/// A message for users, without the text itself.
pub(super) fn parse_request_url(text: &str) -> Result<RequestUrl, String> {
    text.parse::<RequestUrl>().map_err(|error| {
        let error = error.to_string();
        let reason = error.rsplit_once("address: ").map_or(&*error, |(_, reason)| reason);
        format!("{reason}; an address has the form http://host:port/path")
    })
}

/// Checks the address of a request, and returns it in the form of the settings.
///
/// # Errors
/// A message for users, without the value.
pub(super) fn check_request_url(text: &str, written: ValueOrigin) -> Result<String, String> {
    let source = SecretSource::of(text);
    if let SecretSource::Literal(text) = source {
        parse_request_url(text)?;
    }
    source.checked(written)
}

/// Returns the address of a request as it may be shown: without its query.
pub(super) fn shown_request_url(text: &str) -> String {
    match (SecretSource::of(text), text.split_once('?')) {
        (SecretSource::Literal(_), Some((shown, _))) => format!("{shown}?{NOT_SHOWN}"),
        _ => text.to_owned(),
    }
}

/// Returns a header as it may be shown.
pub(super) fn shown_header(text: &str) -> String {
    match split_header(text) {
        (name, SecretSource::Literal(_)) => format!("{name}: {NOT_SHOWN}"),
        _ => text.to_owned(),
    }
}

/// Returns the address of a proxy as it may be shown.
pub(super) fn shown_proxy(text: &str) -> String {
    match SecretSource::of(text) {
        SecretSource::Literal(text) => match text.parse::<Proxy>() {
            Ok(proxy) => proxy.to_string(),
            Err(_) => NOT_SHOWN.to_owned(),
        },
        SecretSource::File(_) | SecretSource::Variable(_) => text.to_owned(),
    }
}
