//! Command lines as typed in bash and fish: splitting into words, and quoting of candidates.

/// The quotes in which a position of a command line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenQuote {
    /// No quotes.
    Bare,
    /// `'`.
    Single,
    /// `"`.
    Double,
    /// `$'`, in which a backslash escapes.
    Escaped,
}

impl OpenQuote {
    /// Returns the character that closes the quotes.
    fn end(self) -> Option<char> {
        match self {
            Self::Bare => None,
            Self::Single | Self::Escaped => Some('\''),
            Self::Double => Some('"'),
        }
    }
}

/// A word of a command line without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypedWord {
    pub(super) text: String,
    /// The quotes that are still open at the end.
    pub(super) quote: OpenQuote,
    /// Whether it begins with a tilde outside of quotes, which stands for the home directory.
    pub(super) has_tilde: bool,
}

impl TypedWord {
    fn new(quote: OpenQuote) -> Self {
        Self { text: String::new(), quote, has_tilde: false }
    }
}

/// Splits a command line into its words. The last word is the one at the end of the line: it is
/// empty after a blank.
pub(super) fn words_of(line: &str) -> Vec<TypedWord> {
    split(line, OpenQuote::Bare, true)
}

/// Returns a part of a word that begins in `quote`.
pub(super) fn word_in(part: &str, quote: OpenQuote) -> TypedWord {
    let words = split(part, quote, false);
    words.into_iter().next_back().unwrap_or_else(|| TypedWord::new(quote))
}

fn split(line: &str, quote: OpenQuote, has_blanks: bool) -> Vec<TypedWord> {
    let mut words = Vec::new();
    let mut word = TypedWord::new(quote);
    // Whether the word has begun: quotes alone are a word.
    let mut has_begun = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        if word.quote == OpenQuote::Bare && has_blanks && char.is_ascii_whitespace() {
            if has_begun {
                words.push(word);
            }
            (word, has_begun) = (TypedWord::new(OpenQuote::Bare), false);
            continue;
        }
        word.has_tilde |= !has_begun && char == '~';
        has_begun = true;
        match (word.quote, char) {
            (OpenQuote::Bare, '\'') => word.quote = OpenQuote::Single,
            (OpenQuote::Bare, '"') => word.quote = OpenQuote::Double,
            (OpenQuote::Bare, '$') if chars.next_if_eq(&'\'').is_some() => {
                word.quote = OpenQuote::Escaped;
            }
            (OpenQuote::Single | OpenQuote::Escaped, '\'') | (OpenQuote::Double, '"') => {
                word.quote = OpenQuote::Bare;
            }
            (OpenQuote::Bare | OpenQuote::Escaped, '\\') => word.text.extend(chars.next()),
            (OpenQuote::Double, '\\') => {
                let escaped = chars.next_if(|char| r#"$`"\"#.contains(*char));
                word.text.push(escaped.unwrap_or('\\'));
            }
            (_, char) => word.text.push(char),
        }
    }
    words.push(word);
    words
}

/// Characters with a meaning for a shell, in a word outside of quotes.
const SPECIAL: &str = " \t|&;()<>$`\\\"'*?[]{}!#~=^%";

/// Quotes a candidate for bash, where the quotes in `quote` are open. bash closes them. `has_tilde`
/// keeps a tilde at the beginning.
pub(super) fn quoted(text: &str, quote: OpenQuote, has_tilde: bool) -> String {
    let mut result = String::new();
    for (idx, char) in text.char_indices() {
        match quote {
            OpenQuote::Bare if idx == 0 && char == '~' && has_tilde => result.push(char),
            // An equals sign separates a flag from its value.
            OpenQuote::Bare if char == '=' && idx > 0 => result.push(char),
            OpenQuote::Bare if SPECIAL.contains(char) => result.extend(['\\', char]),
            OpenQuote::Single if char == '\'' => result.push_str(r"'\''"),
            // A backslash between double quotes does not escape it, but stays.
            OpenQuote::Double if char == '!' => result.push_str(r#""\!""#),
            OpenQuote::Double if r#"$`"\"#.contains(char) => result.extend(['\\', char]),
            OpenQuote::Escaped if r"\'".contains(char) => result.extend(['\\', char]),
            OpenQuote::Bare | OpenQuote::Single | OpenQuote::Double | OpenQuote::Escaped => {
                result.push(char);
            }
        }
    }
    // bash does not close the quotes behind the same character.
    if let Some(end) = quote.end()
        && result.ends_with(end)
    {
        result.push(end);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_words(line: &str, want: &[&str], quote: OpenQuote) {
        let words = words_of(line);
        let texts: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, want, "{line}");
        assert_eq!(words.last().unwrap().quote, quote, "{line}");
    }

    #[test]
    fn lines_are_split_as_by_a_shell() {
        use OpenQuote::{Bare, Double, Escaped, Single};
        check_words("", &[""], Bare);
        check_words("tfs ", &["tfs", ""], Bare);
        check_words("tfs  pause\tBig", &["tfs", "pause", "Big"], Bare);
        check_words(r"tfs Big\ B", &["tfs", "Big B"], Bare);
        check_words(r"tfs Big\", &["tfs", "Big"], Bare);
        check_words(r#"tfs "Big B"#, &["tfs", "Big B"], Double);
        check_words(r#"tfs "a\$b\c"#, &["tfs", r"a$b\c"], Double);
        check_words("tfs 'it is", &["tfs", "it is"], Single);
        check_words(r"tfs 'it'\''s", &["tfs", "it's"], Single);
        check_words(r"tfs $'it\'s", &["tfs", "it's"], Escaped);
        check_words(r#"tfs '' "a"b "#, &["tfs", "", "ab", ""], Bare);
        check_words("tfs --server=http://h", &["tfs", "--server=http://h"], Bare);
        check_words("tfs Größe", &["tfs", "Größe"], Bare);
        assert!(words_of("tfs ~/f").last().unwrap().has_tilde);
        assert!(!words_of("tfs '~/f").last().unwrap().has_tilde);
        assert!(!words_of(r"tfs \~/f").last().unwrap().has_tilde);
    }

    #[test]
    fn a_quoted_candidate_is_the_same_word_again() {
        let texts = [
            "Big Buck Bunny",
            "a [1080p] (2024) {x}",
            r#"it's "5$" `or` \6!"#,
            "-x & y | z; <a> *?#~=^%",
            "~/films",
            "she said \"no\"",
            "it's 'it'",
            "a=b",
            "Größe 🎬",
        ];
        for text in texts {
            for (quote, begin) in [
                (OpenQuote::Bare, ""),
                (OpenQuote::Single, "'"),
                (OpenQuote::Double, "\""),
                (OpenQuote::Escaped, "$'"),
            ] {
                let mut typed = format!("{begin}{}", quoted(text, quote, false));
                // As bash does.
                typed.extend(quote.end().filter(|end| !typed.ends_with(*end)));
                let word =
                    TypedWord { text: text.to_owned(), quote: OpenQuote::Bare, has_tilde: false };
                assert_eq!(words_of(&typed), [word], "{typed}");
            }
        }
        assert_eq!(quoted("~/a b", OpenQuote::Bare, true), r"~/a\ b");
    }
}
