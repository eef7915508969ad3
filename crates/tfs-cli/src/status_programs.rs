//! What `tfs status` says about the programs that read: downloads by program, and refused reads.

use comfy_table::Cell;
use tfs_api::status::{ProgramDownloads, ProgramsStatus, RefusedReads};

use crate::figures::{counted, size};
use crate::output::{self, right, visible};

/// Maximum number of programs in the table; JSON has all.
const PROGRAMS_SHOWN_MAX: usize = 10;

/// Maximum number of programs in the line about refused reads; JSON has all.
const REFUSED_SHOWN_MAX: usize = 5;

/// Returns the text about programs whose reads of missing data were refused, if there are any.
pub(crate) fn refused_text(programs: &ProgramsStatus) -> Option<String> {
    let mut refused: Vec<_> = programs.refused.iter().collect();
    refused.sort_by_key(|it| std::cmp::Reverse(it.reads));
    let shown = refused.iter().take(REFUSED_SHOWN_MAX).map(|RefusedReads { program, reads }| {
        format!("{} ({})", visible(program), counted(*reads, "read"))
    });
    let more = refused.len().saturating_sub(REFUSED_SHOWN_MAX);
    let more = (more > 0).then(|| format!("{more} more"));
    let shown: Vec<_> = shown.chain(more).collect();
    (!shown.is_empty()).then(|| format!("missing data for {}", shown.join(", ")))
}

/// Returns the table of what was downloaded for each program in the last 24 hours; `None` if
/// nothing was.
pub(crate) fn downloads_table(programs: &ProgramsStatus) -> Option<String> {
    let downloads = programs.downloads.iter().filter(|it| it.day_bytes > 0);
    let downloads: Vec<_> = downloads.take(PROGRAMS_SHOWN_MAX).collect();
    if downloads.is_empty() {
        return None;
    }
    let mut table = output::table();
    let [bytes, files] = ["DOWNLOADED", "FILES"].map(|heading| right(heading.to_owned()));
    table.set_header([bytes, files, Cell::new("PROGRAM IN THE LAST 24 HOURS")]);
    for ProgramDownloads { program, day_bytes, day_files, .. } in downloads {
        table.add_row([
            right(size(*day_bytes)),
            right(day_files.to_string()),
            Cell::new(visible(program)),
        ]);
    }
    Some(output::table_text(table))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn nothing_to_say_is_no_line_and_no_table() {
        let mut programs = ProgramsStatus::default();
        assert_eq!((refused_text(&programs), downloads_table(&programs)), (None, None));
        // A day ago.
        programs.downloads = vec![ProgramDownloads {
            program: "mpv".to_owned(),
            bytes: 9,
            day_bytes: 0,
            day_files: 0,
        }];
        assert_eq!(downloads_table(&programs), None);
    }

    #[test]
    fn programs_are_named_with_what_they_cost() {
        let download = |program: &str, day_bytes, day_files| ProgramDownloads {
            program: program.to_owned(),
            bytes: day_bytes * 2,
            day_bytes,
            day_files,
        };
        let refused = |number: u64| RefusedReads {
            program: format!("updatedb{number}\u{202e}"),
            reads: number,
        };
        let programs = ProgramsStatus {
            downloads: vec![download("ffprobe", 3 << 30, 120), download("a\u{202e}b", 7 << 20, 1)],
            refused: (1..=7).map(refused).collect(),
        };
        expect![[r"
            DOWNLOADED  FILES  PROGRAM IN THE LAST 24 HOURS
               3.0 GiB    120  ffprobe
               7.0 MiB      1  a\u{202e}b"]]
        .assert_eq(&downloads_table(&programs).unwrap());
        let text = refused_text(&programs).unwrap();
        let parts: Vec<_> = text.split(", ").collect();
        let want = [
            "missing data for updatedb7\\u{202e} (7 reads)",
            "updatedb6\\u{202e} (6 reads)",
            "updatedb5\\u{202e} (5 reads)",
            "updatedb4\\u{202e} (4 reads)",
            "updatedb3\\u{202e} (3 reads)",
            "2 more",
        ];
        assert_eq!(parts, want);
    }
}
