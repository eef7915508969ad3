//! Patterns of the names of programs.

/// Maximum length of the name of a process in bytes (`TASK_COMM_LEN` without its zero byte). The
/// kernel cuts longer ones.
const COMMAND_BYTES_MAX: usize = 15;

/// Patterns of the names of programs, without regard to case: `*` stands for any characters, `?`
/// for one. Without patterns no program matches, which is the default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProgramPatterns(Vec<String>);

impl ProgramPatterns {
    /// Takes the patterns. Empty ones, and blanks around a pattern, have no effect.
    pub fn new(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let patterns = patterns.into_iter().map(|pattern| normal(pattern.as_ref()));
        Self(patterns.filter(|pattern| !pattern.is_empty()).collect())
    }

    /// Returns whether no program can match.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the name of an executable file matches. A file that was deleted or replaced
    /// while it runs counts by its former name.
    #[must_use]
    pub fn match_file(&self, name: &str) -> bool {
        let name = normal(name.strip_suffix(" (deleted)").unwrap_or(name));
        self.0.iter().any(|pattern| matches(pattern, &name))
    }

    /// Returns whether the name of a process matches, which the kernel cuts after 15 bytes.
    ///
    /// A pattern that has at least these 15 bytes before its first `*` or `?` matches by them.
    #[must_use]
    pub fn match_command(&self, command: &str) -> bool {
        let name = normal(command);
        self.0.iter().any(|pattern| {
            let literal = pattern.split(['*', '?']).next().unwrap_or_default();
            let is_cut = command.len() == COMMAND_BYTES_MAX && literal.len() > COMMAND_BYTES_MAX;
            matches(pattern, &name) || is_cut && literal.starts_with(&name)
        })
    }
}

/// Returns a name as it is compared: in lower case, without characters around it that do not show,
/// which a process can give itself.
fn normal(name: &str) -> String {
    let is_blank = |char: char| {
        let is_unseen = matches!(char, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{fffd}');
        is_unseen || char.is_whitespace() || char.is_control()
    };
    name.trim_matches(is_blank).to_lowercase()
}

/// Returns whether a pattern covers all of a name. Costs at most their lengths multiplied.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut name_at) = (0, 0);
    // The last `*`, and where the name goes on after what it stands for.
    let mut star: Option<(usize, usize)> = None;
    while let Some(&char) = name.get(name_at) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, name_at));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == char => {
                at += 1;
                name_at += 1;
            }
            _ => {
                let Some((star_at, after)) = star else { return false };
                star = Some((star_at, after + 1));
                at = star_at + 1;
                name_at = after + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|char| *char == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, command: &str, want: bool) {
        let patterns = ProgramPatterns::new([pattern]);
        assert_eq!(patterns.match_command(command), want, "{pattern} {command:?}");
    }

    #[track_caller]
    fn check_file(pattern: &str, name: &str, want: bool) {
        let patterns = ProgramPatterns::new([pattern]);
        assert_eq!(patterns.match_file(name), want, "{pattern} {name:?}");
    }

    #[test]
    fn names_match_as_a_whole_without_case() {
        check("updatedb", "updatedb", true);
        check("updatedb", "UpdateDB", true);
        check(" Updatedb ", "updatedb", true);
        check("updatedb", "updatedb2", false);
        check("updatedb", "xupdatedb", false);
        check("baloo*", "baloo_file", true);
        check("baloo*", "baloo", true);
        check("*finder", "my finder", true);
        check("a*b*c", "a_b_b_c", true);
        check("a*b*c", "a_b_b_d", false);
        check("?pv", "mpv", true);
        check("?pv", "pv", false);
        check("*", "mpv", true);
        check("\u{e9}t\u{e9}", "\u{c9}T\u{c9}", true);
        // Threads of a program, by its own choice of names.
        check("updatedb", "updatedb-1", false);
        check("updatedb*", "updatedb-1", true);
    }

    #[test]
    fn padded_names_are_the_names() {
        check("updatedb", "updatedb   ", true);
        check("updatedb", " \tupdatedb\u{7f}", true);
        check("updatedb", "up datedb", false);
        check("updatedb", "updatedb\u{fffd}\u{fffd}", true);
        check("updatedb", "\u{200b}updatedb\u{a0}", true);
        check("updatedb", "up\u{200b}datedb", false);
        check("updatedb", "", false);
    }

    #[test]
    fn names_that_the_kernel_has_cut_match_by_what_is_left() {
        check("updatedb.plocate", "updatedb.plocat", true);
        check("updatedb.plocate*", "updatedb.plocat", true);
        check("updatedb.mlocate", "updatedb.plocat", false);
        check("updatedb.plocate", "updatedb.ploca", false);
        check("tracker-*", "tracker-miner-f", true);
        // What follows the first `*` may be cut off: only the file tells it.
        check("tracker-*-fs", "tracker-miner-f", false);
        check_file("tracker-*-fs", "tracker-miner-fs", true);
        check_file("updatedb.plocate", "updatedb.plocat", false);
    }

    #[test]
    fn an_executable_that_was_deleted_keeps_its_name() {
        check_file("updatedb", "updatedb (deleted)", true);
        check_file("updatedb", "updatedb", true);
        check_file("updatedb", "updatedb (deleted) ", false);
    }

    #[test]
    fn without_patterns_nothing_matches() {
        assert!(ProgramPatterns::new(["", "  "]).is_empty());
        assert!(!ProgramPatterns::default().match_command("updatedb"));
        assert!(!ProgramPatterns::new([""]).match_command(""));
    }
}
