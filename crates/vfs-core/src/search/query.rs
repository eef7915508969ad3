//! Search queries: words, a glob or a regular expression, validated and bounded.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use regex::{Regex, RegexBuilder};

use super::fold::fold;
use super::glob::{self, GlobError};
use super::literals::required_literals;
use super::names::{FoldedWord, Paths};
use crate::tree::NodeIdx;

/// Maximum length of a query in bytes: four times the longest name.
const PATTERN_BYTES_MAX: usize = 1024;

/// Maximum number of words in a query. Each costs a check of every name that contains the first.
pub(super) const WORDS_MAX: usize = 32;

/// Maximum size of a compiled pattern in bytes. A pattern costs up to its size for each byte that
/// is searched, so this bounds the time as well as the memory. It permits `[a-z ]{1,200}`, and ten
/// times `\w`, which covers all alphabets; no search for a path needs more.
const COMPILED_BYTES_MAX: usize = 256 << 10;

/// Maximum size of the state cache of a pattern.
const DFA_BYTES_MAX: usize = 1 << 20;

/// Maximum nesting depth of groups in a pattern. The parser is recursive.
const NEST_MAX: u32 = 50;

/// Why a query is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The query is empty.
    #[error("the query is empty")]
    Empty,
    /// The query has more than 1,024 bytes.
    #[error("the query has {bytes} bytes; the maximum is {PATTERN_BYTES_MAX}")]
    TooLong {
        /// The length in bytes.
        bytes: usize,
    },
    /// The query has more than 32 words.
    #[error("the query has {count} words; the maximum is {WORDS_MAX}")]
    TooManyWords {
        /// Number of words.
        count: usize,
    },
    /// The query contains a control character, which no name in the mount has.
    #[error("the query contains the control character {0:?}, which no name contains")]
    ControlCharacter(char),
    /// Syntax error of a glob.
    #[error("{fault} at character {position} of the glob {glob:?}")]
    Glob {
        /// The glob.
        glob: String,
        /// Position of the wrong character, from 1.
        position: usize,
        /// The error.
        fault: GlobError,
    },
    /// Syntax error of a regular expression.
    #[error("the regular expression {regex:?} is invalid: {reason}")]
    Regex {
        /// The regular expression.
        regex: String,
        /// The error and its position, as text.
        reason: String,
    },
    /// The pattern would take too much memory or time.
    #[error("the pattern {pattern:?} is too large: it may take {COMPILED_BYTES_MAX} bytes")]
    TooLarge {
        /// The pattern.
        pattern: String,
    },
}

/// A query for the paths of files, as shown in the mount.
#[derive(Debug)]
pub struct Query {
    /// Texts that every matching path contains, longest first, each within one name.
    required: Vec<FoldedWord>,
    /// The regular expression, if the texts do not suffice.
    pattern: Option<QueryPattern>,
}

/// Whether the case of letters counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LetterCase {
    Exact,
    Any,
}

/// A glob or regular expression before it is compiled.
struct PatternText<'a> {
    /// As the user wrote it.
    text: &'a str,
    regex: &'a str,
    is_for_name: bool,
    case: LetterCase,
}

#[derive(Debug)]
struct QueryPattern {
    regex: Regex,
    /// Whether the name has to match, and not the path.
    is_for_name: bool,
}

impl Query {
    /// Matches paths that contain every word, at any position, in any case and encoding of accents.
    ///
    /// Words are separated by white space and slashes.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `TooManyWords` or `ControlCharacter`.
    pub fn words(text: &str) -> Result<Self, QueryError> {
        check_len(text)?;
        let is_separator = |character: char| character == '/' || character.is_whitespace();
        let words = text.split(is_separator).filter(|word| !word.is_empty());
        let words: Vec<_> = words.map(fold).collect();
        if words.is_empty() {
            return Err(QueryError::Empty);
        }
        if words.len() > WORDS_MAX {
            return Err(QueryError::TooManyWords { count: words.len() });
        }
        if let Some(control) = words.iter().flat_map(|word| word.chars()).find(|c| c.is_control()) {
            return Err(QueryError::ControlCharacter(control));
        }
        Ok(Self { required: ordered(words), pattern: None })
    }

    /// Matches files whose name matches a glob or, if the glob contains a slash, whose path from
    /// the root does. Case-sensitive.
    ///
    /// `*` and `?` match any characters and any single one, but no slash; `**` matches any
    /// characters including slashes; `[a-z]` and `[!a-z]` match one character; `{one,other}`
    /// matches either; `\` makes the next character literal.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `Glob` or `TooLarge`.
    pub fn glob(glob: &str) -> Result<Self, QueryError> {
        Self::glob_with(glob, LetterCase::Exact)
    }

    /// Matches as [`glob`](Self::glob) does, in any case of letters.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `Glob` or `TooLarge`.
    pub fn glob_in_any_case(glob: &str) -> Result<Self, QueryError> {
        Self::glob_with(glob, LetterCase::Any)
    }

    fn glob_with(glob: &str, case: LetterCase) -> Result<Self, QueryError> {
        check_len(glob)?;
        let composed = compose(glob);
        let regex = glob::to_regex(&composed).map_err(|(position, fault)| QueryError::Glob {
            glob: glob.to_owned(),
            position: position + 1,
            fault,
        })?;
        let pattern =
            PatternText { text: glob, regex: &regex, is_for_name: !glob.contains('/'), case };
        Self::pattern(&pattern)
    }

    /// Matches paths that contain a match of a regular expression. Case-sensitive, unless the
    /// expression contains `(?i)`.
    ///
    /// The syntax is that of the crate `regex`; a match takes time linear in the length of a path.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `Regex` or `TooLarge`.
    pub fn regex(regex: &str) -> Result<Self, QueryError> {
        Self::regex_with(regex, LetterCase::Exact)
    }

    /// Matches as [`regex`](Self::regex) does, in any case of letters, unless the expression
    /// contains `(?-i)`.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `Regex` or `TooLarge`.
    pub fn regex_in_any_case(regex: &str) -> Result<Self, QueryError> {
        Self::regex_with(regex, LetterCase::Any)
    }

    fn regex_with(text: &str, case: LetterCase) -> Result<Self, QueryError> {
        check_len(text)?;
        let pattern = PatternText { text, regex: &compose(text), is_for_name: false, case };
        Self::pattern(&pattern)
    }

    fn pattern(pattern: &PatternText<'_>) -> Result<Self, QueryError> {
        let &PatternText { text, regex, is_for_name, case } = pattern;
        let refused = |reason: String| QueryError::Regex { regex: text.to_owned(), reason };
        let is_any_case = case == LetterCase::Any;
        let mut parser = regex_syntax::ParserBuilder::new()
            .nest_limit(NEST_MAX)
            .case_insensitive(is_any_case)
            .build();
        let hir = parser.parse(regex).map_err(|error| refused(reason(&error)))?;
        let built = RegexBuilder::new(regex)
            .case_insensitive(is_any_case)
            .nest_limit(NEST_MAX)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(DFA_BYTES_MAX)
            .build();
        let regex = built.map_err(|error| {
            if matches!(error, regex::Error::CompiledTooBig(_)) {
                return QueryError::TooLarge { pattern: text.to_owned() };
            }
            refused(error.to_string())
        })?;
        let required = ordered(required_literals(&hir));
        Ok(Self { required, pattern: Some(QueryPattern { regex, is_for_name }) })
    }

    /// Returns whether a path matches. A glob without a slash is matched with its last name.
    #[must_use]
    pub fn is_match(&self, path: &str) -> bool {
        let is_for_name = self.pattern.as_ref().is_some_and(|pattern| pattern.is_for_name);
        let name = if is_for_name { path.rsplit('/').next().unwrap_or(path) } else { path };
        let folded = fold(name);
        self.required.iter().all(|word| word.is_in(folded.as_bytes()))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(name))
    }

    pub(super) fn required(&self) -> &[FoldedWord] {
        &self.required
    }

    /// Returns whether a file that contains all required words matches.
    pub(super) fn matches(&self, idx: NodeIdx, paths: &mut Paths<'_>) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        let text = if pattern.is_for_name { paths.name(idx) } else { paths.path(idx) };
        pattern.is_match(text)
    }
}

impl QueryPattern {
    fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
            || match compose(text) {
                Cow::Borrowed(_) => false,
                Cow::Owned(composed) => self.regex.is_match(&composed),
            }
    }
}

/// Returns a text with its accents composed (NFC), in which `?` matches a letter with its accent.
/// Patterns are matched against names as shown and against composed ones.
fn compose(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

fn check_len(text: &str) -> Result<(), QueryError> {
    match text.len() {
        0 => Err(QueryError::Empty),
        bytes if bytes > PATTERN_BYTES_MAX => Err(QueryError::TooLong { bytes }),
        _ => Ok(()),
    }
}

/// Returns the words, longest first: the longest is usually the rarest.
fn ordered(mut words: Vec<String>) -> Vec<FoldedWord> {
    words.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    words.dedup();
    words.truncate(WORDS_MAX);
    words.iter().map(|word| FoldedWord::new(word)).collect()
}

/// Returns the error of a pattern in one line. The parser's own message repeats the pattern.
fn reason(error: &regex_syntax::Error) -> String {
    let (kind, start) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start),
        // The enum is non-exhaustive.
        _ => return error.to_string(),
    };
    format!("{kind} at character {}", start.column)
}
