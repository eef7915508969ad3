//! Classes of files, by extension.

/// What a file contains, as far as its extension tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MediaClass {
    Video,
    Audio,
    Book,
    Software,
    /// An image of a disc: of a film, or of software.
    Disc,
    Archive,
    /// Anything else, such as subtitles and pictures.
    Other,
}

const VIDEO: &[&str] = &[
    "3gp", "asf", "avi", "divx", "f4v", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpe", "mpeg",
    "mpg", "mts", "ogm", "ogv", "rm", "rmvb", "ts", "vob", "webm", "wmv", "xvid",
];
const AUDIO: &[&str] = &[
    "aac", "aif", "aiff", "alac", "ape", "dff", "dsf", "dts", "flac", "m4a", "mka", "mp2", "mp3",
    "mpc", "ogg", "opus", "tta", "wav", "wma", "wv",
];
const BOOK: &[&str] = &[
    "aax", "azw", "azw3", "cb7", "cbr", "cbz", "djvu", "epub", "fb2", "kfx", "lit", "m4b", "mobi",
    "pdf", "prc",
];
const SOFTWARE: &[&str] = &[
    "apk", "appimage", "cia", "deb", "dmg", "exe", "flatpak", "ipa", "jar", "msi", "msix", "nsp",
    "nsz", "pkg", "qcow2", "rpm", "run", "snap", "vhd", "vmdk", "wad", "xci",
];
const DISC: &[&str] = &["bin", "cue", "img", "iso", "mdf", "mds", "nrg"];
const ARCHIVE: &[&str] = &["7z", "bz2", "gz", "rar", "tar", "tgz", "xz", "zip", "zst"];

impl MediaClass {
    /// Returns the class of a file.
    pub(crate) fn of(path: &str) -> Self {
        let Some(extension) = extension(path) else { return Self::Other };
        let has = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(extension));
        let classes = [
            (VIDEO, Self::Video),
            (AUDIO, Self::Audio),
            (BOOK, Self::Book),
            (SOFTWARE, Self::Software),
            (DISC, Self::Disc),
            (ARCHIVE, Self::Archive),
        ];
        match classes.into_iter().find(|(list, _)| has(list)) {
            Some((_, class)) => class,
            // Parts of an old archive: `.r00`, `.001`.
            None if is_part(extension) => Self::Archive,
            None => Self::Other,
        }
    }
}

/// Returns the extension of a path, if the file has one.
fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty()).then_some(extension)
}

/// Returns a name without an extension that has a class.
pub(crate) fn without_extension(name: &str) -> &str {
    match extension(name) {
        Some(extension) if MediaClass::of(name) != MediaClass::Other => {
            name.strip_suffix(extension).and_then(|stem| stem.strip_suffix('.')).unwrap_or(name)
        }
        _ => name,
    }
}

fn is_part(extension: &str) -> bool {
    let digits = extension.strip_prefix(['r', 'R']).unwrap_or(extension);
    (2..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_class_of_their_extension() {
        for (path, want) in [
            ("d/a.MKV", MediaClass::Video),
            ("a.flac", MediaClass::Audio),
            ("a.b.epub", MediaClass::Book),
            ("setup.exe", MediaClass::Software),
            ("a.iso", MediaClass::Disc),
            ("a.r00", MediaClass::Archive),
            ("a.001", MediaClass::Archive),
            ("a.nfo", MediaClass::Other),
            (".mkv", MediaClass::Other),
            ("mkv", MediaClass::Other),
            ("a.1080", MediaClass::Other),
        ] {
            assert_eq!(MediaClass::of(path), want, "{path}");
        }
        assert_eq!(without_extension("A.Film.2010.mkv"), "A.Film.2010");
        assert_eq!(without_extension("A.Film.x264-GRP"), "A.Film.x264-GRP");
    }
}
