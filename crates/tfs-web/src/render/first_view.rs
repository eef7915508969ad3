//! The overview as HTML, for browsers without scripts.

use bytesize::ByteSize;
use tfs_api::status::{BreakerStatus, FrontStatus, ProgramsStatus, ServerStatus, StatusReport};
use tfs_api::wire::{MountStatus, ReaderStatus, WaitStatus, WayStatus};

use super::html::Html;
use crate::model::Overview;

/// Maximum number of rows of a table.
const ROWS_MAX: usize = 50;

/// Returns the overview as HTML.
pub(crate) fn first_view(overview: &Overview) -> String {
    let mut html = Html::default();
    if overview.mounts.is_empty() {
        html.raw("<h1>tfs</h1>\n<p>Nothing is mounted.</p>\n");
    }
    for missing in &overview.missing {
        html.raw("<p><strong>").name(&missing.mountpoint).raw("</strong> is not mounted: ");
        html.text(&missing.why).raw("</p>\n");
    }
    for mount in &overview.mounts {
        write_mount(&mut html, mount);
    }
    html.raw("<p>Piece maps, the plot, torrents and search need JavaScript.</p>\n");
    html.finish()
}

fn write_mount(html: &mut Html, mount: &MountStatus) {
    let StatusReport { mountpoint, trouble, servers, tree, memory, .. } = &mount.status;
    html.raw("<h1>").name(mountpoint).raw("</h1>\n<p>");
    html.text(trouble.as_deref().unwrap_or("all well")).raw(" · ").text(&format!(
        "{} · {} · {} · {} of {} there · up {}",
        counted(servers.len(), "server"),
        counted(tree.torrents, "torrent"),
        counted(tree.files, "file"),
        bytes(tree.have_bytes),
        bytes(tree.total_bytes),
        span(mount.status.uptime_seconds),
    ));
    let recent = &mount.recent;
    html.raw("</p>\n<p>").text(&format!(
        "given {}/s · fetched {}/s · from this disk {}/s · memory {} + {} of {}",
        bytes(recent.given_bps),
        bytes(recent.fetched_bps),
        bytes(recent.local_bps),
        bytes(memory.buffered_bytes),
        bytes(memory.cached_bytes),
        bytes(memory.limit_bytes),
    ));
    html.raw("</p>\n");
    write_readers(html, &mount.readers);
    write_servers(html, servers);
    write_fronts(html, &mount.status.fronts);
    write_programs(html, &mount.status.programs);
    write_recent(html, mount);
}

fn write_readers(html: &mut Html, readers: &[ReaderStatus]) {
    if readers.is_empty() {
        html.raw("<p>Nothing is being read.</p>\n");
        return;
    }
    html.table("Now reading", ["File", "Program", "Speed", "At", "Way", "Waits"]);
    for reader in readers.iter().take(ROWS_MAX) {
        let percent = reader.offset.saturating_mul(100).checked_div(reader.file_bytes);
        html.row([
            reader.path.as_deref().unwrap_or("(removed)"),
            &reader.who().unwrap_or_default(),
            &format!("{}/s", bytes(reader.bytes_per_second)),
            &format!("{}%", percent.unwrap_or(100)),
            match reader.way {
                WayStatus::Http => "http",
                WayStatus::Local => "local disk",
                WayStatus::Passthrough => "passthrough",
                WayStatus::Unknown => "unknown",
            },
            &reader.waits.as_ref().map(wait_text).unwrap_or_default(),
        ]);
    }
    html.raw("</tbody></table>\n");
    write_rest(html, readers.len());
}

fn wait_text(wait: &WaitStatus) -> String {
    let piece = wait.piece.map_or_else(|| "data".to_owned(), |piece| format!("piece {piece}"));
    let peers = wait.peers.map_or_else(String::new, |peers| format!(", {peers} peers connected"));
    format!("{} s for {piece}{peers}", wait.for_millis / 1000)
}

fn write_servers(html: &mut Html, servers: &[ServerStatus]) {
    html.table("Servers", ["Server", "State", "Streams", "Received"]);
    for server in servers.iter().take(ROWS_MAX) {
        let state = match (&server.error, server.breaker) {
            (Some(error), _) => error.as_str(),
            (None, BreakerStatus::Open) => "does not answer reads",
            (None, BreakerStatus::HalfOpen) => "is tried again",
            (None, BreakerStatus::Closed) if server.reachable => "answers",
            (None, BreakerStatus::Closed) => "does not answer",
        };
        let streams = format!("{} of {}", server.streams_open, server.streams_max);
        html.row([&server.name, state, &streams, &bytes(server.bytes_fetched)]);
    }
    html.raw("</tbody></table>\n");
}

fn write_fronts(html: &mut Html, fronts: &[FrontStatus]) {
    if fronts.is_empty() {
        return;
    }
    html.table("Served at", ["Address", "State", "Connections", "Sent"]);
    for front in fronts.iter().take(ROWS_MAX) {
        let address = front.url.as_deref().unwrap_or(&front.kind);
        let state = front.trouble.as_deref().unwrap_or("serves");
        html.row([address, state, &front.connections.to_string(), &bytes(front.sent_bytes)]);
    }
    html.raw("</tbody></table>\n");
}

fn write_programs(html: &mut Html, programs: &ProgramsStatus) {
    let downloads = programs.downloads.iter().filter(|it| it.day_bytes > 0);
    let downloads: Vec<_> = downloads.take(ROWS_MAX).collect();
    if !downloads.is_empty() {
        html.table("Downloaded by program (24 h)", ["Program", "Bytes", "Files"]);
        for download in downloads {
            let files = download.day_files.to_string();
            html.row([&download.program, &bytes(download.day_bytes), &files]);
        }
        html.raw("</tbody></table>\n");
    }
    if !programs.refused.is_empty() {
        html.table("Missing data refused", ["Program", "Reads"]);
        for refused in programs.refused.iter().take(ROWS_MAX) {
            html.row([&refused.program, &refused.reads.to_string()]);
        }
        html.raw("</tbody></table>\n");
    }
}

fn write_recent(html: &mut Html, mount: &MountStatus) {
    let recent = &mount.recent;
    if !recent.scans.is_empty() {
        html.table("Scans", ["Program", "Files a minute"]);
        for scan in recent.scans.iter().take(ROWS_MAX) {
            html.row([&scan.command, &scan.files_per_minute.to_string()]);
        }
        html.raw("</tbody></table>\n");
    }
    if !mount.preloading.is_empty() {
        html.table("Preloads", ["File", "There"]);
        for preload in mount.preloading.iter().take(ROWS_MAX) {
            let there = format!("{} of {}", bytes(preload.there_bytes), bytes(preload.total_bytes));
            html.row([&preload.path, &there]);
        }
        html.raw("</tbody></table>\n");
        write_rest(html, mount.preloading.len());
    }
    if !recent.longest_waits.is_empty() {
        html.table("Longest waits (24 h)", ["File", "Waited", "Failure"]);
        for wait in &recent.longest_waits {
            let path = wait.path.as_deref().unwrap_or("(removed)");
            let seconds = format!("{} s", wait.for_millis / 1000);
            html.row([path, &seconds, wait.failure.as_deref().unwrap_or("")]);
        }
        html.raw("</tbody></table>\n");
    }
    if !recent.failures.is_empty() {
        html.table("Failures (24 h)", ["Reason", "Count"]);
        for failure in &recent.failures {
            html.row([&failure.reason.replace('_', " "), &failure.count.to_string()]);
        }
        html.raw("</tbody></table>\n");
    }
    let left_out = mount.status.servers.iter().flat_map(|server| {
        let torrents = &server.discovery.left_out.torrents;
        torrents.iter().map(|torrent| (server.name.as_str(), torrent))
    });
    let left_out: Vec<_> = left_out.collect();
    if !left_out.is_empty() {
        html.table("Left out", ["Torrent", "Server", "Why"]);
        for (server, torrent) in left_out.into_iter().take(ROWS_MAX) {
            html.row([torrent.label(), server, torrent.why.as_deref().unwrap_or("no answer")]);
        }
        html.raw("</tbody></table>\n");
    }
}

fn write_rest(html: &mut Html, count: usize) {
    if count > ROWS_MAX {
        html.raw("<p>").text(&format!("and {} more", count - ROWS_MAX)).raw("</p>\n");
    }
}

/// Returns a number with its noun.
fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn bytes(count: u64) -> String {
    ByteSize::b(count).display().iec().to_string()
}

/// Returns a time in its largest unit.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
