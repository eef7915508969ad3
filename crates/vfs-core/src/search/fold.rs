//! Folding: normalizes case and the encoding of accents.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

/// Appends the folded form of a text: canonically decomposed and fully case-folded (the canonical
/// caseless matching of the Unicode Standard, section 3.13, D145).
///
/// So `é` equals `e` with a combining accent (Linux types the former, macOS writes the latter), `ß`
/// equals `SS`, and all forms of the Greek sigma are equal. Decomposed and not composed, so that a
/// part of a text stays a part of it, see [`folded_parts`]. The cost: a word also matches names
/// with an additional accent at its end; `cafe` finds `café`.
pub(super) fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        folded.extend(text.chars().map(|character| character.to_ascii_lowercase()));
        return;
    }
    let normalizer = DecomposingNormalizerBorrowed::new_nfd();
    let decomposed = normalizer.normalize(text);
    let cased = CaseMapper::new().fold_string(&decomposed);
    // The folded form of a character may have to be decomposed again.
    folded.push_str(&normalizer.normalize(&cased));
}

/// Returns the folded form of a text.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Returns texts that occur in the folded form of each text that contains `text`.
///
/// They contain no combining marks, whose order may change with further marks. The texts between
/// marks do not depend on their context.
pub(super) fn folded_parts(text: &str) -> Vec<String> {
    let classes = CanonicalCombiningClassMapBorrowed::new();
    let is_mark = |character: char| classes.get_u8(character) != 0;
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    let runs = decomposed.split(is_mark).map(fold);
    let parts = runs.flat_map(|run| run.split(is_mark).map(str::to_owned).collect::<Vec<_>>());
    parts.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{fold, folded_parts};

    #[test]
    fn case_does_not_matter_in_any_script() {
        for (one, other) in [
            ("Big BUCK Bunny", "big buck bunny"),
            ("GRÜSSE", "grüsse"),
            ("Grüße", "GRÜSSE"),
            ("ΟΔΟΣ", "οδος"),
            ("οδοσ", "οδος"),
            ("ЖАР-ПТИЦА", "жар-птица"),
            ("ﬁlm", "FILM"),
            ("Season", "\u{17f}eason"),
            ("5 \u{212a}", "5 k"),
        ] {
            assert_eq!(fold(one), fold(other));
        }
    }

    #[test]
    fn accents_are_the_same_however_they_are_encoded() {
        for (one, other) in [
            ("caf\u{e9}", "cafe\u{301}"),
            ("\u{c5}ngstr\u{f6}m", "\u{212b}NGSTRO\u{308}M"),
            ("\u{d55c}\u{ae00}", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
            ("\u{304c}", "\u{304b}\u{3099}"),
            ("a\u{323}\u{301}", "a\u{301}\u{323}"),
            ("\u{1fb3}", "\u{391}\u{345}"),
            ("\u{1fb7}", "\u{3b1}\u{345}\u{342}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("resume"), fold("résumé"));
    }

    proptest! {
        #[test]
        fn parts_of_a_text_are_parts_of_the_folded_form_of_what_it_is_in(
            [a, b, c] in prop::array::uniform3(
                "[aeéäÅßςΣᾳᾷ한İ\u{301}\u{323}\u{345}.]{0,4}|\\PC{0,6}",
            ),
        ) {
            let whole = fold(&[a.as_str(), b.as_str(), c.as_str()].concat());
            for part in folded_parts(&b) {
                prop_assert!(whole.contains(&part), "{part:?} {whole:?}");
            }
        }
    }
}
