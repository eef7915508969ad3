//! Words and sentences of texts.

use std::ops::AddAssign;

/// Words and sentences of one or more texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prose {
    pub(crate) words: usize,
    pub(crate) sentences: usize,
}

impl Prose {
    /// Counts a page in Markdown.
    pub(crate) fn of_page(text: &str) -> Self {
        let mut prose = Self::default();
        for paragraph in paragraphs(text) {
            let sentences = sentences_of(&paragraph);
            prose.words += sentences.iter().map(|it| words(it).count()).sum::<usize>();
            prose.sentences += sentences.len();
        }
        prose
    }

    /// Counts the comments of a Rust file. Lines without a comment and empty comments separate
    /// paragraphs.
    pub(crate) fn of_comments(text: &str) -> Self {
        let comments: Vec<&str> = text
            .lines()
            .map(|line| {
                let comment = line.trim_start().strip_prefix("//").unwrap_or_default();
                comment.trim_start_matches(['/', '!'])
            })
            .collect();
        Self::of_page(&comments.join("\n"))
    }

    /// Returns the words of a mean sentence, in tenths.
    pub(crate) fn mean_tenths(self) -> usize {
        (self.words * 10).checked_div(self.sentences).unwrap_or_default()
    }

    /// Returns the words of a mean sentence as text, such as `12.3`.
    pub(crate) fn mean(self) -> String {
        let tenths = self.mean_tenths();
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

/// Returns the sentences of a page in Markdown.
pub(crate) fn sentences(text: &str) -> Vec<String> {
    paragraphs(text).iter().flat_map(|paragraph| sentences_of(paragraph)).collect()
}

/// Returns whether a page is for users: it has to be easy to read.
pub(crate) fn is_for_users(path: &str) -> bool {
    let dirs = ["docs/explain/", "docs/guide/", "docs/reference/"];
    path == "README.md" || path.ends_with(".md") && dirs.iter().any(|dir| path.starts_with(dir))
}

/// Returns the paragraphs of a page in Markdown. Code blocks and tables are no prose; a heading and
/// an item of a list end with their paragraph.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    let mut in_code = false;
    for line in text.lines().map(str::trim) {
        let is_fence = line.starts_with("```");
        in_code ^= is_fence;
        let number = line.split_once(". ").filter(|(number, _)| number.parse::<u8>().is_ok());
        let is_item = line.starts_with(['-', '*', '#']) || number.is_some();
        if is_fence || in_code || line.is_empty() || line.starts_with('|') || is_item {
            paragraphs.push(String::new());
        }
        let is_prose = !is_fence && !in_code && !line.starts_with(['|', '#', '<']);
        if let Some(paragraph) = paragraphs.last_mut().filter(|_| is_prose) {
            paragraph.push_str(number.map_or(line, |(_, text)| text));
            paragraph.push(' ');
        }
    }
    paragraphs.retain(|paragraph| words(paragraph).next().is_some());
    paragraphs
}

/// Splits a paragraph. Its end ends the last sentence.
fn sentences_of(paragraph: &str) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in words(paragraph) {
        match sentences.last_mut().filter(|_| is_open) {
            Some(sentence) => sentence.extend([" ", word]),
            None => sentences.push(word.to_owned()),
        }
        let bare = word.trim_end_matches(['`', '"', '\'', ')', '*', '_']);
        is_open = !bare.ends_with(['.', '!', '?']);
    }
    sentences
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric))
}

impl AddAssign for Prose {
    fn add_assign(&mut self, other: Self) {
        self.words += other.words;
        self.sentences += other.sentences;
    }
}

#[cfg(test)]
mod tests {
    use super::{Prose, is_for_users, sentences};

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
    fn sentences_of_a_page() {
        let page = "# Title\n\nOne two (three). Four:\n\n- five six?\n- `a.b` seven\n";
        assert_eq!(sentences(page), ["One two (three).", "Four:", "five six?", "`a.b` seven"]);
    }

    #[test]
    fn pages_for_users() {
        let pages = ["README.md", "docs/guide/a.md", "docs/dev/a.md", "docs/guide/a.svg"];
        assert_eq!(pages.map(is_for_users), [true, true, false, false]);
    }

    #[test]
    fn mean() {
        assert_eq!(Prose { words: 7, sentences: 2 }.mean_tenths(), 35);
        assert_eq!(Prose::default().mean_tenths(), 0);
    }
}
