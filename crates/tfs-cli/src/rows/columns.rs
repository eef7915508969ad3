//! The columns of the table: headings, values, and which of them fit a terminal.

use std::time::Duration;

use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment};
use tfs_service::TorrentRow;
use tfs_types::OnDemandMode;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

use crate::figures::{percent, size, speed};
use crate::output::{self, visible};

/// The columns between which two spaces are.
const GAP: usize = 2;

/// How narrow a name may become before another column is left out.
const NAME_WIDTH_MIN: usize = 20;

/// The longest remaining time that is shown.
const ETA_MAX: Duration = Duration::from_secs(99 * 86_400);

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Column {
    Id,
    State,
    Done,
    Size,
    Selected,
    Down,
    Up,
    Eta,
    Ratio,
    Peers,
    Server,
    Tags,
    Mode,
    Hash,
    Name,
}

impl Column {
    /// The columns if none are chosen.
    const DEFAULT: [Self; 10] = [
        Self::Id,
        Self::State,
        Self::Done,
        Self::Size,
        Self::Selected,
        Self::Down,
        Self::Up,
        Self::Eta,
        Self::Peers,
        Self::Name,
    ];

    /// The columns that a narrow terminal does without, in this order.
    const LEAST_IMPORTANT: [Self; 9] = [
        Self::Selected,
        Self::Peers,
        Self::Up,
        Self::Eta,
        Self::Server,
        Self::Size,
        Self::Down,
        Self::Mode,
        Self::Id,
    ];

    /// Returns the columns if none are chosen: with the server if there are several, and with the
    /// mode if a torrent is on demand.
    pub(crate) fn defaults(rows: &[&TorrentRow], has_servers: bool) -> Vec<Self> {
        let mut columns = Self::DEFAULT.to_vec();
        if rows.iter().any(|row| row.on_demand.is_some()) {
            columns.insert(2, Self::Mode);
        }
        if has_servers {
            // Before the name, which may be long.
            columns.insert(columns.len() - 1, Self::Server);
        }
        columns
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Id => "ID",
            Self::State => "STATE",
            Self::Done => "DONE",
            Self::Size => "SIZE",
            Self::Selected => "SELECTED",
            Self::Down => "DOWN",
            Self::Up => "UP",
            Self::Eta => "ETA",
            Self::Ratio => "RATIO",
            Self::Peers => "PEERS",
            Self::Server => "SERVER",
            Self::Tags => "TAGS",
            Self::Mode => "MODE",
            Self::Hash => "HASH",
            Self::Name => "NAME",
        }
    }

    /// Returns whether the values are text; figures are aligned to the right.
    fn is_text(self) -> bool {
        matches!(
            self,
            Self::State | Self::Server | Self::Tags | Self::Mode | Self::Hash | Self::Name
        )
    }

    fn value(self, row: &TorrentRow) -> String {
        match self {
            Self::Id => row.id.map(|id| id.to_string()).unwrap_or_default(),
            Self::State => state(row).to_owned(),
            Self::Done => done(row),
            Self::Size => size(row.size_bytes.unwrap_or(row.total_bytes)),
            Self::Selected => selected(row),
            Self::Down => speed(row.download_bps),
            Self::Up => speed(row.upload_bps),
            Self::Eta => remaining(row).map_or_else(|| "-".to_owned(), short_time),
            Self::Ratio => ratio(row),
            Self::Peers => row.peers.to_string(),
            Self::Server => visible(&row.servers.join(",")),
            Self::Tags => visible(&row.tags.join(",")),
            Self::Mode => row.on_demand.map_or("all", OnDemandMode::as_str).to_owned(),
            Self::Hash => row.info_hash.clone(),
            Self::Name => visible(row.name.as_deref().unwrap_or(&row.info_hash)),
        }
    }
}

/// Returns the state in the words of torrent clients.
pub(crate) fn state(row: &TorrentRow) -> &'static str {
    match row.state {
        "live" if row.finished => "seeding",
        "live" => "downloading",
        "initializing" => "checking",
        "error" => "failed",
        other => other,
    }
}

/// Returns the time until the selected files are downloaded, at the current speed.
pub(super) fn remaining(row: &TorrentRow) -> Option<Duration> {
    if row.finished {
        return None;
    }
    let missing = row.total_bytes.saturating_sub(row.have_bytes);
    let time = missing.checked_div(row.download_bps).map(Duration::from_secs);
    time.filter(|time| missing > 0 && *time <= ETA_MAX)
}

/// Returns a time in its two largest units.
fn short_time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Returns the bytes sent since the server started, as a multiple of what is downloaded.
fn ratio(row: &TorrentRow) -> String {
    let hundredths = u128::from(row.uploaded_bytes) * 100;
    match hundredths.checked_div(u128::from(row.there_bytes)) {
        Some(hundredths) => format!("{}.{:02}", hundredths / 100, hundredths % 100),
        None => "-".to_owned(),
    }
}

/// Returns how much of all files is downloaded. rqbit does not report it for a failed torrent.
fn done(row: &TorrentRow) -> String {
    match row.size_bytes {
        Some(_) if row.state == "error" && row.there_bytes == 0 => "-".to_owned(),
        Some(size) => percent(row.there_bytes, size),
        None => percent(row.have_bytes, row.total_bytes),
    }
}

/// Returns how much is selected. If that is a part, also how much of it is downloaded.
fn selected(row: &TorrentRow) -> String {
    match (row.selected_bytes, row.size_bytes) {
        (None, _) => "-".to_owned(),
        (Some(selected), Some(all)) if selected >= all => "all".to_owned(),
        (Some(0), _) => "none".to_owned(),
        (Some(part), _) => format!("{}, {}", size(part), percent(row.have_bytes, part)),
    }
}

/// Returns the table: a heading, and one line for each torrent. With a `width` it fits a terminal
/// of so many columns: the least important columns are left out, and then names are shortened.
pub(crate) fn table<'r>(
    rows: impl Iterator<Item = &'r TorrentRow>,
    columns: &[Column],
    width: Option<usize>,
) -> String {
    let rows: Vec<_> = rows.collect();
    let mut columns: Vec<_> = columns
        .iter()
        .map(|column| TableColumn {
            column: *column,
            values: rows.iter().map(|row| column.value(row)).collect(),
        })
        .collect();
    if let Some(width) = width {
        fit(&mut columns, width);
    }
    let mut table = output::table();
    table.set_header(columns.iter().map(|column| column.cell(column.column.heading())));
    for idx in 0..rows.len() {
        table.add_row(
            columns
                .iter()
                .filter_map(|column| column.values.get(idx).map(|value| column.cell(value))),
        );
    }
    output::table_text(table)
}

/// A column with its values.
struct TableColumn {
    column: Column,
    values: Vec<String>,
}

impl TableColumn {
    fn width(&self) -> usize {
        let values = self.values.iter().map(String::as_str);
        let widths = values.chain([self.column.heading()]).map(UnicodeWidthStr::width);
        widths.max().unwrap_or_default()
    }

    fn cell(&self, value: &str) -> Cell {
        let cell = Cell::new(value);
        if self.column.is_text() { cell } else { cell.set_alignment(CellAlignment::Right) }
    }
}

/// Makes the columns fit a width: leaves out columns, and shortens the last one, which is a name.
fn fit(columns: &mut Vec<TableColumn>, width: usize) {
    let is_name = |column: &TableColumn| column.column == Column::Name;
    let others = |columns: &[TableColumn]| {
        let others = columns.iter().filter(|column| !is_name(column));
        others.map(|column| column.width() + GAP).sum::<usize>()
    };
    let name_width = columns.iter().find(|column| is_name(column)).map(TableColumn::width);
    let Some(name_width) = name_width else { return };
    let needed = name_width.min(NAME_WIDTH_MIN);
    for least in Column::LEAST_IMPORTANT {
        if others(columns) + needed <= width {
            break;
        }
        columns.retain(|column| column.column != least);
    }
    let left = width.saturating_sub(others(columns)).max(needed);
    for name in columns.iter_mut().filter(|column| is_name(column)) {
        name.values.iter_mut().for_each(|value| *value = shortened(value, left));
    }
}

/// Returns a name that takes at most `width` columns: its middle is left out.
fn shortened(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let for_parts = width.saturating_sub(1);
    let (tail_max, mut used) = (for_parts / 3, 0);
    let fits = |max: usize, used: &mut usize, character: char| {
        *used += character.width().unwrap_or(0);
        *used <= max
    };
    let tail: Vec<_> =
        name.chars().rev().take_while(|character| fits(tail_max, &mut used, *character)).collect();
    let mut used = 0;
    let head_max = for_parts - tail_max;
    let head = name.chars().take_while(|character| fits(head_max, &mut used, *character));
    head.chain(['…']).chain(tail.into_iter().rev()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    pub(crate) fn row(
        name: &str,
        sizes: (Option<u64>, u64),
        selected: (Option<u64>, u64),
    ) -> TorrentRow {
        let ((size_bytes, there_bytes), (selected_bytes, have_bytes)) = (sizes, selected);
        TorrentRow {
            id: Some(1),
            info_hash: "aa".to_owned(),
            name: Some(name.to_owned()),
            state: "live",
            progress: 0.0,
            have_bytes,
            total_bytes: selected_bytes.unwrap_or(0),
            size_bytes,
            there_bytes,
            selected_bytes,
            finished: false,
            download_bps: 0,
            upload_bps: 0,
            uploaded_bytes: 0,
            peers: 0,
            error: None,
            servers: Vec::new(),
            tags: Vec::new(),
            on_demand: None,
        }
    }

    #[test]
    fn the_selection_has_a_column_beside_the_true_size() {
        let mib = 1 << 20;
        let rows = [
            row("all", (Some(8 * mib), 2 * mib), (Some(8 * mib), 2 * mib)),
            row("none", (Some(8 * mib), 2 * mib), (Some(0), 2 * mib)),
            row("part", (Some(8 * mib), 3 * mib), (Some(2 * mib), 2 * mib)),
            row("late", (None, 3 * mib), (Some(2 * mib), mib)),
            TorrentRow { state: "error", ..row("failed", (Some(8 * mib), 0), (None, 0)) },
        ];
        expect![[r#"
            ID  STATE        DONE     SIZE       SELECTED  DOWN  UP  ETA  PEERS  NAME
             1  downloading   25%  8.0 MiB            all     -   -    -      0  all
             1  downloading   25%  8.0 MiB           none     -   -    -      0  none
             1  downloading   37%  8.0 MiB  2.0 MiB, 100%     -   -    -      0  part
             1  downloading   50%  2.0 MiB   2.0 MiB, 50%     -   -    -      0  late
             1  failed          -  8.0 MiB              -     -   -    -      0  failed"#]]
        .assert_eq(&table(rows.iter(), &Column::defaults(&[], false), None));
    }

    #[test]
    fn states_are_those_of_torrent_clients() {
        let of = |state: &'static str, finished| {
            super::state(&TorrentRow { state, finished, ..row("a", (None, 0), (None, 0)) })
        };
        assert_eq!([of("live", true), of("live", false)], ["seeding", "downloading"]);
        assert_eq!([of("initializing", false), of("error", false)], ["checking", "failed"]);
        assert_eq!([of("paused", true), of("resolving", false)], ["paused", "resolving"]);
    }

    #[track_caller]
    fn check_width(width: usize, want: &Expect) {
        let mib = 1 << 20;
        let downloading = TorrentRow {
            download_bps: 2 << 20,
            uploaded_bytes: mib,
            peers: 3,
            ..row(
                "Some.Long.Film.Name.2026.1080p.WEB.x264-GROUP",
                (Some(900 * mib), 2 * mib),
                (Some(900 * mib), 2 * mib),
            )
        };
        let rows = [
            downloading,
            row("日本語の長い名前のファイル.mkv", (Some(mib), mib), (Some(mib), mib)),
        ];
        let text = table(rows.iter(), &Column::defaults(&[], false), Some(width));
        for line in text.lines() {
            assert!(line.width() <= width.max(40), "{line}");
        }
        want.assert_eq(&text);
    }

    #[test]
    fn a_narrow_terminal_shortens_names_and_drops_columns_but_never_the_name() {
        check_width(
            160,
            &expect![[r#"
            ID  STATE        DONE       SIZE  SELECTED       DOWN  UP     ETA  PEERS  NAME
             1  downloading    0%  900.0 MiB       all  2.0 MiB/s   -  7m 29s      3  Some.Long.Film.Name.2026.1080p.WEB.x264-GROUP
             1  downloading  100%    1.0 MiB       all          -   -       -      0  日本語の長い名前のファイル.mkv"#]],
        );
        check_width(
            80,
            &expect![[r#"
            ID  STATE        DONE       SIZE       DOWN  UP     ETA  NAME
             1  downloading    0%  900.0 MiB  2.0 MiB/s   -  7m 29s  Some.Long.Film.…4-GROUP
             1  downloading  100%    1.0 MiB          -   -       -  日本語の長い名…ル.mkv"#]],
        );
        check_width(
            60,
            &expect![[r#"
            ID  STATE        DONE       DOWN  NAME
             1  downloading    0%  2.0 MiB/s  Some.Long.Film.Na…64-GROUP
             1  downloading  100%          -  日本語の長い名前…イル.mkv"#]],
        );
        check_width(
            10,
            &expect![[r#"
            STATE        DONE  NAME
            downloading    0%  Some.Long.Fil…-GROUP
            downloading  100%  日本語の長い…ル.mkv"#]],
        );
    }
}
