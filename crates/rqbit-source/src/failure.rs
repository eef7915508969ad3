//! Reduces a torrent's error to one line.

/// Maximum length of a reason in characters: one or two terminal lines.
const REASON_CHARS_MAX: usize = 300;

/// Maximum number of lines of an error that are kept as parts of the reason.
const PARTS_MAX: usize = 16;

/// Line before the causes of an error in the `Debug` form of `anyhow`.
const CAUSES: &str = "Caused by:";

/// Line before its backtrace.
const BACKTRACE: &str = "Stack backtrace:";

/// Replaces the removed part of a long reason.
const CUT: &str = "... ";

/// Returns the reason of rqbit's error as one line of at most 300 characters, without control
/// characters; empty if there is none.
///
/// rqbit 9.1.0 sends the `Debug` form of an `anyhow::Error` (`torrent_state/mod.rs` of librqbit):
/// the outermost error, its causes, one per line, and a backtrace of 2 KB. The reason is the error
/// and its causes, joined by colons. The middle of a long reason is removed, because the last cause
/// is the most specific.
#[must_use]
pub fn failure_reason(error: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut is_in_causes = false;
    for line in error.lines().map(str::trim) {
        if line == BACKTRACE {
            break;
        }
        if line == CAUSES {
            is_in_causes = true;
            continue;
        }
        let line = if is_in_causes { without_number(line) } else { line };
        let part = line.split(char::is_control).collect::<Vec<_>>().join(" ");
        let part = part.trim().trim_end_matches(':');
        // A cause is often quoted by the error above it.
        if !part.is_empty() && !parts.iter().any(|above| above.contains(part)) {
            // The last cause is the most specific.
            parts.truncate(PARTS_MAX - 1);
            parts.push(part.to_owned());
        }
    }
    // rqbit adds quotes to names that are already quoted.
    cut(&parts.join(": ").replace("\"\"", "\""))
}

/// Returns a cause without its number, such as `1: `, which is present if there are several.
fn without_number(line: &str) -> &str {
    match line.split_once(": ") {
        Some((number, cause)) if number.bytes().all(|byte| byte.is_ascii_digit()) => cause,
        _ => line,
    }
}

/// Truncates a text to [`REASON_CHARS_MAX`] characters; keeps its start and its end.
fn cut(text: &str) -> String {
    let count = text.chars().count();
    if count <= REASON_CHARS_MAX {
        return text.to_owned();
    }
    let kept = REASON_CHARS_MAX - CUT.len();
    let begin: String = text.chars().take(kept / 2).collect();
    let end: String = text.chars().skip(count - (kept - kept / 2)).collect();
    format!("{begin}{CUT}{end}")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(error: &str, want: &Expect) {
        want.assert_eq(&failure_reason(error));
    }

    // https://github.com/qbittorrent/qBittorrent/issues/13434: the error does not name a full disk.
    #[test]
    fn qbittorrent_13434_a_full_disk_is_named_without_a_backtrace() {
        let error = "error writing to file 0 (\"\"film.mkv\"\")\n\nCaused by:\n    \
            0: error calling pwritev\n    1: ENOSPC: No space left on device\n\n\
            Stack backtrace:\n   0: anyhow::error::<impl anyhow::Error>::msg\n   \
            1: librqbit::torrent_state\n";
        check(
            error,
            &expect![[
                r#"error writing to file 0 ("film.mkv"): error calling pwritev: ENOSPC: No space left on device"#
            ]],
        );
    }

    #[test]
    fn all_causes_are_in_one_line_and_each_once() {
        check(
            "fatal error\n\nCaused by:\n    0: error writing\n    1: error writing\n    \
             2: disk 3: gone\n       at noon",
            &expect!["fatal error: error writing: disk 3: gone: at noon"],
        );
        check("12: not a number of a cause", &expect!["12: not a number of a cause"]);
        check("a: b\n\nCaused by:\n    b", &expect!["a: b"]);
        check("", &expect![""]);
        check("\n\nCaused by:\n    \n\nStack backtrace:\n 0: x", &expect![""]);
        check("red\u{1b}[31m\u{7f}\tx", &expect!["red [31m  x"]);
    }

    #[test]
    fn a_long_reason_keeps_its_end() {
        let reason = failure_reason(&format!("{}\n\nCaused by:\n    no space", "ü".repeat(5000)));
        assert_eq!(reason.chars().count(), REASON_CHARS_MAX);
        assert!(reason.starts_with("üüü") && reason.ends_with("üüü: no space"), "{reason}");
        // A server may send anything.
        assert_eq!(failure_reason(&"x\n".repeat(100_000)), "x");
        let many: String = (0..100_000).map(|line| format!("line {line}\n")).collect();
        assert!(failure_reason(&many).ends_with(": line 99999"));
    }
}
