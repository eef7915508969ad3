//! `tfs preload`: makes the server download files before they are read.

mod bars;
mod notices;
mod speed;

use std::io::{self, IsTerminal as _};

use tfs_api::wire::{PreloadEvent, PreloadReason, PreloadRequest};
use tfs_api::{PathInMount, find_mounts_of};

use self::bars::Bars;
use self::notices::ReasonNotices;
use crate::args::PreloadArgs;
use crate::figures::size;
use crate::output::{self, visible};
use crate::signals::Signals;
use crate::{exit, runtime};

/// How many bytes of paths go into one request: half of the request limit, as JSON escapes may
/// double them. A shell passes any number of names.
const REQUEST_PATH_BYTES_MAX: usize = 32 << 10;

/// Runs the command.
pub(crate) fn run(args: &PreloadArgs) -> eyre::Result<u8> {
    let mut show = Show::new(args.json);
    let mut total = Total::default();
    let stop = runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        tokio::select! {
            preloaded = preload(args, &mut show, &mut total) => preloaded.map(|()| None),
            // Dropping the future cancels the request, which ends the preload.
            () = signals.next() => Ok(Some("stopped")),
            () = output::closed() => Ok(Some("stopped: the output was closed")),
        }
    });
    show.close();
    if let Some(why) = stop? {
        output::note(&format!(
            "{why}; downloaded data is kept; the same command resumes the preload"
        ));
        return Ok(exit::INTERRUPTED);
    }
    if total.failed > 0 {
        output::note(&not_preloaded(total.failed));
        return Ok(exit::PRELOAD_FAILED);
    }
    if !args.json {
        output::line(&format!("files present: {}", total.done))?;
    }
    Ok(exit::SUCCESS)
}

pub(crate) fn not_preloaded(files: u64) -> String {
    format!("files that were not preloaded: {files}")
}

/// The number of finished files, by result.
#[derive(Debug, Default)]
struct Total {
    done: u64,
    failed: u64,
}

/// Preloads one mount after the other.
async fn preload(args: &PreloadArgs, show: &mut Show, total: &mut Total) -> eyre::Result<()> {
    for PathInMount { found, paths } in find_mounts_of(&args.paths).await? {
        for paths in requests(paths) {
            let request = PreloadRequest {
                mountpoint: Some(found.mount.mountpoint.clone()),
                paths,
                head_bytes: args.head.map(|size| size.as_u64()),
                tail_bytes: args.tail.map(|size| size.as_u64()),
            };
            let mut shown = Ok(());
            let each = |event: PreloadEvent| {
                if let PreloadEvent::Ended { done, failed } = event {
                    total.done += done;
                    total.failed += failed;
                }
                if shown.is_ok() {
                    shown = show.on_event(&event);
                }
            };
            found.client.preload(&request, each).await?;
            shown?;
        }
    }
    Ok(())
}

/// Groups the paths so that each group fits into a request.
fn requests(paths: Vec<String>) -> Vec<Vec<String>> {
    let mut requests: Vec<Vec<String>> = Vec::new();
    let mut len = usize::MAX;
    for path in paths {
        // Includes the quotation marks and the comma.
        let path_len = path.len() + 3;
        len = len.saturating_add(path_len);
        match requests.last_mut().filter(|_| len <= REQUEST_PATH_BYTES_MAX) {
            Some(request) => request.push(path),
            None => {
                len = path_len;
                requests.push(vec![path]);
            }
        }
    }
    requests
}

/// Returns the text of the reason why a preload waits.
pub(crate) fn reason(waits_for: PreloadReason) -> &'static str {
    match waits_for {
        PreloadReason::Server => "the server does not answer",
        PreloadReason::Check => "the server is checking the torrent",
        PreloadReason::Bitfield => "asking the server which pieces it has",
        PreloadReason::Readers => "paused while programs read",
        PreloadReason::Stream => "no stream is free",
        PreloadReason::Turn => "waiting for its turn",
        PreloadReason::Piece => "a piece is on its way",
        PreloadReason::Peers => "no peer sends data",
        PreloadReason::Unknown => "waiting",
    }
}

/// Output format of events.
enum Show {
    Json,
    Lines(ReasonNotices),
    Bars(Bars),
}

impl Show {
    fn new(is_json: bool) -> Self {
        match is_json {
            true => Self::Json,
            // Bars are drawn on stderr, so that stdout can be redirected.
            false if io::stderr().is_terminal() => Self::Bars(Bars::new()),
            false => Self::Lines(ReasonNotices::default()),
        }
    }

    fn on_event(&mut self, event: &PreloadEvent) -> eyre::Result<()> {
        if matches!(self, Self::Json) {
            return Ok(output::line(&serde_json::to_string(event)?)?);
        }
        match self {
            Self::Bars(bars) => bars.on_event(event),
            Self::Lines(notices) => {
                if let Some(notice) = notices.on_event(event) {
                    output::note(&notice);
                }
            }
            Self::Json => {}
        }
        let print = || -> io::Result<()> {
            match event {
                PreloadEvent::Done { path, total_bytes } => {
                    output::line(&format!("{} ({})", visible(path), size(*total_bytes)))
                }
                PreloadEvent::Stalled { path, message } => {
                    output::note(&format!("{path}: {message}; retrying"));
                    Ok(())
                }
                PreloadEvent::Failed { path, message } => {
                    output::error(&format!("{path}: {message}"), None);
                    Ok(())
                }
                PreloadEvent::Began { .. }
                | PreloadEvent::Progress { .. }
                | PreloadEvent::Ended { .. }
                | PreloadEvent::Unknown => Ok(()),
            }
        };
        Ok(match self {
            Self::Bars(bars) => bars.suspended(print),
            Self::Json | Self::Lines(_) => print(),
        }?)
    }

    fn close(&self) {
        if let Self::Bars(bars) = self {
            bars.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_paths_goes_into_requests_of_bounded_size() {
        let lens = |paths: Vec<String>| requests(paths).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lens(Vec::new()), [0; 0]);
        assert_eq!(lens(vec!["a".to_owned(); 3]), [3]);
        let per_request = REQUEST_PATH_BYTES_MAX / 1000;
        assert_eq!(lens(vec!["x".repeat(997); 70]), [per_request, per_request, 6]);
        let long = "x".repeat(REQUEST_PATH_BYTES_MAX);
        assert_eq!(lens(vec!["a".to_owned(), long, "b".to_owned()]), [1, 1, 1]);
    }
}
