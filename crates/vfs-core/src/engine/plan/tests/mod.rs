//! Tables of the plan: events, and the actions that follow.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of tests")]

mod direct;
mod downloads;
mod fail_fast;
mod failures;
mod fetch_end;
mod linger;
mod preload;
mod progress;
mod rest;
mod split;
mod turns;
mod work;

use std::num::NonZeroU32;

use expect_test::{Expect, expect};

use std::time::Duration;

use super::*;
use crate::tree::FileState;
use crate::{Bitfield, FileIndex, Geometry, HandleId, InfoHash, PeerCounts, TorrentState};

const LEN: u64 = 100_000;

/// The number of open handles, counted from 1.
const HANDLES: u64 = 99;

/// One step of a test. Reads are of handle 1 unless another is named; streams are numbered from 1.
#[derive(Clone)]
enum PlanStep {
    Read(u64, u64),
    /// A read that may be split into pages of 1000 bytes.
    ReadPages(u64, u64),
    ReadBy(u64, u64, u64),
    /// A read that must not cause a download.
    ReadPresent(u64, u64),
    /// Memory answers a read of a handle.
    Hit(u64, u64, u64),
    Preload(u64, u64),
    /// A direct read by a handle; its end comes later if it is granted.
    Direct(u64, u64, u64),
    DirectEnds(u64, u64, u64, DirectEnd),
    Cancel(u64),
    Release(u64),
    Opened(u64),
    /// The round trip becomes this many milliseconds.
    RoundTrips(u64),
    Chunk(u64, u64, u64),
    Over(u64),
    Fails(u64, SourceErrorKind),
    /// A stream fails with an error that is retryable or not.
    FailsAs(u64, SourceErrorKind, bool),
    Closed(u64),
    Haves(fn(u32) -> bool),
    /// The server reports the torrent as not found.
    HavesNotFound,
    /// Whether a list of the server has the torrent.
    Listed(bool),
    Wait(u64),
    /// The server has all that is selected of the torrent.
    Selected,
    /// A file of the torrent is selected that the server does not have.
    SelectsMore,
    /// What the server downloaded because of a handle.
    Downloaded(u64),
    /// What it downloaded because of released handles.
    TakeClosed,
    Peers(PeerCounts),
}

use PlanStep::{
    Cancel, Chunk, Closed, Direct, DirectEnds, Downloaded, Fails, FailsAs, Haves as HavesAre,
    HavesNotFound, Hit, Listed, Opened, Over, Peers, Preload, ReadBy, ReadPresent, Release,
    RoundTrips, Selected, SelectsMore, TakeClosed, Wait,
};

/// Runs the steps over a file of 100,000 bytes with pieces of 10,000, and compares the actions.
#[track_caller]
fn check(streams_max: usize, have_bytes: u64, steps: &[PlanStep], want: &Expect) {
    check_with(tuning(streams_max), have_bytes, steps, want);
}

/// Does what [`check`] does with other limits.
#[track_caller]
fn check_with(tuning: Tuning, have_bytes: u64, steps: &[PlanStep], want: &Expect) {
    want.assert_eq(&run(tuning, have_bytes, steps).concat());
}

/// Does what [`check`] does with a complete file, without the lines of the first steps.
#[track_caller]
fn check_from(tuning: Tuning, skipped: usize, steps: &[PlanStep], want: &Expect) {
    want.assert_eq(&run(tuning, LEN, steps)[skipped..].concat());
}

/// Runs the steps, and returns a line for each of them.
fn run(tuning: Tuning, have_bytes: u64, steps: &[PlanStep]) -> Vec<String> {
    let mut plan = Plan::new(tuning, MissingPolicy::Wait);
    (1..=HANDLES).for_each(|handle| plan.on_open(HandleId(handle)));
    let file = FileId { torrent: InfoHash::from_bytes([1; 20]), index: FileIndex(0) };
    let geometry = Geometry { file_offset: 0, piece_len: NonZeroU32::new(10_000).unwrap() };
    let state = FileState { torrent: TorrentState::Live, have_bytes, is_listed: true };
    let facts = FileFacts { len: LEN, geometry: Some(geometry), state: Some(state) };
    let (mut now, mut read_count, mut lines) = (Timestamp::ZERO, 0, Vec::new());
    for step in steps {
        let line = happen(&mut plan, (file, facts), step, (&mut now, &mut read_count));
        let actions = actions(&mut plan, now);
        let actions = if actions.is_empty() { "-".to_owned() } else { actions.join(", ") };
        lines.push(format!("{line}: {actions}\n"));
        plan.check();
    }
    lines
}

/// Runs a step, and returns its description.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other steps are of the source")]
fn happen(
    plan: &mut Plan,
    (file, facts): (FileId, FileFacts),
    step: &PlanStep,
    (now, read_count): (&mut Timestamp, &mut u64),
) -> String {
    let mut read = |handle, offset, len, split| {
        *read_count += 1;
        let id = ReadId(*read_count);
        let range = ByteRange::clamped(offset, len, LEN);
        plan.on_read(*now, id, request(HandleId(handle), (file, facts), range, *now));
        plan.set_split(id, split);
        format!("read {offset}+{len}")
    };
    match step {
        PlanStep::Read(offset, len) => read(1, *offset, *len, Split::Never),
        PlanStep::ReadPages(offset, len) => read(1, *offset, *len, Split::Pages),
        ReadBy(handle, offset, len) => read(*handle, *offset, *len, Split::Never),
        ReadPresent(offset, len) => {
            let line = read(1, *offset, *len, Split::Never);
            plan.set_present_only(ReadId(*read_count));
            format!("{line} if present")
        }
        Downloaded(handle) => {
            let bytes = plan.activities(*now).get(&HandleId(*handle)).map(|it| it.bytes_downloaded);
            format!("{handle} has downloaded {:?}", bytes.unwrap_or(0))
        }
        TakeClosed => format!("closed: {:?}", plan.take_closed_downloads()),
        Hit(handle, offset, len) => {
            plan.on_hit(*now, HandleId(*handle), file, ByteRange::clamped(*offset, *len, LEN));
            format!("hit {offset}+{len}")
        }
        Preload(offset, len) => {
            *read_count += 1;
            let range = ByteRange::clamped(*offset, *len, LEN);
            plan.on_preload(*now, ReadId(*read_count), (file, facts), range);
            format!("preload {offset}+{len}")
        }
        Direct(handle, offset, len) => {
            let range = ByteRange::clamped(*offset, *len, LEN);
            let is_granted = plan.on_direct(*now, (HandleId(*handle), file), &facts, range);
            format!("direct {offset}+{len} {}", if is_granted { "granted" } else { "refused" })
        }
        DirectEnds(handle, offset, len, end) => {
            let range = ByteRange::clamped(*offset, *len, LEN);
            plan.on_direct_end(*now, (HandleId(*handle), file), range, *end);
            format!("{end:?} {offset}+{len}")
        }
        Cancel(id) => {
            plan.on_cancel(*now, ReadId(*id));
            format!("cancel {id}")
        }
        Release(handle) => {
            plan.on_release(HandleId(*handle));
            format!("release {handle}")
        }
        Wait(millis) => {
            *now += Duration::from_millis(*millis);
            plan.on_time(*now);
            format!("{millis} ms")
        }
        _ => of_source(plan, (file, facts), step, *now),
    }
}

/// Runs a step of the source, and returns its description.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other steps are of readers and time")]
fn of_source(
    plan: &mut Plan,
    (file, facts): (FileId, FileFacts),
    step: &PlanStep,
    now: Timestamp,
) -> String {
    match step {
        Opened(id) => {
            let start = plan.streams[&StreamId(*id)].pos;
            plan.on_opened(now, StreamId(*id), start);
            format!("opened {id}")
        }
        RoundTrips(millis) => {
            plan.round_trip = RoundTrip::default();
            plan.round_trip.on_opened(Duration::from_millis(*millis));
            format!("round trips of {millis} ms")
        }
        Chunk(id, offset, len) => {
            plan.on_chunk(now, StreamId(*id), *offset, *len);
            format!("chunk {id} {offset}+{len}")
        }
        Over(id) => {
            plan.on_stream_end(now, StreamId(*id), StreamEnd::Over);
            format!("over {id}")
        }
        Fails(id, kind) => fails(plan, now, *id, SourceError::new(*kind, "x")),
        FailsAs(id, kind, is_retryable) => {
            let error = SourceError::new(*kind, "x").with_retryable(*is_retryable);
            let retryable = if *is_retryable { "retryable" } else { "final" };
            format!("{}, {retryable}", fails(plan, now, *id, error))
        }
        Closed(id) => {
            plan.on_stream_end(now, StreamId(*id), StreamEnd::Closed);
            format!("closed {id}")
        }
        HavesAre(has) => {
            plan.on_haves(now, file.torrent, Ok(Bitfield::from_fn(10, has).unwrap()));
            "haves".to_owned()
        }
        HavesNotFound => {
            plan.on_haves(now, file.torrent, Err(not_found()));
            "haves: not found".to_owned()
        }
        Listed(is_listed) => {
            let state = facts.state.map(|state| FileState { is_listed: *is_listed, ..state });
            plan.on_facts(file, state);
            format!("listed: {is_listed}")
        }
        Selected => {
            plan.on_selection(file.torrent, true);
            "selected is there".to_owned()
        }
        SelectsMore => {
            plan.on_selection(file.torrent, false);
            "more is selected".to_owned()
        }
        Peers(peers) => {
            plan.on_peers(now, file.torrent, Some(*peers));
            format!(
                "{} live, {} not needed, {} forgotten",
                peers.live, peers.not_needed, peers.forgotten
            )
        }
        _ => panic!("not of the source"),
    }
}

/// A deadline that progress does not extend.
fn at_most(now: Timestamp, timeout: Duration) -> ReadDeadline {
    ReadDeadline { timeout, first: now + timeout, latest: now + timeout }
}

/// A 404 of a server: its list decides whether it is final.
fn not_found() -> SourceError {
    SourceError::new(SourceErrorKind::NotFound, "x").with_retryable(true)
}

/// Makes a stream fail.
fn fails(plan: &mut Plan, now: Timestamp, id: u64, error: SourceError) -> String {
    let line = format!("fails {id} {}", error.kind);
    plan.on_stream_end(now, StreamId(id), StreamEnd::Failed(error));
    line
}

fn tuning(streams_max: usize) -> Tuning {
    let mut tuning = Tuning::new(streams_max, 1 << 20);
    tuning.window_bytes_min = 1000;
    tuning.skip_bytes_max = 500;
    tuning.page_bytes = 1000;
    tuning.direct_bytes_max = 20_000;
    tuning.sequential_bytes_missing_min = 30_000;
    tuning.silence_time_min = tuning.silence_time_max;
    tuning
}

fn request(
    handle: HandleId,
    (file, facts): (FileId, FileFacts),
    range: ByteRange,
    now: Timestamp,
) -> ReadRequest {
    let deadline = at_most(now, Duration::from_secs(60));
    let priority = Priority::Foreground;
    ReadRequest { handle, file, facts, range, need: range, priority, deadline }
}

fn actions(plan: &mut Plan, now: Timestamp) -> Vec<String> {
    let mut actions = Vec::new();
    while let Some(action) = plan.next_action(now) {
        actions.push(match action {
            Action::Output(Output::Open { stream, range, asked_end, is_reopened, .. }) => {
                let open = if is_reopened { "reopen" } else { "open" };
                let beyond = if asked_end > range.end() { "+" } else { "" };
                format!("{open} {} {}..{}{beyond}", stream.0, range.start(), range.end())
            }
            Action::Output(Output::Close { stream }) => format!("close {}", stream.0),
            Action::Output(Output::Answer { read, result: Ok(_), .. }) => {
                format!("preloaded {}", read.0)
            }
            Action::Output(Output::Answer { read, result: Err(error), .. }) => {
                format!("fail {} ({error})", read.0)
            }
            Action::Output(Output::AskHaves { .. }) => "ask".to_owned(),
            Action::Output(Output::AskProgress { .. }) => "ask progress".to_owned(),
            Action::Output(Output::AskPeers { .. }) => "ask peers".to_owned(),
            Action::Output(Output::AddPeers { .. }) => "add peers".to_owned(),
            Action::Output(Output::FindPeers { .. }) => "find peers".to_owned(),
            Action::Reply { read } => {
                plan.on_answered(now, read);
                format!("reply {}", read.0)
            }
            Action::Ended { .. }
            | Action::Discard { .. }
            | Action::Release { .. }
            | Action::Look { .. } => continue,
        });
    }
    actions
}

#[test]
fn bounded_until_sequential() {
    check(
        4,
        LEN,
        &[
            PlanStep::Read(0, 100),
            Opened(1),
            Chunk(1, 0, 100),
            Over(1),
            PlanStep::Read(100, 100),
            Opened(2),
            Chunk(2, 100, 100),
            Over(2),
            PlanStep::Read(200, 100),
            Opened(3),
            Chunk(3, 200, 150),
            // A little ahead on the same stream, then far away.
            PlanStep::Read(500, 100),
            Chunk(3, 350, 250),
            PlanStep::Read(90_000, 100),
            Release(1),
        ],
        &expect![[r#"
            read 0+100: open 1 0..100
            opened 1: -
            chunk 1 0+100: -
            over 1: reply 1
            read 100+100: open 2 100..200
            opened 2: -
            chunk 2 100+100: -
            over 2: reply 2
            read 200+100: open 3 200..100000
            opened 3: -
            chunk 3 200+150: reply 3
            read 500+100: -
            chunk 3 350+250: reply 4
            read 90000+100: open 4 90000..100000
            release 1: close 3
        "#]],
    );
}

#[test]
fn requests_of_the_kernel_out_of_order() {
    check(
        4,
        LEN,
        &[
            PlanStep::Read(0, 100),
            PlanStep::Read(200, 100),
            PlanStep::Read(100, 100),
            Opened(1),
            Chunk(1, 0, 100),
            Over(1),
            Opened(2),
            Chunk(2, 200, 100),
            Over(2),
            Opened(3),
            Chunk(3, 100, 100),
            Over(3),
            PlanStep::Read(400, 100),
            PlanStep::Read(300, 100),
            Opened(4),
            Opened(5),
            Chunk(4, 400, 100),
            Chunk(5, 300, 300),
        ],
        &expect![[r#"
            read 0+100: open 1 0..100
            read 200+100: open 2 200..300
            read 100+100: open 3 100..100000
            opened 1: -
            chunk 1 0+100: -
            over 1: reply 1
            opened 2: -
            chunk 2 200+100: -
            over 2: reply 2
            opened 3: -
            chunk 3 100+100: reply 3
            over 3: -
            read 400+100: open 4 400..100000
            read 300+100: open 5 300..400
            opened 4: -
            opened 5: -
            chunk 4 400+100: reply 4
            chunk 5 300+300: fail 5 (the stream goes on after offset 400), close 5
        "#]],
    );
}

#[test]
fn no_window_where_the_server_would_fetch_what_is_ahead() {
    let head = |piece: u32| piece < 4;
    check(
        4,
        40_000,
        &[
            PlanStep::Read(0, 100),
            HavesAre(head),
            Opened(1),
            Chunk(1, 0, 100),
            Over(1),
            PlanStep::Read(100, 100),
            Opened(2),
            Chunk(2, 100, 100),
            Over(2),
            PlanStep::Read(200, 100),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..100
            opened 1: -
            chunk 1 0+100: -
            over 1: reply 1
            read 100+100: open 2 100..200
            opened 2: -
            chunk 2 100+100: -
            over 2: reply 2
            read 200+100: open 3 200..32768
        "#]],
    );
}

#[test]
fn a_window_that_its_reader_left_is_closed_before_more_is_fetched() {
    let head = |piece: u32| piece < 4;
    check(
        4,
        40_000,
        &[
            PlanStep::Read(1000, 15_000),
            HavesAre(head),
            Opened(1),
            Chunk(1, 1000, 15_000),
            Over(1),
            PlanStep::Read(16_000, 15_000),
            Opened(2),
            Chunk(2, 16_000, 15_000),
            Over(2),
            PlanStep::Read(31_000, 5_000),
            Opened(3),
            Chunk(3, 31_000, 5_000),
            Wait(100),
            PlanStep::Read(0, 100),
        ],
        &expect![[r#"
            read 1000+15000: ask
            haves: open 1 1000..16000
            opened 1: -
            chunk 1 1000+15000: -
            over 1: reply 1
            read 16000+15000: open 2 16000..31000
            opened 2: -
            chunk 2 16000+15000: -
            over 2: reply 2
            read 31000+5000: open 3 31000..100000
            opened 3: -
            chunk 3 31000+5000: reply 3
            100 ms: -
            read 0+100: close 3, open 4 0..100
        "#]],
    );
}

#[test]
fn what_is_missing_takes_turns() {
    check(
        2,
        0,
        &[
            PlanStep::Read(5_000, 100),
            HavesAre(|piece| piece == 9),
            Opened(1),
            ReadBy(2, 25_000, 100),
            Wait(1000),
            HavesAre(|piece| piece == 9),
            // A read of present data does not wait.
            ReadBy(3, 95_000, 100),
            Wait(1000),
            Closed(1),
            HavesAre(|piece| piece == 9 || piece == 0),
            Opened(2),
            Chunk(2, 95_000, 100),
            Over(2),
            Opened(3),
            Opened(4),
        ],
        &expect![[r#"
            read 5000+100: ask
            haves: open 1 5000..5100
            opened 1: -
            read 25000+100: -
            1000 ms: ask
            haves: -
            read 95000+100: open 2 95000..95100
            1000 ms: close 1, ask
            closed 1: open 3 25000..25100
            haves: -
            opened 2: -
            chunk 2 95000+100: -
            over 2: reply 3, open 4 5000..5100
            opened 3: -
            opened 4: -
        "#]],
    );
}

/// Found by the simulation: bytes that a stream skipped on the way to a read were kept like
/// requested ones, until there was no room for the read itself.
#[test]
fn bytes_on_the_way_to_a_read_make_room_for_it() {
    let mut tuning = Tuning::new(1, 1 << 20);
    (tuning.read_bytes_max, tuning.windows_bytes, tuning.skip_bytes_max) = (100, 0, 500);
    let mut plan = Plan::new(tuning, MissingPolicy::Wait);
    plan.on_open(HandleId(1));
    let file = FileId { torrent: InfoHash::from_bytes([1; 20]), index: FileIndex(0) };
    let state = Some(FileState { torrent: TorrentState::Live, have_bytes: LEN, is_listed: true });
    let facts = FileFacts { len: LEN, geometry: None, state };
    let now = Timestamp::ZERO;
    let read = |plan: &mut Plan, id, offset, len| {
        let range = ByteRange::clamped(offset, len, LEN);
        let (handle, priority, deadline) = (HandleId(1), Priority::Foreground, ReadDeadline::NEVER);
        let request = ReadRequest { handle, file, facts, range, need: range, priority, deadline };
        plan.on_read(now, ReadId(id), request);
        actions(plan, now)
    };
    for offset in [0, 10] {
        plan.on_hit(now, HandleId(1), file, ByteRange::clamped(offset, 10, LEN));
    }
    assert_eq!(read(&mut plan, 1, 20, 10), ["open 1 20..100000"]);
    plan.on_opened(now, StreamId(1), 20);
    assert!(plan.on_chunk(now, StreamId(1), 20, 10));
    assert_eq!(actions(&mut plan, now), ["reply 1"]);
    assert_eq!(read(&mut plan, 2, 80, 100), [""; 0]);
    let mut at = 30;
    while let Demand::Bytes(bytes) = plan.demand(StreamId(1)) {
        assert!(plan.on_chunk(now, StreamId(1), at, bytes));
        at += bytes;
        actions(&mut plan, now);
    }
    assert_eq!((at, plan.reads_waiting()), (180, 0));
}
