//! Formatting of an event as a line: rate-limited, and with a priority for the journal.

use std::fmt;
use std::time::Instant;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::registry::LookupSpan;

use super::limit::RateLimit;
use crate::output::harmless_log;

/// An event format with a rate limit on warnings.
#[derive(Debug)]
pub(super) struct LineFormat<F> {
    inner: F,
    style: Style,
    limit: RateLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Text,
    Json,
    /// Each line begins with its priority (sd-daemon(3)). Why not the journal's socket:
    /// `docs/dev/adr/0025-log-file-and-journal.md`.
    Journal,
}

impl<F> LineFormat<F> {
    pub(super) fn text(inner: F) -> Self {
        Self { inner, style: Style::Text, limit: RateLimit::default() }
    }

    pub(super) fn json(inner: F) -> Self {
        Self { inner, style: Style::Json, limit: RateLimit::default() }
    }

    pub(super) fn journal(inner: F) -> Self {
        Self { inner, style: Style::Journal, limit: RateLimit::default() }
    }

    fn left_out(&self, writer: &mut Writer<'_>, count: u64) -> fmt::Result {
        match self.style {
            Style::Json => {
                let fields = serde_json::json!({
                    "message": "more like the next were left out",
                    "left_out": count,
                });
                let line =
                    serde_json::json!({ "level": "WARN", "fields": fields, "target": "tfs" });
                writeln!(writer, "{line}")
            }
            Style::Text => writeln!(writer, "{count} more like the next were left out"),
            Style::Journal => writeln!(writer, "<4>{count} more like the next were left out"),
        }
    }
}

impl<S, N, F> FormatEvent<S, N> for LineFormat<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // An event that writes nothing produces no line.
        let Some(left_out_count) = self.limit.admit(event.metadata(), Instant::now()) else {
            return Ok(());
        };
        if left_out_count > 0 {
            self.left_out(&mut writer, left_out_count)?;
        }
        if self.style == Style::Journal {
            write!(writer, "<{}>", priority(*event.metadata().level()))?;
        }
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(&harmless_log(&line))
    }
}

/// Returns the priority of syslog(3): error, warning, notice for tfs's info level, info, debug.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::memory::MemoryWriter;
    use super::*;

    #[test]
    fn a_warning_is_not_repeated_a_thousand_times() {
        let memory = MemoryWriter::default();
        let writer = memory.clone();
        let format = LineFormat::journal(fmt::format().without_time().with_ansi(false));
        let layer = fmt::layer().event_format(format).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for off in 0..1000 {
                tracing::warn!(off, "cannot read");
            }
            tracing::error!("another");
            for _ in 0..20 {
                tracing::info!("no limit for these");
            }
        });
        let text = memory.text();
        let count = |start| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!((count("<4>"), count("<3>"), count("<6>")), (10, 1, 20), "{text}");
    }

    #[test]
    fn what_was_left_out_is_counted_when_the_next_one_passes() {
        let limit = RateLimit::default();
        let seen = Arc::new(Mutex::new(None));
        // Only macros can create metadata.
        struct Catch(Arc<Mutex<Option<&'static tracing::Metadata<'static>>>>);
        impl<S: Subscriber> tracing_subscriber::Layer<S> for Catch {
            fn on_event(
                &self,
                event: &Event<'_>,
                _context: tracing_subscriber::layer::Context<'_, S>,
            ) {
                *self.0.lock().unwrap() = Some(event.metadata());
            }
        }
        let catch = tracing_subscriber::registry().with(Catch(Arc::clone(&seen)));
        tracing::subscriber::with_default(catch, || tracing::warn!("once"));
        let metadata = seen.lock().unwrap().unwrap();
        let start = Instant::now();
        let at = |second| limit.admit(metadata, start + Duration::from_secs(second));
        let passed = (0..59).filter(|second| at(*second).is_some()).count();
        assert_eq!(passed, 10);
        assert_eq!(at(60), Some(49));
        assert_eq!(at(61), Some(0));
    }
}
