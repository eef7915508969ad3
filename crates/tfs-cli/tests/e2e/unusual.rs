//! Torrents whose `.torrent` files have fields that no standard allows, and that rqbit accepts.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rqbit_client::{AddOptions, AddSource};
use tfs_testkit::isolate;
use tfs_testkit::swarm::Swarm;
use tfs_testkit::torrent_variants;
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits};

const LIMIT: Duration = Duration::from_secs(120);

/// Variants without long integers, at which librqbit panics with overflow checks.
const ADDED: [&str; 6] = [
    "nothing",
    "a minus without digits",
    "integer keys",
    "info: a minus without digits",
    "file: integer keys",
    "a date in milliseconds",
];

#[test]
fn unusual_torrents_lose_neither_date_nor_links() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder());
        let variants = torrent_variants::all().into_iter();
        let added: Vec<_> = variants.filter(|variant| ADDED.contains(&variant.what)).collect();
        assert_eq!(added.len(), ADDED.len());
        for variant in &added {
            let source = AddSource::TorrentFile(variant.torrent.clone().into());
            let options = AddOptions::default();
            let adding = rqbits.swarm.client().add_torrent(&source, &options);
            rqbits.runtime.block_on(adding).unwrap();
        }
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &["--missing", "fail"]);
        let folders = until("all torrents show", || {
            let folders: Vec<_> = fs::read_dir(&mounted.path).ok()?.collect();
            (folders.len() == ADDED.len()).then_some(folders)
        });
        for folder in folders {
            let folder = folder.unwrap().path();
            // The `.torrent` file is fetched after the torrent is listed.
            until("the date of the torrent", || {
                (folder.metadata().ok()?.mtime() == 1_700_000_000).then_some(())
            });
            assert_eq!(fs::read_link(folder.join("l")).unwrap(), Path::new("a"), "{folder:?}");
            assert!(fs::read(folder.join("a")).is_err(), "nothing of it is there");
        }
        mounted.unmount();
    });
}
