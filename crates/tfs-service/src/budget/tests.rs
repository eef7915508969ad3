//! Several pools on one directory, as in several processes.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tfs_testkit::until::until;

use super::*;

fn waits_missing(used: usize) -> StreamDemand {
    StreamDemand { used, used_missing: used, waits_missing: true, ..StreamDemand::default() }
}

fn needs(used: usize) -> StreamDemand {
    StreamDemand { used, used_missing: used, ..StreamDemand::default() }
}

/// Returns a pool on a directory, as in a process of its own.
fn pool(dir: &Path, name: &str) -> (PermitPool, ServerKey) {
    let url = format!("http://{name}.localhost:3030").parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let key = runtime.block_on(ServerKey::of(&url));
    (PermitPool::open(key.clone(), dir.join("tfs").join(DIR_NAME)), key)
}

/// Makes a mount take all available permits for readers of missing data.
fn fill(pool: &PermitPool, id: u64) -> usize {
    let mut used = 0;
    loop {
        let held = pool.update(id, waits_missing(used)).held;
        if held == used {
            return used;
        }
        used = held;
    }
}

/// The slot directory of the only server.
fn slots_of(dir: &TempDir) -> PathBuf {
    let mut dirs = fs::read_dir(dir.path().join("tfs").join(DIR_NAME)).unwrap();
    dirs.next().unwrap().unwrap().path()
}

#[test]
fn two_processes_never_hold_more_than_the_budget() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = pool(dir.path(), "a");
    let (second, _) = pool(dir.path(), "b");
    let one = first.join(4, "/mnt/a".to_owned());
    let (two, three) = (second.join(4, "/mnt/b".to_owned()), second.join(4, "/mnt/c".to_owned()));
    assert_eq!(fill(&first, one), 3);
    second.tick();
    assert_eq!((fill(&second, two), fill(&second, three)), (0, 0));
    // One slot is reserved for reads of data that is present.
    let here = StreamDemand { waits_here: true, ..StreamDemand::default() };
    assert_eq!(second.update(two, here).held, 1);
    assert_eq!(second.update(three, here).held, 0);
    let status = second.status();
    assert_eq!((status.held, status.streams_max, status.error), (4, 4, None));
    let held: Vec<_> =
        status.holders.iter().map(|it| (it.mountpoint.as_str(), it.held, it.waiting)).collect();
    assert_eq!(held, [("/mnt/b", 1, true), ("/mnt/c", 0, true), ("/mnt/a", 3, true)]);

    // The first mount releases its excess, and the rest when it ends.
    until("slots are recalled", || {
        first.tick();
        (first.update(one, waits_missing(3)).usable() < 3).then_some(())
    });
    drop(first);
    second.tick();
    assert_eq!(second.update(three, waits_missing(0)).held, 1);
    assert_eq!(second.status().holders.len(), 2);
}

#[test]
fn the_smallest_wish_of_all_processes_counts_as_mounts_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = pool(dir.path(), "a");
    let one = first.join(4, "/mnt/a".to_owned());
    assert_eq!(fill(&first, one), 3);
    let (second, _) = pool(dir.path(), "b");
    let two = second.join(2, "/mnt/b".to_owned());
    first.tick();
    let permits = first.update(one, waits_missing(3));
    assert_eq!((permits.held, permits.usable()), (3, 1));
    assert_eq!(first.update(one, waits_missing(1)).held, 1);
    second.leave(two);
    first.tick();
    assert_eq!(fill(&first, one), 3);
}

#[test]
fn a_dead_process_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (pool, _) = pool(dir.path(), "a");
    let id = pool.join(4, "/mnt/a".to_owned());
    let record = r#"{"version":1,"pid":1,"at_millis":0,"members":[{"mountpoint":"/mnt/dead",
        "streams_max":1,"held":1,"held_missing":1,"waits_here_millis":null,
        "waits_missing_millis":1}]}"#;
    let path = slots_of(&dir).join("1-1.json");
    fs::write(&path, record).unwrap();
    fs::write(slots_of(&dir).join("slot.1"), "").unwrap();
    pool.tick();
    assert!(!path.exists());
    assert_eq!(fill(&pool, id), 3);
    // The last process removes all files.
    let slots = slots_of(&dir);
    drop(pool);
    assert!(!slots.exists());
}

#[test]
fn a_process_that_cannot_be_understood_keeps_its_slots() {
    let dir = tempfile::tempdir().unwrap();
    let (pool, key) = pool(dir.path(), "a");
    let id = pool.join(4, "/mnt/a".to_owned());
    let parent = dir.path().join("tfs").join(DIR_NAME);
    let mut other = slot_dir::SlotDir::open(&parent, key.as_file_name()).unwrap();
    assert!(other.try_lock(1).unwrap());
    for entry in fs::read_dir(slots_of(&dir)).unwrap() {
        let path = entry.unwrap().path();
        if fs::metadata(&path).unwrap().len() == 0 && path.extension().unwrap() == "json" {
            fs::write(path, r#"{"version":2}"#).unwrap();
        }
    }
    pool.tick();
    assert_eq!(fill(&pool, id), 2);
}

#[test]
fn a_directory_that_was_removed_is_made_again_and_what_is_held_stays_held() {
    let dir = tempfile::tempdir().unwrap();
    let (first, key) = pool(dir.path(), "a");
    let one = first.join(4, "/mnt/a".to_owned());
    assert_eq!(fill(&first, one), 3);
    fs::remove_dir_all(dir.path().join("tfs")).unwrap();
    // Another process takes a slot in between.
    let parent = dir.path().join("tfs").join(DIR_NAME);
    let mut other = slot_dir::SlotDir::open(&parent, key.as_file_name()).unwrap();
    assert!(other.try_lock(2).unwrap());
    first.tick();
    assert!(!other.try_lock(1).unwrap() && !other.try_lock(3).unwrap());
    // The slot whose lock was lost is released at the end of the time slice.
    let permits = first.update(one, waits_missing(3));
    assert_eq!((permits.held, permits.usable_missing()), (3, 2));
    assert_eq!(first.update(one, needs(2)).held, 2);
}

#[test]
fn without_a_directory_the_mounts_of_this_process_share() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tfs"), "").unwrap();
    let (pool, _) = pool(dir.path(), "a");
    let (one, two) = (pool.join(4, "/mnt/a".to_owned()), pool.join(3, "/mnt/b".to_owned()));
    assert_eq!((fill(&pool, one), fill(&pool, two)), (2, 0));
    let warning = BudgetWarning::of_status(&pool.status()).unwrap();
    assert!(warning.message.contains("streams are not shared"), "{warning:?}");
    // It is used as soon as it exists.
    fs::remove_file(dir.path().join("tfs")).unwrap();
    assert!(pool.status().error.is_some());
}

#[tokio::test]
async fn all_mounts_of_a_process_have_one_pool_for_each_server() {
    let dir = tempfile::tempdir().unwrap();
    let budgets = Budgets { dir: Some(dir.path().join("tfs")), ..Budgets::default() };
    let key = async |url: &str| ServerKey::of(&url.parse().unwrap()).await;
    let join = async |key, path: &str| budgets.join(key, 1, path.to_owned()).await;
    let first = join(key("http://127.0.0.1:3030").await, "/mnt/a").await;
    let second = join(key("http://localhost:3030").await, "/mnt/b").await;
    let other = join(key("http://localhost:3031").await, "/mnt/c").await;
    assert_eq!(first.update(waits_missing(0)).held, 1);
    assert_eq!(second.update(waits_missing(0)).held, 0);
    assert_eq!(other.update(waits_missing(0)).held, 1);
    drop(first);
    assert_eq!(second.update(waits_missing(0)).held, 1);
}
