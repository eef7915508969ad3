//! The pages for users and their code blocks, as input of tests.
//!
//! The first word of a fence is the language, and a second word says what tests do with the block:
//!
//! | fence | what tests do |
//! |---|---|
//! | `console test` | run each line that begins with `$ `, and compare the lines below it |
//! | `sh`, `console` | parse each command of tfs |
//! | `toml` | load it as a configuration, unless the page says that it is another file |

use std::fs;
use std::path::{Path, PathBuf};

/// Directories of the pages for users, relative to the root of the checkout.
const DIRS: [&str; 3] = ["docs/explain", "docs/guide", "docs/reference"];

/// The word that marks a block whose commands run in a test.
const RUN: &str = "test";

/// One page for users.
#[derive(Debug, Clone)]
pub struct UserPage {
    /// Its path relative to the root of the checkout.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// One fenced block of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeBlock {
    /// The number of its first line in the page, from 1.
    pub line: usize,
    /// The first word of the fence; empty if there is none.
    pub language: String,
    /// Whether a test runs its commands.
    pub is_run: bool,
    /// The text between the fences.
    pub text: String,
}

/// Returns README.md and all pages below the directories for users, in the order of their paths.
///
/// # Panics
/// If a page cannot be read, or there are none.
#[must_use]
pub fn user_pages() -> Vec<UserPage> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = vec![PathBuf::from("README.md")];
    for dir in DIRS {
        let entries = fs::read_dir(root.join(dir)).expect("the checkout has the pages");
        let names = entries.map(|entry| entry.expect("a directory can be listed").file_name());
        paths.extend(names.map(|name| Path::new(dir).join(name)));
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    let read = |path: PathBuf| UserPage {
        text: fs::read_to_string(root.join(&path)).expect("a page can be read"),
        path: path.display().to_string(),
    };
    paths.into_iter().map(read).collect()
}

impl UserPage {
    /// Returns the fenced blocks.
    #[must_use]
    pub fn blocks(&self) -> Vec<CodeBlock> {
        let mut blocks = Vec::new();
        let mut open: Option<CodeBlock> = None;
        for (number, line) in (1..).zip(self.text.lines()) {
            match (line.trim_start().strip_prefix("```"), open.take()) {
                (Some(_end), Some(block)) => blocks.push(block),
                (Some(info), None) => {
                    let mut words = info.split_whitespace();
                    open = Some(CodeBlock {
                        line: number + 1,
                        language: words.next().unwrap_or_default().to_owned(),
                        is_run: words.next() == Some(RUN),
                        text: String::new(),
                    });
                }
                (None, Some(mut block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        blocks
    }

    /// Returns the code spans outside blocks, with the numbers of their lines.
    #[must_use]
    pub fn spans(&self) -> Vec<(usize, String)> {
        let mut spans = Vec::new();
        let mut is_code = false;
        for (number, line) in (1..).zip(self.text.lines()) {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            if !is_fence && !is_code {
                let inside = line.split('`').skip(1).step_by(2);
                // A table escapes the bar.
                spans.extend(inside.map(|span| (number, span.replace("\\|", "|"))));
            }
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::{CodeBlock, UserPage, user_pages};

    #[test]
    fn blocks_and_spans() {
        let text =
            "A `tfs list` b.\n\n```console test\n$ tfs\nout\n```\n| `a\\|b` |\n```\nx `y`\n```\n";
        let page = UserPage { path: "a.md".to_owned(), text: text.to_owned() };
        let block = |line, language: &str, is_run, text: &str| CodeBlock {
            line,
            language: language.to_owned(),
            is_run,
            text: text.to_owned(),
        };
        let blocks = [block(4, "console", true, "$ tfs\nout\n"), block(9, "", false, "x `y`\n")];
        assert_eq!(page.blocks(), blocks);
        assert_eq!(page.spans(), [(1, "tfs list".to_owned()), (7, "a|b".to_owned())]);
    }

    #[test]
    fn the_checkout_has_pages() {
        let pages = user_pages();
        let has = |path: &str| pages.iter().any(|page| page.path == path);
        assert!(has("README.md") && has("docs/guide/quick-start.md"));
    }
}
