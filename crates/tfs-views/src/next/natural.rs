//! Natural order of names: `2` comes before `10`.

use std::cmp::Ordering;

/// Compares two names. Numbers are compared by their value, letters without their case.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    while let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) {
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (a, b) = (take_digits(&mut left), take_digits(&mut right));
            // Without leading zeros the longer number is the greater.
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        } else {
            left = left.get(a.len_utf8()..).unwrap_or_default();
            right = right.get(b.len_utf8()..).unwrap_or_default();
            a.to_lowercase().cmp(b.to_lowercase())
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// Returns whether `next` is `name` with one number increased by one: `Film CD1`, `Film CD2`.
pub(super) fn is_successor(name: &str, next: &str) -> bool {
    let (mut left, mut right) = (name, next);
    let mut is_increased = false;
    while let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) {
        if a.is_ascii_digit() && b.is_ascii_digit() {
            let (a, b) = (take_digits(&mut left), take_digits(&mut right));
            if a == b {
                continue;
            }
            let [Ok(a), Ok(b)] = [a, b].map(|digits| digits.parse::<u32>().or(zero(digits))) else {
                return false;
            };
            if is_increased || a.checked_add(1) != Some(b) {
                return false;
            }
            is_increased = true;
        } else if a == b {
            left = left.get(a.len_utf8()..).unwrap_or_default();
            right = right.get(b.len_utf8()..).unwrap_or_default();
        } else {
            return false;
        }
    }
    is_increased && left.is_empty() && right.is_empty()
}

/// Returns 0 for what is left of a number of zeros only.
fn zero(digits: &str) -> Result<u32, ()> {
    if digits.is_empty() { Ok(0) } else { Err(()) }
}

/// Removes the digits at the start of a text, and returns them without leading zeros.
fn take_digits<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_value() {
        let mut names = ["b10", "B2", "a", "b002x", "b", "10", "9", "á1"];
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, ["9", "10", "a", "b", "B2", "b002x", "b10", "á1"]);
    }

    #[test]
    fn a_successor_has_one_number_more() {
        for (name, next, want) in [
            ("Film CD1", "Film CD2", true),
            ("Film.part09", "Film.part10", true),
            ("Film 0", "Film 1", true),
            ("Film 2010 CD1", "Film 2011 CD2", false),
            ("Film 1", "Film 3", false),
            ("Film 1", "Film 1", false),
            ("Film 1", "Films 2", false),
            ("Film 1", "Film 2 b", false),
            ("Film 99999999999", "Film 99999999999", false),
        ] {
            assert_eq!(is_successor(name, next), want, "{name}, {next}");
        }
    }
}
