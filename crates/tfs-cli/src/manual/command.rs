//! The page of a command, from its arguments. Writing to a string cannot fail.

use std::fmt::Write as _;
use std::mem;

use clap::builder::ValueRange;
use clap::{Arg, ArgAction, Command};

use super::roff::Roff;
use super::{DATE, SOURCE, environment};
use crate::exit;

/// The heading of examples in the text behind a help.
const EXAMPLES: &str = "Examples:\n";

/// The exit codes that every command can have. Those of all commands are on the page of tfs.
const COMMON_CODES: [u8; 4] = [exit::SUCCESS, exit::FAILURE, exit::USAGE, exit::CONFIG_INVALID];

/// Returns the page of a command. `parent` is `None` for tfs itself.
pub(super) fn page(command: &Command, parent: Option<&Command>) -> Vec<u8> {
    let name = page_name(command);
    let is_root = parent.is_none();
    let mut page = Roff::new(&name, 1, DATE, SOURCE, "User Commands");
    page.section("NAME");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    page.paragraph(&format!("{name} - {about}"));
    page.section("SYNOPSIS");
    for form in synopsis(command) {
        page.paragraph(&form);
    }
    page.section("DESCRIPTION");
    page.paragraph(&sentence(&about));
    let (more, examples) = after_help(command);
    for paragraph in more.split("\n\n").filter(|it| !it.trim().is_empty()) {
        page.paragraph(&with_code(paragraph));
    }
    options(&mut page, command, is_root);
    subcommands(&mut page, command);
    exit_status(&mut page, is_root);
    environment::variables(&mut page, command, is_root);
    environment::files(&mut page, is_root);
    if let Some(examples) = examples {
        page.section("EXAMPLES");
        write_examples(&mut page, &examples);
    }
    page.section("SEE ALSO");
    page.paragraph(&see_also(command, parent));
    page.into_bytes()
}

/// Returns the name of the page of a command, such as `tfs-cache-clear`.
pub(super) fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or(command.get_name()).to_owned()
}

/// Returns the forms of the usage, with the words to type in bold.
fn synopsis(command: &Command) -> Vec<String> {
    let usage = command.clone().render_usage().to_string();
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let forms = usage.trim_start_matches("Usage:").trim().lines().map(|form| {
        let rest = form.trim().strip_prefix(name).unwrap_or(form);
        let words = rest.split_whitespace().map(|word| {
            let is_flag = word.starts_with('-');
            if is_flag { format!("`{word}`") } else { word.to_owned() }
        });
        format!("`{name}` {}", words.collect::<Vec<_>>().join(" "))
    });
    forms.collect()
}

/// Splits the text behind the help into a description and examples.
fn after_help(command: &Command) -> (String, Option<String>) {
    let text = command.get_after_long_help().or(command.get_after_help());
    let text = text.map(ToString::to_string).unwrap_or_default();
    match text.split_once(EXAMPLES) {
        Some((before, examples)) => (before.to_owned(), Some(examples.to_owned())),
        None => (text, None),
    }
}

/// Appends examples: a command in each line, most with what it does behind some blanks.
fn write_examples(page: &mut Roff, examples: &str) {
    let mut undescribed = Vec::new();
    for line in examples.lines().map(str::trim) {
        match line.split_once("  ") {
            Some((command, about)) => {
                page.verbatim(&mem::take(&mut undescribed));
                page.item(&format!("`{command}`"), &sentence(about));
            }
            None => undescribed.push(line),
        }
    }
    page.verbatim(&undescribed);
}

/// Appends the arguments, in the groups of the help. Options of all commands are on the page of tfs
/// only.
fn options(page: &mut Roff, command: &Command, is_root: bool) {
    let shown = |arg: &&Arg| !arg.is_hide_set() && (is_root || !arg.is_global_set());
    let args: Vec<&Arg> = command.get_arguments().filter(shown).collect();
    page.section("OPTIONS");
    for arg in args.iter().filter(|arg| arg.is_positional()) {
        page.item(&term(arg), &about(arg));
    }
    let mut headings: Vec<Option<&str>> = vec![None];
    for arg in &args {
        let heading = arg.get_help_heading();
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let group = args.iter().filter(|arg| !arg.is_positional());
        let mut group = group.filter(|arg| arg.get_help_heading() == heading).peekable();
        if let Some(heading) = heading.filter(|_| group.peek().is_some()) {
            page.subsection(heading);
        }
        for arg in group {
            page.item(&term(arg), &about(arg));
        }
    }
    if !is_root {
        page.paragraph("Options of all commands, such as `--config`, are described in tfs(1).");
    }
}

/// Returns the head of an argument: its flags and its value.
fn term(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("`-{short}`"));
    let long = arg.get_long().map(|long| format!("`--{long}`"));
    let flags: Vec<_> = short.into_iter().chain(long).collect();
    let takes_values = arg.get_num_args().is_some_and(|count: ValueRange| count.takes_values());
    let names = arg.get_value_names().unwrap_or_default();
    let values: Vec<_> = names.iter().map(|name| format!("<{name}>")).collect();
    let many = matches!(arg.get_action(), ArgAction::Count)
        || (arg.is_positional() && matches!(arg.get_action(), ArgAction::Append));
    let value = if takes_values { values.join(" ") } else { String::new() };
    let term = [flags.join(", "), value].into_iter().filter(|part| !part.is_empty());
    let dots = if many { "..." } else { "" };
    format!("{}{dots}", term.collect::<Vec<_>>().join(" "))
}

/// Returns the help of an argument with its values and its default.
fn about(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    // Helps of settings end with their default.
    let (help, default) = match help.strip_suffix(']').and_then(|it| it.rsplit_once(" [default: "))
    {
        Some((help, default)) => (help, Some(default)),
        None => (help.as_str(), None),
    };
    let mut text = sentence(&with_code(help));
    let values: Vec<_> = arg.get_possible_values().into_iter().collect();
    let names = values.iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name());
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if arg.get_action().takes_values() && !names.is_empty() {
        _ = write!(text, " Values: {}.", names.join(", "));
    }
    if let Some(default) = default {
        _ = write!(text, " Default: {default}.");
    }
    let defaults: Vec<_> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if arg.get_action().takes_values() && !defaults.is_empty() && !arg.is_hide_default_value_set() {
        _ = write!(text, " Default: `{}`.", defaults.join(","));
    }
    if let Some(variable) = arg.get_env().filter(|_| !arg.is_hide_env_set()) {
        _ = write!(text, " Variable: `{}`.", variable.to_string_lossy());
    }
    text.trim_start().to_owned()
}

/// Returns a text that ends like a sentence; the help of clap does not.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let is_complete = text.is_empty() || text.ends_with(['.', ':']);
    if is_complete { text.to_owned() } else { format!("{text}.") }
}

/// Marks flags and quoted commands as code.
fn with_code(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let bare = word.trim_end_matches(['.', ',', ';', ':', ')', ']']);
        let end = word.strip_prefix(bare).unwrap_or_default();
        let is_flag = bare.starts_with('-') && bare.len() > 1 && !bare.contains('`');
        if is_flag { format!("`{bare}`{end}") } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn subcommands(page: &mut Roff, command: &Command) {
    let mut subcommands = command.get_subcommands().filter(|it| !it.is_hide_set()).peekable();
    if subcommands.peek().is_none() {
        return;
    }
    page.section("COMMANDS");
    for subcommand in subcommands {
        let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
        let aliases: Vec<_> =
            subcommand.get_visible_aliases().map(|it| format!("`{it}`")).collect();
        let also = match aliases.is_empty() {
            true => String::new(),
            false => format!(" Also {}.", aliases.join(", ")),
        };
        let term = format!("`{}`(1)", page_name(subcommand));
        page.item(&term, &format!("{}{also}", sentence(&about)));
    }
}

fn exit_status(page: &mut Roff, is_root: bool) {
    page.section("EXIT STATUS");
    for (code, meaning) in exit::documented() {
        if is_root || COMMON_CODES.contains(&code) {
            page.item(&format!("`{code}`"), &meaning);
        }
    }
    if !is_root {
        page.paragraph("Each error has a code of its own. tfs(1) lists all codes.");
    }
}

fn see_also(command: &Command, parent: Option<&Command>) -> String {
    let mut pages = vec!["tfs(1)".to_owned()];
    let siblings = parent.filter(|parent| parent.get_display_name().is_some_and(|it| it != "tfs"));
    let parent_page = siblings.map(page_name);
    let related = siblings.into_iter().flat_map(Command::get_subcommands);
    let related = related.chain(command.get_subcommands()).map(page_name);
    let own = page_name(command);
    pages.extend(parent_page.into_iter().chain(related).map(|name| format!("{name}(1)")));
    pages.push("tfs.toml(5)".to_owned());
    pages.retain(|page| *page != format!("{own}(1)"));
    pages.dedup();
    pages.join(", ")
}
