//! Parses durations and sizes with units.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

use bytesize::ByteSize;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

/// Maximum of a time setting: sums of times stay within the range of a clock.
const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Maximum of a setting in days: times stay within the range of file systems.
const LONG_TIME_MAX: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// The units of times, for messages.
const TIME_UNITS: &str = "ms, s, m, h or d";

/// The units of sizes, for messages.
const SIZE_UNITS: &str = "B, KiB, MiB, GiB, KB, MB or GB";

/// How many digits a number of MiB has at most.
const SIZE_DIGITS_MAX: usize = 5;

/// Parses a duration such as `90s`, `1m 30s` or `200ms`.
///
/// # Errors
/// A message for users, if it is invalid, has no unit or is more than a day.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time > TIME_MAX => Err("it is more than a day".to_owned()),
        Ok(time) => Ok(time),
        Err(_) if is_number(text) => Err(no_unit(text, "s", TIME_UNITS)),
        Err(_) => Err("it must be a time, such as 90s or 2m".to_owned()),
    }
}

/// Parses a duration such as `7d` or `12h`. Such a value is only added to wall-clock times.
///
/// # Errors
/// A message for users, if it is invalid, has no unit or is more than ten years.
pub(super) fn long_time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time > LONG_TIME_MAX => Err("it is more than ten years".to_owned()),
        Ok(time) => Ok(time),
        Err(_) if is_number(text) => Err(no_unit(text, "d", TIME_UNITS)),
        Err(_) => Err("it must be a time, such as 7d or 12h".to_owned()),
    }
}

/// Parses an address and a port to listen on: `127.0.0.1:3031`, `[::1]:3031`, `localhost:3031`, or
/// `:3031` for all addresses of this machine.
///
/// # Errors
/// A message for users.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let port = |text: &str| text.parse::<u16>().ok();
    let with_host = |host: Ipv4Addr, text| port(text).map(|port| SocketAddr::from((host, port)));
    let short = match (text.strip_prefix("localhost:"), text.strip_prefix(':')) {
        (Some(text), _) => with_host(Ipv4Addr::LOCALHOST, text),
        (None, Some(text)) => with_host(Ipv4Addr::UNSPECIFIED, text),
        (None, None) => None,
    };
    match short {
        Some(address) => Ok(address),
        None => text.parse().map_err(|_address| {
            let example = if port(text).is_some() {
                format!("127.0.0.1:{text}, or :{text} for all addresses of this machine")
            } else {
                "127.0.0.1:8080 or :8080; of names, only localhost".to_owned()
            };
            format!("it must be an IP address and a port, as in {example}")
        }),
    }
}

/// Parses a size such as `64MiB` or `1GB`, or `0`.
///
/// # Errors
/// A message for users, if it is invalid or has no unit.
pub(super) fn size(text: &str) -> Result<u64, String> {
    if is_number(text) && text != "0" {
        return Err(no_unit(text, unit_of(text), SIZE_UNITS));
    }
    let size = text.parse().map(|size: ByteSize| size.as_u64());
    size.map_err(|_size| "it must be a size, such as 64MiB or 1GB".to_owned())
}

/// Parses bytes in a second, such as `20MiB`, `20MiB/s` or `1GB`; `off` and 0 are no limit.
///
/// # Errors
/// A message for users, if it is invalid or has no unit.
pub(super) fn rate(text: &str) -> Result<Option<NonZeroU64>, String> {
    if text == "off" {
        return Ok(None);
    }
    let text = text.strip_suffix("/s").unwrap_or(text);
    if is_number(text) && text != "0" {
        return Err(no_unit(text, unit_of(text), SIZE_UNITS));
    }
    let bytes = text.parse();
    let bytes = bytes.map(|size: ByteSize| NonZeroU64::new(size.as_u64()));
    bytes.map_err(|_rate| "it must be a size, such as 20MiB, or off for no limit".to_owned())
}

/// Parses an octal mask such as `022`.
///
/// # Errors
/// A message for users, if it is invalid or has more than the permission bits.
pub(super) fn mask(text: &str) -> Result<u16, String> {
    match u16::from_str_radix(text, 8) {
        Ok(mask) if mask <= 0o777 => Ok(mask),
        _ => Err("it must be octal digits from 000 to 777".to_owned()),
    }
}

/// Parses a day such as `2026-01-31`, and returns its first second since 1970, in UTC.
///
/// # Errors
/// A message for users.
pub(super) fn date(text: &str) -> Result<i64, String> {
    let wanted = || "it must be a day since 1970, such as 2026-01-31".to_owned();
    let is_day = text.len() == "2026-01-31".len();
    let time = humantime::parse_rfc3339_weak(&format!("{text} 00:00:00"));
    let time = time.ok().filter(|_| is_day).ok_or_else(wanted)?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok();
    since.and_then(|since| i64::try_from(since.as_secs()).ok()).ok_or_else(wanted)
}

/// Returns the message for a number without a unit.
fn no_unit(number: &str, unit: &str, units: &str) -> String {
    format!("the unit is missing, as in {number}{unit}; units are {units}")
}

/// Returns the unit in which a number is probably meant: a long one in bytes.
fn unit_of(number: &str) -> &'static str {
    if number.len() > SIZE_DIGITS_MAX { "B" } else { "MiB" }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn de_time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    time(&String::deserialize(from)?).map_err(D::Error::custom)
}

pub(super) fn de_long_time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    long_time(&String::deserialize(from)?).map_err(D::Error::custom)
}

pub(super) fn de_size<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    size(&String::deserialize(from)?).map_err(D::Error::custom)
}

pub(super) fn de_rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NonZeroU64>, D::Error> {
    rate(&String::deserialize(from)?).map_err(D::Error::custom)
}

pub(super) fn de_size_if_set<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    de_size(from).map(Some)
}

pub(super) fn de_date_if_set<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    date(&String::deserialize(from)?).map_err(D::Error::custom).map(Some)
}

pub(super) fn de_mask<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    mask(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// Deserializes a value from its text form, such as an address.
pub(super) fn de_text<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
    D: Deserializer<'de>,
{
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood_and_asked_for() {
        assert_eq!(time("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(time("24h"), Ok(TIME_MAX));
        for wrong in ["", "5", "5 parsecs", "-1s", "100000years", "25h"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("1GB"), Ok(1_000_000_000));
        assert_eq!(size("0B"), Ok(0));
        let message = "the unit is missing, as in 8MiB; units are B, KiB, MiB, GiB, KB, MB or GB";
        assert_eq!(size("8"), Err(message.to_owned()));
        let message = "the unit is missing, as in 5s; units are ms, s, m, h or d";
        assert_eq!(time("5"), Err(message.to_owned()));
        assert_eq!(size("0"), Ok(0));
        for wrong in ["", "00", "big", "5 parsecs", "-1MiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(rate("20MiB/s"), Ok(NonZeroU64::new(20 << 20)));
        assert_eq!((rate("off"), rate("0")), (Ok(None), Ok(None)));
        for (number, unit) in [("10", "MiB"), ("100000", "B"), ("10/s", "MiB")] {
            let as_in = format!("as in {}{unit};", number.trim_end_matches("/s"));
            assert!(rate(number).unwrap_err().contains(&as_in), "{number}");
        }
        assert_eq!((date("1970-01-02"), date("2026-11-30")), (Ok(86_400), Ok(1_795_996_800)));
        for wrong in ["", "2026", "2026-13-01", "2026-02-30", "30.11.2026", "2026-01-01 10:00:00"] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
        assert_eq!(mask("022"), Ok(0o22));
        for wrong in ["", "8", "1777", "-1"] {
            assert!(mask(wrong).is_err(), "{wrong}");
        }
    }
}
