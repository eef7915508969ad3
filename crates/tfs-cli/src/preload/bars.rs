//! Progress bars: one for each file that is under way, and one for all.

use std::collections::HashMap;
use std::io;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tfs_service::control::wire::PreloadEvent;

use crate::figures::counted;
use crate::output::visible;

/// A bar of a file; what does not fit of its name is cut off.
const FILE_TEMPLATE: &str = "{bar:10} {percent:>3}%  {wide_msg}";

/// The bar of all files, with its speed and the time left. It fits into 80 columns, since a line
/// that is broken is drawn wrong.
const ALL_TEMPLATE: &str = "{bar:10} {percent:>3}%  {binary_bytes} of {binary_total_bytes}, \
    {binary_bytes_per_sec}, {eta} left, {wide_msg}";

/// The bars on a terminal.
pub(super) struct Bars {
    all: MultiProgress,
    /// What has come, of what was not there before: what was there says nothing of the speed, nor
    /// of the time left.
    total: ProgressBar,
    /// Those that were looked at and have not ended.
    files: HashMap<String, File>,
    /// Bytes that are wanted, without those of files that were given up.
    wanted_bytes: u64,
    /// Bytes of them that were there before.
    before_bytes: u64,
    /// Bytes that have come of files that have ended.
    come_bytes: u64,
    files_left: u64,
    /// Whether a position was shown: the first looks take a while, in which nothing comes.
    is_started: bool,
}

struct File {
    /// While it is under way.
    bar: Option<ProgressBar>,
    total_bytes: u64,
    /// What was there when it was looked at first.
    before_bytes: u64,
    there_bytes: u64,
}

impl File {
    fn come_bytes(&self) -> u64 {
        self.there_bytes.saturating_sub(self.before_bytes)
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
            is_started: false,
        }
    }

    pub(super) fn on_event(&mut self, event: &PreloadEvent) {
        match event {
            PreloadEvent::Began { files, total_bytes } => {
                self.files_left += files;
                self.wanted_bytes += total_bytes;
            }
            PreloadEvent::Progress { path, there_bytes, total_bytes } => {
                self.on_progress(path, *there_bytes, *total_bytes);
            }
            PreloadEvent::Done { path, total_bytes } => {
                match self.remove(path) {
                    Some(file) => self.come_bytes += total_bytes.saturating_sub(file.before_bytes),
                    None => self.before_bytes += total_bytes,
                }
                self.files_left = self.files_left.saturating_sub(1);
            }
            PreloadEvent::Failed { path, .. } => {
                if let Some(file) = self.remove(path) {
                    let lost = file.total_bytes.saturating_sub(file.before_bytes);
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
        self.show_total();
    }

    fn on_progress(&mut self, path: &str, there_bytes: u64, total_bytes: u64) {
        let file = self.files.entry(path.to_owned()).or_insert_with(|| {
            self.before_bytes += there_bytes;
            File { bar: None, total_bytes, before_bytes: there_bytes, there_bytes }
        });
        file.there_bytes = there_bytes;
        let bar = file.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(total_bytes).with_style(style(FILE_TEMPLATE));
            let bar = self.all.insert_before(&self.total, bar);
            bar.set_message(visible(path));
            bar
        });
        bar.set_position(there_bytes);
    }

    /// Prints something while the bars are out of the way.
    pub(super) fn suspended(&self, print: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.all.suspend(print)
    }

    /// Takes all bars off the terminal.
    pub(super) fn clear(&self) {
        // A terminal that is gone shows nothing anyway.
        drop(self.all.clear());
    }

    fn remove(&mut self, path: &str) -> Option<File> {
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

    fn show_total(&mut self) {
        let under_way = self.files.values().map(File::come_bytes);
        // The length first: of nothing all is there.
        self.total.set_length(self.wanted_bytes.saturating_sub(self.before_bytes));
        self.total.set_position(under_way.fold(self.come_bytes, u64::saturating_add));
        self.total.set_message(format!("{} left", counted(self.files_left, "file")));
        if !self.is_started && !self.files.is_empty() {
            self.is_started = true;
            self.total.reset_eta();
        }
    }
}

/// Returns how a bar looks: in plain characters, which every terminal has.
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
        };
        // What has come, of how much, the files that are left, and the bars of files.
        for (event, want) in [
            (PreloadEvent::Began { files: 4, total_bytes: 200 }, (0, 200, 4, 0)),
            // All of it was there.
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
}
