//! Real rqbits exchange torrents, wait, end and restart.

use std::fs;

use rqbit_client::wire::TorrentState;
use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Download, Swarm, TorrentSpec};

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn torrents_of_every_shape_arrive() {
    let mut padded = TorrentSpec::odd("padded", 100);
    padded.seed.pad_files = true;
    let swarm = Swarm::builder()
        .torrent(TorrentSpec::odd("odd", 1))
        .torrent(TorrentSpec::file("film.mkv", Content::new(2, 3 * MIB)))
        .torrent(padded)
        .start()
        .await
        .unwrap();
    for torrent in swarm.torrents() {
        swarm.wait_finished(torrent).await.unwrap();
        swarm.check_downloaded(torrent).unwrap();
    }
    let [odd, film, padded] = swarm.torrents() else { unreachable!("three were added") };
    assert_eq!(odd.files.len(), 8);
    assert_eq!(film.disk_path(&film.files[0]), swarm.download_dir().join("film.mkv"));
    // Padding files have indexes, and are not listed.
    assert_eq!(padded.files.len(), 8);
    assert!(padded.files[7].idx > 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn paused_means_that_nothing_came() {
    let spec = TorrentSpec::file("film.mkv", Content::new(2, MIB)).paused();
    let swarm = Swarm::builder().torrent(spec).start().await.unwrap();
    let torrent = &swarm.torrents()[0];
    let stats = swarm.wait_checked(torrent).await.unwrap();
    assert_eq!((stats.state, stats.progress_bytes), (TorrentState::Paused, 0));
    swarm.client().start(torrent.info_hash.into()).await.unwrap();
    swarm.wait_finished(torrent).await.unwrap();
    swarm.check_downloaded(torrent).unwrap();
}

#[tokio::test]
async fn only_the_wanted_files_come() {
    let mut spec = TorrentSpec::odd("odd", 1);
    let only_files = Some(vec!["a/b/c/deep.bin".to_owned(), "a/one byte".to_owned()]);
    spec.download = Download { only_files, ..Download::default() };
    let swarm = Swarm::builder().torrent(spec).start().await.unwrap();
    let torrent = &swarm.torrents()[0];
    swarm.wait_finished(torrent).await.unwrap();
    swarm.check_downloaded(torrent).unwrap();
    let unwanted = torrent.file("two pieces.bin").unwrap();
    assert!(unwanted.content.check_file(&torrent.disk_path(unwanted)).is_err());
}

#[tokio::test]
async fn torrents_come_and_go() {
    let mut swarm = Swarm::builder().start().await.unwrap();
    let first = swarm.add(TorrentSpec::file("name", Content::new(1, MIB))).await.unwrap();
    let mut namesake = TorrentSpec::file("name", Content::new(2, MIB));
    namesake.download.sub_folder = Some("elsewhere".to_owned());
    let second = swarm.add(namesake).await.unwrap();
    assert_ne!(first.info_hash, second.info_hash);
    swarm.wait_finished(&first).await.unwrap();
    swarm.forget(&first).await.unwrap();
    swarm.wait_finished(&second).await.unwrap();
    swarm.check_downloaded(&first).unwrap();
    swarm.check_downloaded(&second).unwrap();
    let listed = swarm.client().torrents().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|torrent| torrent.info_hash).collect();
    assert_eq!(listed, [second.info_hash]);
}

#[tokio::test]
async fn a_downloader_comes_back_with_other_ids() {
    let spec = TorrentSpec::file("film.mkv", Content::new(2, 16 * MIB));
    let mut swarm = Swarm::builder().torrent(spec).download_bps(1_000_000).start().await.unwrap();
    let torrent = swarm.torrents()[0].clone();
    let reference = torrent.info_hash.into();
    let before = swarm.client().torrent_details(reference).await.unwrap().id;
    swarm.wait_checked(&torrent).await.unwrap();
    let some = |stats: &rqbit_client::wire::TorrentStats| stats.progress_bytes > 0;
    let partial = swarm.wait_until(&torrent, "begun", some).await.unwrap();
    assert!(!partial.finished, "the download is not limited");
    let url = swarm.api_url();

    swarm.kill_downloader().await;
    swarm.client().server_info().await.unwrap_err();
    swarm.start_downloader().await.unwrap();

    assert_eq!(swarm.api_url(), url);
    assert_ne!(swarm.client().torrent_details(reference).await.unwrap().id, before);
    let resumed = swarm.wait_checked(&torrent).await.unwrap();
    assert!(resumed.progress_bytes >= partial.progress_bytes, "pieces were lost");
    swarm.set_download_limit(None).await.unwrap();
    swarm.wait_finished(&torrent).await.unwrap();
    swarm.check_downloaded(&torrent).unwrap();
}

#[tokio::test]
async fn a_downloader_that_remembers_comes_back_with_its_ids() {
    let specs = [1, 2].map(|seed| TorrentSpec::file(format!("{seed}"), Content::new(seed, MIB)));
    let [first, second] = specs;
    let swarm = Swarm::builder().torrent(first).torrent(second).remembering();
    let mut swarm = swarm.start().await.unwrap();
    let mut before = Vec::new();
    for torrent in swarm.torrents() {
        swarm.wait_finished(torrent).await.unwrap();
        before.push(swarm.client().torrent_details(torrent.info_hash.into()).await.unwrap().id);
    }
    swarm.kill_downloader().await;
    swarm.start_downloader().await.unwrap();
    let mut after = Vec::new();
    for torrent in swarm.torrents() {
        swarm.wait_finished(torrent).await.unwrap();
        after.push(swarm.client().torrent_details(torrent.info_hash.into()).await.unwrap().id);
    }
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_limit_holds_until_it_is_lifted() {
    let spec = TorrentSpec::file("film.mkv", Content::new(2, 8 * MIB));
    // Raised to the minimum of 16 KiB/s: more than 8 minutes for this file.
    let mut swarm = Swarm::builder().torrent(spec).download_bps(1).start().await.unwrap();
    let torrent = swarm.torrents()[0].clone();
    let some = |stats: &rqbit_client::wire::TorrentStats| {
        stats.live.as_ref().is_some_and(|live| live.snapshot.fetched_bytes > 0)
    };
    let stats = swarm.wait_until(&torrent, "begun", some).await.unwrap();
    assert!(!stats.finished);
    swarm.set_download_limit(None).await.unwrap();
    swarm.wait_finished(&torrent).await.unwrap();
    swarm.check_downloaded(&torrent).unwrap();
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let swarm = Swarm::builder().torrent(TorrentSpec::odd("odd", 1)).start().await.unwrap();
    let mount_point = swarm.new_dir("mount").unwrap();
    let root = swarm.download_dir().parent().unwrap().to_owned();
    assert!(mount_point.starts_with(&root));
    drop(swarm);
    assert!(!fs::exists(&root).unwrap(), "{} is left", root.display());
}

/// The downloader of the next test.
#[test]
#[ignore = "a process that other tests start"]
fn downloader() {
    assert!(tfs_testkit::swarm::serve_if_asked(), "only a test starts it");
}

#[tokio::test]
async fn a_downloader_apart_is_stopped_and_killed() {
    let film = TorrentSpec::file("film.mkv", Content::new(2, MIB));
    let builder = Swarm::builder().torrent(film).apart(&[
        "downloader",
        "--exact",
        "--nocapture",
        "--ignored",
    ]);
    let mut swarm = builder.start().await.unwrap();
    let torrent = swarm.torrents()[0].clone();
    swarm.wait_finished(&torrent).await.unwrap();

    swarm.pause_downloader().unwrap();
    let client = swarm.client().clone();
    let mut asked = tokio::spawn(async move { client.server_info().await });
    // It gets a request, and does not answer until it continues.
    let silence = std::time::Duration::from_millis(200);
    assert!(tokio::time::timeout(silence, &mut asked).await.is_err());
    swarm.resume_downloader().unwrap();
    asked.await.unwrap().unwrap();

    swarm.kill_downloader().await;
    assert!(swarm.pause_downloader().is_err());
    assert!(swarm.client().server_info().await.is_err());
    swarm.start_downloader().await.unwrap();
    swarm.wait_finished(&torrent).await.unwrap();
    swarm.forget(&torrent).await.unwrap();
    swarm.add_again(&torrent).await.unwrap();
    swarm.wait_finished(&torrent).await.unwrap();
    swarm.check_downloaded(&torrent).unwrap();
    swarm.delete(&torrent).await.unwrap();
    assert!(swarm.check_downloaded(&torrent).is_err());
}
