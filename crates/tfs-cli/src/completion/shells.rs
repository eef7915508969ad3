//! The shells: their scripts, how they pass a command line, and how they read candidates.
//!
//! clap has adapters too. That of bash does not quote candidates, and expands globs in them; those
//! of zsh and fish pass the last word with its quotes. So tfs has scripts of its own for these
//! three, and takes those of clap for the others.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io;

use clap_complete::Shell;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;

use super::VARIABLE;
use super::line::{OpenQuote, TypedWord, quoted, word_in, words_of};

/// Returns the script that a shell reads once.
///
/// # Errors
/// If there is none for the shell.
pub(crate) fn registration(shell: Shell) -> io::Result<Vec<u8>> {
    let script = match shell {
        Shell::Bash => include_str!("tfs.bash"),
        Shell::Zsh => include_str!("tfs.zsh"),
        Shell::Fish => include_str!("tfs.fish"),
        Shell::Elvish | Shell::PowerShell | _ => return builtin_script(shell),
    };
    Ok(script.as_bytes().to_vec())
}

fn builtin_script(shell: Shell) -> io::Result<Vec<u8>> {
    let shells = Shells::builtins();
    let shell = shells.completer(&shell.to_string()).ok_or(io::ErrorKind::Unsupported)?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "tfs", "tfs", "tfs", &mut script)?;
    Ok(script)
}

/// How the candidates are printed: one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CandidateForm {
    /// Quoted in these quotes, without what bash keeps of the word, in bytes.
    ForBash { quote: OpenQuote, has_tilde: bool, kept_bytes: usize },
    /// With a description behind a tab. The shell quotes.
    Described,
    /// Alone. The shell quotes.
    Plain,
    /// With a description behind a tab, and quoted.
    ForPowerShell,
}

/// A command line up to the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypedLine {
    /// The words before the current one.
    pub(super) words: Vec<OsString>,
    /// The word to complete, which may be empty.
    pub(super) current: OsString,
    form: CandidateForm,
}

impl TypedLine {
    /// Returns the command line that the script of a shell passes. `None` if it is no such line, or
    /// for an unknown shell.
    pub(super) fn of(shell: &str, mut passed: Vec<OsString>) -> Option<Self> {
        if shell == "bash" {
            let [line, replaced] = passed.try_into().ok()?;
            return Self::of_bash(line.to_str()?, replaced.to_str()?);
        }
        let last = passed.pop()?;
        let (current, form) = match shell {
            "zsh" => (last, CandidateForm::Described),
            "fish" => {
                (word_in(last.to_str()?, OpenQuote::Bare).text.into(), CandidateForm::Described)
            }
            "elvish" => (last, CandidateForm::Plain),
            "powershell" => (last, CandidateForm::ForPowerShell),
            _ => return None,
        };
        Some(Self { words: passed, current, form })
    }

    /// `replaced` is the end of the line that bash replaces with a candidate: bash splits a word at
    /// `:`, `=` and quotes.
    fn of_bash(line: &str, replaced: &str) -> Option<Self> {
        let mut words = words_of(line);
        let TypedWord { text: current, quote, has_tilde } = words.pop()?;
        // bash replaces what is behind an open quote.
        let begins = |quote| {
            let end = word_in(replaced, quote).text;
            Some((quote, current.strip_suffix(end.as_str())?.len()))
        };
        let (quote, kept_bytes) = begins(quote).or_else(|| begins(OpenQuote::Bare))?;
        let has_tilde = has_tilde && kept_bytes == 0;
        let form = CandidateForm::ForBash { quote, has_tilde, kept_bytes };
        let words = words.into_iter().map(|word| word.text.into()).collect();
        Some(Self { words, current: current.into(), form })
    }

    /// Returns the candidates in the form that the script reads.
    pub(super) fn render(&self, candidates: &[CompletionCandidate]) -> Vec<u8> {
        let lines = candidates.iter().filter_map(|candidate| self.line(candidate));
        lines.flat_map(|line| [line, "\n".to_owned()]).collect::<String>().into_bytes()
    }

    fn line(&self, candidate: &CompletionCandidate) -> Option<String> {
        let value = candidate.get_value().to_str()?;
        let help = || candidate.get_help().map(first_line).filter(|help| !help.is_empty());
        let described = |value: &str| match help() {
            Some(help) => format!("{value}\t{help}"),
            None => value.to_owned(),
        };
        Some(match self.form {
            CandidateForm::ForBash { quote, has_tilde, kept_bytes } => {
                quoted(value.get(kept_bytes..)?, quote, has_tilde)
            }
            CandidateForm::Described => described(value),
            CandidateForm::Plain => value.to_owned(),
            CandidateForm::ForPowerShell => described(&in_powershell(value)),
        })
    }
}

/// Returns the first sentence of a help text, without the default.
fn first_line(help: &clap::builder::StyledStr) -> String {
    let text = help.to_string();
    let line = text.lines().next().unwrap_or_default();
    let end = [". ", " ["].iter().filter_map(|end| line.find(end)).min();
    let sentence = end.and_then(|end| line.get(..end)).unwrap_or(line);
    sentence.trim_end_matches('.').to_owned()
}

/// Quotes a word for PowerShell, if it needs that.
fn in_powershell(value: &str) -> Cow<'_, str> {
    let is_plain = |char: char| char.is_alphanumeric() || "-_./\\:=~+".contains(char);
    match value.chars().all(is_plain) {
        true => Cow::Borrowed(value),
        false => Cow::Owned(format!("'{}'", value.replace('\'', "''"))),
    }
}

/// Returns whether a candidate is a flag.
pub(super) fn is_flag(value: &OsStr) -> bool {
    value.as_encoded_bytes().starts_with(b"-")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(shell: &str, passed: &[&str], candidates: &[&str], want: &Expect) {
        let passed = passed.iter().map(OsString::from).collect();
        let candidates: Vec<_> = candidates.iter().copied().map(CompletionCandidate::new).collect();
        let text = match TypedLine::of(shell, passed) {
            Some(line) => {
                let words: Vec<_> = line.words.iter().map(|word| word.display()).collect();
                let printed = String::from_utf8(line.render(&candidates)).unwrap();
                format!("{words:?} {:?}\n{printed}", line.current)
            }
            None => "nothing".to_owned(),
        };
        want.assert_eq(&text);
    }

    #[test]
    fn bash_gets_what_replaces_the_end_of_the_line() {
        let films = ["Big Buck Bunny", "Big $5 [1080p]"];
        check(
            "bash",
            &["tfs pause Big", "Big"],
            &films,
            &expect![[r#"
            ["tfs", "pause"] "Big"
            Big\ Buck\ Bunny
            Big\ \$5\ \[1080p\]
        "#]],
        );
        check(
            "bash",
            &[r"tfs pause Big\ B", r"Big\ B"],
            &films,
            &expect![[r#"
            ["tfs", "pause"] "Big B"
            Big\ Buck\ Bunny
            Big\ \$5\ \[1080p\]
        "#]],
        );
        check(
            "bash",
            &[r#"tfs pause "Big "#, "Big "],
            &films,
            &expect![[r#"
            ["tfs", "pause"] "Big "
            Big Buck Bunny
            Big \$5 [1080p]
        "#]],
        );
        check(
            "bash",
            &["tfs pause 'Big ", "Big "],
            &films,
            &expect![[r#"
            ["tfs", "pause"] "Big "
            Big Buck Bunny
            Big $5 [1080p]
        "#]],
        );
    }

    #[test]
    fn bash_gets_no_more_than_it_replaces() {
        let servers = ["http://nas:3030"];
        check(
            "bash",
            &["tfs mount http://n", "//n"],
            &servers,
            &expect![[r#"
            ["tfs", "mount"] "http://n"
            //nas:3030
        "#]],
        );
        check(
            "bash",
            &["tfs mount http:", ""],
            &servers,
            &expect![[r#"
            ["tfs", "mount"] "http:"
            //nas:3030
        "#]],
        );
        check(
            "bash",
            &[r#"tfs mount "http://n"#, "http://n"],
            &servers,
            &expect![[r#"
            ["tfs", "mount"] "http://n"
            http://nas:3030
        "#]],
        );
        check(
            "bash",
            &["tfs list --sort=n", "n"],
            &["--sort=name"],
            &expect![[r#"
            ["tfs", "list"] "--sort=n"
            name
        "#]],
        );
        check(
            "bash",
            &["tfs mount ~/f", "~/f"],
            &["~/films a/"],
            &expect![[r#"
            ["tfs", "mount"] "~/f"
            ~/films\ a/
        "#]],
        );
        check("bash", &["tfs x", "other"], &servers, &expect!["nothing"]);
        check("bash", &["tfs"], &servers, &expect!["nothing"]);
    }

    #[test]
    fn other_shells_quote_on_their_own() {
        let films = ["Big Buck Bunny", "it's"];
        check(
            "zsh",
            &["tfs", "pause", "Big B"],
            &films,
            &expect![[r#"
            ["tfs", "pause"] "Big B"
            Big Buck Bunny
            it's
        "#]],
        );
        check(
            "fish",
            &["tfs", "pause", r"Big\ B"],
            &films,
            &expect![[r#"
            ["tfs", "pause"] "Big B"
            Big Buck Bunny
            it's
        "#]],
        );
        check(
            "fish",
            &["tfs", "pause", "\"Big B"],
            &films,
            &expect![[r#"
            ["tfs", "pause"] "Big B"
            Big Buck Bunny
            it's
        "#]],
        );
        check(
            "elvish",
            &["tfs", "pause", ""],
            &films,
            &expect![[r#"
            ["tfs", "pause"] ""
            Big Buck Bunny
            it's
        "#]],
        );
        check(
            "powershell",
            &["tfs", "pause", ""],
            &films,
            &expect![[r#"
            ["tfs", "pause"] ""
            'Big Buck Bunny'
            'it''s'
        "#]],
        );
        check("tcsh", &["tfs", "pause", ""], &films, &expect!["nothing"]);
    }
}
