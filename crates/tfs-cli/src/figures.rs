//! Figures as people read them: sizes, speeds, shares and counts.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;

/// What is said of reads where there are none: what the kernel has in its cache, or reads itself,
/// does not come to tfs.
pub(crate) const NO_READS: &str = "none has reached tfs yet";

/// Returns a number of bytes with a unit.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).to_string()
}

/// Returns a speed; none at all is a dash, which is seen at a glance.
pub(crate) fn speed(bytes_per_second: u64) -> String {
    match bytes_per_second {
        0 => "-".to_owned(),
        speed => format!("{}/s", size(speed)),
    }
}

/// Returns how long ago something was, in whole seconds.
pub(crate) fn age(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => humantime::format_duration(Duration::from_secs(seconds)).to_string(),
    }
}

/// Returns a share, rounded down: what is not all is never 100 %. Of nothing there is none.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part).saturating_mul(100).checked_div(u128::from(whole));
    hundredths.map_or_else(|| "-".to_owned(), |hundredths| format!("{}%", hundredths.min(100)))
}

/// Returns a number with what it counts.
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
            // A file that grew while it was looked at.
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
