//! Hostile names and pairs of names: possible in a torrent, and hard for a filesystem.
//!
//! Every file has a unique length, by which tests find it under any name.

use vfs_core::{
    FileEntry, FileId, FileIndex, FileKind, InfoHash, Layout, MetadataStatus, TorrentDetails,
};

/// The length of the first file; each further file is one byte longer.
const LEN_MIN: u64 = 1000;

/// A name, or several names that conflict.
#[derive(Debug, Clone)]
pub struct HostileCase {
    /// The difficulty.
    pub what: &'static str,
    /// The torrents with these names.
    pub torrents: Vec<TorrentDetails>,
}

impl HostileCase {
    /// Returns each file with the components of its path, starting with the torrent's name.
    pub fn files(&self) -> impl Iterator<Item = (FileId, u64, Vec<&str>)> {
        self.torrents.iter().flat_map(|torrent| {
            torrent.files.iter().zip(0..).map(|(file, index)| {
                let mut path = vec![torrent.name.as_str()];
                if torrent.layout == Layout::Directory {
                    path.extend(file.path.iter().map(String::as_str));
                }
                let id = FileId { torrent: torrent.info_hash, index: FileIndex(index) };
                (id, file.len, path)
            })
        })
    }
}

/// The place of the names of a case.
#[derive(Clone, Copy)]
enum Place {
    /// Each is a torrent of one file.
    Torrents,
    /// Each is a file in one torrent; folders end with [`FOLDER`].
    Files,
}

/// Marks the name of a folder, at its end: no name of a case contains it.
const FOLDER: &str = " => ";

use Place::{Files, Torrents};

/// Returns all cases. Their torrents can be shown in one tree.
#[must_use]
pub fn hostile_cases() -> Vec<HostileCase> {
    let mut cases: Vec<HostileCase> = Vec::new();
    let (mut torrent_count, mut file_count) = (0_u16, 0);
    for (what, place, names) in single_names().into_iter().chain(pairs()) {
        let group = match place {
            Torrents => names.iter().map(|name| (name.clone(), vec![name.clone()])).collect(),
            Files => vec![(format!("case {:02}", cases.len() + 1), names)],
        };
        let torrents = group.into_iter().map(|(name, files)| {
            torrent_count += 1;
            let mut hash = [0; InfoHash::BYTES];
            hash.as_chunks_mut::<2>().0.fill(torrent_count.to_be_bytes());
            let files = files.iter().map(|path| {
                file_count += 1;
                let path = path.split(FOLDER).map(str::to_owned).collect();
                FileEntry { path, len: LEN_MIN + file_count, kind: FileKind::Regular }
            });
            TorrentDetails {
                info_hash: InfoHash::from_bytes(hash),
                name,
                layout: if let Torrents = place { Layout::SingleFile } else { Layout::Directory },
                created: Some(1_500_000_000),
                piece_len: None,
                metadata: MetadataStatus::Known,
                files: files.collect(),
            }
        });
        let torrents = torrents.collect();
        cases.push(HostileCase { what, torrents });
    }
    cases
}

type HostileName = (&'static str, Place, Vec<String>);

fn single_names() -> Vec<HostileName> {
    let of = |what, name: &str| (what, Files, vec![name.to_owned()]);
    vec![
        of("empty", ""),
        of("the directory itself", "."),
        of("the directory above", ".."),
        of("dots that are a name", "..."),
        of("a slash", "a/b"),
        of("a way out", "../../etc/passwd"),
        of("an absolute path", "/etc/passwd"),
        of("only a slash", "/"),
        of("NUL", "a\0b"),
        of("a newline", "a\nb"),
        of("a carriage return", "a\rb"),
        of("a tab", "a\tb"),
        of("colours for a terminal", "\u{1b}[31mred\u{1b}[0m"),
        of("a title for a terminal", "\u{1b}]0;pwned\u{7}"),
        of("DEL", "a\u{7f}b"),
        of("a control character above ASCII", "a\u{85}b"),
        of("every control character of ASCII", &(1..32_u8).map(char::from).collect::<String>()),
        of("a percent sign that is one", "100% real"),
        of("what reads as an escape", "a%2Fb"),
        of("what does not read as one", "a%2fb"),
        of("an escape of an escape", "a%252Fb"),
        of("what stands for the empty name", "%empty"),
        of("what stands for a cut", "a%~0123abcd.mkv"),
        of("backslashes and what Windows refuses", r#"C:\a"b*c?<d>|e"#),
        of("a device of DOS", "CON"),
        of("a device of DOS with an extension", "aux.txt"),
        of("a minus sign at the start", "-rf"),
        of("a tilde", "~root"),
        of("a command", "$(reboot) `id`; rm -rf *"),
        of("quotes", "it's \"quoted\""),
        of("spaces around", "  a  "),
        of("only a space", " "),
        of("a dot at the end", "a."),
        of("hidden", ".hidden"),
        of("a name of tfs, but not in the root", ".tfs"),
        of("an emoji of several characters", "👨‍👩‍👧‍👦.mkv"),
        of("text from right to left", "سلام.mkv"),
        of("a file that looks like a picture", "exe.\u{202e}gpj"),
        of("characters without width", "a\u{200b}\u{200d}\u{feff}b"),
        of("a line separator that is no control character", "a\u{2028}b"),
        of("only characters that combine", "\u{301}\u{302}"),
        of("what a server put for bytes that are no UTF-8", "caf\u{fffd}.txt"),
        of("the last character of all", "\u{10ffff}"),
        of("255 bytes", &format!("{}.mkv", "x".repeat(251))),
        of("256 bytes", &format!("{}.mkv", "x".repeat(252))),
        of("255 bytes in characters of three", &"語".repeat(85)),
        of("300 bytes in characters of three", &format!("{}.mkv", "語".repeat(99))),
        of("300 bytes in characters of four", &format!("{}.mkv", "🎬".repeat(74))),
        of("escapes that make it too long", &format!("{}.mkv", "/".repeat(100))),
        of("too long, with a sentence at its end", &format!("{}. The end", "x".repeat(300))),
        of("too long, and all of it an extension", &format!(".{}", "x".repeat(300))),
        of("a folder without a name", " => a"),
        of("folders that lead up", ".. => .. => a"),
        of("too long for a folder", &format!("{} => a", "f".repeat(300))),
    ]
}

fn pairs() -> Vec<HostileName> {
    let of = |what, place, names: &[&str]| {
        (what, place, names.iter().map(|name| (*name).to_owned()).collect())
    };
    let long = "l".repeat(300);
    vec![
        of("only the case differs", Files, &["readme", "README", "ReadMe"]),
        of("one file twice", Files, &["twice.txt", "twice.txt"]),
        of("one file three times, one of them with the mark", Files, &["a", "a", "a [#1]", "a"]),
        of("a file where a folder has to be", Files, &["film", "film => extra.mkv"]),
        of("a folder where a file has to be", Files, &["film => extra.mkv", "film"]),
        of("a raw name that is an escaped one", Files, &["x/y", "x%2Fy"]),
        of("composed and decomposed", Files, &["caf\u{e9}", "cafe\u{301}"]),
        of("empty and what stands for it", Files, &["", "%empty"]),
        of("a dot and what stands for it", Files, &[".", "%2E"]),
        of("too long, and one like it", Files, &[&format!("{long}1.mkv"), &format!("{long}2.mkv")]),
        of("too long, twice", Files, &[&format!("{long}.mkv"), &format!("{long}.mkv")]),
        of("two torrents of one name", Torrents, &["same name.iso", "same name.iso"]),
        of("torrents whose case differs", Torrents, &["Same Case", "same case"]),
        of("a torrent called as tfs calls its directory", Torrents, &[".tfs"]),
        of("torrents that lead up", Torrents, &["..", "../.."]),
        of("two torrents without a name", Torrents, &["", ""]),
        of("two torrents too long", Torrents, &[&format!("{long}.iso"), &format!("{long}.iso")]),
    ]
}
