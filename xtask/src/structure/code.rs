//! A scanner of Rust sources: which lines are tests, and how long functions are.
//!
//! It is no parser. Comments and literals are masked first; then braces delimit items. `syn` would
//! make the first build of xtask longer by seconds, and gives no other figures.

use std::ops::Range;

/// Returns the text with comments and the contents of literals replaced by spaces. Line breaks
/// stay, so each line keeps its number.
pub(super) fn masked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let end = match (c, chars.get(at + 1)) {
            ('/', Some('/')) => line_end(&chars, at),
            ('/', Some('*')) => comment_end(&chars, at),
            ('"', _) => string_end(&chars, at, raw_hashes(&chars, at)),
            ('\'', _) => char_end(&chars, at),
            _ => at,
        };
        if end == at {
            masked.push(c);
            at += 1;
            continue;
        }
        let hidden = chars.get(at..end).unwrap_or_default();
        masked.extend(hidden.iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    masked
}

fn line_end(chars: &[char], start: usize) -> usize {
    find(chars, start, |c| c == '\n')
}

/// Returns the position of the first such character at or after `start`, or the end.
fn find(chars: &[char], start: usize, is_it: impl Fn(char) -> bool) -> usize {
    (start..chars.len()).find(|at| chars.get(*at).is_some_and(|c| is_it(*c))).unwrap_or(chars.len())
}

/// Returns the end of a block comment; block comments nest.
fn comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < chars.len() {
        match (chars.get(at), chars.get(at + 1)) {
            (Some('/'), Some('*')) => depth += 1,
            (Some('*'), Some('/')) => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

/// Returns the number of `#` if a raw string starts with the quote at `quote`.
fn raw_hashes(chars: &[char], quote: usize) -> Option<usize> {
    let before = chars.get(..quote)?;
    let hashes = before.iter().rev().take_while(|c| **c == '#').count();
    let rest = before.get(..quote - hashes)?;
    let (mark, rest) = rest.split_last()?;
    // `r` at the end of a name starts no string; `br` and `cr` start one.
    let rest = match rest.split_last() {
        Some(('b' | 'c', rest)) => rest,
        _ => rest,
    };
    let is_name = rest.last().is_some_and(|c| is_part_of_name(*c));
    (*mark == 'r' && !is_name).then_some(hashes)
}

fn string_end(chars: &[char], quote: usize, raw: Option<usize>) -> usize {
    let mut at = quote + 1;
    while let Some(c) = chars.get(at) {
        match (c, raw) {
            ('\\', None) => at += 1,
            ('"', None) => return at + 1,
            ('"', Some(hashes)) => {
                let after = chars.get(at + 1..at + 1 + hashes);
                if after.is_some_and(|after| after.iter().all(|c| *c == '#')) {
                    return at + 1 + hashes;
                }
            }
            _ => {}
        }
        at += 1;
    }
    chars.len()
}

/// Returns the end of a character literal, or `quote` itself for a lifetime.
fn char_end(chars: &[char], quote: usize) -> usize {
    match (chars.get(quote + 1), chars.get(quote + 2)) {
        (Some('\\'), Some(_)) => find(chars, quote + 3, |c| c == '\'').saturating_add(1),
        (Some(_), Some('\'')) => quote + 3,
        _ => quote,
    }
    .min(chars.len())
}

fn is_part_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the line numbers, from 1, of each function with a body in a masked text. A range starts
/// at the line with `fn`.
pub(super) fn functions(masked: &str) -> Vec<Range<usize>> {
    let mut functions = Vec::new();
    for (start, _) in masked.match_indices("fn ") {
        let is_word = masked
            .get(..start)
            .and_then(|before| before.chars().next_back())
            .is_none_or(|c| !is_part_of_name(c));
        let Some(body) = masked.get(start..).filter(|_| is_word).and_then(body_of) else {
            continue;
        };
        let line = line_at(masked, start);
        let line_count =
            masked.get(start..start + body).map_or(0, |text| text.matches('\n').count());
        functions.push(line..line + line_count + 1);
    }
    functions
}

/// Returns the lines, from 1, of inline modules under `#[cfg(test)]`, and the names of such modules
/// with files of their own.
pub(super) fn test_modules(masked: &str) -> (Vec<Range<usize>>, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut inline = Vec::new();
    let mut files = Vec::new();
    for (start, _) in masked.match_indices(MARK) {
        let Some(rest) = masked.get(start + MARK.len()..) else { continue };
        let item = without_attributes(rest);
        let Some(name) = item.strip_prefix("mod ") else { continue };
        match name.find([';', '{']) {
            Some(end) if name.get(end..).is_some_and(|rest| rest.starts_with(';')) => {
                files.extend(name.get(..end).map(|name| name.trim().to_owned()));
            }
            Some(_) => {
                let offset = rest.len() - item.len();
                let end =
                    body_of(item).map_or(masked.len(), |body| start + MARK.len() + offset + body);
                inline.push(line_at(masked, start)..line_at(masked, end) + 1);
            }
            None => {}
        }
    }
    (inline, files)
}

/// Returns the text after white space and attributes.
fn without_attributes(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        match text.strip_prefix("#[").and_then(|rest| rest.split_once(']')) {
            Some((_, rest)) => text = rest,
            None => return text,
        }
    }
}

/// Returns the offset of the brace that closes the body of an item, or `None` for an item that ends
/// with a semicolon.
fn body_of(item: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut nested = 0_usize;
    for (at, c) in item.char_indices() {
        match c {
            '(' | '[' => nested += 1,
            ')' | ']' => nested = nested.saturating_sub(1),
            ';' if nested == 0 && depth == 0 => return None,
            '{' => depth += 1,
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::{functions, masked, test_modules};

    #[test]
    fn comments_and_literals_are_masked() {
        let text = "a // fn {\nb /* { /* } */ */ c\n\"{\\\"\" r#\"{\"}\"# '{' '\\'' 'a\n\
                    br\"\\\" x\n";
        let masked = masked(text);
        let lines: Vec<String> = masked
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(lines, ["a", "b c", "r# 'a", "br x"]);
        assert_eq!(masked.chars().count(), text.chars().count());
    }

    #[test]
    fn functions_have_their_lines() {
        let text = "fn a() {}\ntrait T {\n    fn b(&self, x: [u8; 4]);\n    fn c()\n    where\n\
                    Self: Sized,\n    {\n        if x { y(); }\n    }\n}\ntype F = fn(u8) -> u8;\n";
        assert_eq!(functions(&masked(text)), [1..2, 4..10]);
    }

    #[test]
    fn modules_of_tests() {
        let text = "mod a;\n#[cfg(test)]\nmod sim;\n#[cfg(test)]\n#[path = \"x.rs\"]\nmod y;\n\
                    #[cfg(test)]\nuse z;\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n";
        let (inline, files) = test_modules(&masked(text));
        assert_eq!(inline.into_iter().flatten().collect::<Vec<_>>(), [9, 10, 11, 12]);
        assert_eq!(files, ["sim", "y"]);
    }
}
