//! Figures of one checkout, computed from its files.

use std::collections::{BTreeMap, BTreeSet};

use super::code;
use crate::prose::Prose;
use crate::tidy::{count_cycles, declaration};

/// The files that one read goes through, as prefixes of paths: request, plan, stream, HTTP.
///
/// The rule is coarse on purpose, so that it holds for checkouts with other files: a prefix that no
/// file has counts nothing. Tests below a prefix do not count.
const READ_PATH: [&str; 14] = [
    "crates/fuse-adapter/src/filesystem/mod.rs",
    "crates/fuse-adapter/src/filesystem/direct.rs",
    "crates/fuse-adapter/src/filesystem/read.rs",
    "crates/fuse-adapter/src/interrupts/",
    "crates/fuse-adapter/src/reads/",
    "crates/vfs-core/src/engine/",
    "crates/vfs-core/src/handle.rs",
    "crates/vfs-core/src/local.rs",
    "crates/vfs-core/src/read.rs",
    "crates/vfs-core/src/source.rs",
    "crates/vfs-core/src/vfs.rs",
    "crates/rqbit-client/src/direct/",
    "crates/rqbit-client/src/http/",
    "crates/rqbit-client/src/stream/",
];

/// Crates whose files are all for tests; `tfs-bench` measures the binary.
pub(super) const TEST_CRATES: [&str; 2] = ["tfs-testkit", "tfs-bench"];

/// Pages for developers outside docs/dev. All other pages are for users.
const DEVELOPERS_PAGES: [&str; 4] =
    ["CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/performance.md", "docs/dev/"];

/// Lines and files of one crate, of `fuzz`, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CrateSize {
    /// Files that are not for tests only.
    pub(super) files: usize,
    pub(super) src_lines: usize,
    pub(super) test_lines: usize,
}

/// Median and maximum of a list of lengths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Lengths {
    pub(super) count: usize,
    pub(super) median: usize,
    pub(super) max: usize,
}

/// All figures of one checkout.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) crates: BTreeMap<String, CrateSize>,
    /// Lines of each file outside tests, and of each function.
    pub(super) files: Lengths,
    pub(super) functions: Lengths,
    /// The names of types outside tests, with the number of files that declare each.
    pub(super) types: BTreeMap<String, usize>,
    /// Groups of modules of one parent that depend on each other.
    pub(super) cycles: usize,
    pub(super) read_files: usize,
    pub(super) read_lines: usize,
    pub(super) read_types: usize,
    pub(super) comments: Prose,
    pub(super) users_pages: Prose,
    pub(super) developers_pages: Prose,
}

impl Figures {
    /// Computes the figures from the paths and texts of all files.
    pub(super) fn of(files: &BTreeMap<String, String>) -> Self {
        let mut figures = Self { cycles: count_cycles(files), ..Self::default() };
        let test_files = test_files(files);
        let (mut file_lines, mut function_lines) = (Vec::new(), Vec::new());
        for (path, text) in files {
            if path.ends_with(".md") {
                figures.add_page(path, text);
            } else if path.ends_with(".rs") {
                let is_test = test_files.contains(path.as_str());
                let lines = figures.add_source(path, text, is_test, &mut function_lines);
                file_lines.extend((!is_test).then_some(lines));
            }
        }
        figures.files = Lengths::of(file_lines);
        figures.functions = Lengths::of(function_lines);
        figures
    }

    /// Returns the names that more than one file declares.
    pub(super) fn types_declared_twice(&self) -> impl Iterator<Item = &str> {
        self.types.iter().filter(|(_, count)| **count > 1).map(|(name, _)| name.as_str())
    }

    fn add_page(&mut self, path: &str, text: &str) {
        // A recording of tests is no documentation.
        if path.contains("/tests/") {
            return;
        }
        let is_for_developers = DEVELOPERS_PAGES.iter().any(|prefix| path.starts_with(prefix))
            || path.starts_with("fuzz/");
        let pages =
            if is_for_developers { &mut self.developers_pages } else { &mut self.users_pages };
        *pages += Prose::of_page(text);
    }

    /// Adds a Rust file. Returns its lines that are not tests.
    fn add_source(
        &mut self,
        path: &str,
        text: &str,
        is_test: bool,
        functions: &mut Vec<usize>,
    ) -> usize {
        let masked = code::masked(text);
        let (inline_tests, _) = code::test_modules(&masked);
        let is_source = |line: usize| !is_test && !inline_tests.iter().any(|it| it.contains(&line));
        let line_count = text.lines().count();
        let src_lines = (1..=line_count).filter(|line| is_source(*line)).count();

        let size = self.crates.entry(crate_of(path).to_owned()).or_default();
        size.files += usize::from(!is_test);
        size.src_lines += src_lines;
        size.test_lines += line_count - src_lines;
        self.comments += Prose::of_comments(text);

        let found = code::functions(&masked).into_iter().filter(|lines| is_source(lines.start));
        functions.extend(found.map(|lines| lines.len()));
        let declared: BTreeSet<&str> = (1..)
            .zip(masked.lines())
            .filter(|(line, _)| is_source(*line))
            .filter_map(|(_, text)| declaration(text))
            .collect();
        if READ_PATH.iter().any(|prefix| path.starts_with(prefix)) && !is_test {
            self.read_files += 1;
            self.read_lines += src_lines;
            self.read_types += declared.len();
        }
        for name in declared {
            *self.types.entry(name.to_owned()).or_default() += 1;
        }
        src_lines
    }
}

impl Lengths {
    fn of(mut lengths: Vec<usize>) -> Self {
        lengths.sort_unstable();
        Self {
            count: lengths.len(),
            median: lengths.get(lengths.len() / 2).copied().unwrap_or_default(),
            max: lengths.last().copied().unwrap_or_default(),
        }
    }
}

/// Returns the name of the crate that has the file.
fn crate_of(path: &str) -> &str {
    let path = path.strip_prefix("crates/").unwrap_or(path);
    path.split('/').next().unwrap_or(path)
}

/// Returns the paths of the files that only tests compile: those in directories of tests, benches
/// and examples, and the files of modules under `#[cfg(test)]`.
fn test_files(files: &BTreeMap<String, String>) -> BTreeSet<&str> {
    let mut prefixes = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let (_, modules) = code::test_modules(&code::masked(text));
        let parent = path.trim_end_matches(".rs");
        let dir = parent.strip_suffix("/mod").or_else(|| parent.strip_suffix("/lib"));
        let dir = dir.or_else(|| parent.strip_suffix("/main")).unwrap_or(parent);
        for module in modules {
            prefixes.push(format!("{dir}/{module}.rs"));
            prefixes.push(format!("{dir}/{module}/"));
        }
    }
    let is_test = |path: &str| {
        TEST_CRATES.contains(&crate_of(path))
            || path.starts_with("fuzz/")
            || ["/tests/", "/benches/", "/examples/"].iter().any(|dir| path.contains(dir))
            || path.ends_with("tests.rs")
            || prefixes.iter().any(|prefix| path.starts_with(prefix))
    };
    files.keys().map(String::as_str).filter(|path| is_test(path)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;

    use super::Figures;

    #[test]
    fn figures_of_a_small_checkout() {
        let files: BTreeMap<String, String> = [
            (
                "crates/vfs-core/src/lib.rs",
                "//! Core.\nmod vfs;\n#[cfg(test)]\nmod sim;\npub struct Plan;\n",
            ),
            ("crates/vfs-core/src/sim/mod.rs", "struct World;\nstruct Plan;\n"),
            (
                "crates/vfs-core/src/vfs.rs",
                "struct Vfs;\nenum Plan {}\nfn a() {\n}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n",
            ),
            ("crates/tfs-testkit/src/lib.rs", "struct Fake;\n"),
            ("docs/dev/plan.md", "# Plan\n\nIt reads. It plans.\n"),
            ("README.md", "One two three.\n"),
            ("LICENSE", "none\n"),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
        let figures = Figures::of(&files);
        assert_eq!(figures.types_declared_twice().collect::<Vec<_>>(), ["Plan"]);
        expect![[r#"
            Figures {
                crates: {
                    "tfs-testkit": CrateSize {
                        files: 0,
                        src_lines: 0,
                        test_lines: 1,
                    },
                    "vfs-core": CrateSize {
                        files: 2,
                        src_lines: 9,
                        test_lines: 6,
                    },
                },
                files: Lengths {
                    count: 2,
                    median: 5,
                    max: 5,
                },
                functions: Lengths {
                    count: 1,
                    median: 2,
                    max: 2,
                },
                types: {
                    "Plan": 2,
                    "Vfs": 1,
                },
                cycles: 0,
                read_files: 1,
                read_lines: 4,
                read_types: 2,
                comments: Prose {
                    words: 1,
                    sentences: 1,
                },
                users_pages: Prose {
                    words: 3,
                    sentences: 1,
                },
                developers_pages: Prose {
                    words: 4,
                    sentences: 2,
                },
            }
        "#]]
        .assert_debug_eq(&figures);
    }
}
