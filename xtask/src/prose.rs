//! Words and sentences of texts.

use std::ops::AddAssign;

/// Words and sentences of one or more texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Prose {
    pub(super) words: usize,
    pub(super) sentences: usize,
}

impl Prose {
    /// Counts a page in Markdown. Code blocks and tables are no prose; a heading and an item of a
    /// list end with their paragraph.
    pub(super) fn of_page(text: &str) -> Self {
        let mut prose = Self::default();
        let mut paragraph = String::new();
        let mut in_code = false;
        for line in text.lines().map(str::trim) {
            let is_fence = line.starts_with("```");
            in_code ^= is_fence;
            let number = line.split_once(". ").filter(|(number, _)| number.parse::<u8>().is_ok());
            let is_item = line.starts_with(['-', '*', '#']) || number.is_some();
            if is_fence || in_code || line.is_empty() || line.starts_with('|') || is_item {
                prose += Self::of_paragraph(&paragraph);
                paragraph.clear();
            }
            let is_prose = !is_fence && !in_code && !line.starts_with(['|', '#', '<']);
            if is_prose {
                paragraph.push_str(number.map_or(line, |(_, text)| text));
                paragraph.push(' ');
            }
        }
        prose += Self::of_paragraph(&paragraph);
        prose
    }

    /// Counts the comments of a Rust file. Lines without a comment and empty comments separate
    /// paragraphs.
    pub(super) fn of_comments(text: &str) -> Self {
        let comments: Vec<&str> = text
            .lines()
            .map(|line| {
                let comment = line.trim_start().strip_prefix("//").unwrap_or_default();
                comment.trim_start_matches(['/', '!'])
            })
            .collect();
        Self::of_page(&comments.join("\n"))
    }

    fn of_paragraph(text: &str) -> Self {
        let words: Vec<&str> =
            text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).collect();
        let ends = |word: &str| {
            word.trim_end_matches(['`', '"', '\'', ')', '*', '_']).ends_with(['.', '!', '?'])
        };
        let ended = words.iter().filter(|word| ends(word)).count();
        let has_rest = words.last().is_some_and(|word| !ends(word));
        Self { words: words.len(), sentences: ended + usize::from(has_rest) }
    }

    /// Returns the words of a mean sentence, in tenths.
    pub(super) fn mean_tenths(self) -> usize {
        (self.words * 10).checked_div(self.sentences).unwrap_or_default()
    }
}

impl AddAssign for Prose {
    fn add_assign(&mut self, other: Self) {
        self.words += other.words;
        self.sentences += other.sentences;
    }
}

#[cfg(test)]
mod tests {
    use super::Prose;

    #[track_caller]
    fn check(prose: Prose, words: usize, sentences: usize) {
        assert_eq!(prose, Prose { words, sentences });
    }

    #[test]
    fn pages() {
        check(Prose::of_page("# Title here\n\nOne two\nthree. Four (five.)\n"), 5, 2);
        check(Prose::of_page("- One two\n- Three `a.b` four\n\n| a | b |\n\n1. Six\n"), 6, 3);
        check(Prose::of_page("```sh\nls -l\n```\nSix: seven\n"), 2, 1);
    }

    #[test]
    fn comments() {
        check(Prose::of_comments("//! One two.\n\n/// Three\n/// four.\nfn a() {} // no\n"), 4, 2);
    }

    #[test]
    fn mean() {
        assert_eq!(Prose { words: 7, sentences: 2 }.mean_tenths(), 35);
        assert_eq!(Prose::default().mean_tenths(), 0);
    }
}
