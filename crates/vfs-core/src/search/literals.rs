//! Required literals: texts that occur in every path that matches a pattern.
//!
//! A regular expression is slow against a million paths, most of which cannot match:
//! `S01E\d+\.mkv$` needs a name with `s01e` and one with `.mkv`.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::fold::{fold, folded_parts};

/// Maximum size of a character class that is examined: both cases of a letter and its variants.
const CASES_MAX: usize = 4;

/// Returns the folded texts that occur in each match, each within one name.
pub(super) fn required_literals(hir: &Hir) -> Vec<String> {
    let mut literals = Literals::default();
    literals.collect(hir);
    literals.flush();
    literals.whole
}

#[derive(Debug, Default)]
struct Literals {
    whole: Vec<String>,
    /// Literal at the end, which continues if the next part of the pattern is a literal too.
    last: String,
}

impl Literals {
    fn collect(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match str::from_utf8(&literal.0) {
                Ok(text) => self.push(text),
                Err(_torn) => self.flush(),
            },
            HirKind::Class(class) => match the_same_but_for_case(class) {
                Some(text) => self.push(&text),
                None => self.flush(),
            },
            HirKind::Capture(capture) => self.collect(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.collect(part)),
            HirKind::Repetition(repetition) => {
                self.flush();
                if repetition.min > 0 {
                    self.collect(&repetition.sub);
                    self.flush();
                }
            }
            HirKind::Alternation(_) => self.flush(),
        }
    }

    fn push(&mut self, text: &str) {
        for (position, piece) in text.split('/').enumerate() {
            if position > 0 {
                self.flush();
            }
            for (position, part) in folded_parts(piece).into_iter().enumerate() {
                if position > 0 {
                    self.flush();
                }
                self.last.push_str(&part);
            }
        }
    }

    fn flush(&mut self) {
        // Names contain no control characters, so a literal with one matches nothing.
        if !self.last.is_empty() {
            self.whole.push(std::mem::take(&mut self.last));
        }
    }
}

/// Returns one character of a class if all have the same folded form, as with `(?i)`.
fn the_same_but_for_case(class: &Class) -> Option<String> {
    let Class::Unicode(class) = class else { return None };
    let characters = || class.iter().flat_map(|range| range.start()..=range.end());
    if characters().take(CASES_MAX + 1).count() > CASES_MAX {
        return None;
    }
    let first = characters().next()?;
    let fold = |character: char| fold(character.encode_utf8(&mut [0; 4]));
    let folded = fold(first);
    characters().all(|other| fold(other) == folded).then(|| first.to_string())
}

#[cfg(test)]
mod tests {
    use super::required_literals;

    #[track_caller]
    fn check(regex: &str, want: &[&str]) {
        assert_eq!(required_literals(&regex_syntax::parse(regex).unwrap()), want, "{regex}");
    }

    #[test]
    fn what_every_match_has_is_found() {
        check(r"S01E\d+\.mkv$", &["s01e", ".mkv"]);
        check("Season 1/E01", &["season 1", "e01"]);
        check("(?i)ÜBER", &["u", "ber"]);
        check("caf\u{e9}/2", &["cafe", "2"]);
        // The class of `(?i)s` contains the long s.
        check("(?i)season", &["season"]);
        check("(ab)+c?(?:de){2}", &["ab", "de"]);
        check("(a|b)x|y", &[]);
        check("^(?:.*/)?a[^/]*$", &["a"]);
        check("(abc)?", &[]);
        check("x(a)y", &["xay"]);
        check("[0-9]", &[]);
    }
}
