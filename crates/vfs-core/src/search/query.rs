//! What is asked for: words, a glob or a regular expression, checked and bounded.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use regex::{Regex, RegexBuilder};

use super::fold::fold;
use super::glob::{self, GlobError};
use super::literals::required_literals;
use super::names::{FoldedWord, Paths};
use crate::tree::NodeIdx;

/// The longest query in bytes: four times the longest name.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// The most words that a query has. Each costs a look at every name that has the first one.
pub const WORDS_MAX: usize = 32;

/// How large a compiled pattern may be in bytes. A pattern costs up to its size for each byte that
/// is searched, so this bounds the time as well as the memory. `[a-z ]{1,200}` fits, and ten times
/// `\w`, which knows all alphabets; no search for a path needs more.
const COMPILED_BYTES_MAX: usize = 256 << 10;

/// How much memory a pattern may take to remember where it was.
const DFA_BYTES_MAX: usize = 1 << 20;

/// How deep groups of a pattern may nest. The parser is recursive.
const NEST_MAX: u32 = 50;

/// How a query is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternKind {
    /// Words, each of which must occur in the path.
    Words,
    /// A glob, as in a shell.
    Glob,
    /// A regular expression.
    Regex,
}

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// There is nothing in it to look for.
    #[error("there is nothing to look for")]
    Empty,
    /// It is longer than [`PATTERN_BYTES_MAX`].
    #[error("the query has {bytes} bytes, the most is {PATTERN_BYTES_MAX}")]
    TooLong {
        /// The length in bytes.
        bytes: usize,
    },
    /// It has more than [`WORDS_MAX`] words.
    #[error("the query has {count} words, the most is {WORDS_MAX}")]
    TooManyWords {
        /// How many it has.
        count: usize,
    },
    /// It has a control character in it, which no name in the mount has.
    #[error("the query has the control character {0:?} in it, and no name has")]
    ControlCharacter(char),
    /// A glob is not written as one.
    #[error("{fault} at character {position} of the glob {glob:?}")]
    Glob {
        /// The glob.
        glob: String,
        /// Which of its characters is wrong, counted from 1.
        position: usize,
        /// What is wrong with it.
        fault: GlobError,
    },
    /// A regular expression is not written as one.
    #[error("the regular expression {regex:?} cannot be understood: {reason}")]
    Regex {
        /// The regular expression.
        regex: String,
        /// What is wrong with it and where, in words.
        reason: String,
    },
    /// A pattern would take too much memory or time.
    #[error("the pattern {pattern:?} is too large: it may take {COMPILED_BYTES_MAX} bytes")]
    TooLarge {
        /// The pattern.
        pattern: String,
    },
}

/// What to look for in the paths of files, as they are shown in the mount.
#[derive(Debug)]
pub struct Query {
    kind: PatternKind,
    /// What every path that matches has in it, the longest first, each within one name.
    required: Vec<FoldedWord>,
    /// Decides where that is not enough.
    pattern: Option<QueryPattern>,
}

#[derive(Debug)]
struct QueryPattern {
    regex: Regex,
    /// Whether it is the name that must match, and not the path.
    is_for_name: bool,
}

impl Query {
    /// Looks for paths in which every word occurs, in whatever place, case and encoding of accents.
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
        Ok(Self { kind: PatternKind::Words, required: ordered(words), pattern: None })
    }

    /// Looks for files whose name matches a glob or, if there is a slash in the glob, whose path
    /// from the root on does. Case matters.
    ///
    /// `*` and `?` are any characters and any one, but no slash; `**` is any characters with
    /// slashes; `[a-z]` and `[!a-z]` are one character; `{one,other}` is either; `\` takes the next
    /// character as it stands.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `Glob` or `TooLarge`.
    pub fn glob(glob: &str) -> Result<Self, QueryError> {
        check_len(glob)?;
        let composed = compose(glob);
        let regex = glob::to_regex(&composed).map_err(|(position, fault)| QueryError::Glob {
            glob: glob.to_owned(),
            position: position + 1,
            fault,
        })?;
        Self::pattern(PatternKind::Glob, glob, &regex, !glob.contains('/'))
    }

    /// Looks for paths in which a regular expression matches somewhere. Case matters, unless the
    /// expression says `(?i)`.
    ///
    /// The syntax is that of the crate `regex`; a match takes time linear in the length of a path.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `Regex` or `TooLarge`.
    pub fn regex(regex: &str) -> Result<Self, QueryError> {
        check_len(regex)?;
        Self::pattern(PatternKind::Regex, regex, &compose(regex), false)
    }

    /// Returns how the query was written.
    #[must_use]
    pub fn kind(&self) -> PatternKind {
        self.kind
    }

    fn pattern(
        kind: PatternKind,
        text: &str,
        regex: &str,
        is_for_name: bool,
    ) -> Result<Self, QueryError> {
        let refused = |reason: String| QueryError::Regex { regex: text.to_owned(), reason };
        let mut parser = regex_syntax::ParserBuilder::new().nest_limit(NEST_MAX).build();
        let hir = parser.parse(regex).map_err(|error| refused(reason(&error)))?;
        let built = RegexBuilder::new(regex)
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
        Ok(Self { kind, required, pattern: Some(QueryPattern { regex, is_for_name }) })
    }

    pub(super) fn required(&self) -> &[FoldedWord] {
        &self.required
    }

    /// Returns whether a file with all required words matches.
    pub(super) fn matches(&self, idx: NodeIdx, paths: &mut Paths<'_>) -> bool {
        let Some(QueryPattern { regex, is_for_name }) = &self.pattern else { return true };
        let text = if *is_for_name { paths.name(idx) } else { paths.path(idx) };
        regex.is_match(text)
            || match compose(text) {
                Cow::Borrowed(_) => false,
                Cow::Owned(composed) => regex.is_match(&composed),
            }
    }
}

/// Returns a text with its accents composed (NFC), in which `?` stands for a letter with its
/// accent. Patterns are matched with names as they are shown and with composed ones.
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

/// Returns the words with the longest first, which is most often the rarest.
fn ordered(mut words: Vec<String>) -> Vec<FoldedWord> {
    words.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    words.dedup();
    words.truncate(WORDS_MAX);
    words.iter().map(|word| FoldedWord::new(word)).collect()
}

/// Returns what is wrong with a pattern in one line. The parser's own words repeat the pattern.
fn reason(error: &regex_syntax::Error) -> String {
    let (kind, start) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start),
        // The enum may grow.
        _ => return error.to_string(),
    };
    format!("{kind} at character {}", start.column)
}
