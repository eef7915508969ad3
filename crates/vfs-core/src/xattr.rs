//! Extended attributes: data of a file beyond `stat`, as text for people and scripts.

use crate::tree::NodeFacts;
use crate::{NodeKind, TorrentState};

/// All names, in the order in which they are listed. Linux permits user attributes only on files
/// and directories, so links have none.
const ALL: [Xattr; 8] = [
    Xattr::InfoHash,
    Xattr::Name,
    Xattr::Tags,
    Xattr::FileIndex,
    Xattr::State,
    Xattr::Progress,
    Xattr::HaveBytes,
    Xattr::Server,
];

/// Maximum length of a value in the kernel (`XATTR_SIZE_MAX`), in bytes.
const VALUE_BYTES_MAX: usize = 65_536;

/// An extended attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Xattr {
    /// 40 lower-case hexadecimal digits.
    InfoHash,
    /// Name of the torrent as in the torrent, however it is shown.
    Name,
    /// Tags of the torrent, with commas between them.
    Tags,
    /// Index in the torrent's list of files, from 0.
    FileIndex,
    /// State of the torrent on the server, in the words of `tfs list`.
    State,
    /// Downloaded part, in percent.
    Progress,
    /// Downloaded part, in bytes.
    HaveBytes,
    /// Name or URL of the server.
    Server,
}

impl Xattr {
    fn name(self) -> &'static str {
        match self {
            Self::InfoHash => "user.tfs.info_hash",
            Self::Name => "user.tfs.name",
            Self::Tags => "user.tfs.tags",
            Self::FileIndex => "user.tfs.file_index",
            Self::State => "user.tfs.state",
            Self::Progress => "user.tfs.progress",
            Self::HaveBytes => "user.tfs.have_bytes",
            Self::Server => "user.tfs.server",
        }
    }

    /// Returns the value, or `None` if it is not available.
    fn value(self, node: &NodeFacts, server: Option<&str>) -> Option<String> {
        match self {
            _ if node.kind == NodeKind::Symlink => None,
            Self::InfoHash => Some(node.torrent.to_string()),
            Self::Name => Some(node.name.as_ref()).filter(is_short).map(str::to_owned),
            Self::Tags => (!node.tags.is_empty()).then(|| node.tags.join(",")),
            Self::FileIndex => node.file.map(|index| index.0.to_string()),
            Self::State => Some(state(node.state).to_owned()),
            Self::Progress => {
                node.amount.map(|amount| percent(amount.have_bytes, amount.total_bytes))
            }
            Self::HaveBytes => node.amount.map(|amount| amount.have_bytes.to_string()),
            Self::Server => server.map(str::to_owned),
        }
    }
}

/// Returns whether a name can be a value: it is not empty, and the kernel accepts its length.
fn is_short(name: &&str) -> bool {
    (1..=VALUE_BYTES_MAX).contains(&name.len())
}

/// Returns the names of the attributes that a node has.
pub(crate) fn names(node: &NodeFacts, server: Option<&str>) -> Vec<&'static str> {
    let present = ALL.into_iter().filter(|xattr| xattr.value(node, server).is_some());
    present.map(Xattr::name).collect()
}

/// Returns the value of an attribute, if the node has it.
pub(crate) fn value(name: &[u8], node: &NodeFacts, server: Option<&str>) -> Option<String> {
    let xattr = ALL.into_iter().find(|xattr| xattr.name().as_bytes() == name)?;
    xattr.value(node, server)
}

fn state(state: TorrentState) -> &'static str {
    match state {
        TorrentState::Initializing => "initializing",
        TorrentState::Live => "live",
        TorrentState::Paused => "paused",
        TorrentState::Failed => "error",
    }
}

/// Returns a percentage with two decimals, rounded down: `100.00` means complete. Zero of zero
/// bytes is complete.
fn percent(have: u64, total: u64) -> String {
    let (have, total) = (u128::from(have), u128::from(total));
    let hundredths = (have * 10_000).checked_div(total).unwrap_or(10_000);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tree::Amount;
    use crate::{FileIndex, InfoHash};

    #[track_caller]
    fn check_percent(have: u64, total: u64, want: &str) {
        assert_eq!(percent(have, total), want);
    }

    #[test]
    fn only_all_of_it_is_a_hundred_percent() {
        check_percent(0, 10, "0.00");
        check_percent(1, 3, "33.33");
        check_percent(99_999, 100_000, "99.99");
        check_percent(10, 10, "100.00");
        check_percent(0, 0, "100.00");
        check_percent(u64::MAX - 1, u64::MAX, "99.99");
        check_percent(u64::MAX, u64::MAX, "100.00");
        check_percent(1, 100_000, "0.00");
        check_percent(5, 100, "5.00");
    }

    #[track_caller]
    fn check(node: &NodeFacts, server: Option<&str>, want: &[(&str, &str)]) {
        let listed = names(node, server);
        let got: Vec<_> = listed
            .iter()
            .map(|name| (*name, value(name.as_bytes(), node, server).expect("it is listed")))
            .collect();
        let got: Vec<_> = got.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(got, want);
        let unlisted = ALL.into_iter().filter(|xattr| !listed.contains(&xattr.name()));
        for xattr in unlisted {
            assert_eq!(value(xattr.name().as_bytes(), node, server), None, "{xattr:?}");
        }
    }

    #[test]
    fn what_is_listed_can_be_read_and_nothing_else() {
        let hash = "0101010101010101010101010101010101010101";
        let file = NodeFacts {
            torrent: InfoHash::from_bytes([1; 20]),
            name: "A/b".into(),
            tags: ["film".to_owned(), "kids".to_owned()].into(),
            kind: NodeKind::File,
            file: Some(FileIndex(7)),
            state: TorrentState::Live,
            amount: Some(Amount { have_bytes: 5, total_bytes: 10 }),
        };
        let all = [
            ("user.tfs.info_hash", hash),
            ("user.tfs.name", "A/b"),
            ("user.tfs.tags", "film,kids"),
            ("user.tfs.file_index", "7"),
            ("user.tfs.state", "live"),
            ("user.tfs.progress", "50.00"),
            ("user.tfs.have_bytes", "5"),
            ("user.tfs.server", "home"),
        ];
        check(&file, Some("home"), &all);
        let directory = NodeFacts { kind: NodeKind::Directory, file: None, ..file.clone() };
        check(&directory, Some("home"), &[&all[..3], &all[4..]].concat());
        // Without tags, and with a name that is no value.
        for name in ["", &"x".repeat(VALUE_BYTES_MAX + 1)] {
            let (name, tags) = (name.into(), Arc::default());
            let plain = NodeFacts { name, tags, ..file.clone() };
            check(&plain, Some("home"), &[&all[..1], &all[3..]].concat());
        }
        // While the server does not know the progress, it is not available.
        let state = TorrentState::Initializing;
        let checked = NodeFacts { state, amount: None, ..file.clone() };
        let state = [("user.tfs.state", "initializing")];
        check(&checked, None, &[&all[..4], &state].concat());
        check(&NodeFacts { kind: NodeKind::Symlink, ..file.clone() }, Some("home"), &[]);
        for other in [&b"user.tfs.other"[..], b"user.tfs.", b"security.capability", b"\xff", b""] {
            assert_eq!(value(other, &file, None), None, "{other:?}");
        }
    }
}
