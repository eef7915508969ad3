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

/// Pairs names with the texts of these files.
macro_rules! texts {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("assets/", $name)))),*] };
}

/// The names and texts of the files. A test tells which are missing here.
const TEXTS: [(&str, &str); 30] = texts![
    "addition.js",
    "app.css",
    "app.js",
    "detail.js",
    "dialogs.js",
    "dom.js",
    "favicon.svg",
    "fileactions.js",
    "format.js",
    "header.js",
    "index.html",
    "live.js",
    "login.js",
    "map.js",
    "memory.js",
    "net.js",
    "notices.js",
    "now.js",
    "panels.js",
    "plot.js",
    "problems.js",
    "readers.js",
    "search.js",
    "servers.js",
    "session.js",
    "states.js",
    "store.js",
    "theme.js",
    "torrents.js",
    "tree.js",
];

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
    use std::fs;
    use std::path::Path;

    use super::*;

    /// All files together, compressed.
    const ZIPPED_BYTES_MAX: usize = 60_000;

    #[test]
    fn every_file_of_the_page_is_built_in() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/assets");
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, BUILT_IN.iter().map(|(name, _file)| *name).collect::<Vec<_>>());
        let total: usize = BUILT_IN.iter().map(|(_name, file)| file.zipped.len()).sum();
        assert!(total < ZIPPED_BYTES_MAX, "{total} bytes");
        let (_name, index) = BUILT_IN.iter().find(|(name, _file)| *name == INDEX).unwrap();
        let index = std::str::from_utf8(&index.bytes).unwrap();
        assert_eq!(index.matches(FIRST_VIEW_MARK).count(), 1);
    }

    #[tokio::test]
    async fn names_stay_in_their_directory() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("app.js"), "x").unwrap();
        fs::write(dir.path().join("secret.js"), "x").unwrap();
        let files = PageFiles::new(Some(inner));
        assert!(files.find("app.js").await.is_some());
        for name in
            ["", ".js", "../secret.js", "a/b.js", "a\\b.js", "app.js.map", "app", "a\0.js", "x.js"]
        {
            assert_eq!(files.find(name).await, None, "{name:?}");
        }
    }
}
