//! Bencode parser (BEP 3) that skips unused fields without interpreting them.
//!
//! Every value is split off as a slice of the input; nothing is copied or parsed before it is
//! requested. So the content of an unused field cannot make a torrent unreadable.
//!
//! No library does this. rqbit 9.1.0 accepts all of the 65 variants of
//! `tfs_testkit::torrent_variants`. `bt_bencode` 0.8.2 (current) refuses 19 of them, as it also
//! interprets what `serde::de::IgnoredAny` skips: "invalid integer" for integers beyond 64 bits,
//! `i-e` and `i+5e`, "key must be a byte string" for a skipped dictionary with integer keys.
//! `librqbit-bencode` 9.1.0 reads them as rqbit does, but in a build with overflow checks it panics
//! at 10 of them ("attempt to multiply with overflow"), and it recurses.

/// Maximum nesting depth: rqbit 9.1 accepts 128.
const NESTING_MAX: usize = 200;

/// A value whose end was found. Its content is well-formed only as far as that required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// The unchecked bytes between `i` and `e`.
    Integer(&'a [u8]),
    /// The bytes of a string.
    Bytes(&'a [u8]),
    /// A list.
    List(Items<'a>),
    /// A dictionary: alternating keys and values.
    Dictionary(Items<'a>),
}

/// The remaining values of a list or dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Items<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// Returns the value at the start of `text`. `None` if there is none, if it has no end, or if
    /// its depth exceeds [`NESTING_MAX`]. Bytes after it are ignored.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        split_value(text).map(|(value, _rest)| value)
    }

    /// Like [`parse`](Self::parse), and also returns the length of the value in bytes.
    pub(crate) fn parse_with_len(text: &'a [u8]) -> Option<(Self, usize)> {
        let (value, rest) = split_value(text)?;
        Some((value, text.len().checked_sub(rest.len())?))
    }

    /// Returns the value of the first dictionary entry with this key. `None` for other types. Keys
    /// may be in any order; keys other than strings are skipped.
    pub(crate) fn get(self, key: &[u8]) -> Option<Self> {
        let Self::Dictionary(mut items) = self else { return None };
        while let (Some(name), Some(value)) = (items.next(), items.next()) {
            if name.as_bytes() == Some(key) {
                return Some(value);
            }
        }
        None
    }

    /// Like [`get`](Self::get), and returns the encoded value: the bytes that an info hash covers.
    pub(crate) fn get_encoded(self, key: &[u8]) -> Option<&'a [u8]> {
        let Self::Dictionary(mut items) = self else { return None };
        while let Some(name) = items.next() {
            let start = items.0;
            items.next()?;
            if name.as_bytes() == Some(key) {
                return start.get(..start.len().checked_sub(items.0.len())?);
            }
        }
        None
    }

    pub(crate) fn as_bytes(self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(crate) fn as_list(self) -> Option<Items<'a>> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// Returns a non-negative integer. `None` for other values, or beyond 64 bits.
    pub(crate) fn as_u64(self) -> Option<u64> {
        let digits = self.digits()?;
        digits.iter().try_fold(0_u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })
    }

    /// Returns the lower 32 bits of a non-negative integer, as rqbit does for longer ones. `None`
    /// for other values.
    pub(crate) fn as_wrapped_u32(self) -> Option<u32> {
        let digits = self.digits()?;
        Some(digits.iter().fold(0, |number: u32, digit| {
            number.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'))
        }))
    }

    /// Returns the text of an unsigned integer: at least one digit, and nothing else.
    fn digits(self) -> Option<&'a [u8]> {
        let Self::Integer(text) = self else { return None };
        (!text.is_empty() && text.iter().all(u8::is_ascii_digit)).then_some(text)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let (value, rest) = split_value(self.0)?;
        self.0 = rest;
        Some(value)
    }
}

/// Splits off the first value. Reads each byte once, does not recurse, and allocates nothing.
fn split_value(text: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let mut rest = text;
    let mut depth = 0_usize;
    loop {
        let (first, tail) = rest.split_first()?;
        let scalar = match first {
            b'd' | b'l' => {
                depth = depth.checked_add(1).filter(|depth| *depth <= NESTING_MAX)?;
                rest = tail;
                continue;
            }
            b'e' => {
                depth = depth.checked_sub(1)?;
                rest = tail;
                None
            }
            b'i' => {
                let end = tail.iter().position(|byte| *byte == b'e')?;
                rest = tail.get(end.checked_add(1)?..)?;
                Some(Value::Integer(tail.get(..end)?))
            }
            b'0'..=b'9' => {
                let bytes;
                (bytes, rest) = split_bytes(rest)?;
                Some(Value::Bytes(bytes))
            }
            _ => return None,
        };
        if depth > 0 {
            continue;
        }
        return match scalar {
            Some(value) => Some((value, rest)),
            None => {
                let len = text.len().checked_sub(rest.len())?;
                let items = Items(text.get(1..len.checked_sub(1)?)?);
                let is_list = text.first() == Some(&b'l');
                let value = if is_list { Value::List(items) } else { Value::Dictionary(items) };
                Some((value, rest))
            }
        };
    }
}

/// Splits off a string: its length in digits, a colon, and that number of bytes. Of a length beyond
/// 64 bits, the lower 64 bits count, as in rqbit.
fn split_bytes(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at_checked(end)?;
    let len = digits
        .iter()
        .fold(0_usize, |len, digit| len.wrapping_mul(10).wrapping_add(usize::from(digit - b'0')));
    rest.strip_prefix(b":")?.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_split_off_and_what_follows_is_ignored() {
        let value = |text| Value::parse(text);
        assert_eq!(value(b"i-007etail"), Some(Value::Integer(b"-007")));
        assert_eq!(value(b"03:abcd"), Some(Value::Bytes(b"abc")));
        let list = value(b"lli1ee0:d1:xleeetail").and_then(Value::as_list).unwrap();
        assert_eq!(list.count(), 3);
        assert_eq!(value(b"18446744073709551617:ab"), Some(Value::Bytes(b"a")));
        for none in [&b""[..], b"e", b"i5", b"5:abc", b"5abc", b"l", b"d1:a", b"-1:a", b"l5:ae"] {
            assert_eq!(value(none), None, "{:?}", String::from_utf8_lossy(none));
        }
    }

    #[test]
    fn a_dictionary_is_searched_without_a_look_at_its_other_entries() {
        let dictionary = Value::parse(b"di1ei2ele0:1:bi3e1:ai4e1:ai5e1:ce").unwrap();
        assert_eq!(dictionary.get(b"b").and_then(Value::as_u64), Some(3));
        assert_eq!(dictionary.get(b"a").and_then(Value::as_u64), Some(4));
        assert_eq!(dictionary.get(b"c"), None);
        assert_eq!(Value::List(Items(b"1:a1:b")).get(b"a"), None);
    }

    #[test]
    fn an_encoded_value_is_the_same_bytes() {
        let dictionary = Value::parse(b"di1ei2e1:ad1:xi01ee1:bleetail").unwrap();
        assert_eq!(dictionary.get_encoded(b"a"), Some(&b"d1:xi01ee"[..]));
        assert_eq!(dictionary.get_encoded(b"b"), Some(&b"le"[..]));
        assert_eq!(dictionary.get_encoded(b"x"), None);
        assert_eq!(Value::parse(b"l1:a1:be").unwrap().get_encoded(b"a"), None);
    }

    #[test]
    fn integers_are_read_only_where_they_are_some() {
        let read = |text: &'static str| {
            let value = Value::Integer(text.as_bytes());
            (value.as_u64(), value.as_wrapped_u32())
        };
        assert_eq!(read("0"), (Some(0), Some(0)));
        assert_eq!(read("00016384"), (Some(16384), Some(16384)));
        assert_eq!(read("4294967297"), (Some(4_294_967_297), Some(1)));
        assert_eq!(read("18446744073709551617"), (None, Some(1)));
        for text in ["", "-", "-1", "+1", "1.5", "0x1", "1 "] {
            assert_eq!(read(text), (None, None), "{text:?}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| ["l".repeat(depth), "e".repeat(depth)].concat();
        assert!(Value::parse(nested(NESTING_MAX).as_bytes()).is_some());
        assert!(Value::parse(nested(NESTING_MAX + 1).as_bytes()).is_none());
        assert!(Value::parse("d".repeat(1_000_000).as_bytes()).is_none());
    }
}
