//! `--watch`: what a command shows, again and again.

use std::time::Duration;

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
    let mut frames = Frames::new();
    let mut ticks = interval(WATCH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let looked = tokio::select! {
            looked = async { ticks.tick().await; look().await } => looked,
            () = signals.next() => return Ok(()),
        };
        let is_heard = match looked {
            Ok(text) => frames.show(&text)?,
            // Scripts get the errors on stderr, and the next line when there is one.
            Err(errors) if is_json || !frames.is_terminal() => {
                for error in &errors {
                    report::report(error);
                }
                true
            }
            Err(errors) => frames.show(&shown(&errors))?,
        };
        if !is_heard {
            return Ok(());
        }
    }
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
