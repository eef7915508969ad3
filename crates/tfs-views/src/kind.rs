//! The kind of a torrent, from its name and its files.
//!
//! A guess, and documented as one. Files count more than the name: they are what a player finds.
//! Within videos the order is: what only anime has, numbers of episodes, then films. The cost of a
//! wrong guess is a torrent in another view, which a rule or a tag puts right.

use std::fmt;
use std::str::FromStr;

use crate::marks::{self, normalize};
use crate::media::{MediaClass, without_extension};

/// From how many numbered videos on a torrent without other marks counts as a show.
const NUMBERED_VIDEOS_MIN: usize = 4;

/// How much of a name is examined, in characters. The longest file names have 255 bytes.
const NAME_CHARS_MAX: usize = 400;

/// How many files are examined for numbers of episodes.
const FILES_MAX: usize = 64;

/// What a torrent is, for `kind` in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TorrentKind {
    /// One or more films.
    Film,
    /// Episodes or seasons of a show.
    Show,
    /// Animation from Japan: episodes, seasons and films.
    Anime,
    /// Music.
    Music,
    /// Books, comics, magazines and audio books.
    Book,
    /// Programs, games and images of systems.
    Software,
    /// None of the others, as far as names tell.
    Other,
}

impl TorrentKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Film, Self::Show, Self::Anime, Self::Music, Self::Book, Self::Software, Self::Other];

    /// Returns the word for it in settings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Film => "film",
            Self::Show => "show",
            Self::Anime => "anime",
            Self::Music => "music",
            Self::Book => "book",
            Self::Software => "software",
            Self::Other => "other",
        }
    }

    /// Returns the kind of a torrent with this name, and files of these paths and lengths.
    #[must_use]
    pub fn of<'a>(name: &str, files: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let files: Vec<(&str, u64)> = files.into_iter().collect();
        ExaminedNames::new(name, &files).kind()
    }
}

impl fmt::Display for TorrentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind {0:?}; the kinds are film, show, anime, music, book, software and other")]
pub struct UnknownKind(String);

impl FromStr for TorrentKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        let kind = Self::ALL.into_iter().find(|kind| kind.word() == word);
        kind.ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

/// Returns whether a name has the number of an episode or season.
pub(crate) fn has_episode(name: &str) -> bool {
    let normal = normal(name);
    is_episode(&normal) || marks::ABSOLUTE.is_in(&normal)
}

/// Returns the first characters of a name, normalized.
fn normal(name: &str) -> String {
    let end = name.char_indices().nth(NAME_CHARS_MAX).map_or(name.len(), |(idx, _)| idx);
    normalize(without_extension(name.get(..end).unwrap_or(name)))
}

/// Returns whether a normalized name has the number of an episode or season.
fn is_episode(name: &str) -> bool {
    marks::EPISODE.is_in(name) || (marks::WEAK_EPISODE.is_in(name) && !marks::YEAR.is_in(name))
}

/// The names of a torrent, normalized.
struct ExaminedNames<'a> {
    name: String,
    /// What most bytes are, if there are files of a class that tells.
    class: Option<MediaClass>,
    /// The names of the first videos.
    videos: Vec<&'a str>,
    /// Whether there is a folder of a DVD or a Blu-ray.
    is_disc: bool,
}

impl<'a> ExaminedNames<'a> {
    fn new(name: &str, files: &[(&'a str, u64)]) -> Self {
        let class = match files {
            [] => Some(MediaClass::of(name)),
            files => main_class(files),
        };
        let videos = files.iter().map(|(path, _)| *path);
        let videos = videos.filter(|path| MediaClass::of(path) == MediaClass::Video);
        let is_disc = |(path, _): &(&str, u64)| {
            path.split('/').any(|part| ["VIDEO_TS", "BDMV"].contains(&part))
        };
        Self {
            name: normal(name),
            class,
            videos: videos.take(FILES_MAX).collect(),
            is_disc: files.iter().any(is_disc),
        }
    }

    fn kind(&self) -> TorrentKind {
        match self.class {
            Some(MediaClass::Video) => self.video_kind(),
            Some(MediaClass::Audio) if marks::BOOK.is_in(&self.name) => TorrentKind::Book,
            Some(MediaClass::Audio) => TorrentKind::Music,
            Some(MediaClass::Book) => TorrentKind::Book,
            Some(MediaClass::Software) => TorrentKind::Software,
            Some(MediaClass::Disc) if self.is_video_name() => self.video_kind(),
            Some(MediaClass::Disc) => TorrentKind::Software,
            Some(MediaClass::Archive | MediaClass::Other) | None => self.named_kind(),
        }
    }

    fn is_video_name(&self) -> bool {
        self.is_disc || marks::VIDEO.is_in(&self.name)
    }

    /// Returns the kind if no file tells it.
    fn named_kind(&self) -> TorrentKind {
        let name = &self.name;
        let is_video = self.is_video_name();
        if marks::BOOK.is_in(name) && !is_video {
            return TorrentKind::Book;
        }
        if marks::SOFTWARE.is_in(name) && !(is_video && is_episode(name)) {
            return TorrentKind::Software;
        }
        if is_video {
            return self.video_kind();
        }
        let is_music = marks::MUSIC.is_in(name) || marks::MUSIC_SCENE.is_in(name);
        if is_music && !is_episode(name) {
            return TorrentKind::Music;
        }
        if is_episode(name) || marks::ANIME.is_in(name) || self.is_anime() {
            return self.video_kind();
        }
        if marks::VERSION.is_in(name) {
            return TorrentKind::Software;
        }
        if marks::YEAR.is_in(name) || marks::FILM.is_in(name) {
            return TorrentKind::Film;
        }
        TorrentKind::Other
    }

    fn video_kind(&self) -> TorrentKind {
        if self.is_anime() {
            return TorrentKind::Anime;
        }
        let is_show = is_episode(&self.name)
            || marks::DATE.is_in(&self.name)
            || (!marks::YEAR.is_in(&self.name) && marks::ABSOLUTE.is_in(&self.name))
            || self.has_episode_files();
        if is_show { TorrentKind::Show } else { TorrentKind::Film }
    }

    fn is_anime(&self) -> bool {
        let name = &self.name;
        let has_number = || marks::ABSOLUTE.is_in(name);
        if marks::ANIME.is_in(name) || marks::CHECKSUM.is_in(name) || name.starts_with('【') {
            return true;
        }
        // `[Group] Title - 01`, but not `[1080p] Title - 01`.
        let group = name.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        group.is_some_and(|(group, title)| {
            !marks::VIDEO.is_in(group) && (has_number() || title.contains(['[', '(']))
        })
    }

    /// Returns whether most videos have numbers of episodes.
    fn has_episode_files(&self) -> bool {
        let names = || self.videos.iter().map(|path| path.rsplit('/').next().unwrap_or(path));
        let names: Vec<String> = names().map(normal).collect();
        let most = |is_it: &dyn Fn(&String) -> bool| {
            2 * names.iter().filter(|name| is_it(name)).count() > names.len()
        };
        if most(&|name| is_episode(name)) {
            return true;
        }
        // Films of a collection have numbers too, but each has its year.
        names.len() >= NUMBERED_VIDEOS_MIN
            && !most(&|name| marks::YEAR.is_in(name))
            && most(&|name| marks::NUMBERED.is_in(name))
    }
}

/// Returns the class of most bytes, of the classes that tell something.
fn main_class(files: &[(&str, u64)]) -> Option<MediaClass> {
    let mut sums: Vec<(MediaClass, u64)> = Vec::new();
    for (path, len) in files {
        let class = MediaClass::of(path);
        match sums.iter_mut().find(|(known, _)| *known == class) {
            Some((_, sum)) => *sum = sum.saturating_add(*len),
            None => sums.push((class, *len)),
        }
    }
    let tells = |class: MediaClass| !matches!(class, MediaClass::Archive | MediaClass::Other);
    sums.retain(|(class, _)| tells(*class));
    sums.into_iter().max_by_key(|(class, sum)| (*sum, *class)).map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, files: &[(&str, u64)], want: TorrentKind) {
        assert_eq!(TorrentKind::of(name, files.iter().copied()), want, "{name}");
    }

    #[test]
    fn files_count_more_than_the_name() {
        use TorrentKind::*;
        check("Something", &[("a.mp3", 9), ("cover.jpg", 1)], Music);
        check("Something (Audiobook)", &[("a.mp3", 9)], Book);
        check("Something", &[("a.epub", 9), ("a.nfo", 1)], Book);
        check("Game 1080p", &[("setup.exe", 90), ("intro.mkv", 9)], Software);
        check("debian-13.iso", &[("debian-13.iso", 9)], Software);
        check("A Film 2010 PAL DVD9", &[("film.iso", 9)], Film);
        check("A Film", &[("VIDEO_TS/VTS_01_1.VOB", 9)], Film);
        check("Holiday", &[("a.mp4", 9)], Film);
        check("Papers", &[("a.txt", 9)], Other);
    }

    #[test]
    fn folders_of_numbered_videos_are_shows_and_collections_are_films() {
        use TorrentKind::*;
        let show = ["01 One.mkv", "02 Two.mkv", "03 Three.mkv", "04 Four.mkv"];
        check("Old Show", &show.map(|name| (name, 5)), Show);
        let films = ["1. A (1990).mkv", "2. B (1991).mkv", "3. C (1992).mkv", "4. D (1993).mkv"];
        check("Films of A", &films.map(|name| (name, 5)), Film);
        check("Show", &[("Show.S01E01.mkv", 5), ("Show.S01E02.mkv", 5)], Show);
        check("Film", &[("film.mkv", 500), ("Sample/film-sample.mkv", 5)], Film);
    }

    #[test]
    fn words_of_kinds_are_read_back() {
        for kind in TorrentKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("films".parse::<TorrentKind>().is_err());
    }
}
