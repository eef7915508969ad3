//! `tfs config edit`: opens a copy of the configuration file in an editor, and replaces the file if
//! the copy is valid.

use std::env;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use eyre::WrapErr as _;
use tfs_config::{Origin, SettingsError, Sources, sample_file};

use super::change::file_to_change;
use super::replace::{read, replace, target_of};
use crate::exit;
use crate::output::{self, visible};
use crate::report::{UserError, report};

/// The editor if neither `VISUAL` nor `EDITOR` is set. POSIX has it.
const EDITOR_DEFAULT: &str = "vi";

/// Runs the command.
pub(crate) fn edit(sources: &Sources) -> eyre::Result<u8> {
    let path = file_to_change(sources)?;
    let shown = visible(&path.display().to_string());
    let old = read(&path).wrap_err_with(|| format!("cannot read {shown}"))?;
    let start = old.clone().unwrap_or_else(sample_file);
    let copy = copy_of(&target_of(&path)?);
    write_copy(&path, &copy, &start)?;
    loop {
        run_editor(&copy, &start)?;
        let text = fs::read_to_string(&copy).wrap_err("cannot read the edited file")?;
        if text == start {
            fs::remove_file(&copy)?;
            output::line(&format!("no change of {shown}"))?;
            return Ok(exit::SUCCESS);
        }
        if let Err(error) = sources.clone().check_file(&path, &text) {
            let code = report(&in_copy(error, &path, &copy).into());
            if output::can_ask() && is_edited_again()? {
                continue;
            }
            output::note(&format!("{shown} is unchanged; {}", kept(&copy)));
            return Ok(code);
        }
        if read(&path)? != old {
            let message = format!("{shown} was changed by another program meanwhile");
            return Err(UserError::new(exit::FAILURE, message).with_hint(kept(&copy)).into());
        }
        replace(&path, &text).wrap_err_with(|| format!("cannot write {shown}; {}", kept(&copy)))?;
        fs::remove_file(&copy)?;
        output::line(&format!("wrote {shown}"))?;
        return Ok(exit::SUCCESS);
    }
}

fn is_edited_again() -> io::Result<bool> {
    let answer = output::answer("Edit it again? [Y/n] ")?;
    Ok(["", "y", "yes"].contains(&answer.as_str()))
}

/// Says where a refused edit is.
fn kept(copy: &Path) -> String {
    let copy = visible(&copy.display().to_string());
    format!("the edit is kept in {copy}, where \"tfs config edit\" continues")
}

/// Returns the path of the edited copy: next to the file, and with its extension for the editor.
fn copy_of(target: &Path) -> PathBuf {
    let stem = target.file_stem().unwrap_or_default();
    let mut name = OsString::from(stem);
    name.push(".edit.toml");
    target.with_file_name(name)
}

/// Writes the copy, unless there is one of an edit that was refused.
fn write_copy(path: &Path, copy: &Path, text: &str) -> eyre::Result<()> {
    let cannot = || format!("cannot write {}", copy.display());
    if let Some(dir) = copy.parent() {
        fs::create_dir_all(dir).wrap_err_with(cannot)?;
    }
    // A copy must not be readable by more users than the file.
    let mode = fs::metadata(path).map_or(0o666, |metadata| metadata.mode() & 0o777);
    match OpenOptions::new().write(true).create_new(true).mode(mode).open(copy) {
        Ok(mut file) => file.write_all(text.as_bytes()).wrap_err_with(cannot),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let copy = visible(&copy.display().to_string());
            output::note(&format!("continuing the edit in {copy}; remove it to start again"));
            Ok(())
        }
        Err(error) => Err(error).wrap_err_with(cannot),
    }
}

/// Runs the editor of the user. Its variable may contain options, as with git.
fn run_editor(copy: &Path, start: &str) -> eyre::Result<()> {
    let chosen = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| env::var_os(name).filter(|value| !value.is_empty()));
    if chosen.is_none() && !output::can_ask() {
        fs::remove_file(copy)?;
        let message = format!("no terminal for the editor {EDITOR_DEFAULT}");
        let hint = "set the variable EDITOR to the command of an editor that needs none";
        return Err(UserError::new(exit::FAILURE, message).with_hint(hint).into());
    }
    let editor = chosen.unwrap_or_else(|| EDITOR_DEFAULT.into());
    let mut script = editor.clone();
    script.push(" \"$@\"");
    let status = Command::new("sh").arg("-c").arg(script).arg(&editor).arg(copy).status();
    let status = status.wrap_err("cannot run sh for the editor")?;
    if status.success() {
        return Ok(());
    }
    let message = format!("the editor {} failed: {status}", editor.display());
    let error = UserError::new(exit::FAILURE, message);
    if fs::read_to_string(copy).is_ok_and(|text| text == start) {
        fs::remove_file(copy)?;
        return Err(error.with_hint("set the variable EDITOR to the command of an editor").into());
    }
    Err(error.with_hint(kept(copy)).into())
}

/// Returns the errors with their places in the copy, where they can be corrected.
fn in_copy(mut error: SettingsError, path: &Path, copy: &Path) -> SettingsError {
    for place in error.problems.iter_mut().filter_map(|problem| problem.place.as_mut()) {
        if place.origin == Origin::File(path.to_owned()) {
            place.origin = Origin::File(copy.to_owned());
        }
    }
    error
}
