//! Tests of download progress and the deadlines of reads.

use super::*;
use crate::DownloadProgress;

const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;

fn second(n: u32) -> Timestamp {
    Timestamp::from_start(SECOND * n)
}

/// Runs a read of a missing piece of 16 MiB with a time-out of 60 s, at most 600 s. By each second,
/// the torrent has fetched `fetched(second)` bytes. Returns when progress was requested, and when
/// and how the read ended.
fn wait(fetched: impl Fn(u64) -> Option<u64>) -> (Vec<u64>, u64, String) {
    let mut plan = Plan::new(tuning(4), MissingPolicy::Wait);
    let file = FileId { torrent: InfoHash::from_bytes([1; 20]), index: FileIndex(0) };
    let piece_len = NonZeroU32::new(16 << 20).unwrap();
    let geometry = Some(Geometry { file_offset: 0, piece_len });
    let state = Some(FileState { torrent: TorrentState::Live, have_bytes: 0, is_listed: true });
    let facts = FileFacts { len: 1 << 40, geometry, state };
    let range = ByteRange::clamped(0, 100, LEN);
    let deadline = ReadDeadline { timeout: SECOND * 60, first: second(60), latest: second(600) };
    let request = ReadRequest { deadline, ..request(HandleId(1), (file, facts), range, second(1)) };
    plan.on_open(HandleId(1));
    plan.on_read(Timestamp::ZERO, ReadId(1), request);
    let mut asked = Vec::new();
    let mut now = Timestamp::ZERO;
    loop {
        for action in actions(&mut plan, now) {
            let mut words = action.split(' ');
            match (words.next(), words.next()) {
                (Some("ask"), Some("progress")) => {
                    asked.push(now.since_start().as_secs());
                    let answer = fetched(now.since_start().as_secs()).map(|fetched_bytes| {
                        let before =
                            fetched(now.since_start().as_secs().saturating_sub(1)).unwrap_or(0);
                        DownloadProgress {
                            fetched_bytes,
                            bytes_per_second: fetched_bytes.saturating_sub(before),
                            peers: None,
                        }
                    });
                    plan.on_download(now, file.torrent, answer);
                }
                (Some("ask"), None) => {
                    plan.on_haves(now, file.torrent, Ok(Bitfield::from_fn(10, |_| false).unwrap()));
                }
                (Some("open"), Some(id)) => {
                    plan.on_opened(now, StreamId(id.parse().unwrap()), 0);
                }
                (Some("close"), Some(id)) => {
                    let id = StreamId(id.parse().unwrap());
                    plan.on_stream_end(now, id, StreamEnd::Closed);
                }
                (Some("fail"), _) => return (asked, now.since_start().as_secs(), action),
                _ => panic!("{action}"),
            }
            plan.check();
        }
        if !plan.is_dirty {
            now = plan.next_time().unwrap().max(now);
            plan.on_time(now);
        }
    }
}

const LATE: &str = "fail 1 (the data did not arrive in time)";

#[test]
fn a_read_without_progress_ends_at_its_timeout_and_is_sampled_seldom() {
    let (asked, ended_at, end) = wait(|_| Some(0));
    assert_eq!((ended_at, end.as_str()), (60, LATE));
    assert_eq!(asked, [7, 15, 22, 30, 37, 45, 52, 59]);
    // The same if the source does not report progress.
    let (_, ended_at, end) = wait(|_| None);
    assert_eq!((ended_at, end.as_str()), (60, LATE));
}

#[test]
fn bytes_that_the_torrent_fetches_move_the_deadline_up_to_a_limit() {
    // A constant 100 kB/s: the longest wait. 64 MiB and four pieces take 1,342 s.
    let (_, ended_at, end) = wait(|second| Some(second * 100_000));
    assert_eq!((ended_at, end.as_str()), (600, LATE));
    // The next sample shows the last byte.
    let (_, ended_at, end) = wait(|second| Some(second.min(100) * 100_000));
    assert!((160..=168).contains(&ended_at), "{ended_at}");
    assert_eq!(end, LATE);
}

#[test]
fn a_torrent_that_fetches_other_pieces_moves_no_deadline() {
    // 64 MiB and four pieces of 16 MiB: 128 MiB in 64 s, counted from the first sample.
    let (_, ended_at, end) = wait(|second| Some(second * 2 * MIB));
    assert!((71..=79).contains(&ended_at), "{ended_at}");
    assert_eq!(end, LATE);
    // The same in less than the time-out: the read waits for its end.
    let (_, ended_at, end) = wait(|second| Some(second * 10 * MIB));
    assert_eq!((ended_at, end.as_str()), (60, LATE));
}

#[test]
fn a_counter_that_begins_anew_is_progress() {
    let fetched = |second: u64| Some(if second < 30 { 1_000_000 } else { 50_000 });
    let (_, ended_at, end) = wait(fetched);
    assert_eq!((ended_at, end.as_str()), (90, LATE));
}

/// Found by the table of server faults: a stream that repeatedly broke after ten bytes kept its
/// read waiting for ten minutes.
#[test]
fn a_few_bytes_on_a_stream_are_no_progress_but_a_page_is() {
    let file = FileId { torrent: InfoHash::from_bytes([1; 20]), index: FileIndex(0) };
    let state = Some(FileState { torrent: TorrentState::Live, have_bytes: LEN, is_listed: true });
    let facts = FileFacts { len: LEN, geometry: None, state };
    for (bytes, ends_at) in [(10, 60), (4096, 109)] {
        let mut plan = Plan::new(tuning(4), MissingPolicy::Wait);
        let range = ByteRange::clamped(0, 50_000, LEN);
        let deadline =
            ReadDeadline { timeout: SECOND * 60, first: second(60), latest: second(600) };
        let request =
            ReadRequest { deadline, ..request(HandleId(1), (file, facts), range, second(1)) };
        plan.on_read(Timestamp::ZERO, ReadId(1), request);
        let mut stream = 0;
        for action in actions(&mut plan, Timestamp::ZERO) {
            stream = action.split(' ').nth(1).unwrap().parse().unwrap();
        }
        plan.on_opened(Timestamp::ZERO, StreamId(stream), 0);
        plan.on_chunk(second(49), StreamId(stream), 0, bytes);
        let mut now = second(49);
        let ended_at = loop {
            let ended = actions(&mut plan, now).iter().any(|action| action.starts_with("fail 1"));
            if ended {
                break now.since_start().as_secs();
            }
            let closing: Vec<_> = plan.streams.keys().copied().collect();
            for id in closing {
                if !plan.streams[&id].is_live() {
                    plan.on_stream_end(now, id, StreamEnd::Closed);
                }
            }
            now = plan.next_time().unwrap_or(now).max(now + Duration::from_millis(100));
            plan.on_time(now);
        };
        assert_eq!(ended_at, ends_at, "{bytes} bytes");
    }
}
