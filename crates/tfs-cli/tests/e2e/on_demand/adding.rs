//! All ways of adding.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use super::LIMIT;
use super::stage::{DemandStage, FILM, NOTE, OTHER, configure, films, records, selected};
use crate::support::{Mounted, Rqbits, run, status_json_below, tfs};

fn bytes_of_films() -> u64 {
    [FILM, OTHER, NOTE].iter().map(|content| content.len()).sum()
}

fn listed(it: &DemandStage<'_>) -> Value {
    let text = run(tfs(it.dir).args(["list", "--json", "--server", &it.url]));
    serde_json::from_str::<Value>(&text).unwrap()[0].clone()
}

fn check_command(dir: &Path, is_rqbit8: bool) {
    let it = DemandStage::new(dir, "pieces", is_rqbit8);
    assert_eq!(it.selected().as_deref(), Some(&[][..]));
    assert_eq!(records(dir), ["pieces settled -"]);
    let row = listed(&it);
    assert_eq!(row["total_bytes"], bytes_of_films(), "{row}");
    assert!(row["have_bytes"].as_u64().unwrap() <= 256 << 10, "{row}");
    // One that the server has is not changed.
    it.select(&[0, 1]);
    let row = it.add();
    assert_eq!((&row["added"], &row["on_demand"]), (&false.into(), &"pieces".into()), "{row}");
    assert_eq!(it.selected().as_deref(), Some(&[0, 1][..]));
    // Removed and added again.
    run(tfs(dir).args(["forget", "--server", &it.url, "films"]));
    assert!(records(dir).is_empty());
    let row = it.add();
    assert_eq!((&row["added"], &row["on_demand"]), (&true.into(), &"pieces".into()), "{row}");
    assert_eq!(it.selected().as_deref(), Some(&[][..]));
    // With another configuration, all of it is downloaded.
    run(tfs(dir).args(["forget", "--server", &it.url, "films"]));
    fs::remove_dir_all(dir.join("config")).unwrap();
    let row = it.add();
    assert_eq!((&row["added"], &row["on_demand"]), (&true.into(), &Value::Null), "{row}");
    assert_eq!(it.selected().as_deref(), Some(&[0, 1, 2][..]));
    assert!(records(dir).is_empty());
}

#[test]
fn a_command_adds_with_nothing_selected() {
    let dir = tempfile::tempdir().unwrap();
    check_command(dir.path(), false);
}

#[test]
fn a_command_adds_with_nothing_selected_to_rqbit_8() {
    let dir = tempfile::tempdir().unwrap();
    check_command(dir.path(), true);
}

#[test]
fn unusual_torrents_are_added() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let swarm = Swarm::builder()
        .torrent(TorrentSpec::file("one.bin", Content::new(5, 300_000)))
        .torrent(TorrentSpec::odd("odd", 9));
    let rqbits = Rqbits::start(swarm);
    let url = rqbits.swarm.api_url();
    configure(dir, "file", "");
    for torrent in rqbits.swarm.torrents() {
        rqbits.wait_finished(torrent);
        // All data is on the disk.
        let forgotten = rqbits.swarm.client().forget(torrent.info_hash.into());
        rqbits.runtime.block_on(forgotten).unwrap();
        let path = dir.join(format!("{}.torrent", torrent.name));
        fs::write(&path, &torrent.torrent_file).unwrap();
        let add = ["add", "--overwrite", "--server", &url];
        run(tfs(dir).args(add).arg(&path));
        assert_eq!(selected(&rqbits, torrent).as_deref(), Some(&[][..]), "{}", torrent.name);
    }
    assert_eq!(records(dir), ["file settled -", "file settled -"]);
    let text = run(tfs(dir).args(["list", "--json", "--server", &url]));
    for row in serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap() {
        assert_eq!(row["have_bytes"], row["total_bytes"], "{row}");
        assert_eq!(row["selected_bytes"], 0, "{row}");
    }
}

#[test]
fn torrents_of_other_programs_are_added_with_nothing_selected() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(films()).remembering());
        let torrent = rqbits.swarm.torrents()[0].clone();
        let client = rqbits.swarm.client();
        let forget = || {
            rqbits.runtime.block_on(client.delete(torrent.info_hash.into())).unwrap();
        };
        forget();
        let watch = dir.join("watch");
        fs::create_dir(&watch).unwrap();
        let more = format!("[[watch]]\ndir = {watch:?}\n[arr]\nlisten = \"127.0.0.1:0\"\n");
        configure(dir, "pieces", &more);
        let drops = dir.join("drop");
        fs::create_dir(&drops).unwrap();
        let drop_flag = ["--drop", drops.to_str().unwrap()];
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &drop_flag);
        let is_added = |way: &str| {
            until(&format!("it is added by {way}"), || {
                let is_none = selected(&rqbits, &torrent).is_some_and(|it| it.is_empty());
                (is_none && records(dir) == ["pieces settled -"]).then_some(())
            });
            run(tfs(dir).args(["forget", "--server", &rqbits.swarm.api_url(), "films"]));
            assert!(records(dir).is_empty());
            fs::remove_dir_all(torrent.disk_path(&torrent.files[0]).parent().unwrap()).unwrap();
        };
        fs::write(watch.join("films.torrent"), &torrent.torrent_file).unwrap();
        is_added("the watch folder");
        let arr = status_json_below(dir)[0]["intake"]["arr"]["address"].clone();
        let address = arr.as_str().unwrap().to_owned();
        crate::arr::add_torrent(address.parse().unwrap(), &torrent.torrent_file);
        is_added("Sonarr");
        fs::write(drops.join("films.torrent"), &torrent.torrent_file).unwrap();
        is_added("the drop folder");
        mounted.unmount();
    });
}

#[test]
fn an_embedded_server_adds_with_nothing_selected() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(films()));
        configure(dir, "file", "");
        let path = dir.join("films.torrent");
        fs::write(&path, &rqbits.swarm.torrents()[0].torrent_file).unwrap();
        let (store, mountpoint) = (dir.join("store"), dir.join("mnt"));
        fs::create_dir(&mountpoint).unwrap();
        let mut command = tfs(dir);
        command.args(["mount", "--offline", "--embedded"]).arg(&store).arg(&mountpoint);
        run(command.arg("--add").arg(&path));
        let mounted = Mounted::at(mountpoint, dir);
        assert_eq!(records(dir), ["file settled -"]);
        let text = run(tfs(dir).args(["list", "--json"]));
        let row = serde_json::from_str::<Value>(&text).unwrap()[0].clone();
        assert_eq!(row["selected_bytes"], 0, "{row}");
        // The command knows the key of its records.
        run(tfs(dir).args(["forget", "films"]));
        assert!(records(dir).is_empty());
        run(tfs(dir).args(["add", "--overwrite"]).arg(&path));
        assert_eq!(records(dir), ["file settled -"]);
        let text = fs::read_to_string(dir.join("state/tfs/on-demand")).unwrap();
        assert!(text.contains("embedded"), "{text}");
        mounted.unmount();
    });
}
