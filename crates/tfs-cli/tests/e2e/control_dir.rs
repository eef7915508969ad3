//! `.tfs/` as a user and a script see it.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, run, status_json_below};

#[test]
fn the_control_directory_tells_and_leads() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), Duration::from_secs(120), |dir| {
        let content = Content::new(7, 300_001);
        let series = [("Season 1/Pilot.mkv", content), ("notes.txt", Content::new(8, 10))];
        let swarm = Swarm::builder()
            .torrent(TorrentSpec::directory("A Series", series))
            .torrent(TorrentSpec::file(".tfs", Content::new(9, 5)));
        let rqbits = Rqbits::start(swarm);
        let torrent = rqbits.swarm.torrents()[0].clone();
        rqbits.wait_finished(&torrent);
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        // A fixed name for the directory of this run, so that commands can be constants.
        symlink(&mounted.path, dir.join("root")).unwrap();
        let sh = |command: &str| run(Command::new("sh").args(["-ec", command]).current_dir(dir));

        let own = sh("ls -A root/ | sort");
        let hash = rqbits.swarm.torrents()[1].info_hash.to_string();
        let short: String = hash.chars().take(8).collect();
        assert_eq!(own, format!(".tfs [{short}]\nA Series\n"));
        assert_eq!(sh("ls root/.tfs"), "by-hash\nhealthy\nmetrics\nsearch\nstatus.json\n");
        let found = sh("find root/.tfs -maxdepth 3 | wc -l");
        assert_eq!(found.trim(), "8", "six names and two links");

        let link = format!("root/.tfs/by-hash/{}", torrent.info_hash);
        let target = sh(&format!("readlink -f {link}"));
        assert_eq!(
            target.trim_end(),
            fs::canonicalize(dir).unwrap().join("mnt/A Series").to_str().unwrap()
        );
        assert_eq!(sh(&format!("readlink {link}")), "../../A Series\n");
        let pilot = fs::read(dir.join("root/.tfs/search/PILOT season/Pilot.mkv")).unwrap();
        content.check(0, &pilot).unwrap();
        assert_eq!(pilot.len(), 300_001);
        sh("cmp 'root/.tfs/search/notes series/notes.txt' 'root/A Series/notes.txt'");

        let url = rqbits.swarm.api_url();
        let filter = "[.version, .server.reachable, .tree.known, .tree.torrents, .tree.files]";
        assert_eq!(
            sh(&format!("cat root/.tfs/status.json | jq -c '{filter}'")),
            "[1,true,true,2,3]\n"
        );
        let server = sh("jq -r .server.url root/.tfs/status.json");
        assert_eq!(server.trim_end().trim_end_matches('/'), url.trim_end_matches('/'));
        assert_eq!(sh("cat root/.tfs/healthy"), "ok\n");
        assert_eq!(sh("grep '^tfs_torrents ' root/.tfs/metrics"), "tfs_torrents 2\n");

        // The server goes down: the control directory reports it.
        drop(rqbits);
        until("the mount notices that its server is gone", || {
            let health = fs::read_to_string(dir.join("root/.tfs/healthy")).unwrap();
            health.starts_with("the server does not answer: ").then_some(())
        });
        assert_eq!(sh("jq .server.reachable root/.tfs/status.json"), "false\n");
        mounted.unmount();
    });
}

#[test]
fn the_control_directory_is_listed_on_demand() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), Duration::from_secs(60), |dir| {
        let rqbits = Rqbits::start(Swarm::builder());
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &["--show-control"]);
        let names: Vec<_> =
            fs::read_dir(&mounted.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [".tfs"]);
        mounted.unmount();
    });
}

#[test]
fn reads_over_pages_that_are_there_and_missing_are_counted() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(120), |dir| {
        let film = Content::new(2, 3 << 20);
        let mut spec =
            TorrentSpec::directory("films", [("a.txt", Content::new(1, 9)), ("b", film)]);
        // Only the first piece is downloaded, which also has the head of the other file.
        spec.download.only_files = Some(vec!["a.txt".to_owned()]);
        spec.seed.piece_length = Some(1 << 18);
        let rqbits = Rqbits::start(Swarm::builder().torrent(spec));
        rqbits.wait_finished(&rqbits.swarm.torrents()[0].clone());
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &["--missing", "fail"]);
        let split = || status_json_below(dir)[0]["reads"]["reads_split"].as_u64().unwrap();
        assert_eq!(split(), 0);
        until("the head is there", || {
            fs::read(mounted.path.join("films/b")).unwrap_err();
            (split() > 0).then_some(())
        });
        let metrics = fs::read_to_string(mounted.path.join(".tfs/metrics")).unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix("tfs_reads_split_total "));
        assert!(line.unwrap().parse::<u64>().unwrap() > 0, "{metrics}");
        mounted.unmount();
    });
}
