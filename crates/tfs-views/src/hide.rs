//! `hide`: which files of a torrent a view leaves out.

use bytesize::ByteSize;
use vfs_core::{ArrangedFile, ArrangedTorrent, Query};

use crate::marks::{SAMPLE, normalize};
use crate::media::MediaClass;

/// A sample is at most this part of the largest file: a film may be called "Sample".
const SAMPLE_PART: u64 = 4;

/// A rule that hides files.
#[derive(Debug)]
pub(crate) enum HideRule {
    /// Short parts of videos, for a look at their quality.
    Samples,
    /// Files that no server downloads.
    Unselected,
    /// Files below a length in bytes.
    Below(u64),
    /// Files whose name or path matches, and those in a folder that does.
    Glob(Box<Query>),
}

impl HideRule {
    /// Parses a rule.
    ///
    /// # Errors
    /// A message for users.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "samples" => return Ok(Self::Samples),
            "unselected" => return Ok(Self::Unselected),
            _ => {}
        }
        if let Some(size) = text.strip_prefix('<') {
            let size = size.trim();
            let has_unit = size.ends_with(|last: char| last.is_alphabetic());
            let bytes = size.parse().ok().filter(|_| has_unit).map(|size: ByteSize| size.as_u64());
            let wanted = || format!("{text:?} is no size, such as \"<50MB\"");
            return bytes.map(Self::Below).ok_or_else(wanted);
        }
        // `Extras/` means the folder.
        let text = text.strip_suffix('/').unwrap_or(text);
        let glob = Query::glob_in_any_case(text).map_err(|error| error.to_string())?;
        Ok(Self::Glob(Box::new(glob)))
    }

    /// Returns whether it hides a file of a torrent.
    pub(crate) fn hides(&self, file: &ArrangedFile<'_>, torrent: &ArrangedTorrent<'_>) -> bool {
        match self {
            Self::Samples => is_sample(file, &torrent.files),
            Self::Unselected => !file.is_selected,
            Self::Below(bytes) => file.len < *bytes,
            Self::Glob(glob) => is_at_or_below(glob, torrent.name, file.path),
        }
    }
}

/// Returns whether a glob matches a file or one of its folders, by the path inside the torrent or
/// by that with the torrent's name.
fn is_at_or_below(glob: &Query, torrent: &str, path: &str) -> bool {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    let mut parts = ends.filter_map(|end| path.get(..end));
    parts.any(|part| glob.is_match(part) || glob.is_match(&format!("{torrent}/{part}")))
}

/// Returns whether a file is a sample: by its name or that of a folder, and much smaller than the
/// largest file.
pub(crate) fn is_sample(file: &ArrangedFile<'_>, files: &[ArrangedFile<'_>]) -> bool {
    let mut parts = file.path.rsplit('/');
    let name = parts.next().unwrap_or(file.path);
    let in_folder = parts.any(|folder| SAMPLE.is_in(&normalize(folder)));
    let is_named = MediaClass::of(name) == MediaClass::Video && SAMPLE.is_in(&normalize(name));
    (in_folder || is_named) && {
        let largest = files.iter().map(|file| file.len).max().unwrap_or(0);
        file.len <= largest / SAMPLE_PART
    }
}

#[cfg(test)]
mod tests {
    use vfs_core::{FileIndex, InfoHash, Layout, NodeKind};

    use super::*;

    fn file(path: &str, len: u64) -> ArrangedFile<'_> {
        let (index, kind) = (FileIndex(0), NodeKind::File);
        ArrangedFile { index, path, len, kind, is_selected: path != "unselected.mkv" }
    }

    #[test]
    fn each_rule_hides_its_files() {
        let files = [
            file("Film.mkv", 1000),
            file("Sample/film.mkv", 10),
            file("film-sample.mkv", 10),
            file("RARBG.TXT", 1),
            file("d/setup.EXE", 400),
            file("unselected.mkv", 300),
        ];
        let torrent = ArrangedTorrent {
            info_hash: InfoHash::from_bytes([0; InfoHash::BYTES]),
            name: "The Film",
            layout: Layout::Directory,
            files: files.to_vec(),
            servers: Vec::new(),
            added_at: 0,
            tags: &[],
        };
        for (rule, want) in [
            ("samples", vec!["Sample/film.mkv", "film-sample.mkv"]),
            ("unselected", vec!["unselected.mkv"]),
            ("<50B", vec!["Sample/film.mkv", "film-sample.mkv", "RARBG.TXT"]),
            ("*.exe", vec!["d/setup.EXE"]),
            ("rarbg.txt", vec!["RARBG.TXT"]),
            ("sample/*", vec!["Sample/film.mkv"]),
            ("Sample", vec!["Sample/film.mkv"]),
            ("Sample/", vec!["Sample/film.mkv"]),
            ("*/sample/*", vec!["Sample/film.mkv"]),
            ("The Film/d", vec!["d/setup.EXE"]),
            ("film", vec![]),
        ] {
            let rule = HideRule::parse(rule).unwrap();
            let hidden = files.iter().filter(|file| rule.hides(file, &torrent));
            assert_eq!(hidden.map(|file| file.path).collect::<Vec<_>>(), want, "{rule:?}");
        }
        let film = [file("The.Sample.2010.mkv", 1000), file("cover.jpg", 5)];
        assert!(!is_sample(&film[0], &film));
        for wrong in ["", "<50", "<big", "[a"] {
            assert!(HideRule::parse(wrong).is_err(), "{wrong}");
        }
    }
}
