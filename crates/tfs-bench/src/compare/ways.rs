//! The filesystems to compare: the file itself, tfs in several modes, others, and the ceiling.

use std::any::Any;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tfs_testkit::until::until;

use super::ceiling::CeilingMount;
use super::file_page::{FilePage, ListedFile};
use super::others::Other;
use super::seeder::Seeder;
use crate::caches::{forget_pages, share_read_ahead, warm};
use crate::load::{ByteSource, LoadSource, Pinned};
use crate::mount::TfsMount;
use crate::timing::pause;

/// The file of rqbit.
pub(crate) const PLAIN: &str = "plain file";
/// A fuser filesystem that answers from memory.
pub(crate) const CEILING: &str = "fuser ceiling";
pub(crate) const HTTP: &str = "tfs, HTTP";
pub(crate) const LOCAL: &str = "tfs, local";
pub(crate) const PASSTHROUGH: &str = "tfs, passthrough";
pub(crate) const RCLONE: &str = "rclone mount";
pub(crate) const HTTPDIRFS: &str = "httpdirfs";
pub(crate) const BTFS: &str = "btfs";
/// Ranges from rqbit, one after the other on a connection for each job.
pub(crate) const RANGES: &str = "ranges, kept-alive connection";
/// One request to rqbit for the whole file, by the reader itself.
pub(crate) const ONE_REQUEST: &str = "one request";

/// The flags of `tfs mount` for each mode.
const TFS: [(&str, &[&str]); 3] = [
    (HTTP, &["--local-paths", "off"]),
    (LOCAL, &["--local-paths", "auto", "--passthrough", "off"]),
    (PASSTHROUGH, &["--local-paths", "auto", "--passthrough", "auto"]),
];

/// How much of a file tfs reads over HTTP before it finds and verifies the local copy: more than
/// eight pieces, and less than the shortest of these files.
const PROOF_BYTES: usize = 12 << 20;

/// How long that may take: more than the minute for which tfs leaves a file alone that it refused,
/// such as one of a torrent that it has not seen complete yet.
const PROOF_MAX: Duration = Duration::from_secs(90);

/// The pause between two looks at it.
const PROOF_PAUSE: Duration = Duration::from_millis(200);

/// A directory with the files of a torrent.
pub(crate) struct FileView {
    pub(crate) name: &'static str,
    root: PathBuf,
    /// Its process, if it has one of its own.
    pub(crate) pid: Option<u32>,
    /// Whether it is the directory of the plain file.
    pub(crate) is_local: bool,
    mount: Option<TfsMount>,
    /// Its drop ends the filesystem.
    _keeper: Box<dyn Any>,
}

impl FileView {
    /// Whether it delivers the bytes of the file. The ceiling delivers zeros.
    pub(crate) fn has_bytes(&self) -> bool {
        self.name != CEILING
    }

    /// Pins the process of the two filesystems that are compared without HTTP, until the result is
    /// dropped.
    pub(crate) fn pin(&self) -> Option<Pinned> {
        let pid = self.pid.filter(|_| matches!(self.name, LOCAL | CEILING))?;
        Some(Pinned::new(pid))
    }
}

/// All filesystems with the files of a server, and those that are not installed.
pub(crate) struct FileViews {
    pub(crate) there: Vec<FileView>,
    pub(crate) not_installed: Vec<&'static str>,
    plain: PathBuf,
    names: Vec<String>,
}

impl FileViews {
    pub(crate) fn all(dir: &Path, seeder: &Seeder) -> Self {
        let mut ways = Self::of_tfs(dir, seeder);
        let tfs = ways.there.iter().find(|way| way.name == HTTP).unwrap().root.clone();
        ways.there.insert(1, ceiling(&dir.join("ceiling"), seeder, &tfs));
        ways.add_others(dir, seeder);
        ways
    }

    /// Returns the file itself and the modes of tfs.
    pub(crate) fn of_tfs(dir: &Path, seeder: &Seeder) -> Self {
        let plain = FileView {
            name: PLAIN,
            root: seeder.folder.clone(),
            pid: None,
            is_local: true,
            mount: None,
            _keeper: Box::new(()),
        };
        let help = TfsMount::help();
        let has_passthrough = help.contains("--passthrough");
        let tfs = TFS.iter().filter(|(name, _)| *name != PASSTHROUGH || has_passthrough);
        let tfs = tfs.map(|(name, options)| {
            // A build without passthrough has no flag to disable it.
            let options: Vec<_> = options
                .chunks(2)
                .filter(|option| help.contains(option[0]))
                .flatten()
                .copied()
                .collect();
            let mount = TfsMount::unhurried(&dir.join(dir_name(name)), &seeder.api_url, &options);
            FileView {
                name,
                root: mount.path.clone(),
                pid: Some(mount.pid()),
                is_local: *name != HTTP,
                mount: Some(mount),
                _keeper: Box::new(()),
            }
        });
        let ways = Self {
            there: std::iter::once(plain).chain(tfs).collect(),
            not_installed: Vec::new(),
            plain: seeder.folder.clone(),
            names: seeder.names.clone(),
        };
        ways.prove();
        ways
    }

    /// Makes tfs verify the local files, as at their first reads: the comparison is about the reads
    /// after that.
    fn prove(&self) {
        for way in self.there.iter().filter(|way| way.is_local) {
            let Some(mount) = &way.mount else { continue };
            for idx in 0..self.names.len() {
                let path = self.path(way, idx);
                let file = until("the file is shown", || File::open(&path).ok());
                let begin = Instant::now();
                loop {
                    // Only bytes from the server make tfs look for the file.
                    self.forget(way, idx);
                    file.read_exact_at(&mut vec![0; PROOF_BYTES], 0).unwrap();
                    let readers = readers(mount);
                    if readers.iter().any(|reader| reader["way"] != "http") {
                        break;
                    }
                    let is_late = begin.elapsed() > PROOF_MAX;
                    assert!(!is_late, "{} is not read from the disk: {readers:?}", way.name);
                    pause(PROOF_PAUSE);
                }
            }
        }
    }

    /// Loads the files that rqbit serves into the page cache. A host that reclaims unused memory
    /// soon drops them.
    pub(crate) fn warm(&self) {
        self.names.iter().for_each(|name| warm(&self.plain.join(name)));
    }

    /// Adds the other filesystems over HTTP, which have the files in their roots.
    pub(crate) fn add_others(&mut self, dir: &Path, seeder: &Seeder) {
        for (name, start) in [
            (RCLONE, Other::rclone as fn(&Path, &FilePage) -> Option<Other>),
            (HTTPDIRFS, Other::httpdirfs),
        ] {
            let page = FilePage::start(entries(seeder));
            let Some(other) = start(&dir.join(dir_name(name)), &page) else {
                self.not_installed.push(name);
                continue;
            };
            self.there.push(FileView {
                name,
                root: other.path.clone(),
                pid: Some(other.pid()),
                is_local: false,
                mount: None,
                _keeper: Box::new((other, page)),
            });
        }
    }

    /// Returns the path of a file in a filesystem.
    pub(crate) fn path(&self, way: &FileView, file_idx: usize) -> PathBuf {
        let name = &self.names[file_idx];
        let name = if matches!(way.name, RCLONE | HTTPDIRFS) { flat(name) } else { name };
        way.root.join(name)
    }

    /// Returns a file in a filesystem as the source of a reader.
    pub(crate) fn source(&self, way: &FileView, file_idx: usize) -> LoadSource {
        let plain = self.plain.join(&self.names[file_idx]);
        LoadSource { source: ByteSource::File(self.path(way, file_idx)), plain }
    }

    /// Drops a file from the page cache and from tfs's cache.
    pub(crate) fn forget(&self, way: &FileView, file_idx: usize) {
        if way.name != PLAIN {
            forget_pages(&self.path(way, file_idx));
        }
        if let Some(mount) = &way.mount {
            let mut clear = mount.command();
            clear.args(["cache", "clear"]).arg(&mount.path).stdout(std::process::Stdio::null());
            assert!(clear.status().unwrap().success(), "tfs cache clear");
        }
    }

    /// Drops a file from the caches of a filesystem, and its source from the page cache.
    pub(crate) fn forget_disk(&self, way: &FileView, file_idx: usize) {
        self.forget(way, file_idx);
        forget_pages(&self.plain.join(&self.names[file_idx]));
    }
}

/// Returns the open handles of a mount.
fn readers(mount: &TfsMount) -> Vec<serde_json::Value> {
    let output = mount.command().args(["status", "--json"]).arg(&mount.path).output().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    status[0]["readers"].as_array().unwrap().clone()
}

/// Returns a name without characters that the mount table escapes.
fn dir_name(name: &str) -> String {
    name.replace([' ', ','], "-")
}

/// Returns the last component of a name.
fn flat(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn entries(seeder: &Seeder) -> Vec<ListedFile> {
    let entry = |(idx, name): (usize, &String)| ListedFile {
        name: flat(name).to_owned(),
        len: fs::metadata(seeder.folder.join(name)).unwrap().len(),
        url: seeder.stream_url(idx),
    };
    seeder.names.iter().enumerate().map(entry).collect()
}

/// Mounts a minimal filesystem with the same names, and with the read-ahead of tfs.
fn ceiling(dir: &Path, seeder: &Seeder, tfs: &Path) -> FileView {
    let files: Vec<_> = seeder
        .names
        .iter()
        .map(|name| (name.as_str(), fs::metadata(seeder.folder.join(name)).unwrap().len()))
        .collect();
    let mount = CeilingMount::new(dir, &files);
    share_read_ahead(tfs, dir);
    FileView {
        name: CEILING,
        root: dir.to_owned(),
        pid: Some(mount.pid()),
        is_local: false,
        mount: None,
        _keeper: Box::new(mount),
    }
}
