//! All output: results to stdout, everything else to stderr.

use std::borrow::Cow;
use std::convert::Infallible;
use std::env;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::OnceLock;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};
use indicatif::ProgressBar;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use terminal_size::{Height, Width, terminal_size, terminal_size_of};

use crate::screen::{Screen, ScreenLine};

/// How long a command takes before it shows that it waits.
const SPINNER_DELAY: Duration = Duration::from_secs(1);

/// How often the spinner moves.
const SPINNER_INTERVAL: Duration = Duration::from_millis(100);

/// The escape sequence for faint text (ECMA-48, SGR 2).
const DIM: &str = "\x1b[2m";

/// The escape sequence for red text (ECMA-48, SGR 31).
const RED: &str = "\x1b[31m";

/// The escape sequence for yellow text (ECMA-48, SGR 33).
const YELLOW: &str = "\x1b[33m";

/// The escape sequence that ends them.
const PLAIN: &str = "\x1b[0m";

/// How messages are printed. Set once, before the first output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputStyle {
    /// Whether warnings are printed.
    pub(crate) has_warnings: bool,
    /// Whether colors are printed; `None` if the terminal and the environment decide.
    pub(crate) has_colors: Option<bool>,
}

static STYLE: OnceLock<OutputStyle> = OnceLock::new();

/// Sets how messages are printed. Only the first call has an effect.
pub(crate) fn set_style(style: OutputStyle) {
    _ = STYLE.set(style);
}

/// Prints one or more lines of the result. A closed pipe (`tfs list | head`) is not an error.
pub(crate) fn line(text: &str) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{}", harmless(text)) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// How often to poll whether the reader of the results is gone.
const CLOSED_INTERVAL: Duration = Duration::from_millis(500);

/// Resolves when the reader of the results is gone, as `head` after its last line. A long command
/// ends then: [`line`](fn) does not report it, and may not be called for a while.
///
/// # Cancel safety
/// Nothing is lost.
pub(crate) async fn closed() {
    while !is_closed(io::stdout().as_fd()) {
        tokio::time::sleep(CLOSED_INTERVAL).await;
    }
}

/// Returns whether the other end of a pipe or socket is closed.
fn is_closed(output: BorrowedFd<'_>) -> bool {
    // `poll(2)`: at the write end of a pipe, POLLERR means that the read end is closed.
    let mut fds = [PollFd::new(output, PollFlags::empty())];
    let polled = poll(&mut fds, PollTimeout::ZERO);
    let [fd] = fds;
    let ends = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    polled.is_ok() && fd.revents().is_some_and(|events| events.intersects(ends))
}

/// Prints bytes of the result without changes.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    match io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A result that is shown repeatedly: redrawn on a terminal, line after line elsewhere.
#[derive(Debug)]
pub(crate) struct Frames {
    is_terminal: bool,
    is_first: bool,
}

impl Frames {
    pub(crate) fn new() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), is_first: true }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Shows the next frame, and returns whether the output is still read. Old lines are dimmed on
    /// a terminal, if it has colors.
    pub(crate) fn show(&mut self, screen: &Screen) -> io::Result<bool> {
        let mut stdout = io::stdout().lock();
        let shown = if self.is_terminal {
            let clear = if self.is_first { "\x1b[2J" } else { "" };
            let (width, height) = terminal_size().unwrap_or((Width(80), Height(24)));
            let frame = in_place(screen, width, height, has_colors(true));
            write!(stdout, "{clear}{frame}")
        } else {
            writeln!(stdout, "{}", harmless(&screen.plain()))
        };
        self.is_first = false;
        match shown.and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            other => other.map(|()| true),
        }
    }
}

/// Returns the columns of the terminal to which results go, if it is one.
pub(crate) fn terminal_width() -> Option<usize> {
    let (Width(width), _) = terminal_size_of(io::stdout())?;
    Some(usize::from(width))
}

/// Returns whether to print colors and styles: as the command line says, else on a terminal unless
/// `NO_COLOR` is set.
pub(crate) fn has_colors(is_terminal: bool) -> bool {
    let is_forbidden = || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let chosen = STYLE.get().and_then(|style| style.has_colors);
    chosen.unwrap_or_else(|| is_terminal && !is_forbidden())
}

/// Prints a screen once, with its marks if the terminal has colors.
pub(crate) fn screen(screen: &Screen) -> io::Result<()> {
    if !has_colors(io::stdout().is_terminal()) {
        return line(&screen.plain());
    }
    let lines = screen.lines().iter().map(|line| painted(&harmless(&line.text), style_of(line)));
    bytes((lines.collect::<Vec<_>>().join("\n") + "\n").as_bytes())
}

/// Returns the escape sequence for a line; an empty one for ordinary text.
fn style_of(line: &ScreenLine) -> &'static str {
    match (line.is_old, line.is_failed) {
        (true, _) => DIM,
        (false, true) => RED,
        (false, false) => "",
    }
}

fn painted(text: &str, style: &str) -> String {
    if style.is_empty() { text.to_owned() } else { format!("{style}{text}{PLAIN}") }
}

/// Returns the first word of a message, in a color if standard error is a terminal with colors.
fn label(word: &str, style: &str) -> String {
    painted(word, if has_colors(io::stderr().is_terminal()) { style } else { "" })
}

/// Returns the output that draws a screen over the previous one, cut to this number of columns and
/// lines.
fn in_place(screen: &Screen, width: Width, height: Height, has_colors: bool) -> String {
    let mut frame = String::from("\x1b[H");
    // The last line stays free: the cursor is there.
    for line in screen.lines().iter().take(usize::from(height.0).saturating_sub(1)) {
        let text: String = line.text.chars().take(usize::from(width.0)).collect();
        frame.push_str(&painted(&text, if has_colors { style_of(line) } else { "" }));
        frame.push_str("\x1b[K\r\n");
    }
    frame.push_str("\x1b[J");
    frame
}

/// Writes to standard error. A reader that has ended, such as `head`, is no error of the command.
fn to_stderr(text: fmt::Arguments<'_>) {
    drop(io::stderr().write_fmt(text));
}

/// Prints an error with its hint.
pub(crate) fn error(message: &str, hint: Option<&str>) {
    to_stderr(format_args!("{} {}\n", label("error:", RED), visible(message)));
    if let Some(hint) = hint {
        to_stderr(format_args!("hint: {}\n", visible(hint)));
    }
}

/// Prints a warning with its consequence.
pub(crate) fn warning(message: &str, hint: &str) {
    if STYLE.get().is_some_and(|style| !style.has_warnings) {
        return;
    }
    to_stderr(format_args!("{} {}\n", label("warning:", YELLOW), visible(message)));
    to_stderr(format_args!("hint: {}\n", visible(hint)));
}

/// Prints a line that belongs to an error or a question.
pub(crate) fn note(text: &str) {
    to_stderr(format_args!("{}\n", visible(text)));
}

/// Ends the line in which a terminal has shown `^C`, so that the prompt begins a new line. A shell
/// does that only for commands that the signal itself ended.
pub(crate) fn end_interrupted_line() {
    if io::stderr().is_terminal() {
        to_stderr(format_args!("\n"));
    }
}

/// Prints a progress line, if standard error is a terminal.
pub(crate) fn note_to_terminal(text: &str) {
    if io::stderr().is_terminal() {
        note(text);
    }
}

/// Shows a spinner on a terminal until it is dropped, if that takes longer than a moment.
///
/// # Cancel safety
/// Dropping it removes the spinner.
pub(crate) async fn spinner(text: &str) -> Infallible {
    struct SpinnerGuard(ProgressBar);
    impl Drop for SpinnerGuard {
        fn drop(&mut self) {
            self.0.finish_and_clear();
        }
    }
    tokio::time::sleep(SPINNER_DELAY).await;
    // Nothing is drawn if standard error is not a terminal.
    let spinner = SpinnerGuard(ProgressBar::new_spinner().with_message(text.to_owned()));
    spinner.0.enable_steady_tick(SPINNER_INTERVAL);
    std::future::pending().await
}

/// Returns whether there is a terminal to ask for an answer.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question, and returns the answer in lower case, without spaces around it.
pub(crate) fn answer(question: &str) -> io::Result<String> {
    to_stderr(format_args!("{question}"));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_lowercase())
}

/// Returns an empty table: no lines, two spaces between the columns.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Returns a table as text, aligned to the left edge.
pub(crate) fn table_text(mut table: Table) -> String {
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table.trim_fmt()
}

/// Returns a right-aligned cell, for figures.
pub(crate) fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// Breaks a text into lines of at most `width` characters. Longer words stay whole.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Returns an untrusted text in a form that cannot control a terminal. Control characters, and
/// those that change the direction or the lines of text, are shown as escapes.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            other if other.is_control() => visible.extend(other.escape_default()),
            other if acts(other) => visible.extend(other.escape_unicode()),
            other => visible.push(other),
        }
    }
    visible
}

/// Makes any output safe for stdout. Text that [`visible`] has made safe does not change. JSON may
/// contain such characters raw; they become JSON escapes.
fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, |character| !matches!(character, '\n' | '\t') && acts(character))
}

/// Returns a line of the log without characters that control a terminal. The ASCII control
/// characters that `tracing-subscriber` leaves are its own: colours.
pub(crate) fn harmless_log(line: &str) -> Cow<'_, str> {
    escaped(line, |character| !character.is_ascii() && acts(character))
}

/// Returns a text with some characters replaced by JSON escapes.
fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // All of them are in the Basic Multilingual Plane.
            other if is_escaped(other) => _ = write!(harmless, "\\u{:04x}", u32::from(other)),
            other => harmless.push(other),
        }
    }
    Cow::Owned(harmless)
}

/// Returns whether a character may control a terminal or change the text around it: control
/// characters, bidirectional marks (UAX #9), and line separators.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_act_on_a_terminal() {
        assert_eq!(visible("Grüße 🎬 [x].mkv"), "Grüße 🎬 [x].mkv");
        assert_eq!(visible("red\u{1b}[31m\n\u{85}"), r"red\u{1b}[31m\n\u{85}");
        assert_eq!(visible("exe.\u{202e}gnp"), r"exe.\u{202e}gnp");
        assert_eq!(visible("a\u{61c}\u{2028}b"), r"a\u{61c}\u{2028}b");
        assert_eq!(harmless("{\n  \"Grüße 🎬\"\n}"), "{\n  \"Grüße 🎬\"\n}");
        let json = serde_json::to_string("a\u{202e}\u{9b}31m\u{7f}b").unwrap();
        let shown = harmless(&json);
        assert_eq!(shown, r#""a\u202e\u009b31m\u007fb""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), "a\u{202e}\u{9b}31m\u{7f}b");
    }

    #[test]
    fn a_pipe_is_closed_when_its_reader_is_gone() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!is_closed(writer.as_fd()));
        drop(reader);
        assert!(is_closed(writer.as_fd()));
        let file = tempfile::tempfile().unwrap();
        assert!(!is_closed(file.as_fd()));
    }

    #[test]
    fn a_frame_fits_the_terminal_and_leaves_nothing_of_the_one_before() {
        let mut screen = Screen::from("abcdef".to_owned());
        screen.add("bcdefg\nc\nd", true);
        let frame = in_place(&screen, Width(4), Height(4), false);
        assert_eq!(frame, "\x1b[Habcd\x1b[K\r\nbcde\x1b[K\r\nc\x1b[K\r\n\x1b[J");
        let dimmed = in_place(&screen, Width(4), Height(3), true);
        assert_eq!(dimmed, "\x1b[Habcd\x1b[K\r\n\x1b[2mbcde\x1b[0m\x1b[K\r\n\x1b[J");
    }

    #[test]
    fn failures_are_red_and_what_is_old_is_dim() {
        let mut screen = Screen::from("a".to_owned());
        screen.push_failed("b");
        screen.add("c", true);
        screen.mark_last(true);
        let styles: Vec<_> = screen.lines().iter().map(style_of).collect();
        assert_eq!(styles, ["", RED, DIM]);
        assert_eq!([painted("b", RED), painted("a", "")], ["\x1b[31mb\x1b[0m", "a"]);
        let frame = in_place(&screen, Width(4), Height(9), false);
        assert_eq!(frame, "\x1b[Ha\x1b[K\r\nb\x1b[K\r\nc\x1b[K\r\n\x1b[J");
    }
}
