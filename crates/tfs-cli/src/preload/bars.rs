//! Progress bars: one for each active file, and one for all.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use tfs_api::wire::{PreloadEvent, PreloadReason};

use super::reason;
use super::speed::SpeedMeter;
use crate::figures::{counted, size};
use crate::output::visible;

/// How long no data comes before the reason is shown instead of the speed. At a usual speed there
/// are several bursts in that time.
const IDLE_SHOWN_MIN: Duration = Duration::from_secs(3);

/// The bar of a file; a long name is cut off.
const FILE_TEMPLATE: &str = "{bar:10} {percent:>3}%  {wide_msg}";

/// The bar of all files. Its message shows the speed and the time left, or the reason why no data
/// comes. A long line is cut off, since the library draws a wrapped line incorrectly.
const ALL_TEMPLATE: &str =
    "{bar:10} {percent:>3}%  {binary_bytes} of {binary_total_bytes}, {wide_msg}";

/// The bars on a terminal.
pub(super) struct Bars {
    all: MultiProgress,
    /// Bytes received, out of those missing at the start. Bytes present at the start would distort
    /// the speed and the time left.
    total: ProgressBar,
    /// Files that were checked and have not ended.
    files: HashMap<String, FileBar>,
    /// Bytes wanted, without those of abandoned files.
    wanted_bytes: u64,
    /// Bytes of them that were present at the start.
    before_bytes: u64,
    /// Bytes received for files that have ended.
    come_bytes: u64,
    files_left: u64,
    speed: SpeedMeter,
    began_at: Instant,
}

struct FileBar {
    /// Present while the file is active.
    bar: Option<ProgressBar>,
    total_bytes: u64,
    /// Bytes present at the start; `None` until the server has reported them.
    before_bytes: Option<u64>,
    there_bytes: u64,
    waits_for: Option<PreloadReason>,
}

impl FileBar {
    fn come_bytes(&self) -> u64 {
        self.before_bytes.map_or(0, |before| self.there_bytes.saturating_sub(before))
    }
}

impl Bars {
    pub(super) fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(0).with_style(style(ALL_TEMPLATE)));
        Self {
            all,
            total,
            files: HashMap::new(),
            wanted_bytes: 0,
            before_bytes: 0,
            come_bytes: 0,
            files_left: 0,
            speed: SpeedMeter::default(),
            began_at: Instant::now(),
        }
    }

    /// Handles an event now.
    pub(super) fn on_event(&mut self, event: &PreloadEvent) {
        self.on_event_at(self.began_at.elapsed(), event);
    }

    /// Handles an event at a time since the bars were created.
    fn on_event_at(&mut self, now: Duration, event: &PreloadEvent) {
        match event {
            PreloadEvent::Began { files, total_bytes } => {
                self.files_left += files;
                self.wanted_bytes += total_bytes;
            }
            PreloadEvent::Progress { path, there_bytes, total_bytes, waits_for } => {
                self.on_progress(path, *there_bytes, *total_bytes, *waits_for);
            }
            PreloadEvent::Done { path, total_bytes } => {
                match self.remove(path).and_then(|file| file.before_bytes) {
                    Some(before) => self.come_bytes += total_bytes.saturating_sub(before),
                    None => self.before_bytes += total_bytes,
                }
                self.files_left = self.files_left.saturating_sub(1);
            }
            PreloadEvent::Failed { path, .. } => {
                if let Some(file) = self.remove(path) {
                    let before = file.before_bytes.unwrap_or(0);
                    let lost = file.total_bytes.saturating_sub(before);
                    self.wanted_bytes = self.wanted_bytes.saturating_sub(lost);
                }
                self.files_left = self.files_left.saturating_sub(1);
            }
            PreloadEvent::Stalled { path, .. } => {
                if let Some(bar) = self.files.get_mut(path).and_then(|file| file.bar.take()) {
                    self.take_off(&bar);
                }
            }
            PreloadEvent::Ended { .. } | PreloadEvent::Unknown => {}
        }
        self.show_total(now);
    }

    fn on_progress(
        &mut self,
        path: &str,
        there_bytes: u64,
        total_bytes: u64,
        waits_for: Option<PreloadReason>,
    ) {
        let new = FileBar { bar: None, total_bytes, before_bytes: None, there_bytes, waits_for };
        let file = self.files.entry(path.to_owned()).or_insert(new);
        (file.there_bytes, file.waits_for) = (there_bytes, waits_for);
        // Until the server has reported its bitfield, the bytes present are unknown.
        let is_known = !matches!(
            waits_for,
            Some(PreloadReason::Bitfield | PreloadReason::Server | PreloadReason::Check)
        );
        if is_known && file.before_bytes.is_none() {
            file.before_bytes = Some(there_bytes);
            self.before_bytes += there_bytes;
        }
        let bar = file.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(total_bytes).with_style(style(FILE_TEMPLATE));
            self.all.insert_before(&self.total, bar)
        });
        let name = visible(path);
        bar.set_message(match waits_for {
            Some(waits_for) => format!("{name}: {}", reason(waits_for)),
            None => name,
        });
        bar.set_position(there_bytes);
    }

    /// Prints something while the bars are hidden.
    pub(super) fn suspended(&self, print: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.all.suspend(print)
    }

    /// Removes all bars from the terminal.
    pub(super) fn clear(&self) {
        // A terminal that is gone shows nothing.
        drop(self.all.clear());
    }

    fn remove(&mut self, path: &str) -> Option<FileBar> {
        let mut file = self.files.remove(path)?;
        if let Some(bar) = file.bar.take() {
            self.take_off(&bar);
        }
        Some(file)
    }

    fn take_off(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.all.remove(bar);
    }

    fn show_total(&mut self, now: Duration) {
        let under_way = self.files.values().map(FileBar::come_bytes);
        // The length first: a bar of length 0 is complete.
        let wanted_bytes = self.wanted_bytes.saturating_sub(self.before_bytes);
        let come_bytes = under_way.fold(self.come_bytes, u64::saturating_add);
        if self.files.values().any(|file| file.before_bytes.is_some()) {
            self.speed.on_count(now, come_bytes);
        }
        self.total.set_length(wanted_bytes);
        self.total.set_position(come_bytes);
        let left_bytes = wanted_bytes.saturating_sub(come_bytes);
        let files_left = format!("{} left", counted(self.files_left, "file"));
        let message = match self.pace(now, left_bytes) {
            Some(pace) => format!("{pace}, {files_left}"),
            None => files_left,
        };
        self.total.set_message(message);
    }

    /// Returns the speed and the time left, or the reason why no data comes.
    fn pace(&self, now: Duration, left_bytes: u64) -> Option<String> {
        if let Some(waits_for) = self.common_reason()
            && self.speed.idle_time(now) >= IDLE_SHOWN_MIN
        {
            return Some(reason(waits_for).to_owned());
        }
        let speed = self.speed.bytes_per_second(now)?;
        let left = Duration::from_secs(left_bytes.checked_div(speed)?);
        Some(format!("{}/s, {:#} left", size(speed), HumanDuration(left)))
    }

    /// Returns the reason why all files wait. Among several reasons, that of the file whose turn it
    /// is.
    fn common_reason(&self) -> Option<PreloadReason> {
        let under_way = self.files.values().filter(|file| file.bar.is_some());
        let mut reasons: Vec<_> = under_way.map(|file| file.waits_for).collect();
        reasons.retain(|waits_for| *waits_for != Some(PreloadReason::Turn));
        match reasons.as_slice() {
            [] => self.files.values().find_map(|file| file.waits_for),
            [first, ..] => first.filter(|_| reasons.iter().all(Option::is_some)),
        }
    }
}

/// Returns the style of a bar: ASCII only, which every terminal can show.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_wrong| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_right() {
        for template in [FILE_TEMPLATE, ALL_TEMPLATE] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    #[test]
    fn the_total_is_what_came_of_what_was_not_there() {
        let mut bars = Bars::new();
        let path = |name: &str| name.to_owned();
        let progress = |name, there_bytes| PreloadEvent::Progress {
            path: path(name),
            there_bytes,
            total_bytes: 50,
            waits_for: None,
        };
        // Bytes received, their total, the files left, and the number of file bars.
        for (event, want) in [
            (PreloadEvent::Began { files: 4, total_bytes: 200 }, (0, 200, 4, 0)),
            // The whole file was present at the start.
            (PreloadEvent::Done { path: path("z"), total_bytes: 50 }, (0, 150, 3, 0)),
            (progress("a", 10), (0, 140, 3, 1)),
            (progress("b", 5), (0, 135, 3, 2)),
            (progress("a", 20), (10, 135, 3, 2)),
            (PreloadEvent::Done { path: path("a"), total_bytes: 50 }, (40, 135, 2, 1)),
            (progress("b", 9), (44, 135, 2, 1)),
            (PreloadEvent::Stalled { path: path("b"), message: path("m") }, (44, 135, 2, 0)),
            (progress("b", 12), (47, 135, 2, 1)),
            (PreloadEvent::Failed { path: path("b"), message: path("m") }, (40, 90, 1, 0)),
        ] {
            bars.on_event(&event);
            let shown = bars.files.values().filter(|file| file.bar.is_some()).count();
            let length = bars.total.length().unwrap();
            let got = (bars.total.position(), length, bars.files_left, shown);
            assert_eq!(got, want, "{event:?}");
        }
    }

    /// Progress of one file, in units of 1 MiB, and the message of all files at the end.
    #[track_caller]
    fn check_pace(steps: &[(u64, u64, Option<PreloadReason>)], want: &str) {
        const MIB: u64 = 1 << 20;
        let mut bars = Bars::new();
        let total_bytes = 100 * MIB;
        bars.on_event_at(Duration::ZERO, &PreloadEvent::Began { files: 1, total_bytes });
        for (second, there, waits_for) in steps {
            let (path, there_bytes) = ("a".to_owned(), there * MIB);
            let (waits_for, total_bytes) = (*waits_for, 100 * MIB);
            let event = PreloadEvent::Progress { path, there_bytes, total_bytes, waits_for };
            bars.on_event_at(Duration::from_secs(*second), &event);
        }
        assert_eq!(bars.total.message(), want, "{steps:?}");
    }

    // Regression: it showed "30.1 MiB/s, 2s left" at first, and "0s left" while no data came.
    #[test]
    fn what_was_there_is_no_speed_and_what_does_not_come_has_a_reason() {
        use PreloadReason::{Bitfield, Peers, Piece, Readers, Server};
        check_pace(&[(0, 0, Some(Bitfield))], "1 file left");
        let down = [(0, 0, Some(Bitfield)), (2, 0, Some(Server)), (9, 0, Some(Server))];
        check_pace(&down, "the server does not answer, 1 file left");
        check_pace(&[(0, 0, Some(Bitfield)), (9, 0, Some(Server)), (10, 60, None)], "1 file left");
        check_pace(&[(0, 0, Some(Bitfield)), (5, 60, None)], "1 file left");
        let slow = [(0, 0, Some(Bitfield)), (1, 60, None), (3, 61, None), (5, 62, None)];
        check_pace(&slow, "512.0 KiB/s, 76s left, 1 file left");
        check_pace(&[(1, 60, None), (3, 60, Some(Peers))], "1 file left");
        check_pace(&[(1, 60, None), (60, 60, Some(Peers))], "no peer sends data, 1 file left");
        check_pace(
            &[(1, 60, None), (9, 60, Some(Readers))],
            "paused while programs read, 1 file left",
        );
        // A large piece is being downloaded, and others came before it.
        let pieces = [(0, 16, None), (60, 32, Some(Piece)), (120, 48, Some(Piece))];
        check_pace(&pieces, "273.1 KiB/s, 3m left, 1 file left");
    }
}
