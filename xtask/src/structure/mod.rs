//! `cargo xtask structure`: size and structure of one or more checkouts, as a table.
//!
//! Figures of two checkouts are comparable only if one program computes both, so the checkouts are
//! arguments.

mod code;
mod figures;

use std::{collections::BTreeSet, ffi::OsString, path::Path};

use figures::{CrateSize, Figures};

use crate::{Result, prose::Prose, tidy, workspace};

/// Prints a table with a column for each directory; of this checkout if there is none.
///
/// # Errors
/// If a directory or a file cannot be read.
pub(crate) fn run(dirs: &[OsString]) -> Result<bool> {
    let mut columns = Vec::new();
    for dir in dirs {
        let files = tidy::read_all(Path::new(dir))?;
        columns.push((dir.display().to_string(), Figures::of(&files)));
    }
    if columns.is_empty() {
        columns
            .push(("this checkout".to_owned(), Figures::of(&tidy::read_all(&workspace::root())?)));
    }
    println!("{}", render(&columns));
    Ok(true)
}

/// Returns the table in Markdown, and the names of types that are declared more than once.
fn render(columns: &[(String, Figures)]) -> String {
    let names = columns.iter().map(|(name, _)| format!(" {name} |")).collect::<String>();
    let head = format!("| what |{names}\n|---|{}\n", "---|".repeat(columns.len()));
    let mut table = Columns { columns, text: head };

    table.row("lines of src", |it| total(it).src_lines.to_string());
    table.row("lines of tests", |it| {
        let testkit = testkit_lines(it);
        (total(it).test_lines - testkit).to_string()
    });
    table.row("lines of testkit and bench", |it| testkit_lines(it).to_string());
    table.row("files of src", |it| total(it).files.to_string());
    table.row("lines of a file, median / maximum", |it| {
        format!("{} / {}", it.files.median, it.files.max)
    });
    table.row("functions", |it| it.functions.count.to_string());
    table.row("lines of a function, median / maximum", |it| {
        format!("{} / {}", it.functions.median, it.functions.max)
    });
    table.row("names of types", |it| it.types.len().to_string());
    table.row("names of types declared in more than one file", |it| {
        it.types_declared_twice().count().to_string()
    });
    table.row("cycles of modules", |it| it.cycles.to_string());
    table.row("one read: types / files / lines", |it| {
        format!("{} / {} / {}", it.read_types, it.read_files, it.read_lines)
    });
    table.row("users' pages: words / words a sentence", |it| prose(it.users_pages));
    table.row("developers' pages: words / words a sentence", |it| prose(it.developers_pages));
    table.row("comments: words / words a sentence", |it| prose(it.comments));

    let crates: BTreeSet<&String> = columns.iter().flat_map(|(_, it)| it.crates.keys()).collect();
    for name in crates {
        table.row(&format!("{name}: files / src / tests"), |it| match it.crates.get(name) {
            Some(size) => format!("{} / {} / {}", size.files, size.src_lines, size.test_lines),
            None => "none".to_owned(),
        });
    }
    for (name, figures) in columns {
        let twice: Vec<&str> = figures.types_declared_twice().collect();
        let twice = twice.join(", ");
        table.text.push_str("\nDeclared in more than one file of ");
        table.text.extend([name, ": ", &twice, ".\n"]);
    }
    table.text
}

struct Columns<'a> {
    columns: &'a [(String, Figures)],
    text: String,
}

impl Columns<'_> {
    fn row(&mut self, what: &str, value: impl Fn(&Figures) -> String) {
        let values: String =
            self.columns.iter().map(|(_, it)| format!(" {} |", value(it))).collect();
        self.text.extend(["| ", what, " |", &values, "\n"]);
    }
}

fn total(figures: &Figures) -> CrateSize {
    figures.crates.values().fold(CrateSize::default(), |sum, size| CrateSize {
        files: sum.files + size.files,
        src_lines: sum.src_lines + size.src_lines,
        test_lines: sum.test_lines + size.test_lines,
    })
}

fn testkit_lines(figures: &Figures) -> usize {
    let lines = |name: &str| figures.crates.get(name).map_or(0, |size| size.test_lines);
    figures::TEST_CRATES.iter().map(|name| lines(name)).sum()
}

fn prose(prose: Prose) -> String {
    format!("{} / {}", prose.words, prose.mean())
}
