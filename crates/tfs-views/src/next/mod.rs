//! The file that follows another: the next episode of a show, the next part, the next track.
//!
//! ```text
//! NextFinder   the file that is played
//!   EpisodeNumber      show, season and episode, by the names of files and folders
//!   natural      order within a folder, for files without a number of an episode
//! ```

mod episode;
mod natural;
#[cfg(test)]
mod tests;
mod title;
mod words;

use std::cmp::Reverse;
use std::sync::LazyLock;

use regex::Regex;

use self::episode::EpisodeNumber;
use self::title::letters_of;
use crate::ReleaseName;
use crate::media::{MediaClass, without_extension};

/// Maximum number of subtitle files of one video.
const SUBTITLES_MAX: usize = 16;

/// Maximum number of equal episodes whose names are parsed to compare their groups.
const COMPARED_MAX: usize = 32;

/// Least first number of a season whose episodes are numbered from the first season on.
const THROUGH_MIN: u32 = 4;

const SUBTITLES: &[&str] = &["ass", "idx", "smi", "srt", "ssa", "sub", "sup", "vtt"];

/// Folders of what is no part of a show.
const EXTRA_FOLDERS: &[&str] = &[
    "behind the scenes",
    "bonus",
    "deleted scenes",
    "extra",
    "extras",
    "featurettes",
    "interviews",
    "proof",
    "sample",
    "samples",
    "specials",
    "trailer",
    "trailers",
];

/// A file that may follow.
#[derive(Debug, Clone, Copy)]
pub struct NextCandidate<'a> {
    /// The path from the root.
    pub path: &'a str,
    /// Whether it is in the torrent of the file that is played.
    pub is_same_torrent: bool,
}

/// The file that follows, by places in the list of candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextFile {
    /// Place of the video or track.
    pub index: usize,
    /// Places of its subtitles, which are small.
    pub subtitles: Vec<usize>,
}

/// Finds the file that follows the one that is played.
#[derive(Debug, Clone)]
pub struct NextFinder {
    path: String,
    class: MediaClass,
    episode: Option<EpisodeNumber>,
}

impl NextFinder {
    /// Returns `None` for files that are not played: only videos and audio files are followed.
    #[must_use]
    pub fn new(path: &str) -> Option<Self> {
        let class = class_of(path)?;
        let episode = (class == MediaClass::Video).then(|| EpisodeNumber::of(path)).flatten();
        Some(Self { path: path.to_owned(), class, episode })
    }

    /// Returns words that the paths of all candidates contain; `None` if only the files of the same
    /// folder are candidates.
    #[must_use]
    pub fn search_words(&self) -> Option<String> {
        let words = self.episode.as_ref()?.show.search_words();
        (!words.is_empty()).then_some(words)
    }

    /// Returns the file that follows. Candidates that cannot follow are ignored. Costs a few
    /// microseconds for each candidate.
    #[must_use]
    pub fn find(&self, candidates: &[NextCandidate<'_>]) -> Option<NextFile> {
        let index = match &self.episode {
            Some(episode) => self.next_episode(episode, candidates)?,
            None => self.next_in_folder(candidates)?,
        };
        let next = candidates.get(index)?;
        let subtitles = if self.class == MediaClass::Video {
            let all = candidates.iter().enumerate();
            let of_next = all.filter(|(_, candidate)| is_subtitle(candidate.path, next.path));
            of_next.map(|(index, _)| index).take(SUBTITLES_MAX).collect()
        } else {
            Vec::new()
        };
        Some(NextFile { index, subtitles })
    }

    fn next_episode(&self, now: &EpisodeNumber, candidates: &[NextCandidate<'_>]) -> Option<usize> {
        if now.is_special() {
            return None;
        }
        let folder = folder(&self.path);
        let letters = now.show.letters();
        let episodes = candidates.iter().enumerate().filter_map(|(index, candidate)| {
            // The cheapest check first: it leaves few of a hundred thousand files.
            if !letters_of(candidate.path).contains(&letters)
                || class_of(candidate.path) != Some(MediaClass::Video)
            {
                return None;
            }
            let episode = EpisodeNumber::of(candidate.path)?;
            let is_show = now.show.is_same_show(&episode.show)
                && now.is_date == episode.is_date
                && !episode.is_special();
            // Names without a title, as `S01E02.mkv`, are those of one folder.
            let is_here = !now.show.is_empty() || self::folder(candidate.path) == folder;
            (is_show && is_here).then_some((index, episode))
        });
        let episodes: Vec<_> = episodes.collect();
        let first_of = |season, number| {
            let is_next =
                |it: &&(usize, EpisodeNumber)| it.1.season == season && it.1.first == number;
            episodes.iter().filter(is_next).map(|(index, _)| *index).collect::<Vec<_>>()
        };
        if now.is_date {
            let later = episodes.iter().map(|(_, it)| it.first).filter(|date| *date > now.last);
            return self.best(first_of(None, later.min()?), candidates);
        }
        let number = now.last.checked_add(1)?;
        let mut next = first_of(now.season, number);
        let is_last = || {
            let mut season = episodes.iter().filter(|(_, it)| it.season == now.season);
            season.all(|(_, it)| it.last < number && !it.has(number))
        };
        if next.is_empty() && is_last() {
            let season = now.season.unwrap_or(1).checked_add(1);
            next = first_of(season, 1);
            // Some shows number their episodes through all seasons.
            let of_season = || episodes.iter().filter(|(_, it)| it.season == season);
            if next.is_empty()
                && number >= THROUGH_MIN
                && of_season().all(|(_, it)| it.first >= number)
            {
                next = first_of(season, number);
            }
        }
        self.best(next, candidates)
    }

    /// Returns the best of several files with one episode: of the same quality, of the same group,
    /// of the same torrent, in the same folder, in this order.
    fn best(&self, mut places: Vec<usize>, candidates: &[NextCandidate<'_>]) -> Option<usize> {
        places.truncate(COMPARED_MAX);
        if places.len() < 2 {
            return places.pop();
        }
        let release = |path: &str| {
            let mut release = ReleaseName::parse(file_name(path));
            // Names without a quality are those of a folder that has it.
            if release.resolution.is_none() {
                release.resolution = ReleaseName::parse(file_name(folder(path))).resolution;
            }
            (release.resolution, release.group)
        };
        let now = release(&self.path);
        places.into_iter().min_by_key(|place| {
            let Some(candidate) = candidates.get(*place) else { return Default::default() };
            let next = release(candidate.path);
            let is_same = [
                next.0 == now.0,
                next.1 == now.1,
                candidate.is_same_torrent,
                folder(candidate.path) == folder(&self.path),
            ];
            (Reverse(is_same), candidate.path)
        })
    }

    /// Returns the next file of the same folder: in a torrent by the order of names, else if its
    /// name has the next number.
    fn next_in_folder(&self, candidates: &[NextCandidate<'_>]) -> Option<usize> {
        let extension = |path: &str| path.rsplit('.').next().map(str::to_lowercase);
        let (own_extension, name) = (extension(&self.path), file_name(&self.path));
        let later = candidates.iter().enumerate().filter(|(_, candidate)| {
            let NextCandidate { path, is_same_torrent } = **candidate;
            let next = file_name(path);
            folder(path) == folder(&self.path)
                && natural::compare(next, name).is_gt()
                && class_of(path) == Some(self.class)
                // A folder may have each track in two formats.
                && (self.class == MediaClass::Video || extension(path) == own_extension)
                && (is_same_torrent
                    || natural::is_successor(without_extension(name), without_extension(next)))
        });
        let next = later.min_by(|a, b| natural::compare(file_name(a.1.path), file_name(b.1.path)));
        next.map(|(index, _)| index)
    }
}

/// Returns the class of a file that is played; `None` for others, and for samples.
fn class_of(path: &str) -> Option<MediaClass> {
    static SAMPLE: LazyLock<Regex> = LazyLock::new(|| {
        let first = r"^(?:sample|trailer)(?:$|[^\p{L}\p{N}])";
        let words = r"sample|trailer|ncop\d*[a-z]?|nced\d*[a-z]?";
        let text = format!(r"(?i){first}|[^\p{{L}}\p{{N}}](?:{words})(?:$|[\[( -])");
        Regex::new(&text).expect("a test uses it")
    });
    let class = MediaClass::of(path);
    let is_played = matches!(class, MediaClass::Video | MediaClass::Audio);
    let is_extra = || {
        let folder = file_name(folder(path));
        EXTRA_FOLDERS.iter().any(|name| folder.eq_ignore_ascii_case(name))
            || SAMPLE.is_match(without_extension(file_name(path)))
    };
    (is_played && !is_extra()).then_some(class)
}

/// Returns whether a file is a subtitle of a video: with its name, in its folder or one below.
fn is_subtitle(path: &str, video: &str) -> bool {
    let Some((start, extension)) = path.rsplit_once('.') else { return false };
    let stem = without_extension(file_name(video));
    let rest = file_name(start).strip_prefix(stem);
    SUBTITLES.iter().any(|known| known.eq_ignore_ascii_case(extension))
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_', '-', ' ']))
        && (folder(path) == folder(video) || folder(folder(path)) == folder(video))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
