//! Progress bars: one for each file that is under way, and one for all.

use std::collections::HashMap;
use std::io;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tfs_service::control::wire::PreloadEvent;

use crate::output::visible;

/// A bar of a file; what does not fit of its name is cut off.
const FILE_TEMPLATE: &str = "{bar:20} {percent:>3}%  {wide_msg}";

/// The bar of all files, with its speed and the time left.
const ALL_TEMPLATE: &str = "{bar:20} {percent:>3}%  {binary_bytes} of {binary_total_bytes}, \
    {binary_bytes_per_sec}, {eta} left  {msg}";

/// The bars on a terminal.
pub(super) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    files: HashMap<String, File>,
    /// Bytes of files that have ended.
    bytes_done: u64,
    files_left: u64,
    /// Whether a position was shown: what was there before this began says nothing of the speed.
    is_started: bool,
}

struct File {
    bar: ProgressBar,
    there_bytes: u64,
}

impl Bars {
    pub(super) fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(0).with_style(style(ALL_TEMPLATE)));
        let files = HashMap::new();
        Self { all, total, files, bytes_done: 0, files_left: 0, is_started: false }
    }

    pub(super) fn on_event(&mut self, event: &PreloadEvent) {
        match event {
            PreloadEvent::Began { files, total_bytes } => {
                self.files_left += files;
                self.total.inc_length(*total_bytes);
            }
            PreloadEvent::Progress { path, there_bytes, total_bytes } => {
                let file = self.files.entry(path.clone()).or_insert_with(|| {
                    let bar = ProgressBar::new(*total_bytes).with_style(style(FILE_TEMPLATE));
                    let bar = self.all.insert_before(&self.total, bar);
                    bar.set_message(visible(path));
                    File { bar, there_bytes: 0 }
                });
                file.there_bytes = *there_bytes;
                file.bar.set_position(*there_bytes);
            }
            PreloadEvent::Done { path, total_bytes } => {
                self.remove(path);
                self.bytes_done = self.bytes_done.saturating_add(*total_bytes);
                self.files_left = self.files_left.saturating_sub(1);
            }
            PreloadEvent::Failed { path, .. } => {
                self.remove(path);
                self.files_left = self.files_left.saturating_sub(1);
            }
            PreloadEvent::Stalled { path, .. } => self.remove(path),
            PreloadEvent::Ended { .. } | PreloadEvent::Unknown => {}
        }
        self.show_total();
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

    fn remove(&mut self, path: &str) {
        if let Some(file) = self.files.remove(path) {
            file.bar.finish_and_clear();
            self.all.remove(&file.bar);
        }
    }

    fn show_total(&mut self) {
        let under_way = self.files.values().map(|file| file.there_bytes);
        self.total.set_message(format!("files left: {}", self.files_left));
        self.total.set_position(under_way.fold(self.bytes_done, u64::saturating_add));
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
    fn the_total_is_what_is_there_of_all_files() {
        let mut bars = Bars::new();
        let path = |name: &str| name.to_owned();
        let progress = |name, there_bytes| PreloadEvent::Progress {
            path: path(name),
            there_bytes,
            total_bytes: 50,
        };
        for (event, want) in [
            (PreloadEvent::Began { files: 3, total_bytes: 150 }, (0, 3, 0)),
            (progress("a", 10), (10, 3, 1)),
            (progress("b", 5), (15, 3, 2)),
            (progress("a", 20), (25, 3, 2)),
            (PreloadEvent::Done { path: path("a"), total_bytes: 50 }, (55, 2, 1)),
            (PreloadEvent::Stalled { path: path("b"), message: path("m") }, (50, 2, 0)),
            (progress("b", 7), (57, 2, 1)),
            (PreloadEvent::Failed { path: path("b"), message: path("m") }, (50, 1, 0)),
        ] {
            bars.on_event(&event);
            let got = (bars.total.position(), bars.files_left, bars.files.len());
            assert_eq!(got, want, "{event:?}");
            assert_eq!(bars.total.length(), Some(150));
        }
    }
}
