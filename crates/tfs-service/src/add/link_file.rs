//! Files with links: a list with a link on each line, or the shortcut of a desktop.

use super::fault::AddFault;
use super::input::{PreparedTorrent, TorrentInput};

/// Maximum number of links in a file.
pub(crate) const LINKS_MAX: usize = tfs_drop::limits::LINKS_MAX;

/// Forms of a file with links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkForm {
    /// A link on each line. Comments start with `#`.
    List,
    /// `[InternetShortcut]` of Windows, `[Desktop Entry]` of freedesktop.org, or the address alone.
    Shortcut,
}

/// A line with a link, or with what should be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkLine<'a> {
    /// Its number, from 1.
    pub(crate) number: usize,
    pub(crate) text: &'a str,
}

/// Why a line cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkFault {
    /// It is neither a magnet link, nor an info hash, nor an address.
    #[error("it is not a magnet link")]
    NotLink,
    /// It is an address, and addresses are not permitted.
    #[error("it is a web address, which the server would fetch: that needs `allow_urls = true`")]
    NeedsUrls,
    /// It is a link that no server can use.
    #[error(transparent)]
    Unusable(AddFault),
}

impl LinkForm {
    /// Returns the lines with links; of a shortcut, the first.
    pub(crate) fn lines(self, text: &str) -> impl Iterator<Item = LinkLine<'_>> {
        let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines().map(str::trim));
        let lines = lines.filter_map(move |(number, line)| {
            let text = match self {
                Self::List => Some(line).filter(|line| !line.is_empty() && !line.starts_with('#')),
                Self::Shortcut => address_in(line),
            };
            Some(LinkLine { number, text: text? })
        });
        lines.take(match self {
            // One more than is accepted.
            Self::List => LINKS_MAX + 1,
            Self::Shortcut => 1,
        })
    }
}

impl LinkLine<'_> {
    /// Returns whether it begins like a magnet link.
    pub(crate) fn is_magnet(self) -> bool {
        self.text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("magnet:"))
    }

    /// Returns whether more characters could make a link of it.
    pub(crate) fn is_start(self) -> bool {
        "magnet:".starts_with(&self.text.to_ascii_lowercase())
            || self.text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// Checks the link. An info hash is a magnet link without trackers.
    ///
    /// # Errors
    /// [`LinkFault`].
    pub(crate) fn prepare(self, allow_urls: bool) -> Result<PreparedTorrent, LinkFault> {
        let TorrentInput::Link(link) = TorrentInput::parse(self.text.as_ref()) else {
            return Err(LinkFault::NotLink);
        };
        let is_magnet = LinkLine { text: &link, ..self }.is_magnet();
        if !is_magnet && !allow_urls {
            return Err(LinkFault::NeedsUrls);
        }
        PreparedTorrent::of_link(&link).map_err(|error| LinkFault::Unusable(error.fault))
    }
}

/// Returns the address in a line of a shortcut: `URL=...`, or the address alone.
fn address_in(line: &str) -> Option<&str> {
    let value = match line.split_once('=') {
        Some((key, value)) if key.trim().eq_ignore_ascii_case("url") => value.trim(),
        Some(_) | None => line,
    };
    TorrentInput::parse(value.as_ref()).is_link().then_some(value)
}
