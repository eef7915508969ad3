//! The tables of `tfs status`: preloads, and readers with what they wait for.

use std::time::Duration;

use comfy_table::Cell;
use tfs_api::wire::{PreloadStatus, ReaderStatus, WayStatus};

use crate::figures::{counted, percent, size, speed};
use crate::output::{self, right, visible};
use crate::preload::reason;

const MIB: u32 = 1 << 20;

/// Width from which the table of readers has a column of downloads.
const WIDE_COLUMNS: usize = 120;

/// The place of that column: after the speed.
const DOWNLOADS_COLUMN: usize = 4;

pub(crate) fn preloads_table(preloading: &[PreloadStatus]) -> String {
    let mut table = output::table();
    let [there, of] = ["THERE", "OF"].map(|heading| right(heading.to_owned()));
    table.set_header([there, of, Cell::new("PRELOADED FILE")]);
    for PreloadStatus { path, total_bytes, there_bytes, waits_for, follows } in preloading {
        let file = match follows {
            Some(follows) => format!("{}, which follows {}", visible(path), visible(name(follows))),
            None => visible(path),
        };
        let file = match waits_for {
            Some(waits_for) => format!("{file} ({})", reason(*waits_for)),
            None => file,
        };
        table.add_row([
            right(percent(*there_bytes, *total_bytes)),
            right(size(*total_bytes)),
            Cell::new(file),
        ]);
    }
    output::table_text(table)
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns the table of readers for a terminal of this width, or for a file or pipe.
pub(crate) fn readers_table(readers: &[ReaderStatus], terminal_width: Option<usize>) -> String {
    let has_room = terminal_width.is_none_or(|width| width >= WIDE_COLUMNS);
    let has_downloads = has_room && readers.iter().any(|reader| reader.bytes_downloaded > 0);
    let mut table = output::table();
    let [pid, at, speed_heading] = ["PID", "AT", "SPEED"].map(|heading| right(heading.to_owned()));
    let [process, way, waits_heading, file] = ["PROCESS", "WAY", "WAITS", "FILE"].map(Cell::new);
    let mut heading = vec![pid, process, at, speed_heading, way, waits_heading, file];
    if has_downloads {
        heading.insert(DOWNLOADS_COLUMN, right("DOWNLOADED".to_owned()));
    }
    table.set_header(heading);
    for reader in readers {
        let unknown = || "?".to_owned();
        let mut row = vec![
            right(match (reader.pid, &reader.front) {
                (Some(pid), _) => pid.to_string(),
                (None, Some(_)) => "-".to_owned(),
                (None, None) => unknown(),
            }),
            Cell::new(
                client(reader).or(reader.command.as_deref().map(visible)).unwrap_or_else(unknown),
            ),
            right(percent(
                reader.waits.map_or(reader.offset, |wait| wait.offset),
                reader.file_bytes,
            )),
            right(speed(reader.bytes_per_second)),
            Cell::new(match reader.way {
                WayStatus::Http => "http",
                WayStatus::Local => "local",
                WayStatus::Passthrough => "passthrough",
                WayStatus::Unknown => "?",
            }),
            Cell::new(waits(reader)),
            Cell::new(visible(reader.path.as_deref().unwrap_or("(removed)"))),
        ];
        if has_downloads {
            row.insert(DOWNLOADS_COLUMN, right(size(reader.bytes_downloaded)));
        }
        table.add_row(row);
    }
    output::table_text(table)
}

/// Returns a client on the network: its front end, its address and what it calls itself.
fn client(reader: &ReaderStatus) -> Option<String> {
    let front = reader.front.as_deref()?;
    let who = reader.who().unwrap_or_default();
    Some(visible(format!("{front} {who}").trim_end()))
}

/// Returns how long and for which piece a reader waits, and the time that is left.
fn waits(reader: &ReaderStatus) -> String {
    let Some(wait) = reader.waits else { return "-".to_owned() };
    let seconds = Duration::from_millis(wait.for_millis).as_secs_f64();
    let piece = wait.piece.map(|piece| format!(" for piece {piece}")).unwrap_or_default();
    // The length of a piece is a power of two.
    let len = wait.piece_bytes.map(|bytes| match bytes {
        0..MIB => format!(" ({} KiB piece", bytes / 1024),
        MIB.. => format!(" ({} MiB piece", bytes / MIB),
    });
    let left = wait.left_millis.map(|millis| format!(", about {} s left", millis.div_ceil(1000)));
    let len = len.map(|len| format!("{len}{})", left.unwrap_or_default())).unwrap_or_default();
    let peers = wait.peers.map(|peers| format!(", {}", counted(peers, "peer")));
    format!("{seconds:.1} s{piece}{len}{}", peers.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use tfs_api::wire::{PreloadReason, WaitStatus};

    use super::*;

    #[test]
    fn preloads_are_shown_with_how_far_they_are() {
        let file = |path: &str, there_bytes| PreloadStatus {
            path: path.to_owned(),
            total_bytes: 9 << 20,
            there_bytes,
            waits_for: (there_bytes == 0).then_some(PreloadReason::Peers),
            follows: (there_bytes > 0).then(|| "t/a".to_owned()),
        };
        expect![[r#"
            THERE       OF  PRELOADED FILE
               0%  9.0 MiB  t/\u{202e}gpj.mkv (no peer sends data)
              55%  9.0 MiB  t/b, which follows a"#]]
        .assert_eq(&preloads_table(&[file("t/\u{202e}gpj.mkv", 0), file("t/b", 5 << 20)]));
    }

    #[test]
    fn readers_are_shown_with_what_they_wait_for() {
        let reader = ReaderStatus {
            path: Some("t/film\u{1b}[31m.mkv".to_owned()),
            info_hash: "00".repeat(20),
            file_index: 0,
            pid: Some(4711),
            command: Some("mpv".to_owned()),
            front: None,
            peer: None,
            agent: None,
            offset: 999,
            file_bytes: 1000,
            given_bytes: 5000,
            bytes_downloaded: 0,
            bytes_per_second: 2 << 20,
            way: WayStatus::Local,
            server: None,
            waits: Some(WaitStatus {
                offset: 7,
                piece: Some(12),
                piece_bytes: Some(16 << 20),
                for_millis: 58_210,
                left_millis: Some(109_400),
                peers: Some(2),
            }),
        };
        let early = ReaderStatus {
            waits: reader.waits.map(|wait| WaitStatus { left_millis: None, peers: None, ..wait }),
            ..reader.clone()
        };
        let gone = ReaderStatus {
            path: None,
            pid: None,
            command: None,
            file_bytes: 0,
            bytes_per_second: 0,
            server: None,
            waits: None,
            ..reader.clone()
        };
        let tv = ReaderStatus {
            pid: None,
            command: None,
            front: Some("webdav".to_owned()),
            peer: Some("192.168.1.20".to_owned()),
            agent: Some("Infuse/8.1".to_owned()),
            waits: None,
            ..reader.clone()
        };
        let browser = ReaderStatus {
            peer: Some("fe80::1".to_owned()),
            agent: Some("device tv, VLC/3.0\u{1b} LibVLC".to_owned()),
            ..tv.clone()
        };
        expect![[r#"
             PID  PROCESS                           AT      SPEED  WAY    WAITS                                                          FILE
            4711  mpv                               0%  2.0 MiB/s  local  58.2 s for piece 12 (16 MiB piece, about 110 s left), 2 peers  t/film\u{1b}[31m.mkv
            4711  mpv                               0%  2.0 MiB/s  local  58.2 s for piece 12 (16 MiB piece)                             t/film\u{1b}[31m.mkv
               ?  ?                                  -          -  local  -                                                              (removed)
               -  webdav 192.168.1.20 Infuse/8.1   99%  2.0 MiB/s  local  -                                                              t/film\u{1b}[31m.mkv
               -  webdav fe80::1 tv VLC/3.0\u{1b}  99%  2.0 MiB/s  local  -                                                              t/film\u{1b}[31m.mkv"#]]
        .assert_eq(&readers_table(&[reader, early, gone, tv, browser], None));
    }

    #[test]
    fn downloads_are_shown_where_there_is_room() {
        let reader = ReaderStatus {
            path: Some("t/film.mkv".to_owned()),
            pid: Some(1),
            command: Some("mpv".to_owned()),
            file_bytes: 100,
            bytes_downloaded: 24 << 20,
            ..ReaderStatus::default()
        };
        let idle = ReaderStatus { bytes_downloaded: 0, ..reader.clone() };
        let table = |width| readers_table(&[reader.clone(), idle.clone()], width);
        expect![[r"
            PID  PROCESS  AT  SPEED  DOWNLOADED  WAY   WAITS  FILE
              1  mpv      0%      -    24.0 MiB  http  -      t/film.mkv
              1  mpv      0%      -         0 B  http  -      t/film.mkv"]]
        .assert_eq(&table(None));
        assert_eq!(table(Some(WIDE_COLUMNS)), table(None));
        assert!(!table(Some(80)).contains("24.0 MiB"));
        assert!(!readers_table(std::slice::from_ref(&idle), None).contains("DOWNLOADED"));
    }
}
