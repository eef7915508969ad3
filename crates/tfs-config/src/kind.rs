//! The kinds of values and their validation.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, absolute};

use figment::value::{Num, Value};
use rqbit_client::{BaseUrl, BaseUrlError};

use super::value_origin::ValueOrigin;
use super::{on_demand, programs, secret_source, units};

/// The values of the mapping of local paths that are words.
const LOCAL_PATHS_WORDS: [&str; 2] = ["auto", "off"];

/// Maximum length of a server name: it is a file name in the state directory.
const NAME_BYTES_MAX: usize = 64;

/// Maximum length of a host name in bytes (RFC 1035, section 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// Maximum length of a part between two dots in bytes (RFC 1035, section 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// Maximum number of extra headers. With a server's usual limit of 8 KiB for all headers of a
/// request, more do not fit.
const HEADERS_MAX: usize = 32;

/// The kind of a key's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// `true` or `false`.
    Switch,
    /// A whole number in a range.
    Number {
        /// The minimum.
        min: u64,
        /// The maximum.
        max: u64,
    },
    /// Octal digits in quotes, such as `"022"`.
    Mask,
    /// Bytes with a unit, such as `"64MiB"`.
    Size {
        /// The minimum in bytes.
        min: u64,
    },
    /// Bytes in a second, such as `"20MiB"`, or `"off"` for no limit.
    Rate {
        /// The minimum in bytes, except for no limit.
        min: u64,
    },
    /// A duration with a unit, such as `"90s"`.
    Time,
    /// A duration with a unit, or `"0s"` for none at all.
    TimeOrNone,
    /// A duration of up to ten years with a unit, such as `"7d"`, or `"0s"` for none at all.
    Days,
    /// A short name of letters, digits, `-`, `_` and `.`.
    Name,
    /// A user name: any text without a colon or control characters (RFC 7617).
    User,
    /// A label of SELinux: printable ASCII characters without quotes, backslashes and spaces.
    Label,
    /// An absolute path.
    Path,
    /// The URL of a server.
    Url,
    /// An address and a port to listen on.
    Listen,
    /// A loopback address and a port to listen on.
    ListenLocal,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text without control characters.
    Text,
    /// A text, or a list of texts.
    Texts,
    /// One of these words, or a list of them.
    Words(&'static [&'static str]),
    /// A day, such as `"2026-01-31"`.
    Date,
    /// A table of the conditions of a view.
    Conditions,
    /// A list of names.
    Names,
    /// A list of host names.
    Hosts,
    /// A list of patterns of paths.
    Patterns,
    /// `"auto"`, `"off"`, or pairs of paths.
    LocalPaths,
    /// A list of request headers, whose values may be secret.
    Headers,
    /// The address of a proxy, which may have a password.
    Proxy,
    /// A program and its arguments.
    Argv,
    /// The address of a request, which may be secret.
    RequestUrl,
    /// `false` or a mode of on-demand torrents.
    OnDemand,
    /// A list of patterns of the names of programs.
    Programs,
}

impl ValueKind {
    /// Returns a description of the kind, for the documentation.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Switch => "`true` or `false`".to_owned(),
            Self::Number { min, max } if max == u64::from(u32::MAX) => {
                format!("a number from {min}")
            }
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Mask => "octal digits, as in `\"022\"`".to_owned(),
            Self::Size { .. } => "a size, as in `\"64MiB\"`".to_owned(),
            Self::Rate { .. } => {
                "a size for each second, as in `\"20MiB\"`, or `\"off\"`".to_owned()
            }
            Self::Time => "a time, as in `\"90s\"`".to_owned(),
            Self::TimeOrNone => "a time, or `\"0s\"`".to_owned(),
            Self::Days => "a time, as in `\"7d\"`".to_owned(),
            Self::Name => "a name".to_owned(),
            Self::User => "a user name".to_owned(),
            Self::Label => "a label of SELinux".to_owned(),
            Self::Path => "an absolute path".to_owned(),
            Self::Url => "an http or https address".to_owned(),
            Self::Listen => "an address and a port".to_owned(),
            Self::ListenLocal => "a loopback address and a port".to_owned(),
            Self::Choice(words) => alternatives(words),
            Self::Text => "text".to_owned(),
            Self::Texts => "text, or a list of texts".to_owned(),
            Self::Words(words) => format!("{}, or a list of them", alternatives(words)),
            Self::Date => "a day, as in `\"2026-01-31\"`".to_owned(),
            Self::Conditions => "a table of conditions, as in `{ kind = \"film\" }`".to_owned(),
            Self::Names => "a list of names".to_owned(),
            Self::Hosts => "a list of host names".to_owned(),
            Self::Patterns => "a list of patterns".to_owned(),
            Self::Headers => "a list of headers, as in `[\"Name: value\"]`".to_owned(),
            Self::Proxy => "an http address".to_owned(),
            Self::Argv => "a list of a program and its arguments".to_owned(),
            Self::RequestUrl => "an http or https address".to_owned(),
            Self::OnDemand => "`false`, `\"pieces\"` or `\"file\"`".to_owned(),
            Self::Programs => "a list of names of programs".to_owned(),
            Self::LocalPaths => {
                "`\"auto\"`, `\"off\"` or a list of pairs `[\"FROM\", \"TO\"]`".to_owned()
            }
        }
    }

    /// Parses a value from the command line, without validation.
    pub(super) fn parse(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Switch => match text {
                "true" | "1" => Ok(Value::from(true)),
                "false" | "0" => Ok(Value::from(false)),
                _ => Err(self.wanted()),
            },
            Self::Number { .. } => {
                text.parse::<u64>().map(Value::from).map_err(|_number| self.wanted())
            }
            // An IPv6 address has brackets too.
            Self::Hosts if !["[\"", "['", "[]"].iter().any(|list| text.starts_with(list)) => {
                Ok(Value::from(vec![text]))
            }
            // A list has the syntax of a file, or is a single item.
            Self::Names
            | Self::Hosts
            | Self::Patterns
            | Self::Programs
            | Self::LocalPaths
            | Self::Texts
            | Self::Words(_)
            | Self::Argv
                if text.trim().starts_with('[') =>
            {
                let value = toml::de::DeValue::parse(text).map_err(|error| error.to_string())?;
                super::toml_value::value_of(value.get_ref())
            }
            Self::Names
            | Self::Hosts
            | Self::Patterns
            | Self::Programs
            | Self::Headers
            | Self::Texts
            | Self::Words(_)
            | Self::Argv => Ok(Value::from(vec![text])),
            Self::Conditions => {
                let value = toml::de::DeValue::parse(text).map_err(|error| error.to_string())?;
                super::toml_value::value_of(value.get_ref())
            }
            Self::LocalPaths if !LOCAL_PATHS_WORDS.contains(&text) => match text.split_once('=') {
                Some((from, to)) if [from, to].iter().all(|path| Path::new(path).is_absolute()) => {
                    Ok(Value::from(vec![vec![from, to]]))
                }
                _ => Err("it must be auto, off or a pair of absolute paths, as in \
                          /downloads=/srv/torrents"
                    .to_owned()),
            },
            Self::Mask
            | Self::Size { .. }
            | Self::Rate { .. }
            | Self::Time
            | Self::TimeOrNone
            | Self::Days
            | Self::Name
            | Self::User
            | Self::Label
            | Self::Path
            | Self::Url
            | Self::Listen
            | Self::ListenLocal
            | Self::Choice(_)
            | Self::Text
            | Self::Date
            | Self::Proxy
            | Self::RequestUrl
            | Self::OnDemand
            | Self::LocalPaths => Ok(Value::from(text)),
        }
    }

    /// Validates a value, and returns it in the form from which the settings are read.
    ///
    /// # Errors
    /// A message for users that describes valid values. It never includes the value, which may be a
    /// misplaced secret.
    pub(super) fn check(self, value: Value, written: ValueOrigin) -> Result<Value, String> {
        match (self, &value) {
            (Self::Switch, Value::Bool(..)) => Ok(value),
            (Self::Number { min, max }, Value::Num(_, number)) => match whole(number) {
                Some(number) if (min..=max).contains(&number) => Ok(value),
                _ => Err(self.wanted()),
            },
            // Also the error for the missing unit.
            (
                Self::Size { .. } | Self::Rate { .. } | Self::Time | Self::TimeOrNone | Self::Days,
                Value::Num(_, number),
            ) => {
                let number = whole(number).ok_or_else(|| self.wanted())?;
                let checked = self.check_text(&number.to_string(), written);
                checked.map_err(|reason| format!("{reason}; write it in quotes"))
            }
            (Self::Mask, Value::Num(..)) => {
                Err("write the octal digits in quotes, as in \"022\"".to_owned())
            }
            (
                Self::Names | Self::Hosts | Self::Patterns | Self::Texts | Self::Words(_),
                Value::Array(_, items),
            ) => {
                items.iter().try_for_each(|item| self.check_item(item))?;
                Ok(value)
            }
            (Self::OnDemand, _) => on_demand::check(value),
            (Self::Programs, Value::Array(_, items)) => {
                items.iter().try_for_each(|item| {
                    self.check_item(item)?;
                    item.as_str().map_or(Ok(()), programs::check)
                })?;
                Ok(value)
            }
            (Self::Argv, Value::Array(_, words)) => {
                check_argv(words).map_err(|reason| reason.unwrap_or_else(|| self.wanted()))?;
                Ok(value)
            }
            // A single item is a list of one.
            (Self::Texts | Self::Words(_), Value::String(..)) => {
                self.check_item(&value)?;
                Ok(Value::from(vec![value]))
            }
            // `checked_value` checks the conditions: they are keys too.
            (Self::Conditions, Value::Dict(..)) => Ok(value),
            (Self::Headers, Value::Array(_, headers)) => {
                if headers.len() > HEADERS_MAX {
                    return Err(format!("there may be at most {HEADERS_MAX} headers"));
                }
                let headers = headers.iter().map(|header| {
                    let text = header.as_str().ok_or_else(|| self.wanted())?;
                    secret_source::check_header(text, written).map(Value::from)
                });
                Ok(Value::from(headers.collect::<Result<Vec<_>, String>>()?))
            }
            (Self::LocalPaths, Value::Array(_, pairs)) => {
                pairs.iter().try_for_each(check_pair)?;
                Ok(value)
            }
            (_, Value::String(_, text)) => self.check_text(text, written),
            _ => Err(self.wanted()),
        }
    }

    fn check_text(self, text: &str, written: ValueOrigin) -> Result<Value, String> {
        match self {
            Self::Mask => units::mask(text).map(drop)?,
            Self::Time if units::time(text)?.is_zero() => {
                return Err("it must be more than zero".to_owned());
            }
            Self::Time | Self::TimeOrNone => units::time(text).map(drop)?,
            Self::Days => units::long_time(text).map(drop)?,
            Self::Size { min } => {
                if units::size(text)? < min {
                    return Err(format!("it must be at least {}", bytesize::ByteSize::b(min)));
                }
            }
            Self::Rate { min } => match units::rate(text)? {
                Some(rate) if rate.get() < min => {
                    let min = bytesize::ByteSize::b(min);
                    return Err(format!("it must be at least {min}, or off for no limit"));
                }
                Some(_) | None => {}
            },
            Self::Name => check_name(text)?,
            Self::User if text.is_empty() || text.contains(':') || has_controls(text) => {
                return Err("it must be text without colons".to_owned());
            }
            Self::User => {}
            Self::Label if !is_label(text) => return Err(self.wanted()),
            Self::Label => {}
            Self::Path if text.is_empty() || text.contains('\0') => return Err(self.wanted()),
            Self::Path => return check_path(text, written).map(Value::from),
            Self::Url => return check_url(text, written).map(Value::from),
            Self::Proxy => return secret_source::check_proxy(text, written).map(Value::from),
            Self::RequestUrl => {
                return secret_source::check_request_url(text, written).map(Value::from);
            }
            Self::Listen => return Ok(Value::from(units::listen(text)?.to_string())),
            Self::Text if has_controls(text) => {
                return Err("it must be text without control characters".to_owned());
            }
            Self::Text => {}
            Self::Date => units::date(text).map(drop)?,
            Self::ListenLocal => match text.parse::<SocketAddr>() {
                Ok(address) if address.ip().is_loopback() => {}
                Ok(_) | Err(_) => {
                    return Err("it must be an address of this machine only and a port, as in \
                                127.0.0.1:3032"
                        .to_owned());
                }
            },
            Self::Choice(words) if words.contains(&text) => {}
            Self::LocalPaths if LOCAL_PATHS_WORDS.contains(&text) => {}
            Self::Choice(words) => return Err(self.not_one_of(words, text)),
            Self::Switch
            | Self::Number { .. }
            | Self::Names
            | Self::Hosts
            | Self::Patterns
            | Self::Programs
            | Self::OnDemand
            | Self::Texts
            | Self::Words(_)
            | Self::Conditions
            | Self::Headers
            | Self::Argv
            | Self::LocalPaths => return Err(self.wanted()),
        }
        Ok(Value::from(text))
    }

    fn check_item(self, item: &Value) -> Result<(), String> {
        match item.as_str() {
            Some("") => Err("an item of the list is empty".to_owned()),
            Some(name) if self == Self::Names => check_name(name),
            Some(host) if self == Self::Hosts => check_host(host),
            Some(word) => {
                let words = if let Self::Words(words) = self { words } else { &[] };
                let is_known = words.is_empty() || words.contains(&word);
                if is_known { Ok(()) } else { Err(self.not_one_of(words, word)) }
            }
            None => Err(self.wanted()),
        }
    }

    fn not_one_of(self, words: &[&str], text: &str) -> String {
        let near = super::suggest::nearest(text, words.iter().copied());
        let near = near.map(|word| format!("; did you mean `{word}`?"));
        format!("{}{}", self.wanted(), near.unwrap_or_default())
    }

    fn wanted(self) -> String {
        format!("it must be {}", self.describe().replace('`', ""))
    }
}

/// Returns words for the documentation: `"a"`, `"b"` or `"c"`.
fn alternatives(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Returns a number of any type, if it is an integer and not negative.
fn whole(number: &Num) -> Option<u64> {
    let signed = number.to_i128().and_then(|number| u64::try_from(number).ok());
    signed.or_else(|| number.to_u128().and_then(|number| u64::try_from(number).ok()))
}

fn is_label(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    !text.is_empty() && text.bytes().all(is_allowed)
}

fn has_controls(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// Checks a program and its arguments. An error without a text is a wrong type.
fn check_argv(words: &[Value]) -> Result<(), Option<String>> {
    let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
    let words = words.ok_or(None)?;
    let program = words.first().ok_or(None)?;
    if words.iter().any(|word| word.contains('\0')) {
        return Err(Some("an argument cannot contain a null character".to_owned()));
    }
    if program.is_empty() {
        return Err(Some("the program has no name".to_owned()));
    }
    if program.contains('/') && !Path::new(program).is_absolute() {
        return Err(Some(
            "the program must be an absolute path, or a name without slashes".to_owned(),
        ));
    }
    if program.contains(' ') && words.len() == 1 && !Path::new(program).exists() {
        return Err(Some(
            "each argument must be a text of its own, as in [\"sync\", \"-d\"]".to_owned(),
        ));
    }
    Ok(())
}

fn check_pair(pair: &Value) -> Result<(), String> {
    let paths: Option<Vec<&str>> =
        pair.as_array().and_then(|paths| paths.iter().map(Value::as_str).collect());
    match paths.as_deref() {
        Some([from, to]) if [from, to].iter().all(|path| Path::new(path).is_absolute()) => Ok(()),
        _ => Err("each pair must be two absolute paths, as in [\"/downloads\", \"/srv/torrents\"]"
            .to_owned()),
    }
}

/// Checks a path, and makes one from a command line absolute.
fn check_path(text: &str, written: ValueOrigin) -> Result<String, String> {
    match written {
        ValueOrigin::InFile if !Path::new(text).is_absolute() => {
            Err("the path must begin with /".to_owned())
        }
        ValueOrigin::InFile => Ok(text.to_owned()),
        ValueOrigin::AtPrompt => {
            let path = absolute(text).map_err(|error| error.to_string())?;
            let path = path.to_str().ok_or("the current directory is not UTF-8")?;
            Ok(path.to_owned())
        }
    }
}

/// Checks whether a text is a valid name of a server.
///
/// # Errors
/// A message for users.
pub(super) fn check_name(text: &str) -> Result<(), String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(is_allowed) {
        return Err(format!(
            "a name is up to {NAME_BYTES_MAX} letters, digits, hyphens, underscores and dots"
        ));
    }
    Ok(())
}

/// Checks a host name (RFC 1035, section 2.3.4), without a port.
fn check_host(text: &str) -> Result<(), String> {
    let address = text.trim_start_matches('[').trim_end_matches(']');
    if address.parse::<IpAddr>().is_ok() {
        return match text.starts_with('[') {
            true => Err("leave it out: IP addresses are always allowed".to_owned()),
            false => Ok(()),
        };
    }
    if text.contains("//") || text.contains('/') {
        return Err("a host name alone is needed, as in files.example.org".to_owned());
    }
    if text.contains(':') {
        return Err("leave out the port, as in files.example.org".to_owned());
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label =
        |label: &str| (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(is_allowed);
    if text.len() > HOST_BYTES_MAX || !text.split('.').all(is_label) {
        return Err(format!(
            "a host name is up to {HOST_BYTES_MAX} letters, digits, hyphens and dots, with at most \
             {LABEL_BYTES_MAX} between two dots"
        ));
    }
    Ok(())
}

/// Checks whether a text is a valid URL of a server, and returns it. At the prompt, `http://` may be
/// missing before a host and a port. The message includes an example.
///
/// # Errors
/// A message for users.
fn check_url(text: &str, written: ValueOrigin) -> Result<String, String> {
    let has_no_scheme = has_only_host_and_port(text);
    match written {
        ValueOrigin::AtPrompt if has_no_scheme => {
            let url = format!("http://{text}");
            parse_url(&url).map(|_| url)
        }
        ValueOrigin::InFile if has_no_scheme => {
            Err("http:// is missing, as in http://127.0.0.1:3030".to_owned())
        }
        ValueOrigin::AtPrompt | ValueOrigin::InFile => parse_url(text).map(|_| text.to_owned()),
    }
}

/// Returns whether a text is `HOST:PORT`, with or without a slash after it.
pub(super) fn has_only_host_and_port(text: &str) -> bool {
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let Some((host, port)) = text.trim_end_matches('/').rsplit_once(':') else { return false };
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_port && !host.is_empty() && host.bytes().all(is_of_host)
}

/// Parses the URL of a server.
///
/// # Errors
/// A message for users, without the text itself.
pub(super) fn parse_url(text: &str) -> Result<BaseUrl, String> {
    text.parse().map_err(|error| match error {
        BaseUrlError::UserInfo => {
            "credentials are not allowed in the address; use `username` and `password_file`"
                .to_owned()
        }
        BaseUrlError::Syntax(_)
        | BaseUrlError::Scheme
        | BaseUrlError::NoHost
        | BaseUrlError::Query
        | BaseUrlError::Fragment => {
            let reason = error.to_string();
            let reason = reason.rsplit_once("address: ").map_or(&*reason, |(_, reason)| reason);
            format!("{reason}; an address has the form http://127.0.0.1:3030 or https://host/path")
        }
    })
}
