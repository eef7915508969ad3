//! Logging: to stderr, the journal or a file, as text or JSON, quiet unless asked.

mod file;
mod limit;
mod lines;
#[cfg(test)]
mod memory;
mod panics;

use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Mutex;
use std::{env, fs};

use eyre::WrapErr as _;
use tfs_service::settings::{LogFormat, LogLevel, LoggingSection};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::file::RotatingFile;
use self::lines::Lines;

/// Starts logging, of panics too. `RUST_LOG` overrides the flags, and those the settings.
pub(crate) fn start(verbose: u8, settings: &LoggingSection) -> eyre::Result<()> {
    let (filter, misunderstood) = match from_environment() {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(filter(verbose, settings.level)), Some(error)),
        None => (EnvFilter::new(filter(verbose, settings.level)), None),
    };
    let journal = settings.file.is_none() && is_journal();
    let writer = match &settings.file {
        None => BoxMakeWriter::new(std::io::stderr),
        Some(path) => {
            let file = RotatingFile::open(path)
                .wrap_err_with(|| format!("cannot write the log {}", path.display()))?;
            BoxMakeWriter::new(Mutex::new(file))
        }
    };
    let colours = settings.file.is_none()
        && !journal
        && std::io::stderr().is_terminal()
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match (settings.format, journal) {
        (LogFormat::Json, _) => Box::new(
            fmt::layer()
                .event_format(Lines::json(fmt::format().json()))
                .fmt_fields(JsonFields::new())
                .with_writer(writer),
        ),
        (LogFormat::Text, true) => Box::new(
            fmt::layer()
                .event_format(Lines::journal(fmt::format().without_time().with_ansi(false)))
                .with_ansi(false)
                .with_writer(writer),
        ),
        (LogFormat::Text, false) => Box::new(
            fmt::layer()
                .event_format(Lines::text(fmt::format().with_ansi(colours)))
                .with_ansi(colours)
                .with_writer(writer),
        ),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
    panics::log();
    if let Some(error) = misunderstood {
        tracing::warn!("{} is not understood, and left alone: {error}", EnvFilter::DEFAULT_ENV);
    }
    Ok(())
}

/// Returns what `RUST_LOG` wants, if it is set.
fn from_environment() -> Option<Result<EnvFilter, ParseError>> {
    let wanted = env::var(EnvFilter::DEFAULT_ENV).ok().filter(|wanted| !wanted.is_empty())?;
    Some(EnvFilter::try_new(wanted))
}

/// Returns what is let through. rqbit inside the process logs each lost peer as a warning, and
/// fuser each answer that comes after its reader was killed as an error.
fn filter(verbose: u8, level: LogLevel) -> &'static str {
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

/// Returns whether stderr goes to the journal of systemd, which says so by the device and the
/// inode of the socket (systemd.exec(5), `$JOURNAL_STREAM`).
fn is_journal() -> bool {
    let Some(stream) = env::var_os("JOURNAL_STREAM") else { return false };
    let stderr = fs::metadata("/proc/self/fd/2");
    stderr
        .is_ok_and(|stderr| stream.to_str() == Some(&format!("{}:{}", stderr.dev(), stderr.ino())))
}
