//! `--watch`: repeats the output of a command.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tfs_api::status::SILENCE_MIN;
use tfs_sys::spawn_detached;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::figures::age;
use crate::output::{self, Frames, visible};
use crate::report;
use crate::screen::Screen;
use crate::signals::Signals;

/// How often it refreshes: as often as rqbit computes its speeds.
pub(crate) const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Why a refresh failed; there may be several reasons. None of them ends the command, since a
/// server may come back.
pub(crate) type Errors = Vec<eyre::Report>;

/// The result of one refresh.
#[derive(Debug, Default)]
pub(crate) struct ScreenUpdate {
    /// The output on a terminal.
    pub(crate) screen: Screen,
    /// The output for scripts: one line of JSON, or a text. `None` if nothing is new.
    pub(crate) line: Option<String>,
    /// The errors, for scripts; the screen already contains them.
    pub(crate) errors: Errors,
}

/// Shows the result of each refresh until a signal comes or the reader closes the pipe. While a
/// refresh is slow or fails, the previous screen is shown as old, with its age.
pub(crate) async fn watch(
    is_json: bool,
    mut next_update: impl AsyncFnMut() -> Result<ScreenUpdate, Errors>,
) -> eyre::Result<()> {
    let mut signals = Signals::new()?;
    let frames = Frames::new();
    let is_for_people = frames.is_terminal() && !is_json;
    let mut view =
        WatchView { frames: Some(frames), is_for_people, last: None, is_late_said: false };
    let watching = async {
        let mut ticks = interval(WATCH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let began = Instant::now();
            let mut update = pin!(next_update());
            let result = loop {
                tokio::select! {
                    biased;
                    result = &mut update => break result,
                    () = sleep(WATCH_INTERVAL) => view.on_wait(began.elapsed()).await?,
                }
                if view.frames.is_none() {
                    return Ok(());
                }
            };
            view.on_update(result).await?;
            if view.frames.is_none() {
                return Ok(());
            }
        }
    };
    tokio::select! {
        watched = watching => watched,
        () = signals.next() => {
            output::end_interrupted_line();
            Ok(())
        }
    }
}

/// The output, its format and its state.
struct WatchView {
    /// `None` once the reader has closed the pipe.
    frames: Option<Frames>,
    is_for_people: bool,
    /// The screen of the last successful refresh, and its time.
    last: Option<(Screen, Instant)>,
    /// Whether scripts were notified that the current refresh is late.
    is_late_said: bool,
}

impl WatchView {
    /// Called when a refresh has taken this long.
    async fn on_wait(&mut self, silence: Duration) -> io::Result<()> {
        if silence < SILENCE_MIN {
            return Ok(());
        }
        let text = format!("no answer for {}", age(silence));
        if self.is_for_people {
            return self.show_old(&text).await;
        }
        self.say_late(&text);
        Ok(())
    }

    /// Reports to scripts, once for each line, why the next one is late.
    fn say_late(&mut self, why: &str) {
        if !self.is_late_said {
            output::note(&format!("{why}; the next line follows the next answer"));
            self.is_late_said = true;
        }
    }

    async fn on_update(&mut self, result: Result<ScreenUpdate, Errors>) -> io::Result<()> {
        match result {
            Ok(ScreenUpdate { screen, line, errors }) => {
                if self.is_for_people {
                    self.last = Some((screen.clone(), Instant::now()));
                    return self.show(screen).await;
                }
                errors.iter().for_each(|error| _ = report::report(error));
                match line {
                    Some(line) => {
                        self.is_late_said = false;
                        self.show(line.into()).await
                    }
                    None if errors.is_empty() => {
                        self.say_late("no answer");
                        Ok(())
                    }
                    None => Ok(()),
                }
            }
            Err(errors) if self.is_for_people => self.show_old(&shown(&errors)).await,
            // Scripts get the errors on stderr, and the next line when there is one.
            Err(errors) => {
                errors.iter().for_each(|error| _ = report::report(error));
                Ok(())
            }
        }
    }

    /// Shows the reason for the delay, and the last screen as old.
    async fn show_old(&mut self, why: &str) -> io::Result<()> {
        let last = self.last.as_ref().map(|(screen, at)| (screen.clone(), at.elapsed()));
        self.show(old(why, last)).await
    }

    /// Shows a frame, and drops the frames if the reader has closed the pipe.
    ///
    /// A thread of its own writes it: the reader of a pipe may have stopped, and a thread does not
    /// keep the process from ending at a signal.
    async fn show(&mut self, screen: Screen) -> io::Result<()> {
        let Some(mut frames) = self.frames.take() else { return Ok(()) };
        let shown = spawn_detached("output", move || {
            frames.show(&screen).map(|is_read| is_read.then_some(frames))
        })?;
        self.frames = shown.await.map_err(io::Error::other)??;
        Ok(())
    }
}

/// Returns a screen with the reason for the delay, and the last one as old.
fn old(why: &str, last: Option<(Screen, Duration)>) -> Screen {
    let mut screen = Screen::from(why.to_owned());
    if let Some((last, time)) = last {
        screen.push(&format!("last known, {} old", age(time)));
        screen.append(last.into_old());
    }
    screen
}

/// Returns errors as lines of a screen.
fn shown(errors: &[eyre::Report]) -> String {
    let lines = errors.iter().map(|error| {
        let (_code, message, _hint) = report::describe(error);
        visible(&format!("error: {message}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_a_line_of_the_frame() {
        let errors = ["a\u{1b}[31m", "b\nc"].map(eyre::Report::msg);
        assert_eq!(shown(&errors), "error: a\\u{1b}[31m\nerror: b\\nc");
    }

    #[test]
    fn what_is_old_says_so_and_is_dimmed() {
        let last = (Screen::from("a\nb".to_owned()), Duration::from_secs(75));
        let screen = old("no answer for 3 s", Some(last));
        assert_eq!(screen.plain(), "no answer for 3 s\nlast known, 1m 15s old\n\na\nb");
        let is_old: Vec<_> = screen.lines().iter().map(|line| line.is_old).collect();
        assert_eq!(is_old, [false, false, false, true, true]);
        assert_eq!(old("no answer for 3 s", None).plain(), "no answer for 3 s");
    }
}
