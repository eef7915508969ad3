//! The path of a request: parts of names, after the capability prefix if it has one.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use tfs_http::encoded;

use crate::tokens::is_token;

/// Maximum length of a path in bytes, encoded. Names have at most 255 bytes.
const PATH_BYTES_MAX: usize = 8 << 10;

/// Maximum number of names in a path. Torrents have no deeper ones.
const PARTS_MAX: usize = 256;

/// Maximum length of a name in bytes.
const NAME_BYTES_MAX: usize = 255;

/// The name before a device token in a path.
const PREFIX_NAME: &str = "k";

/// The fault of two slashes in a row.
const EMPTY_NAME: &str = "it has an empty name";

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebdavTarget {
    /// `/k/TOKEN`, or empty. It is a secret.
    pub(crate) prefix: String,
    /// The names from the root.
    pub(crate) parts: Vec<String>,
    /// Whether the path ends with a slash: it means a directory.
    pub(crate) has_slash: bool,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadTarget {
    /// It has a part that no name can have; the text says which.
    Malformed(&'static str),
    /// It is longer than any path of the tree: 414.
    TooLong,
    /// No file has such a name: 404.
    Unknown,
}

impl WebdavTarget {
    /// Parses the path of a URI.
    pub(crate) fn parse(path: &str) -> Result<Self, BadTarget> {
        if path.len() > PATH_BYTES_MAX {
            return Err(BadTarget::TooLong);
        }
        let rest = path.strip_prefix('/').ok_or(BadTarget::Malformed("it is not absolute"))?;
        let rest = &*without_dots(rest);
        let has_slash = rest.is_empty() || rest.ends_with('/');
        let (prefix, rest) = split_prefix(rest);
        if rest == "/" {
            return Err(BadTarget::Malformed(EMPTY_NAME));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut parts = Vec::new();
        if !rest.is_empty() {
            for part in rest.split('/') {
                if parts.len() == PARTS_MAX {
                    return Err(BadTarget::TooLong);
                }
                parts.push(decoded(part)?);
            }
        }
        Ok(Self { prefix, parts, has_slash })
    }

    /// Returns the device token.
    pub(crate) fn token(&self) -> Option<&str> {
        self.prefix.rsplit_once('/').map(|(_prefix, token)| token)
    }

    /// Returns the path as a reference, encoded, without a slash at its end.
    pub(crate) fn href(&self) -> String {
        let mut href = self.prefix.clone();
        for part in &self.parts {
            href.push('/');
            href.push_str(&encoded(part));
        }
        href
    }

    /// Returns the last name; `None` for the root.
    pub(crate) fn name(&self) -> Option<&str> {
        self.parts.last().map(String::as_str)
    }
}

/// Returns the capability prefix of a path without its first slash, and what follows it.
fn split_prefix(path: &str) -> (String, &str) {
    let after = path.strip_prefix(PREFIX_NAME).and_then(|rest| rest.strip_prefix('/'));
    let Some(after) = after else { return (String::new(), path) };
    let (token, rest) = after.split_once('/').unwrap_or((after, ""));
    if is_token(token) { (format!("/{PREFIX_NAME}/{token}"), rest) } else { (String::new(), path) }
}

/// Returns a path without its segments `.`, plain or encoded (RFC 3986, sections 5.2.4 and 6.2.2).
/// One at the end means a directory. Segments `..` are left, and refused later.
fn without_dots(path: &str) -> Cow<'_, str> {
    let is_dot = |part: &str| part == "." || part.eq_ignore_ascii_case("%2e");
    if !path.split('/').any(is_dot) {
        return Cow::Borrowed(path);
    }
    let mut parts: Vec<_> = path.split('/').filter(|part| !is_dot(part)).collect();
    if path.rsplit('/').next().is_some_and(is_dot) {
        parts.push("");
    }
    Cow::Owned(parts.join("/"))
}

fn decoded(part: &str) -> Result<String, BadTarget> {
    let bytes: Vec<u8> = percent_decode_str(part).collect();
    match bytes.as_slice() {
        b"" => return Err(BadTarget::Malformed(EMPTY_NAME)),
        b"." | b".." => return Err(BadTarget::Malformed("it has `..` in place of a name")),
        bytes if bytes.contains(&b'/') => return Err(BadTarget::Malformed("a name has a slash")),
        bytes if bytes.contains(&0) => return Err(BadTarget::Malformed("a name has a NUL")),
        bytes if bytes.len() > NAME_BYTES_MAX => return Err(BadTarget::Unknown),
        _ => {}
    }
    String::from_utf8(bytes).map_err(|_not_utf8| BadTarget::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    #[track_caller]
    fn check(path: &str, prefix: &str, parts: &[&str], has_slash: bool) {
        let parts = parts.iter().map(|&part| part.to_owned()).collect();
        let expected = WebdavTarget { prefix: prefix.to_owned(), parts, has_slash };
        assert_eq!(WebdavTarget::parse(path), Ok(expected), "{path}");
    }

    #[test]
    fn paths_are_names() {
        check("/", "", &[], true);
        check("/a", "", &["a"], false);
        check("/a/b%20c/", "", &["a", "b c"], true);
        check("/a%3Fb%23%25", "", &["a?b#%"], false);
        check("/%E2%82%AC/...", "", &["\u{20ac}", "..."], false);
        check("/100%", "", &["100%"], false);
        check("/k", "", &["k"], false);
        check("/k/film.mkv", "", &["k", "film.mkv"], false);
        let prefix = format!("/k/{TOKEN}");
        check(&prefix, &prefix, &[], false);
        check(&format!("{prefix}/"), &prefix, &[], true);
        check(&format!("{prefix}/a/b"), &prefix, &["a", "b"], false);
        check(&format!("/x{prefix}"), "", &["x", "k", TOKEN], false);
        assert_eq!(WebdavTarget::parse(&prefix).unwrap().token(), Some(TOKEN));
        assert_eq!(WebdavTarget::parse("/a").unwrap().token(), None);
        let href = format!("{prefix}/a%20b/%2525");
        assert_eq!(WebdavTarget::parse(&href).unwrap().href(), href);
    }

    #[test]
    fn segments_of_one_dot_are_left_out() {
        for path in ["/.", "/./", "/%2e", "/././%2E/."] {
            check(path, "", &[], true);
        }
        check("/./a", "", &["a"], false);
        check("/a/./b", "", &["a", "b"], false);
        check("/a/%2E/b/", "", &["a", "b"], true);
        check("/a/.", "", &["a"], true);
        check("/a/./", "", &["a"], true);
        check("/.a/...", "", &[".a", "..."], false);
        let prefix = format!("/k/{TOKEN}");
        check(&format!("/./k/./{TOKEN}/./a"), &prefix, &["a"], false);
        check(&format!("{prefix}/."), &prefix, &[], true);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for path in [
            "",
            "*",
            "a",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/a/../b",
            "/%2e%2e/a",
            "/./..",
            "/%2e/%2E%2e/a",
            "/.//a",
            "/a/.//b",
            "/a%2fb",
            "/%00",
            "/a/b%00c",
        ] {
            let found = WebdavTarget::parse(path);
            assert!(matches!(found, Err(BadTarget::Malformed(_))), "{path}: {found:?}");
        }
        assert_eq!(WebdavTarget::parse("/%ff"), Err(BadTarget::Unknown));
        assert_eq!(WebdavTarget::parse(&format!("/{}", "a".repeat(256))), Err(BadTarget::Unknown));
        assert_eq!(WebdavTarget::parse(&"/aaaa".repeat(2000)), Err(BadTarget::TooLong));
        assert_eq!(WebdavTarget::parse(&"/a".repeat(257)), Err(BadTarget::TooLong));
    }
}
