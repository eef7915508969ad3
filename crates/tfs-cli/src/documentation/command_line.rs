//! The page of the command line, generated from the arguments. Writing to a string cannot fail.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};
use expect_test::expect_file;

use crate::args::Cli;

const START: &str = "\
# Command line

This page is generated from the program.
`tfs help COMMAND` prints the same, and `tfs man` the manual.

";

/// The heading of the flags that every command has.
const GLOBAL: &str = "Global options";

fn page() -> String {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    let mut text = START.to_owned();
    add(&mut text, &cli, "tfs", true);
    while text.ends_with("\n\n") {
        text.pop();
    }
    text
}

/// Adds a command and its subcommands.
fn add(text: &mut String, command: &Command, name: &str, is_root: bool) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").replace("       ", "");
    _ = writeln!(text, "## `{name}`\n\n{about}.\n\n```text\n{usage}\n```\n");
    let aliases: Vec<String> =
        command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        _ = writeln!(text, "Also: {}.\n", aliases.join(", "));
    }
    if is_root {
        _ = writeln!(text, "| command | what it does |\n|---|---|");
        for command in command.get_subcommands() {
            let (name, about) = (command.get_name(), command.get_about());
            let about = about.map(ToString::to_string).unwrap_or_default();
            _ = writeln!(text, "| [`tfs {name}`](#tfs-{name}) | {} |", cell(&about));
        }
        text.push('\n');
    }
    let shown =
        |arg: &&Arg| !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str());
    let mut groups: Vec<(&str, Vec<&Arg>)> = Vec::new();
    for arg in command.get_arguments().filter(shown) {
        let group = match arg.is_positional() {
            true => "Arguments",
            false => arg.get_help_heading().unwrap_or("Options"),
        };
        if group == GLOBAL && !is_root {
            continue;
        }
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, args)) => args.push(arg),
            None => groups.push((group, vec![arg])),
        }
    }
    for (group, args) in groups {
        _ = writeln!(text, "| {} | meaning |\n|---|---|", group.to_lowercase());
        for arg in args {
            _ = writeln!(text, "| {} | {} |", syntax(arg), meaning(arg));
        }
        text.push('\n');
    }
    if let Some(more) = command.get_after_help() {
        _ = writeln!(text, "```text\n{}\n```\n", more.to_string().trim_end());
    }
    for command in command.get_subcommands() {
        add(text, command, &format!("{name} {}", command.get_name()), false);
    }
}

/// Returns an argument as it is typed.
fn syntax(arg: &Arg) -> String {
    let names: Vec<String> =
        arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let value = format!("<{}>", names.join("> <"));
    let takes_value = arg.get_action().takes_values();
    let short = arg.get_short().map(|short| match takes_value && arg.get_long().is_none() {
        true => format!("`-{short} {value}`"),
        false => format!("`-{short}`"),
    });
    let long = arg.get_long().map(|long| match takes_value {
        true => format!("`--{long} {value}`"),
        false => format!("`--{long}`"),
    });
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    cell(&if flags.is_empty() { format!("`{value}`") } else { flags.join(", ") })
}

/// Returns the help of an argument with its default and its values, where the help lacks them.
fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy());
    let defaults = defaults.collect::<Vec<_>>().join(" ");
    if arg.get_action().takes_values() && !defaults.is_empty() && !text.contains("[default") {
        _ = write!(text, " [default: {defaults}]");
    }
    if arg.get_action().takes_values() && !arg.is_hide_possible_values_set() {
        let values: Vec<_> =
            arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !values.is_empty() {
            _ = write!(text, " [values: {}]", values.join(", "));
        }
    }
    cell(&text.replace('<', "&lt;"))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[test]
fn the_page_of_the_command_line_is_that_of_the_program() {
    // UPDATE_EXPECT=1 rewrites the page.
    expect_file!["../../../../docs/reference/command-line.md"].assert_eq(&page());
}
