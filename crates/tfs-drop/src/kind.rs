//! What a name says about its file.

/// Ends of the names that programs give to a file while they write it, in lower case: browsers,
/// torrent clients, editors and download managers.
const TEMPORARY_ENDS: [&str; 18] = [
    ".part",
    ".partial",
    ".crdownload",
    ".download",
    ".opdownload",
    ".tmp",
    ".temp",
    ".filepart",
    ".aria2",
    ".!ut",
    ".!qb",
    ".bc!",
    ".swp",
    ".swx",
    ".swpx",
    ".kate-swp",
    "~",
    "#",
];

/// First characters of temporary names: hidden files, and the backups of some editors.
const TEMPORARY_STARTS: [char; 3] = ['.', '#', '~'];

/// The end of the name of a file with a reason.
pub(crate) const NOTE_END: &str = ".error";

/// What a file with a final name contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropKind {
    /// The metadata of a torrent (`.torrent`).
    Torrent,
    /// Magnet links, one in each line (`.magnet`, `.magnets`, `.txt`).
    Links,
    /// The address of a `.torrent` file, or a shortcut with one (`.url`).
    Shortcut,
}

impl DropKind {
    const ENDS: [(&str, Self); 5] = [
        (".torrent", Self::Torrent),
        (".magnet", Self::Links),
        (".magnets", Self::Links),
        (".txt", Self::Links),
        (".url", Self::Shortcut),
    ];
}

/// What a name is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameUse {
    /// The file is to be added.
    Final(DropKind),
    /// A program will rename or remove the file.
    Temporary,
    /// The name of a file with a reason.
    Note,
    /// None of these.
    Other,
}

impl NameUse {
    pub(crate) fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let ends = |end: &&str| lower.ends_with(*end);
        if name.starts_with(TEMPORARY_STARTS) || TEMPORARY_ENDS.iter().any(ends) {
            return Self::Temporary;
        }
        if lower.ends_with(NOTE_END) {
            return Self::Note;
        }
        let kind = DropKind::ENDS.into_iter().find(|(end, _)| lower.ends_with(end));
        kind.map_or(Self::Other, |(_, kind)| Self::Final(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_its_file_is_for() {
        let check = |want, names: &[&str]| {
            for name in names {
                assert_eq!(NameUse::of(name), want, "{name}");
            }
        };
        check(NameUse::Final(DropKind::Torrent), &["x.torrent", "X.TORRENT", "a b.c.torrent"]);
        check(NameUse::Final(DropKind::Links), &["x.magnet", "x.magnets", "links.txt"]);
        check(NameUse::Final(DropKind::Shortcut), &["x.url", "X.URL"]);
        // rsync, Firefox, Chromium, GLib, vim, Emacs, curl, KDE.
        check(
            NameUse::Temporary,
            &[
                ".x.torrent.AbCdEf",
                "x.torrent.part",
                "x.torrent.crdownload",
                ".goutputstream-ABCDEF",
                ".x.torrent.swp",
                "x.torrent~",
                "#x.torrent#",
                "x.torrent.tmp",
                "~x.torrent",
            ],
        );
        check(NameUse::Note, &["x.torrent.error", "x.error"]);
        check(NameUse::Other, &["x", "sedAbCdEf", "4913", "film.mkv", "torrent"]);
    }
}
