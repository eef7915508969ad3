//! How torrents are downloaded of which only what is read is wanted.

use std::fmt;
use std::str::FromStr;

/// What tfs makes the server download of an on-demand torrent, which has no selected files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum OnDemandMode {
    /// The pieces that programs read.
    Pieces,
    /// As `Pieces`. While a program reads a file in order, the whole file.
    File,
}

/// The text is no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected pieces or file")]
pub struct ParseOnDemandModeError;

impl OnDemandMode {
    /// Returns the name in settings and in JSON: `pieces` or `file`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pieces => "pieces",
            Self::File => "file",
        }
    }
}

impl fmt::Display for OnDemandMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OnDemandMode {
    type Err = ParseOnDemandModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let modes = [Self::Pieces, Self::File];
        modes.into_iter().find(|mode| mode.as_str() == text).ok_or(ParseOnDemandModeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_modes() {
        for mode in [OnDemandMode::Pieces, OnDemandMode::File] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        for text in ["", "Pieces", "files", "off"] {
            assert_eq!(text.parse::<OnDemandMode>(), Err(ParseOnDemandModeError), "{text:?}");
        }
    }
}
