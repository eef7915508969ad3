//! `--watch`: what a command shows, again and again.

use std::time::Duration;
use std::{io, thread};

use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use crate::output::{Frames, visible};
use crate::report;
use crate::signals::Signals;

/// How often it looks: as often as rqbit computes its speeds.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Why a look failed, which may have several reasons. None of them ends it: what is away may come
/// back.
pub(crate) type Errors = Vec<eyre::Report>;

/// Shows what each look returns until a signal, or until nobody reads it.
pub(crate) async fn watch(
    is_json: bool,
    mut look: impl AsyncFnMut() -> Result<String, Errors>,
) -> eyre::Result<()> {
    let mut signals = Signals::new()?;
    let watching = async {
        let mut frames = Frames::new();
        let mut ticks = interval(WATCH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let text = match look().await {
                Ok(text) => text,
                // Scripts get the errors on stderr, and the next line when there is one.
                Err(errors) if is_json || !frames.is_terminal() => {
                    for error in &errors {
                        report::report(error);
                    }
                    continue;
                }
                Err(errors) => shown(&errors),
            };
            match show(frames, text).await? {
                Some(again) => frames = again,
                None => return Ok(()),
            }
        }
    };
    tokio::select! {
        watched = watching => watched,
        () = signals.next() => Ok(()),
    }
}

/// Shows a frame, and returns the frames if anybody still reads.
///
/// It is written by a thread of its own: who reads a pipe may have stopped, and then a signal finds
/// nothing to wait for, as a thread does not keep the process from ending.
async fn show(mut frames: Frames, text: String) -> io::Result<Option<Frames>> {
    let (ended, end) = oneshot::channel();
    thread::Builder::new().name("output".to_owned()).spawn(move || {
        let shown = frames.show(&text).map(|is_read| is_read.then_some(frames));
        // Nobody waits for it after a signal.
        let _unheard = ended.send(shown);
    })?;
    end.await.map_err(io::Error::other)?
}

/// Returns errors as a frame.
fn shown(errors: &[eyre::Report]) -> String {
    let lines = errors.iter().map(|error| {
        let (_code, message, _hint) = report::told(error);
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
}
