//! Names and contents of the files in a watch folder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::PreparedTorrent;
use crate::add::{LINKS_MAX, LinkForm, LinkLine};

/// Number of bad lines that are named.
const LINES_NAMED_MAX: usize = 5;

/// Kinds of files, by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WatchKind {
    /// A `.torrent` file.
    Torrent,
    /// A `.magnet` file: a link on each line.
    Links,
    /// A `.txt` file, which is a list of links if it begins with one.
    Text,
    /// A `.url` file, as desktops write it.
    Address,
}

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WatchContent {
    /// Nothing. Browsers reserve a name by an empty file.
    Empty,
    /// Text that is no list of links, and remains as it is.
    Other,
    /// It cannot be used as it is, for this reason. It may be unfinished.
    Unusable(String),
    /// Torrents, at least one.
    Torrents(Vec<PreparedTorrent>),
}

impl WatchKind {
    /// Returns the kind of a file that a watch folder takes. Hidden files are temporary ones of
    /// rsync, editors and desktops.
    pub(super) fn of(name: &OsStr, allow_urls: bool) -> Option<Self> {
        let name = name.as_bytes();
        let (stem, extension) = name.split_at(name.iter().rposition(|byte| *byte == b'.')?);
        if name.starts_with(b".") || stem.is_empty() {
            return None;
        }
        match extension.to_ascii_lowercase().as_slice() {
            b".torrent" => Some(Self::Torrent),
            b".magnet" | b".magnets" => Some(Self::Links),
            b".txt" => Some(Self::Text),
            b".url" if allow_urls => Some(Self::Address),
            _ => None,
        }
    }

    /// Returns whether the end of the file shows that it is whole.
    pub(super) fn has_end(self) -> bool {
        self == Self::Torrent
    }

    /// Reads the content of a file. `label` names it in messages.
    pub(super) fn parse(self, bytes: Vec<u8>, label: &str, allow_urls: bool) -> WatchContent {
        if bytes.is_empty() {
            return WatchContent::Empty;
        }
        if self == Self::Torrent {
            return match PreparedTorrent::of_bytes(label.to_owned(), &bytes.into()) {
                Ok(torrent) => WatchContent::Torrents(vec![torrent]),
                Err(error) => WatchContent::Unusable(error.fault.to_string()),
            };
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return match self {
                Self::Text => WatchContent::Other,
                Self::Torrent | Self::Links | Self::Address => {
                    WatchContent::Unusable("it is not text".to_owned())
                }
            };
        };
        let form = if self == Self::Address { LinkForm::Shortcut } else { LinkForm::List };
        let mut lines = form.lines(&text).peekable();
        if self == Self::Text && !lines.peek().is_some_and(|line| line.is_magnet()) {
            return WatchContent::Other;
        }
        links(lines, allow_urls)
    }
}

/// Parses links. One that cannot be used makes the whole file unusable, so that it is either added
/// or not.
fn links<'a>(lines: impl Iterator<Item = LinkLine<'a>>, allow_urls: bool) -> WatchContent {
    let mut torrents = Vec::new();
    let mut bad = Vec::new();
    for line in lines {
        if torrents.len() + bad.len() == LINKS_MAX {
            return WatchContent::Unusable(format!("it has more than {LINKS_MAX} links"));
        }
        match line.prepare(allow_urls) {
            Ok(torrent) => torrents.push(torrent),
            Err(fault) => bad.push(format!("line {}: {fault}", line.number)),
        }
    }
    let more = bad.len().saturating_sub(LINES_NAMED_MAX);
    bad.truncate(LINES_NAMED_MAX);
    if more > 0 {
        bad.push(format!("{more} more lines"));
    }
    match (torrents.is_empty(), bad.is_empty()) {
        (false, true) => WatchContent::Torrents(torrents),
        (true, true) => WatchContent::Unusable("it has no link".to_owned()),
        (_, false) => WatchContent::Unusable(bad.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_what_is_taken() {
        let taken = |name: &[u8]| WatchKind::of(OsStr::from_bytes(name), true);
        assert_eq!(taken(b"a.torrent"), Some(WatchKind::Torrent));
        assert_eq!(taken(b"A.B.TORRENT"), Some(WatchKind::Torrent));
        assert_eq!(taken(b"caf\xe9\n.torrent"), Some(WatchKind::Torrent));
        assert_eq!(taken(b"a.magnet"), Some(WatchKind::Links));
        assert_eq!(taken(b"a.txt"), Some(WatchKind::Text));
        assert_eq!(taken(b"a.url"), Some(WatchKind::Address));
        assert_eq!(WatchKind::of("a.url".as_ref(), false), None);
        for name in [
            ".a.torrent",
            ".torrent",
            ".a.torrent.AbCdEf",
            "a.torrent.part",
            "a.torrent~",
            "#a.torrent#",
            "a.torrent.added",
            "a.torrent.rejected",
            "a.torrent.rejected.reason",
            "a.torrent.crdownload",
            "torrent",
            "",
        ] {
            assert_eq!(taken(name.as_bytes()), None, "{name}");
        }
    }

    #[track_caller]
    fn check(kind: WatchKind, text: &str, want: &str) {
        let text = text.replace("HASH", &"ab".repeat(20));
        let got = match kind.parse(text.into_bytes(), "f", kind == WatchKind::Address) {
            WatchContent::Empty => "empty".to_owned(),
            WatchContent::Other => "other".to_owned(),
            WatchContent::Unusable(reason) => reason,
            WatchContent::Torrents(torrents) => {
                torrents.iter().map(PreparedTorrent::label).collect::<Vec<_>>().join(",")
            }
        };
        assert_eq!(got.replace(&"ab".repeat(20), "HASH"), want);
    }

    #[test]
    fn a_list_of_links_is_taken_as_a_whole() {
        let kind = WatchKind::Links;
        check(kind, "", "empty");
        check(kind, "magnet:?xt=urn:btih:HASH&dn=One", "One");
        check(kind, "\u{feff}# mine\r\n\r\nMAGNET:?xt=urn:btih:HASH&dn=A\r\nHASH\r\n", "A,HASH");
        check(kind, "\n\n# none\n", "it has no link");
        check(
            kind,
            "HASH\nx\nhttp://h/a\nmagnet:?dn=y",
            "line 2: it is not a magnet link; line 3: it is a web address, which the server \
             would fetch: that needs `allow_urls = true`; line 4: it has no info hash \
             (xt=urn:btih:...)",
        );
        check(
            kind,
            &"x\n".repeat(9),
            &format!(
                "{}4 more lines",
                (1..=5)
                    .map(|line| format!("line {line}: it is not a magnet link; "))
                    .collect::<String>()
            ),
        );
        check(kind, &"HASH\n".repeat(1001), "it has more than 1000 links");
    }

    #[test]
    fn text_is_only_a_list_if_it_begins_with_a_link() {
        check(WatchKind::Text, "Read me first: magnet:?xt=urn:btih:HASH", "other");
        check(WatchKind::Text, "\n magnet:?xt=urn:btih:HASH&dn=A\n", "A");
        let bytes = vec![0xff, 0xfe];
        assert_eq!(WatchKind::Text.parse(bytes.clone(), "f", false), WatchContent::Other);
        assert!(matches!(WatchKind::Links.parse(bytes, "f", false), WatchContent::Unusable(_)));
    }

    #[test]
    fn a_shortcut_of_a_desktop_has_an_address() {
        let kind = WatchKind::Address;
        check(kind, "[InternetShortcut]\r\nURL=http://h/a.torrent\r\n", "the torrent from h");
        check(kind, "https://h/b\n", "the torrent from h");
        check(kind, "[Desktop Entry]\nURL=magnet:?xt=urn:btih:HASH&dn=M\n", "M");
        check(kind, "[InternetShortcut]\n", "it has no link");
    }

    #[test]
    fn a_torrent_file_is_checked() {
        let parse = |text: &str| WatchKind::Torrent.parse(text.as_bytes().to_vec(), "f", false);
        assert_eq!(parse(""), WatchContent::Empty);
        let unusable = |reason: &str| WatchContent::Unusable(reason.to_owned());
        assert_eq!(parse("d4:info"), unusable("it is a truncated or damaged .torrent file"));
        assert_eq!(parse("<html>"), unusable("it is a web page, not a .torrent file"));
    }
}
