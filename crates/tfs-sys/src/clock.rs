//! The wall clock, and lengths of time in messages.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the time in seconds since 1970, or 0 if the clock is before 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Returns a time limit in seconds, or in milliseconds if it is below one second.
#[must_use]
pub fn limit_text(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        _ if time.subsec_millis() == 0 => format!("{} s", time.as_secs()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_limit_is_not_nothing() {
        let texts = [50, 999, 1000, 2500, 60_000].map(Duration::from_millis).map(limit_text);
        assert_eq!(texts, ["50 ms", "999 ms", "1 s", "2.5 s", "60 s"]);
    }
}
