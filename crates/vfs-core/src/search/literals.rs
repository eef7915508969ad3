//! What a path must have in it to match a pattern at all.
//!
//! A regular expression is slow against a million paths, and most of them have nothing to do with
//! it: `S01E\d+\.mkv$` needs a name with `s01e` and one with `.mkv`.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::fold::fold;

/// The largest class of characters that is looked at: both cases of a letter and its variants.
const CASES_MAX: usize = 4;

/// The texts that are in each match, folded, each within one name.
pub(super) fn required_literals(hir: &Hir) -> Vec<String> {
    let mut literals = Literals::default();
    literals.collect(hir);
    literals.flush();
    literals.whole
}

#[derive(Debug, Default)]
struct Literals {
    whole: Vec<String>,
    /// What goes on if the next part of the pattern is a text too.
    last: String,
}

impl Literals {
    fn collect(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match str::from_utf8(&literal.0) {
                Ok(text) => self.push(&fold(text)),
                Err(_torn) => self.flush(),
            },
            HirKind::Class(class) => match the_same_but_for_case(class) {
                Some(folded) => self.push(&folded),
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

    fn push(&mut self, folded: &str) {
        for (position, piece) in folded.split('/').enumerate() {
            if position > 0 {
                self.flush();
            }
            self.last.push_str(piece);
        }
    }

    fn flush(&mut self) {
        // A name has no control character, and so nothing that has one is ever found.
        if !self.last.is_empty() {
            self.whole.push(std::mem::take(&mut self.last));
        }
    }
}

/// Returns the folded form that all characters of a class have, as those of `(?i)` often do.
fn the_same_but_for_case(class: &Class) -> Option<String> {
    let Class::Unicode(class) = class else { return None };
    let characters = || class.iter().flat_map(|range| range.start()..=range.end());
    if characters().take(CASES_MAX + 1).count() > CASES_MAX {
        return None;
    }
    let mut folded = characters().map(|character| fold(character.encode_utf8(&mut [0; 4])));
    let first = folded.next()?;
    folded.all(|other| other == first).then_some(first)
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
        check("(?i)ÜBER", &["über"]);
        // The long s folds to itself, and so the class of `(?i)s` has two folded forms.
        check("(?i)season", &["ea", "on"]);
        check("(ab)+c?(?:de){2}", &["ab", "de"]);
        check("(a|b)x|y", &[]);
        check("^(?:.*/)?a[^/]*$", &["a"]);
        check("(abc)?", &[]);
        check("x(a)y", &["xay"]);
        check("[0-9]", &[]);
    }
}
