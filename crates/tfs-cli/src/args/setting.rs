//! Flags that set a key of the configuration: checked and described by the table of keys.

use clap::builder::{PossibleValuesParser, ValueParser};
use tfs_service::settings::{Kind, check_typed, keys};

/// Returns the parser of a flag: it checks the text, and leaves it a text.
pub(super) fn setting(name: &'static str) -> ValueParser {
    let key = key(name);
    if let Kind::Choice(words) = key.kind {
        // The words are completed and listed.
        return PossibleValuesParser::new(words).into();
    }
    ValueParser::new(move |text: &str| -> Result<String, String> {
        check_typed(key, text).map(|()| text.to_owned())
    })
}

/// Returns the help of a flag.
pub(super) fn help(name: &'static str) -> String {
    key(name).help()
}

fn key(name: &'static str) -> &'static keys::Key {
    keys::find_key(name).expect("a test reads all arguments")
}
