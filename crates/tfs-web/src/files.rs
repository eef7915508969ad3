//! The files of the page: HTML, styles, scripts and the icon.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

/// The name of the first file, a template.
pub(crate) const INDEX: &str = "index.html";

/// What [`INDEX`] has in the place of the first view.
pub(crate) const FIRST_VIEW_MARK: &str = "<!--first-view-->";

/// The names and texts of the files.
const TEXTS: &[(&str, &str)] = &[];

/// The files, hashed and compressed at the first request.
static BUILT_IN: LazyLock<Vec<(&str, PageFile)>> = LazyLock::new(|| {
    let file = |&(name, text): &(&'static str, &'static str)| {
        let bytes = Bytes::from_static(text.as_bytes());
        Some((name, PageFile::new(name, bytes)?))
    };
    TEXTS.iter().filter_map(file).collect()
});

/// A file of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageFile {
    pub(crate) kind: &'static str,
    /// The hash of its content, with quotes.
    pub(crate) etag: String,
    pub(crate) bytes: Bytes,
    /// Compressed by gzip.
    pub(crate) zipped: Bytes,
}

/// Where the files are.
#[derive(Debug)]
pub(crate) struct PageFiles {
    /// A directory that has them in place of the program, for work on them.
    dir: Option<PathBuf>,
}

impl PageFiles {
    pub(crate) fn new(dir: Option<PathBuf>) -> Self {
        Self { dir }
    }

    /// Returns a file by its name.
    pub(crate) async fn find(&self, name: &str) -> Option<PageFile> {
        let Some(dir) = &self.dir else {
            let (_name, file) = BUILT_IN.iter().find(|(known, _file)| *known == name)?;
            return Some(file.clone());
        };
        kind_of(name)?;
        let (path, name) = (dir.join(name), name.to_owned());
        let reading =
            spawn_blocking(move || PageFile::new(&name, std::fs::read(path).ok()?.into()));
        reading.await.ok()?
    }
}

impl PageFile {
    /// `None` if it cannot be a file of the page.
    fn new(name: &str, bytes: Bytes) -> Option<Self> {
        let kind = kind_of(name)?;
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        let etag = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes).ok()?;
        let zipped = encoder.finish().ok()?.into();
        Some(Self { kind, etag: format!("\"{etag}\""), bytes, zipped })
    }
}

/// Returns the content type of a name: letters, digits and dashes with a known extension.
fn kind_of(name: &str) -> Option<&'static str> {
    let (stem, extension) = name.split_once('.')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if stem.is_empty() || !stem.bytes().all(is_plain) {
        return None;
    }
    match extension {
        "css" => Some("text/css; charset=utf-8"),
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_directory() {
        assert!(kind_of("app.js").is_some());
        for name in ["", ".js", "../app.js", "a/b.js", "a\\b.js", "app.js.map", "app", "a\0.js"] {
            assert_eq!(kind_of(name), None, "{name:?}");
        }
    }
}
