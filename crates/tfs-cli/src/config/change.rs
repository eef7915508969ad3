//! `tfs config get` and `set`: single keys.

use std::path::{Path, PathBuf};

use eyre::WrapErr as _;
use tfs_config::{
    ConfigText, KeyName, Loaded, Origin, Problem, SettingsError, ShownValue, Sources, keys,
};

use super::replace::{read, replace};
use crate::exit;
use crate::output::{self, visible};
use crate::report::UserError;

/// Prints the value of a key, as commands use it.
pub(crate) fn get(loaded: &Loaded, name: &str, is_json: bool) -> eyre::Result<u8> {
    let name = KeyName::parse(name).map_err(usage)?;
    let shown = loaded.value(&name).map_err(usage)?;
    if is_json {
        output::line(&serde_json::to_string_pretty(&shown)?)?;
        return Ok(exit::SUCCESS);
    }
    let Some(text) = text(&shown) else {
        let error = UserError::new(exit::FAILURE, format!("`{name}` is not set"));
        let effect = super::find_key(&shown.key).and_then(keys::Key::effect_if_unset);
        return Err(match effect {
            Some(effect) => error.with_hint(format!("the default is: {effect}")).into(),
            None => error.into(),
        });
    };
    output::line(&visible(&text))?;
    Ok(exit::SUCCESS)
}

/// Returns a value as a script uses it: text without quotes, a list as TOML.
fn text(shown: &ShownValue) -> Option<String> {
    let text = shown.value.as_ref().and_then(|value| value.as_str().map(str::to_owned));
    text.or_else(|| shown.toml())
}

/// Sets keys, or removes them.
pub(crate) fn set(sources: &Sources, words: &[String], is_unset: bool) -> eyre::Result<u8> {
    let changes = changes(words, is_unset)?;
    let path = file_to_change(sources)?;
    let cannot = |doing: &str| format!("cannot {doing} {}", path.display());
    let old = read(&path).wrap_err_with(|| cannot("read"))?;
    let text = old.clone().unwrap_or_default();
    let mut config =
        ConfigText::parse(&path, text).map_err(|problems| SettingsError { problems })?;
    for (name, value) in &changes {
        match value {
            Some(value) => config.set(name, value).map_err(usage)?,
            None => {
                if !config.unset(name).map_err(usage)? {
                    let path = visible(&path.display().to_string());
                    output::note(&format!("`{name}` is not set in {path}"));
                }
            }
        }
    }
    if old.as_deref().unwrap_or_default() == config.as_str() {
        output::line(&format!("no change of {}", visible(&path.display().to_string())))?;
        return Ok(exit::SUCCESS);
    }
    sources.clone().check_file(&path, config.as_str())?;
    let before = sources.clone().load().ok();
    replace(&path, config.as_str()).wrap_err_with(|| cannot("write"))?;
    output::line(&format!("wrote {}", visible(&path.display().to_string())))?;
    if let Ok(after) = sources.clone().load() {
        let names = changes.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name);
        warn_of_layers(&path, names, before.as_ref(), &after);
    }
    Ok(exit::SUCCESS)
}

/// Returns the keys with their new values; `None` removes a key.
fn changes(words: &[String], is_unset: bool) -> eyre::Result<Vec<(KeyName<'_>, Option<&String>)>> {
    if is_unset {
        let names = words.iter().map(|word| Ok((KeyName::parse(word).map_err(usage)?, None)));
        return names.collect();
    }
    let (pairs, rest) = words.as_chunks();
    if let [name, ..] = rest {
        let error = UserError::new(exit::USAGE, format!("`{name}` has no value"));
        let hint = "give each key a value, as in: tfs config set read.timeout 30s";
        return Err(error.with_hint(hint).into());
    }
    let pairs =
        pairs.iter().map(|[name, value]| Ok((KeyName::parse(name).map_err(usage)?, Some(value))));
    pairs.collect()
}

/// Returns the file that `set` and `edit` change.
pub(super) fn file_to_change(sources: &Sources) -> Result<PathBuf, UserError> {
    sources.file_to_change().ok_or_else(|| {
        UserError::new(exit::FAILURE, "this user has no home directory")
            .with_hint("name a file with --config FILE")
    })
}

/// Returns the error for a wrong key or value on the command line.
fn usage(problem: Problem) -> UserError {
    let error = UserError::new(exit::USAGE, problem.message);
    match problem.hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Warns of values that another source overrides, and of lists that the file now replaces.
fn warn_of_layers<'a>(
    path: &Path,
    names: impl Iterator<Item = &'a KeyName<'a>>,
    before: Option<&Loaded>,
    after: &Loaded,
) {
    let mut warned = Vec::new();
    for name in names {
        let place = name.place();
        let origin = after.place(&place).origin;
        let is_here = origin == Origin::File(path.to_owned());
        let old = before.map(|before| before.place(&place).origin);
        let hint = "show the settings in effect with: tfs config show";
        let message = match (is_here, old) {
            (false, _) => format!("{origin} overrides `{place}` of this file"),
            (true, Some(old @ Origin::File(_))) if name.is_in_list() && old != origin => {
                format!("the `{place}` sections of {old} no longer apply: those of this file do")
            }
            (true, _) => continue,
        };
        if !warned.contains(&message) {
            output::warning(&message, hint);
            warned.push(message);
        }
    }
}
