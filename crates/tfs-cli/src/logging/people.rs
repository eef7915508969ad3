//! Log events in the form of a command's own warnings and errors: without time and call site.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::registry::LookupSpan;

use crate::output::visible;

/// The name of the message field in `tracing`.
const MESSAGE: &str = "message";

/// The field with the cause of a failure.
const ERROR: &str = "error";

/// The field with what to do, which has a line of its own.
const HINT: &str = "hint";

/// An event format in the form `error: ...` and `warning: ...`, followed by the fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainEvents;

/// The parts of an event.
#[derive(Debug, Default)]
struct Parts {
    message: String,
    error: String,
    hint: String,
    /// Names and values.
    others: Vec<String>,
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            MESSAGE => value.clone_into(&mut self.message),
            ERROR => value.clone_into(&mut self.error),
            HINT => value.clone_into(&mut self.hint),
            name => self.others.push(format!("{name}: {value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_str(field, &value.to_string());
    }
}

impl<S, N> FormatEvent<S, N> for PlainEvents
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut parts = Parts::default();
        event.record(&mut parts);
        let Parts { message, error, hint, others } = parts;
        let mut text = message;
        if !error.is_empty() {
            write!(text, ": {error}")?;
        }
        if !others.is_empty() {
            write!(text, " ({})", others.join(", "))?;
        }
        let word = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO | Level::DEBUG | Level::TRACE => "note",
        };
        writeln!(writer, "{word}: {}", visible(&text))?;
        if !hint.is_empty() {
            writeln!(writer, "hint: {}", visible(&hint))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use tracing_subscriber::fmt;

    use super::super::lines::LineFormat;
    use super::super::memory::MemoryWriter;
    use super::*;

    #[test]
    fn events_look_like_the_warnings_of_a_command() {
        let memory = MemoryWriter::default();
        let writer = memory.clone();
        let subscriber = fmt()
            .event_format(LineFormat::text(PlainEvents))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let error = std::io::Error::other("no\u{1b}[31m\ndisk");
            tracing::warn!("TFS_REED is not known");
            tracing::error!(%error, path = "/a", count = 2, "cannot write");
            tracing::info!(?error, "by the way");
        });
        expect![[r#"
            warning: TFS_REED is not known
            error: cannot write: no\u{1b}[31m\ndisk (path: /a, count: 2)
            note: by the way: Custom { kind: Other, error: "no\u{1b}[31m\ndisk" }
        "#]]
        .assert_eq(&memory.text());
    }
}
