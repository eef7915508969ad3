//! Titles of shows, compared without case, punctuation and groups.

use std::sync::LazyLock;

use regex::Regex;

use super::words::SEASON_WORDS;

/// The title of a show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ShowTitle {
    /// Its words, in lower case, without punctuation.
    words: Vec<String>,
    year: Option<u32>,
    /// The season that ends a title, as in `Show S2` and `Show 2nd Season`.
    pub(super) season: Option<u32>,
}

/// The name of a group in brackets before the title.
static GROUP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^ ?(?:\[[^\]]*\]|【[^】]*】) ?").expect("a test uses it"));

/// The season at the end of a title.
static SEASON_AT_END: LazyLock<Regex> = LazyLock::new(|| {
    let text = format!(
        r"(?i)[ -](?:s(\d{{1,2}})|(?:{SEASON_WORDS}) ?(\d{{1,2}})|(\d{{1,2}})(?:st|nd|rd|th) season)[ -]*$"
    );
    Regex::new(&text).expect("a test uses it")
});

/// What follows the title in the name of a folder.
static AFTER_TITLE: LazyLock<Regex> = LazyLock::new(|| {
    let text =
        r"(?i)[ (\[](?:\d{3,4}[pi]|complete|blu-?ray|web-?dl|web-?rip|hdtv|dvd-?rip|bd-?rip|\[)";
    Regex::new(text).expect("a test uses it")
});

impl ShowTitle {
    /// Returns the title at the start of the name of a file, up to the number of the episode.
    pub(super) fn of(text: &str) -> Self {
        let text = GROUP.replace(text, "");
        let mut title = Self::default();
        let mut text = text.trim();
        if let Some(found) = SEASON_AT_END.captures(text) {
            let number = (1..=3).find_map(|group| found.get(group));
            title.season = number.and_then(|number| number.as_str().parse().ok());
            text = found.get(0).and_then(|all| text.get(..all.start())).unwrap_or(text);
        }
        title.words = words_of(text);
        if let [_, .., year] = title.words.as_slice()
            && let Some(year) = year_of(year)
        {
            title.year = Some(year);
            title.words.pop();
        }
        title
    }

    /// Returns the title in the name of a folder.
    pub(super) fn of_folder(text: &str) -> Self {
        let group = GROUP.find(text).map_or(0, |found| found.end());
        let text = text.get(group..).unwrap_or_default();
        let end = AFTER_TITLE.find(text).map_or(text.len(), |found| found.start());
        Self::of(text.get(..end).unwrap_or_default())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Returns whether this is the same show. A year counts if both titles have one.
    pub(super) fn is_same_show(&self, other: &Self) -> bool {
        self.words == other.words
            && (self.year.is_none() || other.year.is_none() || self.year == other.year)
    }

    /// Returns letters and digits that each path with this title contains, as
    /// [`letters_of`] returns them.
    pub(super) fn letters(&self) -> String {
        // `&` and `and` are one.
        self.words.iter().take_while(|word| *word != "and").map(String::as_str).collect()
    }

    /// Returns words that each path with this title contains, separated by blanks.
    pub(super) fn search_words(&self) -> String {
        // `Grey's` and `Greys`, `&` and `and` are one.
        let stem = |word: &String| word.strip_suffix('s').unwrap_or(word).to_owned();
        let is_sure = |word: &String| word.chars().count() >= 3 && word != "and";
        let mut words: Vec<_> = self.words.iter().map(stem).filter(is_sure).collect();
        if words.is_empty() {
            words = self.words.iter().map(stem).filter(|it| !it.is_empty()).collect();
        }
        words.truncate(8);
        words.join(" ")
    }
}

/// Returns the letters and digits of a text, in lower case.
pub(super) fn letters_of(text: &str) -> String {
    text.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn words_of(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace(['\'', '’', '`'], "").replace('&', " and ");
    let words = text.split(|character: char| !character.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn year_of(word: &str) -> Option<u32> {
    word.parse().ok().filter(|year| word.len() == 4 && (1900..2100).contains(year))
}
