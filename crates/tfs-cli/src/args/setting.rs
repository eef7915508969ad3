//! Flags that set a key of the configuration. The table of keys checks and describes them.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::error::ErrorKind;
use tfs_config::{ServerArg, ValueKind, check_typed, keys};
use tfs_types::{OnDemandMode, ParseOnDemandModeError};

/// The modes of on-demand torrents on the command line, where `false` is `off`.
const ON_DEMAND_WORDS: [&str; 3] = ["off", "pieces", "file"];

/// The modes that are not off.
const MODE_WORDS: [&str; 2] = ["pieces", "file"];

/// Returns the parser of a flag, which checks the text and returns it unchanged.
pub(super) fn setting(name: &'static str) -> ValueParser {
    let key = key(name);
    // Shells complete these words, and the help lists them.
    if let ValueKind::Choice(words) = key.kind {
        return PossibleValuesParser::new(words).into();
    }
    if key.kind == ValueKind::OnDemand {
        return PossibleValuesParser::new(ON_DEMAND_WORDS).into();
    }
    ValueParser::new(move |text: &str| -> Result<String, String> {
        check_typed(key, text).map(|()| text.to_owned())
    })
}

/// Parses the mode of on-demand torrents.
#[derive(Debug, Clone)]
pub(super) struct OnDemandModeParser;

impl TypedValueParser for OnDemandModeParser {
    type Value = OnDemandMode;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<OnDemandMode, clap::Error> {
        let words = PossibleValuesParser::new(MODE_WORDS);
        let word = words.parse_ref(command, arg, value)?;
        word.parse()
            .map_err(|error: ParseOnDemandModeError| refusal(command, arg, &error.to_string()))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(MODE_WORDS.into_iter().map(PossibleValue::new)))
    }
}

/// Parses a server. Its errors do not contain the argument, which may contain a password.
#[derive(Debug, Clone)]
pub(super) struct ServerParser;

impl TypedValueParser for ServerParser {
    type Value = ServerArg;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<ServerArg, clap::Error> {
        let parsed = value.to_str().ok_or_else(|| "it is not UTF-8".to_owned());
        parsed.and_then(str::parse).map_err(|reason| refusal(command, arg, &reason))
    }
}

/// Parses the value of a key that may be secret: its errors do not contain the argument.
#[derive(Debug, Clone)]
pub(super) struct SecretParser(pub(super) &'static str);

impl TypedValueParser for SecretParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let checked = value.to_str().ok_or_else(|| "it is not UTF-8".to_owned());
        let checked = checked.and_then(|text| check_typed(key(self.0), text).map(|()| text));
        checked.map(str::to_owned).map_err(|reason| refusal(command, arg, &reason))
    }
}

/// Returns the error of an argument, without its value.
fn refusal(command: &clap::Command, arg: Option<&clap::Arg>, reason: &str) -> clap::Error {
    let arg = arg.map(ToString::to_string).unwrap_or_default();
    let message = format!("invalid value for '{arg}': {reason}\n");
    clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
}

/// Returns the help of a flag.
pub(super) fn help(name: &'static str) -> String {
    key(name).help()
}

fn key(name: &'static str) -> &'static keys::Key {
    keys::find_key(name).expect("a test reads all arguments")
}
