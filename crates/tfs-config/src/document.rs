//! Documentation generated from the table of keys: a commented configuration file, and the tables
//! of `docs/reference/configuration.md`. Writing to a string cannot fail.

use std::fmt::Write as _;

use super::keys::{DefaultValue, SECTIONS};

/// Maximum width of a comment in the file.
const COMMENT_CHARS_MAX: usize = 78;

/// Indentation of the items of a list.
const LIST_INDENT: &str = "    ";

/// A set of views to start with, for `tfs config init` and the guide.
pub const RECOMMENDED_VIEWS: &str = include_str!("recommended.toml");

/// Returns a configuration file that documents every key in a comment.
#[must_use]
pub fn sample_file() -> String {
    let mut text = String::from(
        "# Configuration of tfs. Every key is optional; those below show the default or\n\
         # an example. `tfs config show` prints the settings in effect and their sources.\n",
    );
    for section in &SECTIONS {
        text.push('\n');
        comment(&mut text, section.about);
        // An uncommented heading of a list would create an item.
        let mark = if section.is_list { "# " } else { "" };
        _ = writeln!(text, "{mark}{}", section.heading());
        for (idx, key) in section.keys.iter().enumerate() {
            if idx > 0 {
                text.push('\n');
            }
            let (value, note) = match key.default {
                DefaultValue::Is(value) | DefaultValue::Required(value) => (value, String::new()),
                DefaultValue::Unset { means, example } => {
                    (example, format!(" If it is not set: {means}."))
                }
            };
            comment(&mut text, &format!("{}{note}", key.about));
            setting(&mut text, key.short_name(), value);
        }
        if section.name == "view" {
            text.push_str("\n# A set to start with:\n");
            for line in RECOMMENDED_VIEWS.lines() {
                let line = format!("#   {line}");
                _ = writeln!(text, "{}", line.trim_end());
            }
        }
    }
    text
}

/// Returns the tables of the documentation, one for each section.
#[must_use]
pub fn tables() -> String {
    let mut text = String::new();
    for section in &SECTIONS {
        _ = writeln!(text, "### `{}`\n\n{}", section.heading(), section.about);
        text.push_str("| key | value | default | flag | meaning |\n|---|---|---|---|---|\n");
        for key in section.keys {
            let default = match key.default {
                DefaultValue::Is(value) => format!("`{value}`"),
                DefaultValue::Unset { means, .. } => means.to_owned(),
                DefaultValue::Required(_) => "must be set".to_owned(),
            };
            let flag = key.flag.map(|flag| format!("`{flag}`")).unwrap_or_default();
            let (name, kind) = (key.short_name(), key.kind.describe());
            _ = writeln!(text, "| `{name}` | {kind} | {default} | {flag} | {} |", key.about);
        }
        text.push('\n');
    }
    text
}

/// Appends a key with its value in a comment; a list that does not fit goes over several lines.
fn setting(text: &mut String, name: &str, value: &str) {
    let items = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match items.filter(|items| name.len() + items.len() > COMMENT_CHARS_MAX - 8) {
        None => _ = writeln!(text, "# {name} = {value}"),
        Some(items) => {
            _ = writeln!(text, "# {name} = [");
            let mut lines = String::new();
            wrap(&mut lines, &format!("{items},"), COMMENT_CHARS_MAX - LIST_INDENT.len());
            for line in lines.lines() {
                _ = writeln!(text, "#{LIST_INDENT}{}", line.trim_start_matches('#'));
            }
            text.push_str("# ]\n");
        }
    }
}

/// Appends a comment, wrapped.
fn comment(text: &mut String, about: &str) {
    wrap(text, about, COMMENT_CHARS_MAX);
}

fn wrap(text: &mut String, about: &str, chars_max: usize) {
    let mut line = String::from("#");
    for word in about.split_whitespace() {
        if line.len() + 1 + word.len() > chars_max {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
