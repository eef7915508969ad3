//! The order of names for people: numbers by their value, letters without their case.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

/// Compares two names. Different names are never equal.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let (mut ones, mut others) = (one.chars().peekable(), other.chars().peekable());
    loop {
        let (Some(first), Some(second)) = (ones.peek().copied(), others.peek().copied()) else {
            let left = ones.peek().is_some().cmp(&others.peek().is_some());
            return left.then_with(|| one.cmp(other));
        };
        let order = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (one, other) = (digits(&mut ones), digits(&mut others));
            // Without leading zeros, the longer number is the greater one.
            one.len().cmp(&other.len()).then_with(|| one.cmp(&other))
        } else {
            ones.next();
            others.next();
            first.to_lowercase().cmp(second.to_lowercase())
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the digits of a number, without leading zeros.
fn digits(characters: &mut Peekable<Chars<'_>>) -> String {
    let mut digits = String::new();
    while let Some(digit) = characters.next_if(char::is_ascii_digit) {
        if digit != '0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn episodes_are_in_their_order() {
        let sorted = ["A 1", "a 02", "a 10", "b", "B2", "b10", "b10 x", "\u{e9}"];
        let mut names = sorted;
        names.reverse();
        names.sort_unstable_by(|one, other| compare(one, other));
        assert_eq!(names, sorted);
        assert_eq!(compare("a", "a"), Ordering::Equal);
        assert_ne!(compare("a01", "a1"), Ordering::Equal);
        assert_ne!(compare("A", "a"), Ordering::Equal);
    }
}
