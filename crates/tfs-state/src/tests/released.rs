//! Tests of the import of version 0.1.0's state, with interruptions.

use expect_test::expect_file;
use tfs_testkit::released::{ReleasedServer, copy_state};

use super::*;

fn server_a() -> ServerIdentity {
    ServerIdentity::of_url(&ReleasedServer::A.url().parse().unwrap())
}

/// Opens the state, waits until the files of 0.1.0 are removed, and returns the known tree.
async fn known(dir: &Path, identity: ServerIdentity) -> KnownTree {
    let index = place::server_dir(dir, &identity).join("index.json");
    let (state, known) = ServerState::open(dir, identity).await.unwrap();
    let removed = async {
        while index.exists() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), removed).await.unwrap();
    state.close().await;
    known
}

fn render(known: &KnownTree) -> String {
    let mut text = format!("changed at {:?}\n", known.changed_at);
    for remembered in &known.remembered {
        writeln!(text, "{:?} seen {}", remembered.name, remembered.first_seen).unwrap();
    }
    for (summary, details) in known.listing.iter().zip(&known.details) {
        let TorrentSummary { state, file_progress, .. } = summary;
        writeln!(text, "{:?} {state:?} {file_progress:?}", details.name).unwrap();
    }
    for (file, proof) in &known.proofs {
        let VerifiedFileRecord { folder, below, .. } = proof;
        writeln!(text, "{} of {} in {folder}: {below}", file.index.0, file.torrent).unwrap();
    }
    text
}

#[tokio::test]
async fn all_of_a_state_of_0_1_0_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().join("tfs");
    copy_state(&state_dir).unwrap();
    // Its download directory does not exist on this machine.
    let embedded = ServerIdentity::of_dir(Path::new("/srv/tfs-embedded"));
    expect![[r#"
        changed at Some(1795980103)
        "embedded dir" seen 1795980103
        "embedded.bin" seen 1795980103
        "embedded dir" Live Some([0, 0])
        "embedded.bin" Initializing None
    "#]]
    .assert_eq(&render(&known(&state_dir, embedded.clone()).await));
    let first = known(&state_dir, server_a()).await;
    expect_file!["released_a.txt"].assert_eq(&render(&first));
    // Again, from the log.
    assert_eq!(known(&state_dir, server_a()).await, first);
    let mut names: Vec<_> = fs::read_dir(place::server_dir(&state_dir, &server_a()))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["index-0.1.0.json", "lock", "state.log"]);
}

#[tokio::test]
async fn a_crash_while_the_state_of_0_1_0_is_taken_over_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    copy_state(&whole).unwrap();
    let want = known(&whole, server_a()).await;
    let log_of = |state_dir: &Path| place::server_dir(state_dir, &server_a()).join(log::LOG_NAME);
    let bytes = fs::read(log_of(&whole)).unwrap();
    let step = bytes.len() / 30;
    for (round, end) in (0..bytes.len()).step_by(step).chain([bytes.len()]).enumerate() {
        let state_dir = dir.path().join(format!("{round}"));
        copy_state(&state_dir).unwrap();
        fs::write(log_of(&state_dir), &bytes[..end]).unwrap();
        let mut got = known(&state_dir, server_a()).await;
        got.early.clear();
        assert_eq!(got, want, "cut at {end}");
        assert_eq!(known(&state_dir, server_a()).await, want, "cut at {end}, again");
    }
}

#[tokio::test]
async fn a_state_of_0_1_0_that_was_used_again_is_taken_over_again() {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().join("tfs");
    copy_state(&state_dir).unwrap();
    let first = known(&state_dir, server_a()).await;
    let server_dir = place::server_dir(&state_dir, &server_a());
    // The downgrade that docs/reference/state.md describes.
    fs::rename(server_dir.join("index-0.1.0.json"), server_dir.join("index.json")).unwrap();
    assert_eq!(known(&state_dir, server_a()).await, first);
    assert!(!server_dir.join("index.json").exists());
}

#[tokio::test]
async fn damaged_files_of_0_1_0_cost_no_more_than_they_had() {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().join("tfs");
    copy_state(&state_dir).unwrap();
    let server_dir = place::server_dir(&state_dir, &server_a());
    let victim = fs::read_dir(server_dir.join("torrents")).unwrap().next().unwrap().unwrap();
    fs::write(victim.path(), "garbage").unwrap();
    let got = known(&state_dir, server_a()).await;
    let whole = dir.path().join("whole");
    copy_state(&whole).unwrap();
    let want = known(&whole, server_a()).await;
    assert_eq!(got.remembered, want.remembered);
    assert_eq!(got.details.len() + 1, want.details.len());
    let aside = format!("{}.damaged-1", victim.file_name().to_str().unwrap());
    assert!(server_dir.join("torrents").join(aside).exists());
    // It is not imported again.
    assert_eq!(known(&state_dir, server_a()).await, got);
}

#[tokio::test]
async fn files_of_a_later_version_beside_those_of_0_1_0_are_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().join("tfs");
    copy_state(&state_dir).unwrap();
    let index = place::server_dir(&state_dir, &server_a()).join("index.json");
    let newer = fs::read_to_string(&index).unwrap().replacen("tfs-state 1", "tfs-state 2", 1);
    fs::write(&index, &newer).unwrap();
    let error = ServerState::open(&state_dir, server_a()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    assert_eq!(fs::read_to_string(&index).unwrap(), newer);
}
