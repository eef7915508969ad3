//! rqbits, and what tests ask them.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Rqbits, run, tfs};

pub(super) const MIB: u64 = 1 << 20;

/// Longer than a reader of 17 MiB and the look-ahead of rqbit: a file that is there is not
/// selected.
pub(super) const FILM: Content = Content::new(1, 96 * MIB);

pub(super) const OTHER: Content = Content::new(2, 80 * MIB);

/// Slow enough that a selected file is not whole before the test has looked at it.
const DOWNLOAD_BPS: u32 = 4 << 20;

pub(super) const NOTE: Content = Content::new(3, 77);

/// The server process of a test with rqbit 8.
pub(super) const RQBIT8: [&str; 4] = ["rqbit8::rqbit", "--exact", "--nocapture", "--ignored"];

/// rqbits with a torrent of three files that tfs has added on demand.
pub(super) struct DemandStage<'a> {
    pub(super) dir: &'a Path,
    pub(super) rqbits: Rqbits,
    pub(super) url: String,
    pub(super) torrent: SwarmTorrent,
}

pub(super) fn films() -> TorrentSpec {
    let files = [("film.mkv", FILM), ("note.txt", NOTE), ("other.mkv", OTHER)];
    let mut spec = TorrentSpec::directory("films", files).paused();
    spec.seed.piece_length = Some(256 << 10);
    spec
}

/// Writes a configuration by which all torrents are added on demand.
pub(super) fn configure(dir: &Path, mode: &str, more: &str) {
    let config = dir.join("config/tfs");
    fs::create_dir_all(&config).unwrap();
    let text = format!("[[on_demand]]\nmode = \"{mode}\"\n{more}");
    fs::write(config.join("config.toml"), text).unwrap();
}

/// Returns the records, without the first line and the server.
pub(super) fn records(dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(dir.join("state/tfs/on-demand")).unwrap_or_default();
    let fields = |line: &str| line.split(' ').skip(1).take(3).collect::<Vec<_>>().join(" ");
    text.lines().skip(1).map(fields).collect()
}

/// Returns which files of a torrent are selected; `None` if the server does not have it.
pub(super) fn selected(rqbits: &Rqbits, torrent: &SwarmTorrent) -> Option<Vec<usize>> {
    let details = rqbits.swarm.client().torrent_details(torrent.info_hash.into());
    let files = rqbits.runtime.block_on(details).ok()?.files.unwrap();
    Some((0..).zip(&files).filter(|(_, file)| file.included).map(|(idx, _)| idx).collect())
}

/// Reads this many MiB from the current position.
#[track_caller]
pub(super) fn read_mib(file: &mut File, mib: u64) {
    let mut buffer = vec![0; usize::try_from(mib * MIB).unwrap()];
    file.read_exact(&mut buffer).unwrap();
}

impl<'a> DemandStage<'a> {
    /// `rqbit8` are the arguments of a server process.
    pub(super) fn new(dir: &'a Path, mode: &str, is_rqbit8: bool) -> Self {
        let it = Self::without_records(dir, is_rqbit8);
        let deleted = it.rqbits.swarm.client().delete(it.torrent.info_hash.into());
        it.rqbits.runtime.block_on(deleted).unwrap();
        configure(dir, mode, "");
        it.add();
        it
    }

    /// Returns a server that downloads all of the torrent, or has it paused.
    pub(super) fn without_records(dir: &'a Path, is_rqbit8: bool) -> Self {
        let mut spec = films();
        // rqbit 8 has no limit that can be changed, which the pause needs.
        spec.download.paused = !is_rqbit8;
        let swarm = Swarm::builder().torrent(spec).download_bps(DOWNLOAD_BPS).remembering();
        let rqbits = Rqbits::start(if is_rqbit8 { swarm.rqbit8(&RQBIT8) } else { swarm });
        let torrent = rqbits.swarm.torrents()[0].clone();
        let url = rqbits.swarm.api_url();
        fs::write(dir.join("films.torrent"), &torrent.torrent_file).unwrap();
        Self { dir, rqbits, url, torrent }
    }

    /// Adds the torrent by the command, and gives it the seeder.
    #[track_caller]
    pub(super) fn add(&self) -> serde_json::Value {
        let mut command = tfs(self.dir);
        command.args(["add", "--json", "--overwrite", "--server", &self.url]);
        let text = run(command.arg(self.dir.join("films.torrent")));
        let peers = [self.rqbits.swarm.peer_addr().unwrap()];
        let client = self.rqbits.swarm.client();
        let added = client.add_peers(self.torrent.info_hash.into(), &peers);
        // rqbit 8 has no such call.
        drop(self.rqbits.runtime.block_on(added));
        serde_json::from_str::<serde_json::Value>(&text).unwrap()[0].clone()
    }

    /// Changes the mode by the command, and returns its output.
    #[track_caller]
    pub(super) fn set_mode(&self, args: &[&str]) -> String {
        run(tfs(self.dir).args(["on-demand", "--server", &self.url, "films"]).args(args))
    }

    pub(super) fn selected(&self) -> Option<Vec<usize>> {
        selected(&self.rqbits, &self.torrent)
    }

    pub(super) fn select(&self, files: &[usize]) {
        self.rqbits.runtime.block_on(self.rqbits.swarm.select_files(&self.torrent, files)).unwrap();
    }

    #[track_caller]
    pub(super) fn wait_selected(&self, want: &[usize]) {
        until(&format!("{want:?} is selected"), || {
            (self.selected().as_deref() == Some(want)).then_some(())
        });
    }

    #[track_caller]
    pub(super) fn wait_records(&self, want: &str) {
        until(&format!("the record is {want}"), || {
            (records(self.dir) == [want.to_owned()]).then_some(())
        });
    }
}
