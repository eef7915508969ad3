//! Tests of a log that is truncated or damaged.

use tfs_testkit::random::Random;

use super::*;

/// Returns the names of the fixture's torrents that can be read.
async fn names(fixture: &Fixture) -> Vec<String> {
    let (_state, known) = fixture.open().await;
    known.details.into_iter().map(|details| details.name).collect()
}

#[tokio::test]
async fn a_log_that_is_cut_anywhere_has_what_stood_before() {
    let fixture = Fixture::new().await;
    let whole = fs::read(fixture.log()).unwrap();
    for end in 0..whole.len() {
        fs::write(fixture.log(), &whole[..end]).unwrap();
        let (state, known) = fixture.open().await;
        // Every record on a complete line is read, and no other.
        let lines = whole[..end].iter().filter(|byte| **byte == b'\n').count();
        let details_count = known.details.len() + known.early.len();
        assert_eq!(details_count, lines.saturating_sub(2).min(3), "cut at {end}");
        // Every write is synced, so only some lengths are tried.
        if end % 31 > 0 {
            continue;
        }
        // A new record starts on a line of its own.
        state.recorder().record(&added(&[9], ""), vec![details(9)], times(AT + 1));
        state.close().await;
        let (_state, known) = fixture.open().await;
        let shown = known.details.iter().any(|known| *known == details(9));
        assert!(shown, "cut at {end}: {known:?}");
        let names = fs::read_dir(fixture.path("")).unwrap().count();
        assert_eq!(names, 2, "cut at {end}: a record that was cut is no damage");
    }
}

#[tokio::test]
async fn a_damaged_line_is_set_aside_and_costs_that_line() {
    let fixture = Fixture::new().await;
    fixture.spoil(|log| {
        let of_2 = String::from_utf8_lossy(log).find(&format!("torrent {}", hash(2))).unwrap();
        log[of_2 + 60] ^= 1;
    });
    let want = expect![[r#"
        changed at Some(1800000000)
        t1 seen 1800000000
        t2 seen 1800000000
        t3 seen 1800000000
        t1 Paused Some([10, 20])
        t3 Live None
        aside: state.log.damaged-1
    "#]];
    fixture.check(&want).await;
    // The damage is reported once.
    fixture.check(&want).await;
    let aside = fs::read_to_string(fixture.path("state.log.damaged-1")).unwrap();
    assert!(aside.contains(&format!("torrent {}", hash(2))), "{aside}");
    assert_eq!(aside.lines().count(), 1);
}

#[tokio::test]
async fn each_spoiled_sector_costs_the_lines_that_it_touches() {
    let fixture = Fixture::new().await;
    let (state, _known) = fixture.open().await;
    let ids: Vec<_> = (10..200).collect();
    state.recorder().record(
        &added(&ids, ""),
        ids.iter().copied().map(details).collect(),
        times(AT),
    );
    state.close().await;
    let whole = fs::read(fixture.log()).unwrap();
    let all = names(&fixture).await;
    let mut random = Random::new(1);
    for _ in 0..40 {
        let start = usize::try_from(random.range(0, whole.len() as u64 - 1)).unwrap();
        let end = (start + 512).min(whole.len());
        let mut spoiled = whole.clone();
        spoiled[start..end].fill(0xa5);
        fs::write(fixture.log(), &spoiled).unwrap();
        let got = names(&fixture).await;
        // The shortest lines have 80 bytes: a sector touches eight at most.
        assert!(got.len() + 8 >= all.len(), "at {start}: {} of {}", got.len(), all.len());
        let is_known = |name| all.contains(name);
        assert!(got.iter().all(is_known), "at {start}: {got:?}");
    }
}

#[tokio::test]
async fn garbage_is_no_log() {
    let fixture = Fixture::new().await;
    for content in [vec![0; 10_000], b"\n\n\n".to_vec(), vec![0xff; 100_000], b"{}\n".to_vec()] {
        fs::write(fixture.log(), content).unwrap();
        let (state, known) = fixture.open().await;
        assert_eq!(known, KnownTree::default());
        state.recorder().record(&added(&[1], ""), vec![details(1)], times(AT));
        state.close().await;
        assert_eq!(names(&fixture).await, ["t1"]);
    }
}

#[tokio::test]
async fn a_log_that_is_mostly_outdated_is_written_anew() {
    let fixture = Fixture::new().await;
    let (state, _known) = fixture.open().await;
    let (other, _known) = fixture.open().await;
    state.recorder().keep(file_id(1, 0), &proof(10));
    state.recorder().keep(file_id(1, 0), &proof(11));
    let removed = vec![(hash(3), "t3".to_owned())];
    state.recorder().record(&Changes { removed, ..Changes::default() }, Vec::new(), times(AT + 1));
    state.recorder().record_details(vec![single_file(7, "early", 1)]);
    state.close().await;
    let (_state, before) = fixture.open().await;
    let store = StateStore::open(fixture.dir.path(), identity()).unwrap();
    let mut longest = 0;
    // Many torrents per record, so that few rounds are enough.
    let missing = |at| (0..50).map(|id| (hash(id), at)).collect::<Vec<_>>();
    for round in 0..1000 {
        let absences = Some(Absences { run_began_at: None, missing: missing(AT + round) });
        store.write(&WriteBatch { absences, ..WriteBatch::default() }, AT + 2).unwrap();
        longest = longest.max(fs::metadata(fixture.log()).unwrap().len());
    }
    assert!((1 << 20..2 << 20).contains(&longest), "{longest}");
    // Another process continues with the replaced file.
    other.recorder().record(&added(&[9], ""), vec![details(9)], times(AT + 3));
    other.close().await;
    let (_state, after) = fixture.open().await;
    let kept = &after.remembered[..before.remembered.len()];
    assert_eq!(kept, before.remembered);
    assert_eq!((&after.early, &after.proofs), (&before.early, &before.proofs));
    assert_eq!(after.details[..2], before.details);
    assert_eq!(after.details[2..], [details(9)]);
    assert_eq!(after.listing[..2], before.listing);
    assert_eq!(after.absences.missing, missing(AT + 999));
}

#[tokio::test]
async fn a_log_that_was_removed_does_not_begin_again_with_a_part() {
    let fixture = Fixture::new().await;
    let (state, _known) = fixture.open().await;
    fs::remove_file(fixture.log()).unwrap();
    state.recorder().record(&added(&[9], ""), vec![details(9)], times(AT + 1));
    state.close().await;
    let (_state, known) = fixture.open().await;
    assert_eq!(known, KnownTree::default());
}

#[tokio::test]
async fn what_the_log_says_already_is_not_written_again() {
    let fixture = Fixture::new().await;
    let len = || fs::metadata(fixture.log()).unwrap().len();
    let before = len();
    let (state, _known) = fixture.open().await;
    state.recorder().record_details([1, 2, 3].map(details).to_vec());
    state.recorder().record_progress(vec![summary(1, &[10, 20]), summary(2, &[0, 5])]);
    state.close().await;
    assert_eq!(len(), before);
    let (state, _known) = fixture.open().await;
    state.recorder().record_progress(vec![summary(1, &[10, 20]), summary(2, &[1, 5])]);
    state.close().await;
    assert!((before + 50..before + 200).contains(&len()));
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_read() {
    let fixture = Fixture::new().await;
    // For root, who may write everywhere: no lock can be created, and the log is unchanged.
    let is_root = rustix::process::geteuid().is_root();
    let set = |mode| {
        fs::set_permissions(fixture.path(""), fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::remove_file(fixture.path("lock")).unwrap();
    set(0o500);
    let known = names(&fixture).await;
    set(0o700);
    assert_eq!(known, ["t1", "t2", "t3"]);
    assert_eq!(fixture.path("lock").exists(), is_root);
}
