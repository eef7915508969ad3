//! Parsed command line of xtask, as a [`Task`].
//!
//! Eight commands with few options are not worth a parser crate: the first build of `cargo xtask`
//! delays every new developer.

use std::ffi::{OsStr, OsString};

use crate::dist::Dist;
use crate::scenario::Scenarios;
use crate::soak::Soak;

/// The help of `cargo xtask` itself.
pub(crate) const HELP: &str = "\
Usage: cargo xtask COMMAND [ARGS]

Commands:
  test      Run all tests of the workspace and print the sum
  tidy      Check the rules that neither rustfmt nor clippy knows
  ci        Run everything that must pass before a merge, apart from the tests
  demo      Run the demonstration of tfs, built for release
  scenario  Measure tfs against real rqbits and print the figures
  soak      Read at random through faults for minutes, and look for what is wrong
  bench     Compare tfs with other ways to the same bytes
  dist      Pack the binary with its manual, completions, units and documentation

`cargo xtask COMMAND --help` says more.";

const HELP_TEST: &str = "\
Usage: cargo xtask test [ARGS]

Runs `cargo test --workspace --locked --all-features --no-fail-fast`.
ARGS go to cargo: `-p vfs-core` tests one crate, `-- NAME` tests whose name contains NAME.

Says first whether /dev/fuse can be used: where it can, the tests that mount run.
Says at the end which tests were skipped and why: they count as passed.
The last line is the sum over all test programs, `N passed, N failed`.
Fails if a test failed, if something did not compile, or if no test ran at all; in CI (`CI` or
`TFS_CI` is set) also if a test was skipped for lack of /dev/fuse, root or fuse3.";

const HELP_TIDY: &str = "\
Usage: cargo xtask tidy

Checks what neither rustfmt nor clippy knows: module docs, sizes of files, long lines, banned
words, dependencies that a crate must not see, files that no target compiles, manifests,
whitespace, paths of one machine, links and headings in Markdown, and whether the types, tests and
paths that developers' pages name exist.
Each finding is `file:line: what is wrong, and what to do`.";

const HELP_CI: &str = "\
Usage: cargo xtask ci

Runs fmt, tidy, deny (if cargo-deny is installed), clippy and doc, the cheapest first, and stops
at the first that fails. The tests are not in it: run `cargo xtask test`.";

const HELP_DEMO: &str = "\
Usage: cargo xtask demo [ARGS]

Runs `cargo run --release --locked -- demo ARGS`.
The options of the demonstration itself: `cargo xtask demo -- --help`.";

const HELP_SCENARIO: &str = "\
Usage: cargo xtask scenario [NAME...|all] [--dev]

Runs scenarios, all of them unless some are named, one after the other: each in a process of its
own with a time limit, with real rqbits on loopback and a real mount. It takes minutes.
Prints each figure with what is wanted of it, and all of them as a table in Markdown at the end.
Fails if a figure is not as wanted. A name that does not exist is answered with those that do.

`--dev` builds what `cargo xtask test` builds, not for release.";

const HELP_SOAK: &str = "\
Usage: cargo xtask soak [--minutes N] [--seed S] [--dev]

Runs random readers, random walkers and random faults for N minutes (5), over real rqbits and a
real mount: a proxy spoils answers, the server is killed and stopped, torrents come and go.
Every byte that is read is compared. Fails for a wrong byte, a call over its deadline, an error
without a reason, and what is left over at the end: handles, tasks, descriptors, memory.
The seed, which is printed, makes the same happen again as far as the machine lets it.

`--dev` builds what `cargo xtask test` builds, not for release.";

const HELP_BENCH: &str = "\
Usage: cargo xtask bench [NAME...] [--rounds N] [--markdown FILE]

Compares tfs with the plain file, with requests to rqbit itself, with rclone, httpdirfs and btfs
where they are installed, and with the plainest filesystem that fuser can serve: in turns, with a
real rqbit on loopback, built for release, as root. All comparisons unless some are named; a name
that does not exist is answered with those that do. It takes some ten minutes.

`--rounds N` measures each figure N times, 5 unless said otherwise; the median of the ratios counts.
`--markdown FILE` puts the tables into a page, in place of those that are there:
`cargo xtask bench --markdown docs/dev/figures/bench.md`.";

const HELP_DIST: &str = "\
Usage: cargo xtask dist [--binary FILE]

Builds for release without symbols, and packs the binary with completions, manual pages, units of
systemd and the documentation: target/dist/tfs-VERSION-TARGET.tar.gz, with SHA256SUMS beside it.
The same commit makes the same bytes. To install it:
`tar -C /usr --strip-components=1 --keep-directory-symlink -xf FILE`.

`--binary FILE` packs a binary that is built already; it has to run on this machine.";

/// One command with everything it needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Print this text.
    Help(&'static str),
    /// Run the tests, with these arguments for cargo.
    Test(Vec<OsString>),
    /// Check the rules of tidy.
    Tidy,
    /// Run the checks other than the tests.
    Ci,
    /// Run the demonstration, with these arguments for it.
    Demo(Vec<OsString>),
    /// Run these scenarios.
    Scenario(Scenarios),
    /// Run the soak.
    Soak(Soak),
    /// Run comparisons, with these arguments for them.
    Bench(Vec<OsString>),
    /// Make the tarball.
    Dist(Dist),
}

impl Task {
    /// Returns the action for the arguments after the program's name.
    ///
    /// # Errors
    /// A sentence fragment that names the invalid argument.
    pub(crate) fn parse(args: Vec<OsString>) -> Result<Self, String> {
        let mut args = args.into_iter();
        let Some(command) = args.next() else {
            return Err("no command".to_owned());
        };
        let rest: Vec<OsString> = args.collect();
        let help = wants_help(&rest);
        match command.to_str() {
            Some("help" | "-h" | "--help") => Ok(Self::Help(HELP)),
            Some("test") if help => Ok(Self::Help(HELP_TEST)),
            Some("tidy") if help => Ok(Self::Help(HELP_TIDY)),
            Some("ci") if help => Ok(Self::Help(HELP_CI)),
            Some("demo") if help => Ok(Self::Help(HELP_DEMO)),
            Some("scenario") if help => Ok(Self::Help(HELP_SCENARIO)),
            Some("soak") if help => Ok(Self::Help(HELP_SOAK)),
            Some("bench") if help => Ok(Self::Help(HELP_BENCH)),
            Some("dist") if help => Ok(Self::Help(HELP_DIST)),
            Some("test") => Ok(Self::Test(rest)),
            Some("tidy") => no_more(&rest, Self::Tidy),
            Some("ci") => no_more(&rest, Self::Ci),
            Some("demo") => Ok(Self::Demo(without_separator(rest))),
            Some("scenario") => scenarios(rest),
            Some("soak") => Soak::parse(rest).map(Self::Soak),
            Some("bench") => Ok(Self::Bench(rest)),
            Some("dist") => dist(rest),
            _ => Err(format!("unknown command `{}`", command.display())),
        }
    }
}

/// Returns whether help of xtask itself is requested: arguments after `--` are those of another
/// program.
fn wants_help(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--help" || arg == "-h")
}

fn no_more(rest: &[OsString], action: Task) -> Result<Task, String> {
    rest.first()
        .map_or(Ok(action), |extra| Err(format!("unexpected argument `{}`", extra.display())))
}

fn scenarios(rest: Vec<OsString>) -> Result<Task, String> {
    let (options, mut names): (Vec<_>, Vec<_>) =
        rest.into_iter().partition(|arg| arg.as_encoded_bytes().starts_with(b"-"));
    if let Some(unknown) = options.iter().find(|option| *option != "--dev") {
        return Err(format!("unexpected argument `{}`", unknown.display()));
    }
    if names.is_empty() {
        names.push("all".into());
    }
    Ok(Task::Scenario(Scenarios { names, is_dev: !options.is_empty() }))
}

fn dist(rest: Vec<OsString>) -> Result<Task, String> {
    let mut rest = rest.into_iter();
    let binary = match rest.next() {
        None => None,
        Some(option) if option == "--binary" => Some(rest.next().ok_or("--binary names no file")?),
        Some(other) => return Err(format!("unexpected argument `{}`", other.display())),
    };
    no_more(&rest.collect::<Vec<_>>(), Task::Dist(Dist { binary }))
}

fn without_separator(mut args: Vec<OsString>) -> Vec<OsString> {
    if args.first().map(OsString::as_os_str) == Some(OsStr::new("--")) {
        args.remove(0);
    }
    args
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::Task;

    #[track_caller]
    fn check(lines: &[&str], expect: &Expect) {
        let rendered: Vec<String> = lines
            .iter()
            .map(|line| {
                let args = line.split_whitespace().map(Into::into).collect();
                match Task::parse(args) {
                    Ok(Task::Help(text)) => {
                        format!("{line} => help: {}", text.lines().next().unwrap())
                    }
                    Ok(action) => format!("{line} => {action:?}"),
                    Err(usage) => format!("{line} => error: {usage}"),
                }
            })
            .collect();
        expect.assert_eq(&rendered.join("\n"));
    }

    #[test]
    fn commands() {
        check(
            &[
                "tidy",
                "ci",
                "test",
                "test -p vfs-core -- names",
                "demo",
                "demo --keep",
                "bench walk",
            ],
            &expect![[r#"
                tidy => Tidy
                ci => Ci
                test => Test([])
                test -p vfs-core -- names => Test(["-p", "vfs-core", "--", "names"])
                demo => Demo([])
                demo --keep => Demo(["--keep"])
                bench walk => Bench(["walk"])"#]],
        );
    }

    #[test]
    fn scenarios_are_all_unless_some_are_named() {
        check(
            &["scenario", "scenario trap --dev scan", "scenario --release", "scenario -h"],
            &expect![[r#"
                scenario => Scenario(Scenarios { names: ["all"], is_dev: false })
                scenario trap --dev scan => Scenario(Scenarios { names: ["trap", "scan"], is_dev: true })
                scenario --release => error: unexpected argument `--release`
                scenario -h => help: Usage: cargo xtask scenario [NAME...|all] [--dev]"#]],
        );
    }

    #[test]
    fn a_soak_has_a_length_and_a_seed() {
        check(
            &[
                "soak",
                "soak --minutes 30 --seed 7 --dev",
                "soak --seed",
                "soak --minutes x",
                "soak 5",
            ],
            &expect![[r#"
                soak => Soak(Soak { minutes: 5, seed: None, is_dev: false })
                soak --minutes 30 --seed 7 --dev => Soak(Soak { minutes: 30, seed: Some(7), is_dev: true })
                soak --seed => error: --seed wants a number
                soak --minutes x => error: --minutes wants a number
                soak 5 => error: unexpected argument `5`"#]],
        );
    }

    #[test]
    fn a_tarball_may_have_a_binary_of_elsewhere() {
        check(
            &["dist", "dist --binary a/tfs", "dist --binary", "dist --binary a b", "dist tfs"],
            &expect![[r#"
                dist => Dist(Dist { binary: None })
                dist --binary a/tfs => Dist(Dist { binary: Some("a/tfs") })
                dist --binary => error: --binary names no file
                dist --binary a b => error: unexpected argument `b`
                dist tfs => error: unexpected argument `tfs`"#]],
        );
    }

    #[test]
    fn help_is_of_xtask_unless_it_follows_the_separator() {
        check(
            &["--help", "help", "tidy -h", "test --help", "test -- --help", "demo -- --help"],
            &expect![[r#"
                --help => help: Usage: cargo xtask COMMAND [ARGS]
                help => help: Usage: cargo xtask COMMAND [ARGS]
                tidy -h => help: Usage: cargo xtask tidy
                test --help => help: Usage: cargo xtask test [ARGS]
                test -- --help => Test(["--", "--help"])
                demo -- --help => Demo(["--help"])"#]],
        );
    }

    #[test]
    fn what_is_not_understood() {
        check(
            &["", "fuzz", "tidy --fix", "ci now"],
            &expect![[r#"
             => error: no command
            fuzz => error: unknown command `fuzz`
            tidy --fix => error: unexpected argument `--fix`
            ci now => error: unexpected argument `now`"#]],
        );
    }
}
