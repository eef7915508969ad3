//! Hundreds of torrents with nothing selected, of which random ones are opened for minutes: how
//! long a read waits, and whether the server keeps its peers.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::random::Random;
use tfs_testkit::until::until;
use tokio::runtime::Runtime;

use super::library::SeedLibrary;
use super::server::{MountedServer, runtime};
use super::visits::{Visit, VisitedFile, run as run_visits, visit};
use super::waits::{ReadSlots, WaitWatch};
use crate::figures::{FigureReport, Want, count};
use crate::timing::{pause, percentile};

const TORRENTS: u64 = 300;

const SEEDERS: usize = 2;

const FILE_BYTES: u64 = 16 * 1024 * 1024;

const PIECE_BYTES: u32 = 512 * 1024;

const DOWNLOAD_BPS: u32 = 10 * 1024 * 1024;

/// The longest wait of the read path, in seconds.
const WAIT_MAX: f64 = 8.0;

/// How many files are opened after the mount was idle.
const AFTER_IDLE: usize = 40;

/// How long the server may take to end its connections after the last close.
const SETTLE: Duration = Duration::from_secs(2);

/// The library and the servers that have all of it.
struct OpenShow {
    runtime: Runtime,
    library: SeedLibrary,
    files: Vec<VisitedFile>,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    report.step(&format!("{TORRENTS} torrents, {SEEDERS} seeders"));
    let runtime = runtime();
    let mut library = runtime.block_on(SeedLibrary::start(dir, SEEDERS));
    let seeds = dir.join("seeds");
    fs::create_dir(&seeds).unwrap();
    let files = (0..TORRENTS).map(|number| {
        let name = format!("{number:03}.bin");
        let path = seeds.join(&name);
        let content = Content::new(number, FILE_BYTES);
        content.write_to(&path).unwrap();
        let torrent = runtime.block_on(library.seed(&path, PIECE_BYTES));
        VisitedFile { path: name.into(), torrent, content }
    });
    let files = files.collect();
    let mut show = OpenShow { runtime, library, files };
    for readers in [1, 4] {
        for (kind, is_embedded) in [("rqbit", false), ("embedded", true)] {
            let name = format!("{kind}, {readers} readers");
            let dir = dir.join(format!("{kind}{readers}"));
            fs::create_dir(&dir).unwrap();
            show.trial(report, &dir, &name, readers, is_embedded);
            // Some gigabytes of what was downloaded.
            fs::remove_dir_all(&dir).unwrap();
        }
    }
}

impl OpenShow {
    fn trial(
        &mut self,
        report: &mut FigureReport,
        dir: &Path,
        name: &str,
        readers: usize,
        is_embedded: bool,
    ) {
        report.step(&format!("{name}: random opens for {} s", report.trial_time.as_secs()));
        let server = if is_embedded {
            MountedServer::embedded(dir)
        } else {
            MountedServer::start(&self.runtime, dir)
        };
        self.runtime.block_on(self.library.add_to(&server.client, DOWNLOAD_BPS));
        let files: Vec<_> = self.files.iter().map(|file| self.mounted(&server, file)).collect();
        let last = &files.last().unwrap().path;
        until("the files are there", || last.exists().then_some(()));
        let slots: ReadSlots = Arc::new((0..readers).map(|_| Mutex::new(None)).collect());
        let status = server.mount.path.join(".tfs/status.json");
        let watch = WaitWatch::start(server.client.clone(), Arc::clone(&slots), status);
        let seed = u64::try_from(readers).unwrap();
        let visits = run_visits(&files, &slots, seed, report.trial_time);
        report_visits(report, name, &visits);
        self.after_idle(report, name, &files, &slots);
        let lonely = watch.end();
        let figure = format!("{name}: reads that waited without a peer");
        report.figure(&figure, count(lonely), "", Want::AtMost(0.0));
        pause(SETTLE);
        let lost = self.runtime.block_on(self.lost(&server));
        report.figure(&format!("{name}: peers lost"), count(lost), "", Want::AtMost(0.0));
    }

    fn mounted(&self, server: &MountedServer, file: &VisitedFile) -> VisitedFile {
        VisitedFile { path: server.mount.path.join(&file.path), ..file.clone() }
    }

    /// Opens files after nothing was opened for a while.
    fn after_idle(
        &self,
        report: &mut FigureReport,
        name: &str,
        files: &[VisitedFile],
        slots: &ReadSlots,
    ) {
        let idle = report.trial_time / 3;
        report.step(&format!("{name}: nothing for {} s", idle.as_secs()));
        pause(idle);
        let mut random = Random::new(7);
        let visits = (0..AFTER_IDLE).map(|_| {
            let file = random.pick(files).unwrap();
            visit(&mut random, file, &slots[0])
        });
        let visits: Vec<_> = visits.collect();
        report_visits(report, &format!("{name}, after idle"), &visits);
    }

    /// Returns how many seeders the server has forgotten, over all torrents.
    async fn lost(&self, server: &MountedServer) -> usize {
        let mut lost = 0;
        for file in &self.files {
            let known = server.client.torrent_peers(file.torrent.into()).await.unwrap().peers;
            let is_lost = |addr| known.iter().all(|peer| peer.addr != addr);
            lost += self.library.peers().into_iter().filter(|addr| is_lost(*addr)).count();
        }
        lost
    }
}

fn report_visits(report: &mut FigureReport, name: &str, visits: &[Visit]) {
    let mut waits: Vec<_> = visits.iter().map(|visit| visit.took).collect();
    waits.sort();
    report.figure(&format!("{name}: opens"), count(waits.len()), "", Want::Nothing);
    report.time(&format!("{name}: median wait"), percentile(&waits, 50), Want::Nothing);
    report.time(&format!("{name}: p99 wait"), percentile(&waits, 99), Want::Nothing);
    let longest = percentile(&waits, 100);
    report.time(&format!("{name}: longest wait"), longest, Want::AtMost(WAIT_MAX));
    let late = waits.iter().filter(|wait| wait.as_secs() >= 1).count();
    report.figure(&format!("{name}: waits over a second"), count(late), "", Want::Nothing);
    let failed = visits.iter().filter(|visit| visit.is_failed).count();
    report.figure(&format!("{name}: reads that failed"), count(failed), "", Want::AtMost(0.0));
}
