//! Failed torrents in `tfs list` and `tfs status`: the reasons, and what to do.

use tfs_api::status::TORRENTS_NAMED_MAX;
use tfs_service::failed::{remedy, start_command};

use crate::output::visible;

/// How many torrents a suggested command names, so that it fits a line or two.
const COMMAND_NAMES_MAX: usize = 5;

/// A failed torrent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FailedTorrent<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) info_hash: &'a str,
    /// The reason of the failure, in one line.
    pub(crate) why: Option<&'a str>,
}

/// The lines about failed torrents.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FailedLines {
    /// A line for each torrent, up to a limit, and how many more there are.
    pub(crate) reasons: Vec<String>,
    /// Suggested actions, a line for each kind of reason.
    pub(crate) remedies: Vec<String>,
}

/// Returns the lines about `count` failed torrents, of which `torrents` are the first. `flag` is
/// the value of `--server` that selects their server.
pub(crate) fn failed_lines<'a>(
    torrents: &[FailedTorrent<'a>],
    count: usize,
    flag: Option<&str>,
) -> FailedLines {
    let mut lines = FailedLines::default();
    let mut groups: Vec<(&str, Vec<FailedTorrent<'a>>)> = Vec::new();
    for torrent in torrents {
        let FailedTorrent { name, info_hash, why } = *torrent;
        let remedy = remedy(why);
        match groups.iter_mut().find(|(known, _)| *known == remedy) {
            Some((_, group)) => group.push(*torrent),
            None => groups.push((remedy, vec![*torrent])),
        }
        if lines.reasons.len() < TORRENTS_NAMED_MAX {
            let why = why.unwrap_or("the server gives no reason");
            lines.reasons.push(visible(&format!("{}: {why}", name.unwrap_or(info_hash))));
        }
    }
    if let Some(more) = count.checked_sub(lines.reasons.len()).filter(|more| *more > 0) {
        lines.reasons.push(format!("and {more} more"));
    }
    lines.remedies = groups
        .into_iter()
        .map(|(remedy, group)| {
            let named = group.iter().map(|torrent| (torrent.name, torrent.info_hash));
            let start = match group.len() {
                0..=COMMAND_NAMES_MAX => start_command(named, flag),
                _ => start_command([], flag) + " <TORRENT>...",
            };
            visible(&format!("{remedy}, then: {start}"))
        })
        .collect();
    lines
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn reasons_are_named_and_remedies_said_once() {
        let full = Some("write: No space left on device (os error 28)");
        let torrent = |name, why| FailedTorrent { name, info_hash: "aa", why };
        let some = [
            torrent(Some("a film.mkv"), full),
            torrent(Some("b\u{1b}[31m"), None),
            torrent(Some("c"), full),
        ];
        let text = |lines: FailedLines| [lines.reasons, lines.remedies].concat().join("\n");
        expect![[r#"
            a film.mkv: write: No space left on device (os error 28)
            b\u{1b}[31m: the server gives no reason
            c: write: No space left on device (os error 28)
            make room on the disk of the server, then: tfs start 'a film.mkv' c --server home
            check the log of rqbit, then: tfs start aa --server home"#]]
        .assert_eq(&text(failed_lines(&some, 3, Some("home"))));
        let many = failed_lines(&[torrent(Some("a"), full); 30], 40, None);
        assert_eq!(many.reasons.len(), TORRENTS_NAMED_MAX + 1);
        assert_eq!(many.reasons.last().unwrap(), "and 20 more");
        assert_eq!(
            many.remedies,
            ["make room on the disk of the server, then: tfs start <TORRENT>..."]
        );
        assert_eq!(failed_lines(&[], 0, None), FailedLines::default());
    }
}
