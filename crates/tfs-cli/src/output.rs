//! All that is printed: results to stdout, everything else to stderr.
#![expect(clippy::print_stderr, reason = "diagnostics go to stderr, and only from here")]

use std::borrow::Cow;
use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use terminal_size::{Height, Width, terminal_size};

use crate::screen::Screen;

/// What a terminal shows faintly from here on (ECMA-48, SGR 2).
const DIM: &str = "\x1b[2m";

/// What ends that.
const PLAIN: &str = "\x1b[0m";

/// Prints a line of the result, or some. Whoever does not want to hear more (`tfs list | head`)
/// closes the pipe, which is no error.
pub(crate) fn line(text: &str) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{}", harmless(text)) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// How often it is looked whether the reader of the results is gone.
const CLOSED_INTERVAL: Duration = Duration::from_millis(500);

/// Resolves when the reader of the results is gone, as `head` after its last line. A command that
/// works for long ends then: [`line`](fn) does not say so, and there may be nothing to print for a
/// while.
///
/// # Cancel safety
/// Nothing is lost.
pub(crate) async fn closed() {
    while !is_closed(io::stdout().as_fd()) {
        tokio::time::sleep(CLOSED_INTERVAL).await;
    }
}

/// Returns whether nobody will ever read what is written to a pipe or socket.
fn is_closed(output: BorrowedFd<'_>) -> bool {
    // `poll(2)`: of the end of a pipe that is written to, POLLERR says that the other is closed.
    let mut fds = [PollFd::new(output, PollFlags::empty())];
    let polled = poll(&mut fds, PollTimeout::ZERO);
    let [fd] = fds;
    let ends = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    polled.is_ok() && fd.revents().is_some_and(|events| events.intersects(ends))
}

/// Prints bytes of the result as they are.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    match io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A result that is shown again and again: in place on a terminal, line after line elsewhere.
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

    /// Shows the next one, and returns whether anybody still reads. Old lines are dimmed on a
    /// terminal, unless `NO_COLOR` says that it is to be plain.
    pub(crate) fn show(&mut self, screen: &Screen) -> io::Result<bool> {
        let mut stdout = io::stdout().lock();
        let shown = if self.is_terminal {
            let clear = if self.is_first { "\x1b[2J" } else { "" };
            let size = terminal_size().map(|(Width(width), Height(height))| (width, height));
            let frame = in_place(screen, size.unwrap_or((80, 24)), wants_colours());
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

/// Returns whether the environment allows colours and the like on a terminal.
pub(crate) fn wants_colours() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Returns what draws a screen over the one before, cut to a terminal of so many columns and lines.
fn in_place(screen: &Screen, (width, height): (u16, u16), has_dim: bool) -> String {
    let mut frame = String::from("\x1b[H");
    // The last line stays free: the cursor is there.
    for line in screen.lines().iter().take(usize::from(height).saturating_sub(1)) {
        let is_dim = has_dim && line.is_old;
        frame.push_str(if is_dim { DIM } else { "" });
        frame.extend(line.text.chars().take(usize::from(width)));
        frame.push_str(if is_dim { PLAIN } else { "" });
        frame.push_str("\x1b[K\r\n");
    }
    frame.push_str("\x1b[J");
    frame
}

/// Prints an error and what to do about it.
pub(crate) fn error(message: &str, hint: Option<&str>) {
    eprintln!("error: {}", visible(message));
    if let Some(hint) = hint {
        eprintln!("hint: {}", visible(hint));
    }
}

/// Prints a warning and what it means.
pub(crate) fn warning(message: &str, hint: &str) {
    eprintln!("warning: {}", visible(message));
    eprintln!("hint: {}", visible(hint));
}

/// Prints a line that belongs to an error or a question.
pub(crate) fn note(text: &str) {
    eprintln!("{}", visible(text));
}

/// Ends the line in which a terminal has shown `^C`, so that the prompt is not put behind it: a
/// shell does that only for commands that the signal itself ended.
pub(crate) fn end_interrupted_line() {
    if io::stderr().is_terminal() {
        eprintln!();
    }
}

/// Prints a line about what goes on, if standard error is a terminal.
pub(crate) fn note_to_terminal(text: &str) {
    if io::stderr().is_terminal() {
        note(text);
    }
}

/// Prints a question, and leaves the cursor behind it.
pub(crate) fn ask(question: &str) {
    eprint!("{question}");
}

/// Returns an empty table: no lines, two spaces between the columns.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Returns a table as text that begins at the left edge.
pub(crate) fn table_text(mut table: Table) -> String {
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table.trim_fmt()
}

/// Returns a cell at the right edge of its column, where figures are.
pub(crate) fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// Returns a text from elsewhere in a form that cannot act on a terminal: control characters and
/// those that change the direction or the lines of text are shown as escapes.
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

/// Returns what goes to stdout, whatever it is: a text that is visible stays as it is, and JSON,
/// which may hold such characters as they are, has them as escapes of JSON.
fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, |character| !matches!(character, '\n' | '\t') && acts(character))
}

/// Returns a line of the log without what may act on a terminal. What `tracing-subscriber` leaves
/// of ASCII's control characters is its own: colours.
pub(crate) fn harmless_log(line: &str) -> Cow<'_, str> {
    escaped(line, |character| !character.is_ascii() && acts(character))
}

/// Returns a text with some characters as escapes of JSON.
fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // All of them are in the first plane.
            other if is_escaped(other) => _ = write!(harmless, "\\u{:04x}", u32::from(other)),
            other => harmless.push(other),
        }
    }
    Cow::Owned(harmless)
}

/// Returns whether a character may act on a terminal or on the text around it: control characters,
/// marks of direction (UAX #9), and separators of lines.
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
        let frame = in_place(&screen, (4, 4), false);
        assert_eq!(frame, "\x1b[Habcd\x1b[K\r\nbcde\x1b[K\r\nc\x1b[K\r\n\x1b[J");
        let dimmed = in_place(&screen, (4, 3), true);
        assert_eq!(dimmed, "\x1b[Habcd\x1b[K\r\n\x1b[2mbcde\x1b[0m\x1b[K\r\n\x1b[J");
    }
}
