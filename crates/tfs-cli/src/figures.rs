//! Formatting of figures for people: sizes, speeds, shares and counts.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;

/// The text if no read has reached tfs. Reads from the kernel's cache or by passthrough do not
/// reach it.
pub(crate) const NO_READS: &str = "no read has reached tfs yet";

/// Returns a number of bytes with a unit.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).to_string()
}

/// Returns a speed. Zero is a dash, which is easy to see.
pub(crate) fn speed(bytes_per_second: u64) -> String {
    match bytes_per_second {
        0 => "-".to_owned(),
        speed => format!("{}/s", size(speed)),
    }
}

/// Returns an age in whole seconds.
pub(crate) fn age(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => humantime::format_duration(Duration::from_secs(seconds)).to_string(),
    }
}

/// Returns a share, rounded down, so that an incomplete file never shows 100 %. If the whole is 0,
/// the share is a dash.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part).saturating_mul(100).checked_div(u128::from(whole));
    hundredths.map_or_else(|| "-".to_owned(), |hundredths| format!("{}%", hundredths.min(100)))
}

/// Returns a number with its noun.
pub(crate) fn counted<T: Copy + fmt::Display + PartialEq + From<u8>>(
    count: T,
    one: &str,
) -> String {
    if count == T::from(1) { format!("1 {one}") } else { format!("{count} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_all_is_never_100_percent() {
        let cases = [
            (0, 0, "-"),
            (0, 7, "0%"),
            (999, 1000, "99%"),
            (1000, 1000, "100%"),
            (u64::MAX - 1, u64::MAX, "99%"),
            // A file that grew during the check.
            (8, 7, "100%"),
        ];
        for (part, whole, want) in cases {
            assert_eq!(percent(part, whole), want, "{part} of {whole}");
        }
    }

    #[test]
    fn one_is_not_several() {
        assert_eq!([counted(0, "file"), counted(1, "file")], ["0 files", "1 file"]);
        assert_eq!([speed(0), speed(2 << 20)], ["-", "2.0 MiB/s"]);
    }
}
