//! What a path must have in it to match a pattern at all.
//!
//! A regular expression is slow against a million paths, and most of them have nothing to do with
//! it: `S01E\d+\.mkv$` needs a name with `s01e` and one with `.mkv`.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::fold::{fold, folded_parts};

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
        // A name has no control character, and so nothing that has one is ever found.
        if !self.last.is_empty() {
            self.whole.push(std::mem::take(&mut self.last));
        }
    }
}

/// Returns one of the characters of a class if all have one folded form, as those of `(?i)` do.
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
        // The class of `(?i)s` has the long s in it.
        check("(?i)season", &["season"]);
        check("(ab)+c?(?:de){2}", &["ab", "de"]);
        check("(a|b)x|y", &[]);
        check("^(?:.*/)?a[^/]*$", &["a"]);
        check("(abc)?", &[]);
        check("x(a)y", &["xay"]);
        check("[0-9]", &[]);
    }
}
