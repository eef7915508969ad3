//! The order of names for people.

use std::cmp::Ordering;

/// Compares names without regard to case, and numbers in them by their value: `e2` comes before
/// `e10`. Names that differ only in these are ordered by their bytes.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (Some(first), Some(second)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| one.cmp(other));
        };
        let (order, rest_left, rest_right) = if first.is_ascii_digit() && second.is_ascii_digit() {
            let ((number, rest), (known, known_rest)) = (digits(left), digits(right));
            (number.len().cmp(&known.len()).then_with(|| number.cmp(known)), rest, known_rest)
        } else {
            let order = first.to_lowercase().cmp(second.to_lowercase());
            (order, after_first(left), after_first(right))
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (rest_left, rest_right);
    }
}

/// Returns the digits that a text begins with, without zeros before them, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    (number.trim_start_matches('0'), rest)
}

fn after_first(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_their_value() {
        let sorted = [
            "",
            " ",
            "1",
            "01b",
            "2",
            "9",
            "10",
            "99999999999999999999999",
            "A",
            "a1",
            "a01 x",
            "a2",
            "B",
            "e2.mkv",
            "E10.mkv",
            "e10.mkv2",
            "\u{e9}",
        ];
        for (at, one) in sorted.iter().enumerate() {
            for (other_at, other) in sorted.iter().enumerate() {
                assert_eq!(compare(one, other), at.cmp(&other_at), "{one:?} {other:?}");
            }
        }
    }
}
