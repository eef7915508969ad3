//! The commands, options and configurations on the pages for users are accepted.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use tfs_config::Sources;
use tfs_testkit::pages::{CodeBlock, UserPage, user_pages};

use super::shell;
use crate::args::Cli;
use crate::{mount_helper, typed};

/// Flags of other programs that the pages mention alone.
const FLAGS_OF_OTHERS: [&str; 17] = [
    "--bind",
    "--cap-add",
    "--certificate-identity",
    "--context",
    "--demuxer-max-bytes",
    "--device",
    "--format",
    "--http-api-listen-addr",
    "--max-blocking-threads",
    "--pid",
    "--privileged",
    "--security-opt",
    "--sparse",
    "--stop-timeout",
    "--user",
    "--vfs-cache-mode",
    "--vfs-read-chunk-size",
];

/// Returns why the program refuses a command line, if it does.
fn refusal(words: &[String]) -> Option<clap::Error> {
    let words: Vec<OsString> = words.iter().map(Into::into).collect();
    typed::parse(&words)
        .err()
        .filter(|error| !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion))
}

/// Returns the refusals of the call of mount(8) that a line of fstab causes.
fn refusals_of_mount(source: &str, dir: &str, options: &str) -> Option<String> {
    let call = ["mount.fuse.tfs", source, dir, "-o", options].map(OsString::from);
    match mount_helper::understand(&call) {
        Ok(call) => typed::parse(&call.arguments).err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// Returns the commands of a block: all lines of a script, the prompts of a transcript, and what a
/// unit starts.
fn commands_of(block: &CodeBlock) -> Vec<Vec<String>> {
    let lines = |prefix: &str| -> String {
        let lines = block.text.lines().filter_map(|line| line.strip_prefix(prefix));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let text = match block.language.as_str() {
        "sh" => block.text.clone(),
        "console" => lines("$ "),
        "ini" => lines("ExecStart="),
        _ => return Vec::new(),
    };
    shell::commands(&text)
}

/// Returns the refusals of one block.
fn check_block(block: &CodeBlock) -> Vec<String> {
    let mut refusals = Vec::new();
    for mut words in commands_of(block) {
        let text = words.join(" ");
        if let ["mount", "-t", "fuse.tfs", source, dir, "-o", options] =
            words.iter().map(String::as_str).collect::<Vec<_>>()[..]
        {
            refusals.extend(refusals_of_mount(source, dir, options));
        }
        if words.first().is_some_and(|first| first == "tfs" || first.ends_with("/tfs")) {
            words[0] = "tfs".to_owned();
            refusals.extend(refusal(&words).map(|error| format!("{text}: {error}")));
        }
    }
    for line in block.text.lines().filter(|_| block.language == "text") {
        if let [source, dir, "fuse.tfs", options, ..] =
            line.split_whitespace().collect::<Vec<_>>()[..]
        {
            refusals.extend(refusals_of_mount(source, dir, options));
        }
    }
    refusals
}

/// Returns whether a refused command of running text only lacks something, or names no command.
fn is_part(words: &[String], error: &clap::Error) -> bool {
    let lacks = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::MissingSubcommand,
    ];
    let lacks_value = error
        .get(ContextKind::InvalidValue)
        .is_some_and(|value| matches!(value, ContextValue::String(text) if text.is_empty()));
    lacks.contains(&error.kind()) || lacks_value || words.iter().any(|word| word == "COMMAND")
}

/// Returns the refusals of the commands in running text, which may lack arguments.
fn check_spans(page: &UserPage, flags: &BTreeSet<String>) -> Vec<String> {
    let mut refusals = Vec::new();
    for (line, span) in page.spans() {
        if span.starts_with("--") {
            let flag = span.split([' ', '=']).next().unwrap_or_default();
            let is_known = flags.contains(flag) || FLAGS_OF_OTHERS.contains(&flag);
            refusals.extend((!is_known).then(|| format!("{line}: no flag {flag}")));
        }
        if !span.starts_with("tfs ") {
            continue;
        }
        for words in shell::commands(&span).iter().filter(|words| words[0] == "tfs") {
            let error = refusal(words).filter(|error| !is_part(words, error));
            refusals.extend(error.map(|error| format!("{line}: {span}: {error}")));
        }
    }
    refusals
}

/// Returns the long flags of all commands.
fn flags_of(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|arg| arg.get_long());
    let mut flags: BTreeSet<String> = own.map(|flag| format!("--{flag}")).collect();
    flags.extend(command.get_subcommands().flat_map(flags_of));
    flags
}

#[test]
fn every_command_on_the_pages_is_accepted() {
    let mut cli = Cli::command();
    cli.build();
    let flags = flags_of(&cli);
    let mut refusals = Vec::new();
    let mut count = 0;
    for page in user_pages() {
        for block in page.blocks() {
            count += commands_of(&block).iter().filter(|words| words[0] == "tfs").count();
            let found = check_block(&block);
            refusals.extend(found.iter().map(|it| format!("{}:{}: {it}", page.path, block.line)));
        }
        let found = check_spans(&page, &flags);
        refusals.extend(found.iter().map(|it| format!("{}:{it}", page.path)));
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
    assert!(count > 20, "only {count} commands were found");
}

#[test]
fn a_wrong_command_is_found() {
    let block = |language: &str, text: &str| CodeBlock {
        line: 1,
        language: language.to_owned(),
        is_run: false,
        text: text.to_owned(),
    };
    for (language, text) in [
        ("sh", "mpv x; tfs list --no-such-flag\n"),
        ("console", "$ tfs mount --memory 3 parsecs /mnt/t\n"),
        ("ini", "ExecStart=/usr/bin/tfs daemon --never\n"),
        ("text", "http://h:3030 /mnt/t fuse.tfs no_such_option 0 0\n"),
        ("sh", "sudo mount -t fuse.tfs http://h:3030 /mnt/t -o no_such_option\n"),
    ] {
        assert_eq!(check_block(&block(language, text)).len(), 1, "{text}");
    }
    let text = "`tfs preload --heads 8MiB FILE`, `tfs mount`, `--no-such-flag`\n".to_owned();
    let page = UserPage { path: "a.md".to_owned(), text };
    assert_eq!(check_spans(&page, &flags_of(&Cli::command())).len(), 2);
}

#[test]
fn every_configuration_on_the_pages_is_valid() {
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for page in user_pages() {
        for block in page.blocks().into_iter().filter(|block| block.language == "toml") {
            let path = dir.path().join("tfs.toml");
            fs::write(&path, &block.text).unwrap();
            let sources = Sources { named_file: Some(path), ..Sources::default() };
            if let Err(error) = sources.load() {
                let problems: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
                panic!("{}:{}: {}", page.path, block.line, problems.join("; "));
            }
            count += 1;
        }
    }
    assert!(count > 2, "only {count} configurations were found");
}
