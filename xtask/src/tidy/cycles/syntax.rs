//! The paths and imports in the text of a Rust file, outside comments, strings and tests.

/// A part of Rust's syntax that paths are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Sign(char),
}

/// What a file names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NamedPaths {
    /// The paths with at least two segments, of imports and of all other code, with their lines.
    pub(super) paths: Vec<(usize, Vec<String>)>,
    /// The names that imports bind, each with the path behind it.
    pub(super) imports: Vec<(String, Vec<String>)>,
}

/// Returns what a file names, without its tests.
pub(super) fn names(text: &str) -> NamedPaths {
    let tokens = without_tests(&tokens(text));
    let mut names = NamedPaths::default();
    let mut at = 0;
    while let Some(&(line, token)) = tokens.get(at) {
        at += 1;
        let Token::Word(word) = token else { continue };
        if word == "use" {
            at = import(&tokens, at, &mut Vec::new(), &mut names);
            continue;
        }
        let mut path = vec![word.to_owned()];
        while let Some((segment, next)) = after_colons(&tokens, at) {
            let Token::Word(segment) = segment else { break };
            path.push(segment.to_owned());
            at = next;
        }
        if path.len() > 1 {
            names.paths.push((line, path));
        }
    }
    names
}

/// Reads a tree of imports. Returns the position behind it.
fn import(
    tokens: &[(usize, Token<'_>)],
    start: usize,
    prefix: &mut Vec<String>,
    names: &mut NamedPaths,
) -> usize {
    let depth = prefix.len();
    let mut at = start;
    let mut line = 0;
    while let Some(&(token_line, Token::Word(word))) = tokens.get(at) {
        line = token_line;
        prefix.push(word.to_owned());
        at += 1;
        match after_colons(tokens, at) {
            None => break,
            Some((Token::Word(_), next)) => at = next - 1,
            // A group, or all names of a module.
            Some((Token::Sign(_), next)) => {
                at = next - 1;
                break;
            }
        }
    }
    match tokens.get(at) {
        Some((_, Token::Sign('{'))) => {
            at += 1;
            while !matches!(tokens.get(at), None | Some((_, Token::Sign('}')))) {
                let next = import(tokens, at, prefix, names);
                at = next.max(at + 1);
                if matches!(tokens.get(at), Some((_, Token::Sign(',')))) {
                    at += 1;
                }
            }
            at += 1;
        }
        Some((_, Token::Sign('*'))) => {
            names.paths.push((line, prefix.clone()));
            at += 1;
        }
        other => {
            let mut path = prefix.clone();
            if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                path.pop();
            }
            let mut bound = path.last().cloned();
            if matches!(other, Some((_, Token::Word("as")))) {
                bound = match tokens.get(at + 1) {
                    Some((_, Token::Word(name))) => Some((*name).to_owned()),
                    _ => None,
                };
                at += 2;
            }
            if let Some(bound) = bound {
                names.imports.push((bound, path.clone()));
            }
            names.paths.push((line, path));
        }
    }
    prefix.truncate(depth);
    at
}

/// Returns what follows a `::` at a position, and the position behind that.
fn after_colons<'a>(tokens: &[(usize, Token<'a>)], at: usize) -> Option<(Token<'a>, usize)> {
    let is_colon = |at| matches!(tokens.get(at), Some((_, Token::Sign(':'))));
    if !is_colon(at) || !is_colon(at + 1) {
        return None;
    }
    tokens.get(at + 2).map(|(_, token)| (*token, at + 3))
}

/// Leaves out each item behind `#[cfg(test)]`.
fn without_tests<'a>(tokens: &[(usize, Token<'a>)]) -> Vec<(usize, Token<'a>)> {
    const ATTRIBUTE: [Token<'_>; 7] = [
        Token::Sign('#'),
        Token::Sign('['),
        Token::Word("cfg"),
        Token::Sign('('),
        Token::Word("test"),
        Token::Sign(')'),
        Token::Sign(']'),
    ];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_test = (0..ATTRIBUTE.len())
            .all(|i| tokens.get(at + i).map(|(_, token)| token) == ATTRIBUTE.get(i));
        if is_test {
            at = item_end(tokens, at + ATTRIBUTE.len());
        } else {
            kept.extend(tokens.get(at));
            at += 1;
        }
    }
    kept
}

/// Returns the position behind an item: behind its `;` or its body.
fn item_end(tokens: &[(usize, Token<'_>)], start: usize) -> usize {
    let mut depth = 0_usize;
    // The braces of an import are followed by `;`.
    let mut is_import = false;
    for (at, (_, token)) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Word("use") if depth == 0 => is_import = true,
            Token::Sign('{' | '(' | '[') => depth += 1,
            Token::Sign(')' | ']') => depth = depth.saturating_sub(1),
            Token::Sign('}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 && !is_import {
                    return at + 1;
                }
            }
            // A comma ends a field or a variant.
            Token::Sign(';' | ',') if depth == 0 => return at + 1,
            Token::Word(_) | Token::Sign(_) => {}
        }
    }
    tokens.len()
}

/// Splits a text into words and signs, with their lines. Comments and literals are left out.
fn tokens(text: &str) -> Vec<(usize, Token<'_>)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal(rest) {
            length
        } else if first.is_alphanumeric() || first == '_' {
            let end = |c: char| !c.is_alphanumeric() && c != '_';
            let length = rest.find(end).unwrap_or(rest.len());
            found.extend(rest.get(..length).map(|word| (line, Token::Word(word))));
            length
        } else {
            if !first.is_whitespace() {
                found.push((line, Token::Sign(first)));
            }
            first.len_utf8()
        };
        let (token, behind) = rest.split_at(length);
        line += token.matches('\n').count();
        rest = behind;
    }
    found
}

/// Returns the length of the string or character literal at the start of a text.
fn literal(text: &str) -> Option<usize> {
    let raw = text.strip_prefix('b').unwrap_or(text).strip_prefix('r').map(|rest| {
        let quote = rest.trim_start_matches('#');
        (quote, rest.len() - quote.len())
    });
    if let Some((quote, hashes)) = raw
        && let Some(inside) = quote.strip_prefix('"')
    {
        let close = format!("\"{}", "#".repeat(hashes));
        let end = inside.find(&close).map_or(inside.len(), |end| end + close.len());
        return Some(text.len() - inside.len() + end);
    }
    let (quote, inside) = match text.strip_prefix('b').unwrap_or(text) {
        string if string.starts_with('"') => ('"', string.get(1..)?),
        char if char.starts_with('\'') => ('\'', char.get(1..)?),
        _ => return None,
    };
    // A lifetime has no closing quote behind its first character.
    if quote == '\'' && !inside.starts_with('\\') && inside.chars().nth(1) != Some('\'') {
        return None;
    }
    let mut is_escaped = false;
    for (at, char) in inside.char_indices() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if char == quote && at > 0 || char == '"' && quote == '"' => {
                return Some(text.len() - inside.len() + at + 1);
            }
            _ => {}
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::names;

    #[test]
    fn paths_and_imports() {
        let text = r##"
use std::fmt::{self, Write as _};
pub use inner::*;
use crate::{a::{B, c::D as E}, f};
#[cfg(test)]
use crate::only_in_tests;
// crate::in_a_comment
fn body<'a>(x: &'a str, y: super::Other) -> char {
    let text = "crate::in_a_string \" crate::too";
    let raw = r#"crate::raw " "#;
    self::f::<crate::Generic>('"', '\'', b"crate::bytes");
    'x'
}
struct S {
    #[cfg(test)]
    field: crate::of_tests::Field,
    other: crate::Kept,
}
#[cfg(test)]
mod tests {
    use crate::in_tests;
}
"##;
        let names = names(text);
        let mut found = String::new();
        for (line, path) in &names.paths {
            writeln!(found, "{line} {}", path.join("::")).unwrap();
        }
        for (name, path) in &names.imports {
            writeln!(found, "{name} = {}", path.join("::")).unwrap();
        }
        expect![[r#"
            2 std::fmt
            2 std::fmt::Write
            3 inner
            4 crate::a::B
            4 crate::a::c::D
            4 crate::f
            8 super::Other
            11 self::f
            11 crate::Generic
            17 crate::Kept
            fmt = std::fmt
            _ = std::fmt::Write
            B = crate::a::B
            E = crate::a::c::D
            f = crate::f
        "#]]
        .assert_eq(&found);
    }
}
