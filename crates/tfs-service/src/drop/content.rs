//! Content of dropped files: whether it is complete, and what it asks a server to add.

use rqbit_source::{TorrentFault, check_torrent_file};
use tfs_drop::{DropKind, Examined};

use crate::add::{LINKS_MAX, LinkForm, PreparedTorrent};

/// A link of a dropped file.
#[derive(Debug)]
pub(super) struct DroppedLink {
    /// The number of its line, from 1.
    pub(super) number: usize,
    pub(super) torrent: PreparedTorrent,
}

/// Looks at the bytes of a file.
pub(super) fn examine(kind: DropKind, bytes: &[u8], may_fetch: bool) -> Examined {
    match kind {
        DropKind::Torrent => match check_torrent_file(bytes) {
            Ok(_len) => Examined::Complete,
            Err(fault @ (TorrentFault::Damaged | TorrentFault::NotTorrent))
                if ends_early(bytes) =>
            {
                tracing::trace!(%fault, "incomplete");
                Examined::Incomplete("it is not complete: its end is missing".to_owned())
            }
            // Space was kept for it, and its start is not written yet.
            Err(_fault) if bytes.first() == Some(&0) => {
                Examined::Incomplete("it is not complete: its start is missing".to_owned())
            }
            Err(TorrentFault::Empty) => Examined::Incomplete(TorrentFault::Empty.to_string()),
            Err(TorrentFault::MagnetText) => {
                let fault = TorrentFault::MagnetText;
                Examined::Refused(format!("{fault}: give it a name that ends in .magnet"))
            }
            Err(fault) => Examined::Refused(fault.to_string()),
        },
        DropKind::Links | DropKind::Shortcut => match links(kind, bytes, may_fetch) {
            Ok(_links) => Examined::Complete,
            Err(examined) => examined,
        },
    }
}

/// Returns the links of a file.
///
/// # Errors
/// Why it has none that can be added.
pub(super) fn links(
    kind: DropKind,
    bytes: &[u8],
    may_fetch: bool,
) -> Result<Vec<DroppedLink>, Examined> {
    let refused = |reason: String| Err(Examined::Refused(reason));
    let Ok(text) = str::from_utf8(bytes) else { return refused("it is not a text".to_owned()) };
    let (form, last) = (form_of(kind), text.lines().count());
    let mut links = Vec::new();
    for line in form.lines(text) {
        let number = line.number;
        if links.len() == LINKS_MAX {
            return refused(format!("it has more than {LINKS_MAX} links"));
        }
        // A program may write the rest of the last line later.
        let is_open = number == last && !text.ends_with('\n');
        match line.prepare(may_fetch) {
            Ok(torrent) => links.push(DroppedLink { number, torrent }),
            Err(_) if is_open && (line.is_magnet() || line.is_start()) => {
                return Err(Examined::Incomplete("its last link is not complete".to_owned()));
            }
            Err(fault) => return refused(format!("line {number}: {fault}")),
        }
    }
    if links.is_empty() {
        return Err(Examined::Incomplete("it has no link".to_owned()));
    }
    Ok(links)
}

fn form_of(kind: DropKind) -> LinkForm {
    match kind {
        DropKind::Torrent | DropKind::Links => LinkForm::List,
        DropKind::Shortcut => LinkForm::Shortcut,
    }
}

/// Returns whether bytes are the start of a bencoded dictionary (BEP 3) whose end is missing. False
/// for a dictionary that is damaged.
fn ends_early(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut depth = 0_usize;
    if rest.first() != Some(&b'd') {
        return false;
    }
    loop {
        let Some((first, tail)) = rest.split_first() else { return true };
        match first {
            b'd' | b'l' => (depth, rest) = (depth + 1, tail),
            b'e' if depth <= 1 => return false,
            b'e' => (depth, rest) = (depth - 1, tail),
            b'i' => match tail.iter().position(|byte| *byte == b'e') {
                Some(end) => rest = tail.get(end + 1..).unwrap_or_default(),
                None => return true,
            },
            b'0'..=b'9' => {
                let Some(end) = rest.iter().position(|byte| !byte.is_ascii_digit()) else {
                    return true;
                };
                let (digits, after) = rest.split_at(end);
                let len = str::from_utf8(digits).ok().and_then(|text| text.parse::<usize>().ok());
                let (Some(len), Some(after)) = (len, after.strip_prefix(b":")) else {
                    return false;
                };
                match after.get(len..) {
                    Some(after) => rest = after,
                    None => return true,
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TORRENT: &[u8] =
        b"d4:infod6:lengthi1e4:name1:x12:piece lengthi16384e6:pieces20:aaaaabbbbbcccccdddddee";

    #[track_caller]
    fn check(kind: DropKind, text: impl AsRef<[u8]>, want: &str) {
        let got = match examine(kind, text.as_ref(), false) {
            Examined::Complete => "complete".to_owned(),
            Examined::Incomplete(reason) => format!("incomplete: {reason}"),
            Examined::Refused(reason) => format!("refused: {reason}"),
        };
        assert_eq!(got, want, "{}", String::from_utf8_lossy(text.as_ref()));
    }

    #[test]
    fn every_start_of_a_torrent_is_incomplete_and_nothing_else_is() {
        let kind = DropKind::Torrent;
        for len in 1..TORRENT.len() {
            let want = "incomplete: it is not complete: its end is missing";
            check(kind, &TORRENT[..len], want);
        }
        check(kind, TORRENT, "complete");
        check(kind, [TORRENT, b"\n"].concat(), "complete");
        check(kind, "", "incomplete: it is empty");
        check(kind, [0; 100], "incomplete: it is not complete: its start is missing");
        check(kind, "<html>", "refused: it is a web page, not a .torrent file");
        let damaged = "refused: it is a truncated or damaged .torrent file";
        check(kind, "d4:info?", damaged);
        check(kind, "d4x", damaged);
        check(kind, "data", "refused: it is not a .torrent file");
        check(kind, "de", "refused: it is not a .torrent file: it has no \"info\"");
        check(
            kind,
            "magnet:?xt=",
            "refused: it is a text with a magnet link, not a .torrent file: give it a name that \
             ends in .magnet",
        );
    }

    #[test]
    fn a_file_of_links_is_taken_as_a_whole() {
        let magnet = format!("magnet:?xt=urn:btih:{}", "ab".repeat(20));
        let kind = DropKind::Links;
        check(kind, &magnet, "complete");
        check(kind, "ab".repeat(20), "complete");
        check(kind, "ab".repeat(5), "incomplete: its last link is not complete");
        check(kind, format!("# two\n{magnet}\r\n\n{magnet}&dn=x\n"), "complete");
        check(kind, "\u{feff}".to_owned() + &magnet, "complete");
        check(kind, "", "incomplete: it has no link");
        check(kind, "\n# none\n", "incomplete: it has no link");
        // 32 of the digits are also a hash in base 32.
        let is_open = |len: &usize| *len != "magnet:?xt=urn:btih:".len() + 32;
        for len in (1..magnet.len()).filter(is_open) {
            check(kind, &magnet.as_bytes()[..len], "incomplete: its last link is not complete");
        }
        let short = "magnet:?xt=urn:btih:abc\n";
        check(kind, short, "refused: line 1: its info hash is not 40 hexadecimal digits");
        check(kind, format!("{magnet}\nhello\n"), "refused: line 2: it is not a magnet link");
        check(kind, [0xff, 0xfe], "refused: it is not a text");
        let many = format!("{magnet}\n").repeat(LINKS_MAX + 1);
        check(kind, many, "refused: it has more than 1000 links");
    }

    #[test]
    fn an_address_needs_a_setting() {
        let refused = "refused: line 1: it is a web address, which the server would fetch: that \
             needs `allow_urls = true`";
        check(DropKind::Links, "http://h/x.torrent\n", refused);
        let shortcut = "[InternetShortcut]\r\nURL=https://h/x.torrent\r\n";
        check(DropKind::Shortcut, shortcut, &refused.replace("line 1", "line 2"));
        let number = |may_fetch| links(DropKind::Shortcut, shortcut.as_bytes(), may_fetch);
        assert_eq!(number(true).unwrap()[0].number, 2);
        let magnet =
            format!("[Desktop Entry]\nName=x\nURL=magnet:?xt=urn:btih:{}", "ab".repeat(20));
        check(DropKind::Shortcut, magnet, "complete");
        check(DropKind::Shortcut, "[InternetShortcut]\n", "incomplete: it has no link");
    }
}
