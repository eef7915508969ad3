//! Logging: to stderr or a file, quiet unless asked.

use std::fs::OpenOptions;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use eyre::WrapErr as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Starts logging. `RUST_LOG` overrides the flags.
pub(crate) fn start(verbose: u8, file: Option<&Path>) -> eyre::Result<()> {
    // rqbit inside the process logs each lost peer as a warning, and fuser each answer that comes
    // after its reader was killed as an error.
    let level = match verbose {
        0 => "warn,librqbit=error,tower_http=off,fuser=off",
        1 => "info,librqbit=warn,tower_http=off,fuser=off",
        2 => "debug,librqbit=info,tower_http=off,fuser=info,hyper=info",
        _ => "trace,librqbit=debug,hyper=debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new(level));
    let writer = match file {
        None => BoxMakeWriter::new(std::io::stderr),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            BoxMakeWriter::new(Arc::new(
                file.wrap_err_with(|| format!("cannot write the log {}", path.display()))?,
            ))
        }
    };
    let colours = file.is_none()
        && std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colours).init();
    Ok(())
}
