//! Parses magnet links, as far as needed to find errors early and to show a name.

use url::Url;
use vfs_core::InfoHash;

/// Maximum length of a name that is shown. Names of torrents are file names.
const NAME_CHARS_MAX: usize = 255;

/// Maximum number of files that a link may select (`so`, BEP 53). rqbit lists all numbers of a
/// range before it compares them with the number of files: a range up to 2^40 would take terabytes.
const SELECTED_MAX: u64 = 1_000_000;

/// Lengths of an encoded SHA-1 hash: 40 hexadecimal digits, or 32 characters of base 32.
const HEX_DIGITS: usize = 40;
const BASE32_DIGITS: usize = 32;

/// Why rqbit cannot use a magnet link. The text fits after "cannot add the magnet link: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MagnetFault {
    /// It has no info hash.
    #[error("it has no info hash (xt=urn:btih:...)")]
    NoInfoHash,
    /// Its info hash has a wrong length or invalid digits.
    #[error("its info hash is not 40 hexadecimal digits")]
    InfoHash,
    /// It has only an info hash of version 2.
    #[error("it is for a version 2 torrent (BEP 52), which rqbit does not support")]
    Version2,
    /// It selects more files than any torrent has.
    #[error("it selects more than {SELECTED_MAX} files")]
    TooManySelected,
}

/// A magnet link (BEP 9) that rqbit can use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Magnet {
    /// Its name, or else its info hash. Untrusted data.
    pub(super) name: String,
    /// Its info hash, unless that is encoded in base 32.
    pub(super) info_hash: Option<InfoHash>,
}

impl Magnet {
    /// Parses a link with the scheme `magnet`.
    pub(super) fn parse(link: &str) -> Result<Self, MagnetFault> {
        let url = Url::parse(link).map_err(|_error| MagnetFault::NoInfoHash)?;
        let (mut info_hash, mut name, mut is_version2) = (None, None, false);
        let mut selected = 0_u64;
        for (key, value) in url.query_pairs() {
            match key.as_ref() {
                "xt" => match value.strip_prefix("urn:btih:") {
                    Some(hash) => info_hash = Some(hash.to_owned()),
                    None => is_version2 |= value.starts_with("urn:btmh:"),
                },
                "dn" if !value.is_empty() => {
                    name = Some(value.chars().take(NAME_CHARS_MAX).collect());
                }
                "so" => selected = selected.saturating_add(count_selected(&value)),
                _ => {}
            }
        }
        let Some(info_hash) = info_hash else {
            return Err(if is_version2 { MagnetFault::Version2 } else { MagnetFault::NoInfoHash });
        };
        if !is_sha1(&info_hash) {
            return Err(MagnetFault::InfoHash);
        }
        if selected > SELECTED_MAX {
            return Err(MagnetFault::TooManySelected);
        }
        Ok(Self { info_hash: info_hash.parse().ok(), name: name.unwrap_or(info_hash) })
    }
}

/// Returns the number of files that a value of `so` selects, such as 4 for `0,2-4`. rqbit ignores
/// items that are neither a number nor a range.
fn count_selected(value: &str) -> u64 {
    let counts = value.split(',').map(|part| match part.split_once('-') {
        None => u64::from(part.parse::<u64>().is_ok()),
        Some((start, end)) => match (start.parse::<u64>(), end.parse::<u64>()) {
            (Ok(start), Ok(end)) => (end.saturating_add(1)).saturating_sub(start),
            _ => 0,
        },
    });
    counts.fold(0, u64::saturating_add)
}

fn is_sha1(text: &str) -> bool {
    let is_base32 = |byte: u8| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(&byte);
    match text.len() {
        HEX_DIGITS => text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        BASE32_DIGITS => text.bytes().all(is_base32),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(link: &str, want: &str) {
        let parsed = Magnet::parse(&link.replace("HASH", &"ab".repeat(20)));
        let got = parsed.map_or_else(|fault| fault.to_string(), |magnet| magnet.name);
        assert_eq!(got.replace(&"ab".repeat(20), "HASH"), want, "{link}");
    }

    #[test]
    fn links_are_named_or_refused() {
        check("magnet:?xt=urn:btih:HASH&dn=Some+Name%21&tr=udp://t", "Some Name!");
        check("magnet:?xt=urn:btih:HASH&dn=", "HASH");
        let base32 = "a".repeat(32);
        check(&format!("magnet:?xt=urn:btih:{base32}"), &base32);
        check("magnet:?dn=x", "it has no info hash (xt=urn:btih:...)");
        check("magnet:?xt=urn:ed2k:31", "it has no info hash (xt=urn:btih:...)");
        check("magnet:?xt=urn:btih:abc", "its info hash is not 40 hexadecimal digits");
        check(
            &format!("magnet:?xt=urn:btih:{}", "g".repeat(40)),
            "its info hash is not 40 hexadecimal digits",
        );
        let version2 = "it is for a version 2 torrent (BEP 52), which rqbit does not support";
        check(&format!("magnet:?xt=urn:btmh:1220{}", "ab".repeat(32)), version2);
        check("magnet:?xt=urn:btmh:1220HASH&xt=urn:btih:HASH", "HASH");
    }

    #[test]
    fn a_name_and_a_selection_are_bounded() {
        check(&format!("magnet:?xt=urn:btih:HASH&dn={}", "x".repeat(9999)), &"x".repeat(255));
        check("magnet:?xt=urn:btih:HASH&so=0,2-4,x,9-1,-", "HASH");
        let many = "it selects more than 1000000 files";
        check("magnet:?xt=urn:btih:HASH&so=0-1099511627776", many);
        check("magnet:?xt=urn:btih:HASH&so=0-600000&so=0-600000", many);
        check("magnet:?xt=urn:btih:HASH&so=0-18446744073709551615", many);
    }
}
