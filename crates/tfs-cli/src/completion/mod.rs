//! Completion of command lines in shells, with the torrents, mounts and servers that exist now.
//!
//! The script of a shell ([`registration`]) runs tfs with [`VARIABLE`] for each press of the Tab
//! key. The engine of clap finds the place in the command line; [`values`] has the candidates for
//! each kind of value, and [`live`] asks servers and mounts.
//!
//! A completion is never in the way: it prints candidates or nothing, has no log, writes no file,
//! and ends within [`TIME_MAX`].

mod line;
mod live;
mod shells;
mod values;

use std::ffi::{OsStr, OsString};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use std::{env, panic, thread};

use clap::CommandFactory as _;
use clap_complete::engine::{self, CompletionCandidate};

use self::live::CompletionContext;
pub(crate) use self::shells::registration;
use self::shells::{TypedLine, is_flag};
use self::values::with_completers;
use crate::args::Cli;
use crate::output;

/// Names the shell that asks for candidates. The script of the shell sets it.
const VARIABLE: &str = "_TFS_COMPLETE";

/// How long a completion takes at most. The shell waits for it, and a longer wait feels like a
/// hang. A stopped mount, whose directory is listed, would never answer.
const TIME_MAX: Duration = Duration::from_millis(300);

/// Overrides [`TIME_MAX`] in milliseconds. Tests set it, as a busy machine takes longer.
const TIME_VARIABLE: &str = "_TFS_COMPLETE_MILLIS";

/// Returns the name of the shell that asks for candidates, if one does.
pub(crate) fn asking_shell() -> Option<OsString> {
    env::var_os(VARIABLE).filter(|shell| !shell.is_empty())
}

/// Prints the candidates for the command line that a shell passes behind `--`. Prints nothing if
/// there is none, if the time is over, or for any error.
pub(crate) fn run(shell: &OsStr, command_line: &[OsString]) {
    // A message on the terminal would be in the middle of the line that is typed.
    panic::set_hook(Box::new(|_panic| {}));
    let passed = command_line.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    let time_max = time_max();
    let (sender, receiver) = mpsc::channel();
    let shell = shell.to_owned();
    // Ends with the process if a call of the system does not return.
    let thread = thread::Builder::new().name("tfs-complete".to_owned());
    let started = thread.spawn(move || {
        let text = shell.to_str().and_then(|shell| candidates(shell, passed, time_max));
        drop(sender.send(text));
    });
    if let Ok(_thread) = started
        && let Ok(Some(text)) = receiver.recv_timeout(time_max)
    {
        // The shell may have ended.
        drop(output::bytes(&text));
    }
}

/// Replaces the alias of a command by its name, if that begins with what is typed as well: of the
/// two the engine keeps the first by letters.
fn without_alias(candidate: CompletionCandidate, typed: &OsStr) -> CompletionCandidate {
    let command = candidate.get_id().and_then(|id| id.strip_prefix("command::"));
    let name = command.filter(|name| typed.to_str().is_some_and(|typed| name.starts_with(typed)));
    match name {
        Some(name) => CompletionCandidate::new(name).help(candidate.get_help().cloned()),
        None => candidate,
    }
}

fn time_max() -> Duration {
    let millis = env::var(TIME_VARIABLE).ok().and_then(|millis| millis.parse().ok());
    millis.map_or(TIME_MAX, Duration::from_millis)
}

/// Returns the candidates in the form that the script of the shell reads.
fn candidates(shell: &str, passed: Vec<OsString>, time_max: Duration) -> Option<Vec<u8>> {
    let typed = TypedLine::of(shell, passed)?;
    let context = Arc::new(CompletionContext::new(typed.words.clone(), time_max));
    let mut command = with_completers(Cli::command(), &context);
    let mut words = typed.words.clone();
    let index = words.len();
    // For one hyphen, the engine would offer `-f` besides `--force`.
    words.push(if typed.current == "-" { "--".into() } else { typed.current.clone() });
    let dir = env::current_dir().ok();
    let mut found = engine::complete(&mut command, words, index, dir.as_deref()).ok()?;
    found.retain(|candidate| {
        let value = candidate.get_value();
        // Without other candidates, a shell would insert the hyphen that flags have in common.
        let is_wanted = !typed.current.is_empty() || !is_flag(value);
        // Each candidate is a line.
        let is_line = value.to_str().is_some_and(|value| !value.contains(char::is_control));
        is_wanted && is_line && !value.is_empty()
    });
    let found: Vec<_> = found.into_iter().map(|it| without_alias(it, &typed.current)).collect();
    Some(typed.render(&found))
}
