//! Tests of the file of records.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tfs_types::OnDemandMode;

use super::*;

const SERVER: &str = "http://127.0.0.1:3030/";

fn hash(id: u8) -> InfoHash {
    InfoHash::from_bytes([id; 20])
}

fn change(id: u8, edit: OnDemandEdit) -> OnDemandChange {
    OnDemandChange { server: SERVER.to_owned(), torrent: hash(id), edit }
}

fn store() -> (tempfile::TempDir, OnDemandStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = OnDemandStore::in_dir(&dir.path().join("tfs"));
    (dir, store)
}

#[test]
fn records_are_kept_in_a_private_file() {
    let (_dir, store) = store();
    assert_eq!(store.load().unwrap(), OnDemandTable::default());
    let mode = OnDemandMode::File;
    store.change(&[change(1, OnDemandEdit::Set(mode))]).unwrap();
    let text = fs::read_to_string(store.path()).unwrap();
    assert_eq!(text, format!("tfs-on-demand 1\n{} file pending - {SERVER}\n", hash(1)));
    let (a, b) = (OnDemandHolder(10), OnDemandHolder(11));
    let edits = [OnDemandEdit::Settled, OnDemandEdit::Hold(3, a), OnDemandEdit::Hold(3, b)];
    store.change(&edits.map(|edit| change(1, edit))).unwrap();
    let text = fs::read_to_string(store.path()).unwrap();
    let holders = "000000000000000a+000000000000000b";
    let line = format!("{} file settled 3:{holders} {SERVER}\n", hash(1));
    assert_eq!(text, format!("tfs-on-demand 1\n{line}"));
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(store.path()), mode(store.state_dir.clone())], [0o600, 0o700]);
    // A file that a mount holds is not released.
    let edits = [OnDemandEdit::Unhold(3, a), OnDemandEdit::Release(3)];
    let table = store.change(&edits.map(|edit| change(1, edit))).unwrap();
    assert_eq!(table.get(SERVER, hash(1)).unwrap().selected[&3], [b].into());
    let edits = [OnDemandEdit::Unhold(3, b), OnDemandEdit::Release(3)];
    let table = store.change(&edits.map(|edit| change(1, edit))).unwrap();
    assert!(table.get(SERVER, hash(1)).unwrap().selected.is_empty());
    assert_eq!(store.load().unwrap(), table);
    let table = store.change(&[change(1, OnDemandEdit::Remove)]).unwrap();
    assert_eq!(table, OnDemandTable::default());
}

#[test]
fn only_a_torrent_that_is_on_demand_has_a_record() {
    let (_dir, store) = store();
    let edits = [
        OnDemandEdit::Mode(OnDemandMode::File),
        OnDemandEdit::Settled,
        OnDemandEdit::Hold(1, OnDemandHolder(1)),
        OnDemandEdit::Release(1),
        OnDemandEdit::Remove,
    ];
    let table = store.change(&edits.map(|edit| change(1, edit))).unwrap();
    assert_eq!(table.count(), 0);
    assert!(!store.path().exists());
}

#[test]
fn two_that_change_at_once_lose_nothing() {
    let (_dir, store) = store();
    store.change(&[change(99, OnDemandEdit::Set(OnDemandMode::File))]).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..2_u8 {
            let store = &store;
            scope.spawn(move || {
                for id in 0..5 {
                    let set = OnDemandEdit::Set(OnDemandMode::Pieces);
                    let hold = OnDemandEdit::Hold(7, OnDemandHolder(u64::from(10 * thread + id)));
                    store.change(&[change(10 * thread + id, set), change(99, hold)]).unwrap();
                }
            });
        }
    });
    let table = store.load().unwrap();
    assert_eq!(table.count(), 11);
    assert_eq!(table.get(SERVER, hash(99)).unwrap().selected[&7].len(), 10);
}

#[test]
fn damaged_lines_stay_where_they_can_be_repaired() {
    let good = format!("{} pieces settled - {SERVER}", hash(1));
    for damage in [
        &b"\xff\xfe"[..],
        b"x",
        format!("{} pieces settled -", hash(2)).as_bytes(),
        format!("{} pieces settled - ", hash(2)).as_bytes(),
        format!("{} off settled - {SERVER}", hash(2)).as_bytes(),
        format!("{} file maybe - {SERVER}", hash(2)).as_bytes(),
        format!("{} file settled 1 {SERVER}", hash(2)).as_bytes(),
        format!("{} file settled 1:x {SERVER}", hash(2)).as_bytes(),
        format!("{} file settled 1:1,,2:1 {SERVER}", hash(2)).as_bytes(),
        b"tfs-on-demand x",
        b"<<<<<<< HEAD",
    ] {
        let text = [&b"tfs-on-demand 1\n"[..], damage, b"\n", good.as_bytes(), b"\n"].concat();
        let mut table = OnDemandTable::parse(&text).unwrap();
        assert!(table.get(SERVER, hash(1)).is_some(), "{damage:?}");
        assert_eq!(table.unreadable().count(), 1, "{damage:?}");
        assert!(table.change(&change(1, OnDemandEdit::Mode(OnDemandMode::File))).unwrap());
        let written = table.to_bytes();
        assert!(written.windows(damage.len()).any(|part| part == damage), "{damage:?}");
        assert_eq!(OnDemandTable::parse(&written), Some(table), "{damage:?}");
    }
}

#[test]
fn each_cut_costs_the_last_line_only() {
    let server = "embedded \"/srv/my torrents\"";
    let holder = OnDemandHolder(u64::MAX);
    let text = format!(
        "tfs-on-demand 1\n{} file pending 1:{holder},7: {server}\n{} pieces settled - {SERVER}\n",
        hash(1),
        hash(2)
    );
    for len in 0..text.len() {
        let cut = &text.as_bytes()[..len];
        let table = OnDemandTable::parse(cut).unwrap();
        let whole_lines = cut.iter().filter(|byte| **byte == b'\n').count();
        assert!(table.count() + 1 >= whole_lines, "{len}");
        assert!(table.unreadable().count() <= 1, "{len}");
    }
    let table = OnDemandTable::parse(text.as_bytes()).unwrap();
    assert_eq!(table.to_bytes(), text.as_bytes());
    let record = table.get(server, hash(1)).unwrap();
    assert_eq!(record.selected, [(1, [holder].into()), (7, [].into())].into());
}

#[test]
fn a_file_of_a_later_version_stays() {
    let (_dir, store) = store();
    fs::create_dir_all(&store.state_dir).unwrap();
    let newer = format!("tfs-on-demand 2\n{} film\n", hash(1));
    fs::write(store.path(), &newer).unwrap();
    let set = change(1, OnDemandEdit::Set(OnDemandMode::File));
    for error in [store.load().unwrap_err(), store.change(&[set]).unwrap_err()] {
        assert!(matches!(&error, OnDemandError::Newer { path } if *path == store.path()));
    }
    assert_eq!(fs::read_to_string(store.path()).unwrap(), newer);
}
