//! Show, season and episode of a file, from its name and the folders above it.
//!
//! The parser of [`ReleaseName`](crate::ReleaseName) takes half a millisecond a name; this one is
//! for thousands of names, and takes only the forms that leave no doubt.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::title::ShowTitle;
use super::words::SEASON_WORDS;
use crate::media::without_extension;

/// Greatest distance of the episodes of one file: `S01E01-E24`.
const SPAN_MAX: u32 = 30;

/// Which episodes of which show a file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EpisodeNumber {
    pub(super) show: ShowTitle,
    /// `None` for absolute numbers without a season.
    pub(super) season: Option<u32>,
    pub(super) first: u32,
    pub(super) last: u32,
    /// Whether the number is a date, as of daily shows: year, month and day as one number.
    pub(super) is_date: bool,
}

/// What the groups of an expression are.
#[derive(Clone, Copy)]
enum NumberForm {
    SeasonEpisode,
    Episode,
    Date,
    /// A number at the start of a name, within the folder of a season.
    InSeasonFolder,
}

static FORMS: LazyLock<Vec<(NumberForm, Regex)>> = LazyLock::new(|| {
    let border = r"(?:^|[^\p{L}\p{N}])";
    let end = r"(?:$|[^\p{L}\p{N}])";
    let season = SEASON_WORDS;
    let forms = [
        (
            NumberForm::SeasonEpisode,
            format!(r"{border}[st](\d{{1,4}})[ -]{{0,3}}(?:ep?|x) ?#?(\d{{1,4}})"),
        ),
        (NumberForm::SeasonEpisode, format!(r"{border}(\d{{1,2}})[x×х](\d{{2,3}})(?:$|[^\d])")),
        (
            NumberForm::SeasonEpisode,
            format!(
                r"{border}(?:{season}) ?(\d{{1,2}})[ ,-]*(?:{EPISODE_WORDS}|e|ep) ?(\d{{1,4}})"
            ),
        ),
        (
            NumberForm::Date,
            format!(r"{border}((?:19|20)\d\d)[ -](0\d|1[0-2])[ -]([0-2]\d|3[01]){end}"),
        ),
        (
            NumberForm::Episode,
            format!(r"{border}(?:{EPISODE_WORDS}|ep|e)[ #-]{{0,2}}(\d{{1,4}})(?:v\d)?{end}"),
        ),
        (NumberForm::Episode, r"(?:^| |-)第 ?(\d{1,4}) ?[話话集回]".to_owned()),
        (NumberForm::Episode, format!(r"{border}(\d{{1,3}}) ?(?:of|из|de) ?\d{{1,3}}{end}")),
        (NumberForm::Episode, r"[\[【](\d{2,4})(?:v\d)?(?: ?(?:end|fin))?[\]】]".to_owned()),
        (NumberForm::Episode, format!(r" - #?(\d{{1,4}})(?:v\d)?{end}")),
        (NumberForm::InSeasonFolder, r"^(\d{1,3})(?:$|[ -])".to_owned()),
    ];
    let compile = |text: &str| Regex::new(&format!("(?i){text}")).expect("a test compiles each");
    forms.into_iter().map(|(form, text)| (form, compile(&text))).collect()
});

const EPISODE_WORDS: &str = "episode|episodio|episódio|folge|capitulo|capítulo|odcinek|серия";

/// The season that the name of a folder has.
static SEASON: LazyLock<Regex> = LazyLock::new(|| {
    let text = format!(
        r"(?i)(?:^|[^\p{{L}}\p{{N}}])(?:(?:{SEASON_WORDS}) ?|s)(\d{{1,2}})(?:$|[^\p{{L}}\p{{N}}])"
    );
    Regex::new(&text).expect("a test compiles it")
});

/// Further episodes of the same file, after the number of the first.
static MORE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?: ?[-+&] ?ep?|-|e)(\d{1,4})(?:$|[^\p{L}\p{N}]|e\d)")
        .expect("a test uses it")
});

/// A recap between two episodes, as `12.5`.
static RECAP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"- \d{1,4}\.5(?:$|[^\d])").expect("a test uses it"));

impl EpisodeNumber {
    /// Returns the episodes of a file; `None` if the path does not tell.
    pub(super) fn of(path: &str) -> Option<Self> {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let name = without_extension(name);
        if RECAP.is_match(name) {
            return None;
        }
        let name = cleaned(name);
        let folder = cleaned(folders.rsplit('/').next().unwrap_or_default());
        let folder_season = SEASON.captures(&folder).and_then(|found| number(&found, 1));
        FORMS.iter().find_map(|(form, regex)| {
            let found = regex.captures(&name)?;
            let mut episode = Self::from(*form, &found, &name)?;
            if matches!(form, NumberForm::InSeasonFolder) && folder_season.is_none() {
                return None;
            }
            if episode.show.is_empty() {
                episode.show = show_of_folders(folders);
            }
            episode.season = episode.season.or(episode.show.season).or(folder_season);
            Some(episode)
        })
    }

    fn from(form: NumberForm, found: &Captures<'_>, name: &str) -> Option<Self> {
        let start = found.get(0)?.start();
        // The border before a number belongs to no title.
        let before = name.get(..start)?;
        let show = |before| ShowTitle::of(before);
        let (season, first) = match form {
            NumberForm::SeasonEpisode => (Some(number(found, 1)?), number(found, 2)?),
            NumberForm::Episode | NumberForm::InSeasonFolder => (None, number(found, 1)?),
            NumberForm::Date => {
                let [year, month, day] = [1, 2, 3].map(|group| number(found, group));
                let first = year? * 10_000 + month? * 100 + day?;
                let show = show(before);
                return Some(Self { show, season: None, first, last: first, is_date: true });
            }
        };
        // A year after a dash is no episode.
        if season.is_none() && (1900..2100).contains(&first) {
            return None;
        }
        let numbers_end = found.get(found.len() - 1)?.end();
        let last = last_of(first, name.get(numbers_end..).unwrap_or_default());
        Some(Self { show: show(before), season, first, last, is_date: false })
    }

    /// Returns whether it is a special, which no episode is followed by.
    pub(super) fn is_special(&self) -> bool {
        self.season == Some(0)
    }

    /// Returns whether a number is one of its episodes.
    pub(super) fn has(&self, number: u32) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

/// Returns the last episode of a file that begins with `first`, by what follows in its name.
fn last_of(first: u32, mut rest: &str) -> u32 {
    let mut last = first;
    while let Some(found) = MORE.captures(rest)
        && let Some(next) = number(&found, 1)
        && next > last
        && next - first <= SPAN_MAX
    {
        last = next;
        let end = found.get(1).map_or(rest.len(), |it| it.end());
        rest = rest.get(end..).unwrap_or_default();
    }
    last
}

/// Returns the title of a show by the nearest folder that has one.
fn show_of_folders(folders: &str) -> ShowTitle {
    let mut titles = folders.rsplit('/').map(|folder| {
        let folder = cleaned(folder);
        let end = SEASON.find(&folder).map_or(folder.len(), |found| found.start());
        ShowTitle::of_folder(folder.get(..end).unwrap_or_default())
    });
    titles.find(|title| !title.is_empty()).unwrap_or_default()
}

fn number(found: &Captures<'_>, group: usize) -> Option<u32> {
    found.get(group)?.as_str().parse().ok()
}

/// Returns a name with blanks for dots and underlines.
fn cleaned(name: &str) -> String {
    name.replace(['.', '_'], " ")
}
