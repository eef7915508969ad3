//! Heads that do not match their bodies.

use super::head::Head;

/// A mismatch of head and body. A client can detect each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// The status of a range response is 200, not 206.
    Whole,
    /// The status line is invalid.
    StatusLine,
    /// `Content-Range` has another start and end.
    OtherRange,
    /// `Content-Range` has another length of the file.
    OtherTotal,
    /// `Content-Range` is missing.
    NoRange,
    /// `Content-Range` is invalid.
    BadRange,
    /// `Content-Length` is larger than the body.
    LongLength,
    /// `Content-Length` is smaller than the body.
    ShortLength,
    /// `Content-Length` is not a number.
    BadLength,
    /// `Content-Length` is missing: the body ends with the connection, which is valid, but rare.
    NoLength,
}

impl Lie {
    /// All mismatches.
    pub const ALL: [Self; 10] = [
        Self::Whole,
        Self::StatusLine,
        Self::OtherRange,
        Self::OtherTotal,
        Self::NoRange,
        Self::BadRange,
        Self::LongLength,
        Self::ShortLength,
        Self::BadLength,
        Self::NoLength,
    ];
}

impl Head {
    /// Makes it inconsistent with the body. Headers that it does not have stay absent.
    pub(super) fn spoil(&mut self, lie: Lie) {
        match lie {
            Lie::Whole => self.first_line = self.first_line.replacen(" 206 ", " 200 ", 1),
            Lie::StatusLine => "HTTP/1.1 2O6 Partial Content".clone_into(&mut self.first_line),
            Lie::OtherRange => self.spoil_range(|start, end, total| {
                format!("bytes {}-{}/{total}", start + 1, end + 1)
            }),
            Lie::OtherTotal => self.spoil_range(|start, end, total| {
                format!("bytes {start}-{end}/{}", total.wrapping_add(1))
            }),
            Lie::NoRange => self.remove("content-range"),
            Lie::BadRange => {
                self.spoil_range(|start, end, _| format!("bytes {end}-{start}/\u{a7}"));
            }
            Lie::LongLength => self.spoil_length(|bytes| bytes.saturating_add(1000).to_string()),
            Lie::ShortLength => self.spoil_length(|bytes| bytes.saturating_sub(1).to_string()),
            Lie::BadLength => self.spoil_length(|bytes| format!("-{bytes}")),
            Lie::NoLength => self.remove("content-length"),
        }
    }

    fn spoil_range(&mut self, other: impl FnOnce(u64, u64, u64) -> String) {
        let range = self.get("content-range").and_then(|value| {
            let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
            let (start, end) = range.split_once('-')?;
            Some((start.parse().ok()?, end.parse().ok()?, total.parse().ok()?))
        });
        if let Some((start, end, total)) = range {
            self.set("content-range", other(start, end, total));
        }
    }

    fn spoil_length(&mut self, other: impl FnOnce(u64) -> String) {
        if let Some(bytes) = self.body_bytes() {
            self.set("content-length", other(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lie_changes_the_head() {
        let mut head = Head::response(206);
        head.set("content-length", "10");
        head.set("content-range", "bytes 10-19/100");
        for lie in Lie::ALL {
            let mut spoiled = head.clone();
            spoiled.spoil(lie);
            assert_ne!(spoiled, head, "{lie:?}");
        }
    }
}
