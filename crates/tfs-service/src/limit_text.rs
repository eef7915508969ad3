//! Formats time limits for messages.

use std::time::Duration;

/// Returns a time limit in seconds, or in milliseconds if it is below one second.
pub(crate) fn limit_text(time: Duration) -> String {
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
