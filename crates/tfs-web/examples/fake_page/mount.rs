//! The status of a mount that does not exist: busy, with a server that is down.

use tfs_api::status::{
    AbsenceStatus, BreakerStatus, DiscoveryStatus, FailedStatus, FailureCount, FrontStatus,
    IntakeStatus, LeftOutStatus, MemoryStatus, NamedTorrent, PreloadTotals, ProcessUsage,
    ProgramDownloads, ProgramsStatus, ReadFigures, ReadStatus, RefusedReads, STATUS_VERSION,
    ServerStatus, StatusReport, TreeStatus,
};
use tfs_api::wire::{
    LongWait, MountStatus, PreloadReason, PreloadStatus, ReaderStatus, RecentStatus, ScanStatus,
    WaitStatus, WayStatus,
};

use crate::library::{hash_of, mix};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// Returns the status at a second since the start of the fake.
pub(crate) fn mount(mountpoint: &str, now: i64, second: u64) -> MountStatus {
    let servers = vec![
        server("home", now, second, None),
        server("nas", now, second, None),
        server("seedbox", now, second, Some("connection refused (os error 111)")),
    ];
    let mut status = StatusReport {
        version: STATUS_VERSION,
        tfs_version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        mountpoint: mountpoint.to_owned(),
        started_at: now - 12 * 86_400,
        uptime_seconds: 12 * 86_400 + second,
        trouble: None,
        server: server("home", now, second, None),
        servers,
        tree: TreeStatus {
            known: true,
            torrents: 214,
            files: 31_480,
            total_bytes: 6963 * GIB,
            have_bytes: 4198 * GIB + second * 21 * MIB,
        },
        reads: reads(second),
        figures: ReadFigures::default(),
        memory: MemoryStatus {
            resident_bytes: Some(61 * MIB),
            buffered_bytes: (14 + mix(second) % 4) * MIB,
            cached_bytes: 92 * MIB,
            limit_bytes: 128 * MIB,
            search_bytes: 3_400_000,
        },
        process: ProcessUsage { tasks: 41, threads: Some(12), descriptors: Some(58) },
        preloads: PreloadTotals {
            running: 2,
            waiting: 14,
            total_bytes: 40 * GIB,
            there_bytes: 24 * GIB + second * 9 * MIB,
        },
        programs: ProgramsStatus {
            downloads: vec![
                program_downloads("jellyfin", 12 * GIB + second * MIB, 48),
                program_downloads("webdav 192.168.1.20 Infuse/8.1", 3 * GIB, 4),
                program_downloads("ffprobe", 420 * MIB, 96),
                program_downloads("mpv", 90 * MIB, 1),
            ],
            refused: vec![RefusedReads { program: "updatedb".to_owned(), reads: 1200 + second }],
        },
        drop: None,
        fronts: vec![FrontStatus {
            kind: "webdav".to_owned(),
            name: Some("living-room".to_owned()),
            url: Some("http://127.0.0.1:8080/".to_owned()),
            connections: 3,
            requests: 120 + second,
            sent_bytes: 7 * GIB + second * 5 * MIB,
            ..FrontStatus::default()
        }],
        intake: IntakeStatus::default(),
    };
    status.trouble = status.find_trouble();
    MountStatus {
        device: "0:45".to_owned(),
        status,
        recent: recent(now, second),
        readers: readers(second),
        also_mounted: Vec::new(),
        preloading: preloads(second),
    }
}

fn program_downloads(program: &str, day_bytes: u64, day_files: u64) -> ProgramDownloads {
    ProgramDownloads { program: program.to_owned(), bytes: day_bytes * 3, day_bytes, day_files }
}

fn server(name: &str, now: i64, second: u64, error: Option<&str>) -> ServerStatus {
    let count = |reason: &str, count| FailureCount { reason: reason.to_owned(), count };
    let left_out = |info_hash: usize, name: Option<&str>, why: &str| NamedTorrent {
        info_hash: hash_of(info_hash),
        name: name.map(str::to_owned),
        why: Some(why.to_owned()),
    };
    let discovery = DiscoveryStatus {
        left_out: LeftOutStatus {
            count: if name == "home" { 2 } else { 0 },
            torrents: match name {
                "home" => vec![
                    left_out(7, Some("<img src=x onerror=alert(4)>"), "the server has no metadata"),
                    left_out(8, None, "the details are malformed: name of 5000 bytes"),
                ],
                _ => Vec::new(),
            },
        },
        missing: AbsenceStatus::default(),
        failed: FailedStatus::default(),
        ..DiscoveryStatus::default()
    };
    ServerStatus {
        name: name.to_owned(),
        url: format!("http://{name}.local:3030/"),
        reachable: error.is_none(),
        since: Some(now - if error.is_some() { 93 } else { 4000 }),
        error: error.map(str::to_owned),
        list_age_seconds: Some(if error.is_some() { 93 } else { second % 5 }),
        silent_seconds: None,
        breaker: if error.is_some() { BreakerStatus::Open } else { BreakerStatus::Closed },
        streams_open: match name {
            "home" => 2,
            "nas" => 1,
            _ => 0,
        },
        streams_max: 4,
        bytes_fetched: if error.is_some() { 3 * GIB } else { 812 * GIB + second * 21 * MIB },
        requests: 4821 + second,
        errors: vec![
            count("timed_out", if name == "seedbox" { 3 } else { 0 }),
            count("refused", if name == "seedbox" { 41 + second / 10 } else { 0 }),
        ],
        first_byte: tfs_api::status::Histogram::default(),
        discovery,
        budget: None,
    }
}

fn reads(second: u64) -> ReadStatus {
    ReadStatus {
        open_files: 4,
        waiting: 1,
        streams_open: 3,
        streams_max: 12,
        reads: 1_204_311 + second * 300,
        hits: 855_060 + second * 213,
        failures: 4,
        streams_opened: 5012,
        retries: 17,
        bytes_fetched: 815 * GIB + second * 21 * MIB,
        bytes_given: 1404 * GIB + second * 38 * MIB,
        direct_reads: 4100,
        direct_misses: 12,
        local_reads: 402_113 + second * 90,
        bytes_local: 561 * GIB + second * 15 * MIB,
        bytes_unused: 3 * GIB,
        reads_split: 0,
    }
}

fn readers(second: u64) -> Vec<ReaderStatus> {
    let reader = |index: usize, path: &str, command: &str, pid, way, at: u64, rate| ReaderStatus {
        path: Some(path.to_owned()),
        info_hash: hash_of(index),
        file_index: 0,
        pid: Some(pid),
        command: Some(command.to_owned()),
        front: None,
        peer: None,
        agent: None,
        offset: at,
        file_bytes: 8 * GIB,
        given_bytes: at / 2,
        bytes_downloaded: rate * 30,
        bytes_per_second: rate,
        way,
        server: Some("home".to_owned()),
        waits: None,
    };
    let rate = |base: u64, seed: u64| base * MIB / 10 + mix(second * 8 + seed) % MIB;
    let at = |start: u64, speed: u64| (start * MIB + second * speed * MIB) % (8 * GIB);
    let millis = 14_000 + second % 60 * 1000;
    let waits = WaitStatus {
        offset: 3406 * MIB,
        piece: Some(812),
        piece_bytes: Some(4 << 20),
        for_millis: millis,
        left_millis: Some(9000),
        peers: Some(3),
    };
    let odd = "سلسلة وثائقية عن البحر 1080p.mkv";
    let markup = "<img src=x onerror=alert(1)>.mkv";
    vec![
        ReaderStatus {
            waits: Some(waits),
            ..reader(3, "other.mkv", "vlc", 20_871, WayStatus::Http, 3406 * MIB, 0)
        },
        reader(0, "film.mkv", "ffmpeg", 4711, WayStatus::Passthrough, at(2211, 12), rate(124, 1)),
        reader(6, odd, "Infuse/8.1", 31, WayStatus::Local, at(512, 15), rate(150, 2)),
        reader(5, markup, "<b>mpv</b>", 5120, WayStatus::Http, at(7000, 9), rate(91, 3)),
    ]
}

fn recent(now: i64, second: u64) -> RecentStatus {
    let count = |reason: &str, count| FailureCount { reason: reason.to_owned(), count };
    let wait = |index: usize, path: Option<&str>, seconds: u64, failure: Option<&str>| LongWait {
        path: path.map(str::to_owned),
        info_hash: hash_of(index),
        file_index: 0,
        offset: 3406 * MIB,
        for_millis: seconds * 1000 + 312,
        ended_at: now - 700 * i64::from(u32::try_from(index).unwrap_or(0) + 1),
        failure: failure.map(str::to_owned),
    };
    let scan = |command: &str, pid, files_per_minute| ScanStatus {
        command: command.to_owned(),
        pid,
        files_per_minute,
    };
    RecentStatus {
        given_bps: 38 * MIB + mix(second) % (6 * MIB),
        fetched_bps: 21 * MIB + mix(second + 1) % (4 * MIB),
        local_bps: 15 * MIB,
        longest_waits: vec![
            wait(3, Some("other.mkv"), 120, Some("timed_out")),
            wait(5, Some("<img src=x onerror=alert(1)>.mkv"), 84, None),
            wait(0, None, 71, Some("gone")),
            wait(1, Some("Show.S01.1080p.WEB/Season 1/Show.S01.1080p.WEB E03.mkv"), 12, None),
            wait(6, Some("سلسلة وثائقية عن البحر 1080p.mkv"), 3, None),
        ],
        failures: vec![count("timed_out", 3), count("gone", 1)],
        scans: vec![scan("jellyfin", Some(990), 12), scan("find <x>", None, 240)],
    }
}

fn preloads(second: u64) -> Vec<PreloadStatus> {
    let preload = |path: &str, there: u64, waits_for| PreloadStatus {
        path: path.to_owned(),
        total_bytes: 4 * GIB,
        there_bytes: (there * MIB + second * 9 * MIB) % (4 * GIB),
        waits_for,
        follows: None,
    };
    vec![
        preload("Show.S01.1080p.WEB/Season 1/Show.S01.1080p.WEB E00.mkv", 2500, None),
        preload("🎬 Film 🍿 (2024) 👩‍👩‍👧‍👦.mkv", 100, Some(PreloadReason::Readers)),
        preload("<img src=x onerror=alert(1)>.mkv", 0, Some(PreloadReason::Turn)),
    ]
}
