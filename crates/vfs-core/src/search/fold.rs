//! Folding: what two texts have in common that differ only in case.

/// Appends the folded form of a text.
///
/// Character by character and without regard to neighbours, so that whatever occurs in a text
/// occurs in its folded form when both are folded. (`str::to_lowercase` has two forms of the Greek
/// sigma.) Letters that are written in two ways, such as `ß` and `SS`, stay different.
pub(super) fn fold_into(text: &str, folded: &mut String) {
    for character in text.chars() {
        if character.is_ascii() {
            folded.push(character.to_ascii_lowercase());
        } else {
            folded.extend(character.to_lowercase());
        }
    }
}

/// Returns the folded form of a text.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fold;

    #[test]
    fn case_does_not_matter_in_any_script() {
        for (one, other) in [
            ("Big BUCK Bunny", "big buck bunny"),
            ("GRÜSSE", "grüsse"),
            ("ΟΔΟΣ", "οδοσ"),
            ("ЖАР-ПТИЦА", "жар-птица"),
        ] {
            assert_eq!(fold(one), fold(other));
        }
    }

    proptest! {
        #[test]
        fn a_part_of_a_text_is_a_part_of_its_folded_form(a: String, b: String, c: String) {
            let whole = [a.as_str(), b.as_str(), c.as_str()].concat();
            prop_assert!(fold(&whole).contains(&fold(&b)));
        }
    }
}
