//! Logging: to stderr, the journal or a file, as text or JSON, quiet unless asked.

mod file;
mod limit;
mod lines;
#[cfg(test)]
mod memory;
mod panics;
mod people;

use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;
use std::{env, fs};

use eyre::WrapErr as _;
use tfs_config::{LogFormat, LogLevel, LoggingSection};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::file::LogFile;
use self::lines::LineFormat;
use self::people::PlainEvents;
use crate::output;

/// How much is logged.
#[derive(Debug)]
pub(crate) struct Level {
    filter: reload::Handle<EnvFilter, Registry>,
    /// The active filter; `None` if `RUST_LOG` sets it.
    directives: Option<&'static str>,
    /// The log file, if there is one.
    file: Option<LogFile>,
}

impl Level {
    /// Applies these flags and settings. Returns whether the level has changed: `RUST_LOG`
    /// overrides them.
    pub(crate) fn set(&mut self, verbose: u8, level: LogLevel) -> bool {
        let wanted = directives(verbose, level);
        let is_another = self.directives.is_some_and(|now| now != wanted);
        if is_another && self.filter.reload(EnvFilter::new(wanted)).is_ok() {
            self.directives = Some(wanted);
            return true;
        }
        false
    }

    /// Reopens the log file by name. A failure is a warning, written to the old file.
    pub(crate) fn reopen(&self) {
        if let Some(Err(error)) = self.file.as_ref().map(LogFile::reopen) {
            tracing::warn!(%error, "cannot reopen the log file");
        }
    }
}

/// Starts logging, including panics. `RUST_LOG` overrides the flags, and the flags override the
/// settings. On a terminal, and for a command that ends soon, warnings look like those of the
/// command itself; the log of a service has the time and the call site of each line.
pub(crate) fn start(
    verbose: u8,
    settings: &LoggingSection,
    is_service: bool,
) -> eyre::Result<Level> {
    let directives = directives(verbose, settings.level);
    let (filter, directives, misunderstood) = match from_environment() {
        Some(Ok(filter)) => (filter, None, None),
        Some(Err(error)) => (EnvFilter::new(directives), Some(directives), Some(error)),
        None => (EnvFilter::new(directives), Some(directives), None),
    };
    let (filter, handle) = reload::Layer::new(filter);
    let journal = settings.file.is_none() && is_journal();
    let file = settings.file.as_ref().map(|path| {
        LogFile::open(path).wrap_err_with(|| format!("cannot write the log {}", path.display()))
    });
    let file = file.transpose()?;
    let writer = match file.clone() {
        None => BoxMakeWriter::new(std::io::stderr),
        Some(file) => BoxMakeWriter::new(move || file.clone()),
    };
    let is_terminal = settings.file.is_none() && !journal && std::io::stderr().is_terminal();
    let colours = !journal && settings.file.is_none() && output::has_colors(is_terminal);
    // With more than warnings, the call site matters.
    let is_plain = settings.file.is_none()
        && !journal
        && (is_terminal || !is_service)
        && settings.format == LogFormat::Text
        && directives.is_some_and(|it| {
            [LogLevel::Warn, LogLevel::Error].iter().any(|level| it == self::directives(0, *level))
        });
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match (settings.format, journal) {
        _ if is_plain => Box::new(
            fmt::layer()
                .event_format(LineFormat::text(PlainEvents))
                .with_ansi(false)
                .with_writer(writer),
        ),
        (LogFormat::Json, _) => Box::new(
            fmt::layer()
                .event_format(LineFormat::json(fmt::format().json()))
                .fmt_fields(JsonFields::new())
                .with_writer(writer),
        ),
        (LogFormat::Text, true) => Box::new(
            fmt::layer()
                .event_format(LineFormat::journal(fmt::format().without_time().with_ansi(false)))
                .with_ansi(false)
                .with_writer(writer),
        ),
        (LogFormat::Text, false) => Box::new(
            fmt::layer()
                .event_format(LineFormat::text(fmt::format().with_ansi(colours)))
                .with_ansi(colours)
                .with_writer(writer),
        ),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
    panics::log();
    if let Some(error) = misunderstood {
        tracing::warn!("{} is invalid and ignored: {error}", EnvFilter::DEFAULT_ENV);
    }
    Ok(Level { filter: handle, directives, file })
}

/// Returns the filter of `RUST_LOG`, if it is set.
fn from_environment() -> Option<Result<EnvFilter, ParseError>> {
    let wanted = env::var(EnvFilter::DEFAULT_ENV).ok().filter(|wanted| !wanted.is_empty())?;
    Some(EnvFilter::try_new(wanted))
}

/// Returns the filter. rqbit inside the process logs each lost peer as a warning. fuser logs each
/// reply whose reader was killed as an error.
fn directives(verbose: u8, level: LogLevel) -> &'static str {
    let asked = match verbose {
        0 => level,
        1 => level.max(LogLevel::Info),
        2 => level.max(LogLevel::Debug),
        _ => LogLevel::Trace,
    };
    match asked {
        LogLevel::Error => "error,librqbit=error,tower_http=off,fuser=off",
        LogLevel::Warn => "warn,librqbit=error,tower_http=off,fuser=off",
        LogLevel::Info => "info,librqbit=warn,tower_http=off,fuser=off",
        LogLevel::Debug => "debug,librqbit=info,tower_http=off,fuser=info,hyper=info",
        LogLevel::Trace => "trace,librqbit=debug,hyper=debug",
    }
}

/// Returns whether stderr goes to the systemd journal. systemd announces this by the device and the
/// inode of the socket (systemd.exec(5), `$JOURNAL_STREAM`).
fn is_journal() -> bool {
    let Some(stream) = env::var_os("JOURNAL_STREAM") else { return false };
    let stderr = fs::metadata("/proc/self/fd/2");
    stderr
        .is_ok_and(|stderr| stream.to_str() == Some(&format!("{}:{}", stderr.dev(), stderr.ino())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_level_is_another_filter_unless_somebody_else_says() {
        let level = |directives| {
            let (layer, filter) = reload::Layer::new(EnvFilter::new("off"));
            (layer, Level { filter, directives, file: None })
        };
        let (_layer, mut free) = level(Some(directives(0, LogLevel::Warn)));
        assert!(!free.set(0, LogLevel::Warn));
        assert!(free.set(0, LogLevel::Debug));
        assert!(!free.set(2, LogLevel::Error), "-vv is debug too");
        let now = free.filter.with_current(ToString::to_string).unwrap();
        assert!(now.contains("debug"), "{now}");

        let (_layer, mut fixed) = level(None);
        assert!(!fixed.set(0, LogLevel::Debug));
        assert_eq!(fixed.filter.with_current(ToString::to_string).unwrap(), "off");
    }
}
