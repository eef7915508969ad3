//! The lines of `tfs status` about a drop folder.

use tfs_api::status::{DropFileState, DropFileStatus, DropStatus};

use crate::figures::counted;
use crate::output::visible;

/// Maximum number of files that are named. `tfs status --json` has more.
const FILES_MAX: usize = 5;

/// Returns the lines about a drop folder: its counts, and a line for each of the first files that
/// wait or were refused.
pub(crate) fn drop_lines(status: &DropStatus) -> Vec<(&'static str, String)> {
    let DropStatus { path, mounted, trouble, writing, sending, waiting, incomplete, .. } = status;
    let errors = &status.errors;
    let mut parts = vec![format!("{} added", status.added)];
    let counts = [
        (*writing, "being written"),
        (*sending, "being sent"),
        (*waiting, "waiting"),
        (*incomplete, "incomplete"),
    ];
    parts.extend(
        counts.iter().filter(|(count, _)| *count > 0).map(|(n, text)| format!("{n} {text}")),
    );
    if *errors > 0 {
        parts.push(counted(*errors, "error"));
    }
    if let Some(why) = trouble {
        return vec![("drop", format!("{} is not there: {}", visible(path), visible(why)))];
    }
    let unmounted = if *mounted { "" } else { " (unmounted)" };
    let mut lines = vec![("drop", format!("{}{unmounted}: {}", visible(path), parts.join(", ")))];
    let files = status.files.iter().filter(|file| file.state != DropFileState::Writing);
    lines.extend(files.take(FILES_MAX).map(|file| ("", file_line(file))));
    lines
}

fn file_line(DropFileStatus { path, state, reason }: &DropFileStatus) -> String {
    let state = match state {
        DropFileState::Writing => "is being written",
        DropFileState::Sending => "is being sent",
        DropFileState::Waiting => "waits",
        DropFileState::Refused => "was refused",
    };
    let reason =
        reason.as_ref().map_or_else(String::new, |reason| format!(": {}", visible(reason)));
    format!("{} {state}{reason}", visible(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> DropStatus {
        DropStatus {
            path: "/srv/add".to_owned(),
            mounted: true,
            trouble: None,
            torrents: 4,
            writing: 0,
            sending: 0,
            waiting: 0,
            incomplete: 0,
            errors: 0,
            added: 3,
            refused: 0,
            files: Vec::new(),
        }
    }

    #[test]
    fn a_quiet_folder_is_one_line_and_what_waits_is_named() {
        assert_eq!(drop_lines(&status()), [("drop", "/srv/add: 3 added".to_owned())]);
        let file = |state, reason: &str| DropFileStatus {
            path: "a\u{202e}.torrent".to_owned(),
            state,
            reason: Some(reason.to_owned()),
        };
        let busy = DropStatus {
            mounted: false,
            trouble: None,
            waiting: 1,
            incomplete: 2,
            errors: 1,
            files: vec![file(DropFileState::Waiting, "the server is down")],
            ..status()
        };
        let lines: Vec<_> = drop_lines(&busy).into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            lines,
            [
                "/srv/add (unmounted): 3 added, 1 waiting, 2 incomplete, 1 error".to_owned(),
                format!("{} waits: the server is down", visible("a\u{202e}.torrent")),
            ]
        );
    }
}
