//! The messages that pages for users quote are those of tfs and of the system.
//!
//! The headings of docs/reference/errors.md are compared with the code (`troubleshooting`). So a
//! quote of tfs on another page has to be one of them.

use std::io;

use tfs_testkit::pages::{UserPage, user_pages};

use crate::troubleshooting;

/// The first words of messages of tfs. Other quotes, such as names of settings, have others.
const STARTS: [&str; 4] = ["cannot ", "failed to ", "no torrent ", "error: "];

/// Errno values with a text, on all systems that tfs runs on.
const ERRNO_MAX: i32 = 133;

/// Returns the texts of the system for its errors.
fn texts_of_the_system() -> Vec<String> {
    (1..=ERRNO_MAX)
        .map(|errno| {
            let text = io::Error::from_raw_os_error(errno).to_string();
            text.split(" (os error").next().unwrap_or_default().to_owned()
        })
        .collect()
}

/// Returns the texts in double quotes outside blocks and code, with the numbers of their lines.
fn quotes(page: &UserPage) -> Vec<(usize, String)> {
    let mut quotes = Vec::new();
    let mut is_code = false;
    for (number, line) in (1..).zip(page.text.lines()) {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if !is_fence && !is_code {
            let prose: String = line.split('`').step_by(2).collect();
            quotes.extend(prose.split('"').skip(1).step_by(2).map(|it| (number, it.to_owned())));
        }
    }
    quotes
}

/// Returns the first two words, in lower case.
fn first_words(text: &str) -> Option<(String, String)> {
    let lower = text.to_lowercase();
    let mut words = lower.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}

/// Returns a message with the words of the headings for addresses and paths.
fn general(message: &str) -> String {
    let words = message.split(' ').map(|word| {
        let end = if word.ends_with(':') { ":" } else { "" };
        match word {
            word if word.contains("://") => format!("URL{end}"),
            word if word.starts_with('/') => format!("PATH{end}"),
            word => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns the quotes of a page that nothing prints.
fn wrong_quotes(page: &UserPage, of_tfs: &[String], of_system: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let all = page.spans().into_iter().chain(quotes(page));
    for (line, quote) in all {
        let is_of_tfs = STARTS.iter().any(|start| quote.starts_with(start));
        if is_of_tfs && !of_tfs.contains(&quote) {
            wrong.push(format!("{}:{line}: tfs does not say: {quote}", page.path));
        }
    }
    for (line, quote) in quotes(page) {
        let words = first_words(&quote);
        let similar = of_system.iter().any(|text| words.is_some() && first_words(text) == words);
        if similar && !of_system.contains(&quote) {
            wrong.push(format!("{}:{line}: the system does not say: {quote}", page.path));
        }
    }
    // Where a test runs the block, it compares the output.
    for block in page.blocks().iter().filter(|block| !block.is_run) {
        for message in block.text.lines().filter_map(|line| line.strip_prefix("error: ")) {
            let general = general(message);
            if !of_tfs.iter().any(|known| general.starts_with(known)) {
                wrong.push(format!("{}:{}: tfs does not say: {message}", page.path, block.line));
            }
        }
    }
    wrong
}

#[test]
fn messages_on_the_pages_are_those_of_the_program() {
    let of_tfs: Vec<String> = troubleshooting::on_page().into_keys().collect();
    let of_system = texts_of_the_system();
    let pages = user_pages();
    let wrong: Vec<String> =
        pages.iter().flat_map(|page| wrong_quotes(page, &of_tfs, &of_system)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_quote_is_found() {
    let check = |text: &str| {
        let page = UserPage { path: "a.md".to_owned(), text: text.to_owned() };
        let of_tfs = ["cannot mount on PATH".to_owned()];
        wrong_quotes(&page, &of_tfs, &texts_of_the_system()).len()
    };
    assert_eq!(check("It says `cannot mount on PATH`, or \"Stale file handle\".\n"), 0);
    assert_eq!(check("It says `cannot mount to PATH`.\n"), 1);
    assert_eq!(check("It says \"Stale file handles\".\n"), 1);
    let block = |line: &str| format!("```console\n$ tfs x\nerror: {line}\n```\n");
    assert_eq!(check(&block("cannot mount on /mnt/t: it does not exist")), 0);
    assert_eq!(check(&block("cannot mount to /mnt/t")), 1);
}
