//! Persisted form of the torrents that are missing from a server's listing.

use serde::{Deserialize, Serialize};
use vfs_core::InfoHash;

/// The torrents missing from a server's listing. Times are seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absences {
    /// Start of the server run that lacks them, if the server reported its uptime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_began_at: Option<i64>,
    /// The torrents, each with the start of its absence.
    #[serde(default, with = "hashes")]
    pub missing: Vec<(InfoHash, i64)>,
}

/// Serialization as pairs of an info hash (40 hexadecimal digits) and a time.
mod hashes {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use vfs_core::InfoHash;

    pub(super) fn serialize<S: Serializer>(
        missing: &[(InfoHash, i64)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(missing.iter().map(|(hash, since)| (hash.to_string(), since)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(InfoHash, i64)>, D::Error> {
        let pairs = Vec::<(String, i64)>::deserialize(deserializer)?;
        let parsed = pairs.into_iter().map(|(hash, since)| Ok((hash.parse()?, since)));
        parsed.collect::<Result<_, vfs_core::ParseInfoHashError>>().map_err(D::Error::custom)
    }
}
