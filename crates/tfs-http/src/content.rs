//! Types and names of files in headers.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Bytes of a name that stay as they are in an address, and in `filename*` (RFC 8187).
const NAME_BYTES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Maximum length of a name in a header in bytes, before it is encoded; filesystems have no longer
/// ones.
const NAME_BYTES_MAX: usize = 255;

/// Types by extension. What is not here, such as HTML and SVG, is for downloading only: a browser
/// must not run it.
const TYPES: &[(&str, &str)] = &[
    ("aac", "audio/aac"),
    ("aiff", "audio/aiff"),
    ("ape", "audio/ape"),
    ("avi", "video/x-msvideo"),
    ("bmp", "image/bmp"),
    ("flac", "audio/flac"),
    ("flv", "video/x-flv"),
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("m2ts", "video/mp2t"),
    ("m4a", "audio/mp4"),
    ("m4b", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("mka", "audio/x-matroska"),
    ("mkv", "video/x-matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("nfo", "text/plain; charset=utf-8"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogm", "video/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("srt", "text/plain; charset=utf-8"),
    ("ts", "video/mp2t"),
    ("txt", "text/plain; charset=utf-8"),
    ("vob", "video/mpeg"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("wma", "audio/x-ms-wma"),
    ("wmv", "video/x-ms-wmv"),
    ("wv", "audio/x-wavpack"),
];

/// Returns the content type of a file by its name.
#[must_use]
pub fn type_of(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_stem, extension)| extension);
    let found = TYPES.iter().find(|(known, _kind)| known.eq_ignore_ascii_case(extension));
    found.map_or("application/octet-stream", |(_extension, kind)| kind)
}

/// Returns whether players play a file of this name.
#[must_use]
pub fn is_media(name: &str) -> bool {
    let kind = type_of(name);
    kind.starts_with("video/") || kind.starts_with("audio/")
}

/// Returns the value of `Content-Disposition` (RFC 6266). It is ASCII, without control characters.
#[must_use]
pub fn disposition(kind: &str, name: &str) -> String {
    let name = shortened(name);
    let plain = |character: char| match character {
        '"' | '\\' | '%' | '/' => '_',
        ' '..='~' => character,
        _ => '_',
    };
    let ascii: String = name.chars().map(plain).collect();
    let mut value = format!("{kind}; filename=\"{ascii}\"");
    if ascii != name {
        // Writing to a `String` cannot fail.
        let _written = write!(value, "; filename*=UTF-8''{}", encoded(name));
    }
    value
}

/// Returns a name as a part of an address.
#[must_use]
pub fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NAME_BYTES).to_string()
}

/// Cuts a name at the end of a character.
fn shortened(name: &str) -> &str {
    let end = (0..=NAME_BYTES_MAX.min(name.len())).rev().find(|&at| name.is_char_boundary(at));
    name.get(..end.unwrap_or(0)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_that_cannot_run() {
        assert_eq!(type_of("a.MKV"), "video/x-matroska");
        assert_eq!(type_of("a.b.flac"), "audio/flac");
        for name in ["a.html", "a.svg", "a.xhtml", "a.js", "a", "mkv", ".", "", "a.mkv/b", "a.xml"]
        {
            assert_eq!(type_of(name), "application/octet-stream", "{name}");
        }
        assert!(is_media("a.mp3") && !is_media("a.srt") && !is_media("mp4"));
    }

    #[test]
    fn names_cannot_leave_their_header() {
        for (name, expected) in [
            ("film.mkv", "inline; filename=\"film.mkv\""),
            ("a\"b\\c.mkv", "inline; filename=\"a_b_c.mkv\"; filename*=UTF-8''a%22b%5Cc.mkv"),
            (
                "a\r\nSet-Cookie: x=1",
                "inline; filename=\"a__Set-Cookie: x=1\"; \
                 filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x%3D1",
            ),
            ("\u{e9}", "inline; filename=\"_\"; filename*=UTF-8''%C3%A9"),
            ("", "inline; filename=\"\""),
        ] {
            assert_eq!(disposition("inline", name), expected);
        }
        let long = disposition("inline", &"\u{1f3ac}".repeat(1000));
        assert_eq!(long.matches("%F0").count(), 63);
    }
}
