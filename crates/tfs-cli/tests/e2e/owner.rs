//! Flags of `tfs mount` for the owner of the files, and the same settings in a configuration.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Mounted, Rqbits};

#[test]
fn files_belong_to_whom_flags_and_configuration_say() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(60), |dir| {
        let swarm = Swarm::builder().torrent(TorrentSpec::file("a.bin", Content::new(1, 70_000)));
        let rqbits = Rqbits::start(swarm);
        let config = dir.join("config/tfs");
        fs::create_dir_all(&config).unwrap();
        let path = dir.join("mnt");
        let section = format!("[[mount]]\npath = {path:?}\nuid = 1\numask = \"027\"");
        fs::write(config.join("config.toml"), section).unwrap();
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &["--gid", "1234"]);
        let file = fs::metadata(mounted.path.join("a.bin")).unwrap();
        assert_eq!((file.uid(), file.gid(), file.mode() & 0o777), (1, 1234, 0o440));
        mounted.unmount();
    });
}
