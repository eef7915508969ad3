//! `tfs demo`: two real rqbits and a real mount on this machine, without a network.
//!
//! One rqbit seeds sample content, another downloads it at a limited rate, and tfs mounts the
//! second. All data read from the mount is compared with the source.

mod checks;
mod sample;
mod servers;
mod story;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use eyre::WrapErr as _;
use tfs_config::ServerSettings;
use tfs_service::control::MountRegistry;
use tfs_service::{
    AttrOptions, MissingErrno, MountServer, MountSettings, PollIntervals, PreloadSettings,
    ProgramPatterns, ReadPolicy, RootContents, RootLayout, RunningMount, ServerChoice, TorrentTime,
};

use crate::args::DemoArgs;
use crate::figures::{size, speed};
use crate::mount::{Listeners, MountIntake};
use crate::signals::Signals;
use crate::{exit, runtime};
use checks::Digest;
use sample::DemoTorrent;
use servers::DemoServers;
use story::Story;

/// The bytes read from the middle of the film: the first request of a player after a seek.
const SEEK_BYTES: usize = 1 << 20;

/// The mount point, below the directory of the demo.
const MOUNTPOINT: &str = "mnt";

/// The poll interval: the story goes on when a poll shows progress.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the command.
pub(crate) fn run(args: &DemoArgs) -> eyre::Result<u8> {
    runtime()?.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> eyre::Result<u8> {
    let mut signals = Signals::new()?;
    let mut story = Story::new();
    let dir = tempfile::Builder::new().prefix("tfs-demo-").tempdir()?;
    let mountpoint = dir.path().join(MOUNTPOINT);
    std::fs::create_dir(&mountpoint)?;

    story.step("Making sample content")?;
    let sample = DemoTorrent::create(&dir.path().join("original"))?;
    let total = size(sample.total_bytes());
    story.detail(&format!("{} files, {total}, in {}", sample.files.len(), sample.top.display()))?;

    story.step("Seeding it from one rqbit, downloading it with another, both on 127.0.0.1")?;
    let servers = DemoServers::start(&sample, &dir.path().join("download")).await?;
    let limit = speed(u64::from(servers::DOWNLOAD_BPS.get()));
    story.detail(&format!("the download is limited to {limit}, to show reads of missing data"))?;

    story.step("Mounting the one that downloads")?;
    let mounts = MountRegistry::default();
    let settings = settings(dir.path(), servers.downloader());
    let mount = match RunningMount::start(settings, &mounts).await {
        Ok(mount) => mount,
        Err(error) => {
            servers.stop().await;
            return Err(error.into());
        }
    };
    // Lets users try `tfs status` and other commands on the demo.
    let doors = Listeners::open(mounts, MountIntake::default()).await;
    let url = servers.downloader().url;
    story.detail(&format!("tfs mount --server {url} {}", mountpoint.display()))?;

    let shown = tokio::select! {
        shown = show(&mut story, &sample, &servers, &mountpoint) => Some(shown),
        () = signals.next() => None,
    };
    if args.keep && matches!(shown, Some(Ok(_))) {
        keep(&story, &mountpoint, &mount, &mut signals).await?;
    }
    story.step("Unmounting")?;
    let stopped = mount.stop().await;
    doors.close().await;
    stopped?;
    servers.stop().await;
    story.check(is_empty(&mountpoint), "the mount is removed, and the directory is empty")?;
    match shown {
        Some(shown) => {
            shown?;
            story.end()
        }
        None => Ok(exit::FAILURE),
    }
}

fn settings(dir: &Path, server: ServerSettings) -> MountSettings {
    MountSettings {
        mountpoint: Some(dir.join(MOUNTPOINT)),
        fronts: Vec::new(),
        servers: vec![MountServer {
            on_demand: tfs_service::on_demand::OnDemandChoice::default(),
            name: "downloader".to_owned(),
            choice: ServerChoice::Remote(server),
            streams_max: tfs_service::STREAMS_MAX_DEFAULT,
            // The demo shows data that comes over the network.
            local_paths: tfs_service::LocalPaths::Off,
        }],
        layout: RootLayout::default(),
        views: None,
        root: RootContents::Flat,
        allow_other: false,
        allow_non_empty: false,
        context: None,
        show_control: false,
        inode32: false,
        times: TorrentTime::default(),
        may_pass_through: false,
        missing_errno: MissingErrno::default(),
        refused_programs: ProgramPatterns::default(),
        read: ReadPolicy::default(),
        read_ahead_kb: tfs_service::READ_AHEAD_KB_DEFAULT,
        poll_intervals: PollIntervals::fixed(POLL_INTERVAL),
        torrent_ttl: tfs_service::TORRENT_TTL_DEFAULT,
        removal_delay: tfs_service::REMOVAL_DELAY_DEFAULT,
        first_look_max: Duration::from_secs(60),
        requires_servers: false,
        appearance: AttrOptions::default(),
        // A demo leaves no files behind.
        state_dir: Some(dir.join("state")),
        preload: PreloadSettings::default(),
        next: tfs_config::NextMode::Off,
        drop: None,
    }
}

/// Shows the mount as a user sees it, and checks the contents.
async fn show(
    story: &mut Story,
    sample: &DemoTorrent,
    servers: &DemoServers,
    mountpoint: &Path,
) -> eyre::Result<()> {
    story.step("Looking into it")?;
    let listing = blocking({
        let mountpoint = mountpoint.to_owned();
        move || Command::new("ls").args(["-g", "-o", "-h", "-R"]).current_dir(&mountpoint).output()
    })
    .await?
    .wrap_err("cannot run ls")?;
    story.quote(&String::from_utf8_lossy(&listing.stdout))?;

    story.step("Reading from the middle of the film while it downloads")?;
    let film = mountpoint.join(sample.film());
    let middle = sample.files.first().map_or(0, |file| file.len / 2);
    let start = Instant::now();
    let got = blocking(move || checks::read_at(&film, middle, SEEK_BYTES)).await??;
    let time = start.elapsed();
    let progress = servers.progress().await?;
    let is_right = sample.files.first().is_some_and(|file| file.bytes(middle, got.len()) == got);
    story.check(
        is_right && progress < 1.0,
        &format!(
            "1 MiB from the middle was read in {:.2} s, with {:.0} % of the torrent downloaded",
            time.as_secs_f64(),
            progress * 100.0
        ),
    )?;

    story.step("Comparing every file with the original, still while it downloads")?;
    for file in &sample.files {
        let (mounted, original) = (mountpoint.join(&file.mounted), sample.dir.join(&file.path));
        let digests = blocking(move || -> std::io::Result<(Digest, Digest)> {
            Ok((checks::sha256(&mounted)?, checks::sha256(&original)?))
        });
        let (mounted, original) = digests.await??;
        let digest: String = mounted.chars().take(16).collect();
        let text = format!("{digest}…  {}", file.path.display());
        story.check(mounted == original, &text)?;
    }
    Ok(())
}

async fn keep(
    story: &Story,
    mountpoint: &Path,
    mount: &RunningMount,
    signals: &mut Signals,
) -> eyre::Result<()> {
    story.step("The mount stays until Ctrl-C. In another terminal, try:")?;
    let film = mountpoint.join(sample::film_path());
    for command in [
        format!("ls -lR {}", mountpoint.display()),
        format!("sha256sum '{}'", film.display()),
        format!("tfs unmount {}", mountpoint.display()),
    ] {
        story.quote(&command)?;
    }
    tokio::select! {
        () = signals.next() => {}
        ended = mount.ended() => ended?,
    }
    Ok(())
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

/// Runs a reader of the mount on a thread of its own. This process serves the mount, so its runtime
/// must not block on these reads.
async fn blocking<T: Send + 'static>(
    function: impl FnOnce() -> T + Send + 'static,
) -> eyre::Result<T> {
    tokio::task::spawn_blocking(function).await.wrap_err("cannot read the mount")
}
