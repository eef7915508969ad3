//! `tfs config`: effective settings and their origins, configuration paths, and changes of files.

mod change;
mod edit;
mod replace;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use eyre::WrapErr as _;
use serde_json::json;
use tfs_config::{
    ConfigFile, ConfigFileState, Loaded, Origin, ShownValue, Sources, keys, sample_file,
};

pub(crate) use self::change::{get, set};
pub(crate) use self::edit::edit;
use crate::exit;
use crate::output::{self, visible};
use crate::report::UserError;

/// The variable that selects a server, or names an additional one.
const SERVER_VARIABLE: &str = "TFS_SERVER";

/// How it affects the servers that are shown below it.
const SERVER_EFFECT: &str = "  (the server of commands without --server)";

/// Prints the settings, each with its origin.
pub(crate) fn show(loaded: &Loaded, is_json: bool) -> eyre::Result<u8> {
    let values = loaded.values();
    let variables = variables(loaded);
    if is_json {
        let variables: serde_json::Map<_, _> =
            variables.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let text = json!({ "values": values, "environment": variables });
        output::line(&serde_json::to_string_pretty(&text)?)?;
        return Ok(exit::SUCCESS);
    }
    for (name, value) in variables {
        let effect = if name == SERVER_VARIABLE { SERVER_EFFECT } else { "" };
        output::line(&visible(&format!("# {name}={value}{effect}")))?;
    }
    if !tfs_service::USES_LOCAL_FILES {
        output::line("# local_paths has no effect on macOS: all files are read over HTTP")?;
    }
    output::line(text(&values).trim_start())?;
    Ok(exit::SUCCESS)
}

/// Returns the short variables that were set, with the password masked.
fn variables(loaded: &Loaded) -> Vec<(&'static str, String)> {
    let environment = &loaded.environment;
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let variables = [
        (SERVER_VARIABLE, environment.server.clone()),
        ("TFS_USERNAME", environment.username.clone()),
        ("TFS_PASSWORD_FILE", path(&environment.password_file)),
        ("TFS_PASSWORD", environment.password.as_ref().map(|_| "(set, not shown)".to_owned())),
        ("TFS_WEB_TOKEN", environment.web_token.as_ref().map(|_| "(set, not shown)".to_owned())),
        ("TFS_CONFIG", path(&environment.config)),
    ];
    variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Returns the settings as TOML, each with a comment that names its origin.
fn text(values: &[ShownValue]) -> String {
    let lines: Vec<_> = values.iter().map(|value| (value, assignment(value))).collect();
    let changed = lines.iter().filter(|(value, _)| value.from.origin != Origin::Default);
    let width = changed.map(|(_, line)| line.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    let mut section = "";
    for (value, line) in &lines {
        let (here, _) = value.key.split_once('.').unwrap_or((&value.key, ""));
        if here != section {
            section = here;
            let name = here.split('[').next().unwrap_or(here);
            let known = keys::SECTIONS.iter().find(|known| known.name == name);
            text.push('\n');
            text.push_str(&known.map(keys::Section::heading).unwrap_or_default());
            text.push('\n');
        }
        if value.from.origin == Origin::Default {
            text.push_str(line);
        } else {
            text.push_str(&visible(&format!("{line:width$}  # {}", value.from)));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

fn assignment(value: &ShownValue) -> String {
    let key = value.key.rsplit('.').next().unwrap_or(&value.key);
    match value.toml() {
        Some(toml) => visible(&format!("{key} = {toml}")),
        None => match find_key(&value.key).and_then(keys::Key::effect_if_unset) {
            Some(effect) => format!("# {key} is not set: {effect}"),
            None => format!("# {key} is not set"),
        },
    }
}

/// Returns the key of a shown value, whose name may have the index of its section in a list.
fn find_key(name: &str) -> Option<&'static keys::Key> {
    match (name.split_once('['), name.rsplit_once(']')) {
        (Some((section, _)), Some((_, key))) => keys::find_key(&format!("{section}{key}")),
        _ => keys::find_key(name),
    }
}

/// Prints the paths of configuration files, and which of them exist. It also works if a file is
/// invalid.
pub(crate) fn path(sources: &Sources, is_json: bool) -> eyre::Result<u8> {
    let files = sources.files();
    if is_json {
        output::line(&serde_json::to_string_pretty(&files)?)?;
        return Ok(exit::SUCCESS);
    }
    for ConfigFile { path, state } in files {
        let state = match state {
            ConfigFileState::Read => "read   ".to_owned(),
            ConfigFileState::Missing => "missing".to_owned(),
            ConfigFileState::Ignored(reason) => format!("ignored, {reason}:"),
            ConfigFileState::Unreadable(reason) => format!("unreadable, {reason}:"),
        };
        output::line(&format!("{state}  {}", visible(&path.display().to_string())))?;
    }
    Ok(exit::SUCCESS)
}

/// Writes a file with every key. Never overwrites a file.
pub(crate) fn init(sources: &Sources, file: Option<&Path>, is_print: bool) -> eyre::Result<u8> {
    if is_print {
        output::line(sample_file().trim_end())?;
        return Ok(exit::SUCCESS);
    }
    // The last of the usual files is the user's.
    let path = file.or(sources.usual_files.last().map(PathBuf::as_path)).ok_or_else(|| {
        UserError::new(exit::FAILURE, "this user has no home directory")
            .with_hint("name a file: tfs config init FILE")
    })?;
    match write_new(path) {
        Ok(()) => {
            output::line(&format!("wrote {}", visible(&path.display().to_string())))?;
            Ok(exit::SUCCESS)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path).into()),
        Err(error) => Err(error).wrap_err_with(|| format!("cannot write {}", path.display())),
    }
}

/// Returns the error for a file that exists.
pub(crate) fn exists(path: &Path) -> UserError {
    UserError::new(exit::CONFIG_EXISTS, format!("{} already exists", path.display()))
        .with_hint("choose another file, or print a new one with: tfs config init --print")
}

fn write_new(path: &Path) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(sample_file().as_bytes())
}
