//! Nothing that a program does in a library removes or changes anything: system calls, programs,
//! and the sequences of calls that runtimes make. The tables are
//! `docs/reference/read-only.md`.

mod calls;
mod programs;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use expect_test::expect_file;
use nix::unistd::geteuid;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Mounted, Rqbits};

const LIMIT: Duration = Duration::from_secs(180);

/// A directory of a mount, with an entry of each kind.
struct TriedDir {
    /// Its name in messages.
    what: &'static str,
    /// Relative to the root.
    dir: &'static str,
    file: &'static str,
    /// A directory that is not empty.
    full_dir: &'static str,
}

/// A view that has everything.
const VIEW: &str = "[[view]]\nname = \"By rule\"\n";

/// The directories that are tried.
const TRIED_DIRS: [TriedDir; 6] = [
    TriedDir { what: "root", dir: "", file: "single.bin", full_dir: "Film" },
    TriedDir { what: "torrent", dir: "Film", file: "Film/film.mkv", full_dir: "Film/Extras" },
    TriedDir {
        what: "folder of a torrent",
        dir: "Film/Extras",
        file: "Film/Extras/cut.mkv",
        full_dir: "Film/Extras/More",
    },
    TriedDir { what: "view", dir: "By rule", file: "By rule/single.bin", full_dir: "By rule/Film" },
    TriedDir {
        what: "torrent in a view",
        dir: "By rule/Film",
        file: "By rule/Film/film.mkv",
        full_dir: "By rule/Film/Extras",
    },
    TriedDir {
        what: "control directory",
        dir: ".tfs",
        file: ".tfs/status.json",
        full_dir: ".tfs/by-hash",
    },
];

const HEADER: &str = "\
# A library is read-only

Nothing that a program does in a mount removes, renames or changes anything.
The torrents, their files and their selection stay as they are on the server.
To remove a torrent, use `tfs forget` or `tfs delete`.

Every call below fails, with the same error for root and for other users.
`EROFS` is \"Read-only file system\".
`EXDEV` is \"Invalid cross-device link\", the error of every move between two filesystems.
The kernel gives them without asking tfs.
The tests make these tables from a real mount with Linux 6.18.
They try the root, a torrent, a folder of a torrent, a view, a torrent in it, and `.tfs`.

";

/// What a server has of its torrents, as text.
fn server_state(rqbits: &Rqbits) -> String {
    let client = rqbits.swarm.client();
    let mut torrents = rqbits.runtime.block_on(client.torrents_with_stats()).unwrap();
    torrents.sort_by(|a, b| a.name.cmp(&b.name));
    let mut text = String::new();
    for torrent in torrents {
        let details = client.torrent_details(torrent.info_hash.into());
        let files = rqbits.runtime.block_on(details).unwrap().files.unwrap();
        let files: Vec<_> = files.iter().map(|file| (&file.name, file.included)).collect();
        let stats = torrent.stats.unwrap();
        let (id, name, info_hash) = (torrent.id, torrent.name, torrent.info_hash);
        let line = writeln!(text, "{id:?} {name:?} {info_hash} {:?} {files:?}", stats.state);
        line.unwrap();
    }
    text + &tree(rqbits.swarm.download_dir())
}

/// Returns all paths below a directory with the sizes of the files.
fn tree(dir: &Path) -> String {
    let mut text = String::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let mut entries: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap()).collect();
        entries.sort_by_key(|entry| entry.file_name());
        for entry in entries {
            let metadata = entry.metadata().unwrap();
            let size = if metadata.is_dir() { 0 } else { metadata.len() };
            writeln!(text, "{} {size}", entry.path().display()).unwrap();
            if metadata.is_dir() {
                dirs.push(entry.path());
            }
        }
    }
    text
}

/// A mount of a library, and what it must stay.
struct ScannedLibrary {
    rqbits: Rqbits,
    mounted: Mounted,
    server: String,
    tree: String,
}

impl ScannedLibrary {
    fn new(dir: &Path) -> Self {
        let film = TorrentSpec::directory(
            "Film",
            [
                ("film.mkv", Content::new(1, 300_000)),
                ("Extras/cut.mkv", Content::new(2, 70_000)),
                ("Extras/More/note.txt", Content::new(3, 70)),
            ],
        );
        let single = TorrentSpec::file("single.bin", Content::new(4, 100_000));
        let rqbits = Rqbits::start(Swarm::builder().torrent(film).torrent(single));
        for torrent in rqbits.swarm.torrents() {
            rqbits.wait_finished(torrent);
        }
        // A selection that a mistake would change.
        let film = &rqbits.swarm.torrents()[0];
        rqbits.runtime.block_on(rqbits.swarm.select_files(film, &[0])).unwrap();
        let config = dir.join("views.toml");
        fs::write(&config, VIEW).unwrap();
        let flags = ["--allow-other", "--show-control", "--config", config.to_str().unwrap()];
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &flags);
        let server = server_state(&rqbits);
        let tree = tree_of_torrents(&mounted.path);
        assert_eq!(tree.matches("Film/Extras/More/note.txt 70").count(), 2, "{tree}");
        Self { rqbits, mounted, server, tree }
    }

    /// Checks that nothing has changed.
    #[track_caller]
    fn check_unchanged(&self, after: &str) {
        assert_eq!(tree_of_torrents(&self.mounted.path), self.tree, "the mount after {after}");
        assert_eq!(server_state(&self.rqbits), self.server, "the server after {after}");
    }
}

/// Returns the tree of a mount without the control directory, whose files change.
fn tree_of_torrents(path: &Path) -> String {
    ["Film", "single.bin", "By rule"]
        .map(|name| {
            let path = path.join(name);
            let metadata = fs::metadata(&path).unwrap();
            let size = if metadata.is_dir() { 0 } else { metadata.len() };
            let below = if metadata.is_dir() { tree(&path) } else { String::new() };
            format!("{} {size}\n{below}", path.display())
        })
        .concat()
}

/// Returns a directory outside of the mount that every user can write to.
fn outside(dir: &Path) -> PathBuf {
    let outside = dir.join("outside");
    fs::create_dir(&outside).unwrap();
    for path in [dir, dir.parent().unwrap()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o777)).unwrap();
    outside
}

#[test]
fn nothing_in_the_library_removes_anything() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        if !geteuid().is_root() {
            skip::test(test, "only root can act as another user");
            return;
        }
        let outside = outside(dir);
        let library = ScannedLibrary::new(dir);
        let calls = calls::table(&library, &outside);
        library.check_unchanged("all calls");
        let programs = programs::table(&library, &outside);
        library.check_unchanged("all programs");
        if let Some(programs) = programs {
            let page = format!("{HEADER}{calls}\n{programs}");
            expect_file!["../../../../../docs/reference/read-only.md"].assert_eq(&page);
        }
        library.mounted.unmount();
    });
}
