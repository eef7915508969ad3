//! Parsed command line of xtask, as a [`Task`].
//!
//! `lexopt` splits options and values: it has no dependencies and compiles within a second. Clap
//! would more than double the first build of `cargo xtask`, for which every new developer waits.

use std::ffi::OsString;

use lexopt::{
    Arg::{Long, Value},
    Error, Parser, ValueExt as _,
};

use crate::{
    acceptance::Selection, dist::Dist, help, page::PageTrial, pictures::Pictures,
    scenario::Scenarios, soak::Soak,
};

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
    /// Run checks that need other programs.
    Acceptance(Selection),
    /// Run the demonstration, with these arguments for it.
    Demo(Vec<OsString>),
    /// Run these scenarios.
    Scenario(Scenarios),
    /// Run the soak.
    Soak(Soak),
    /// Run comparisons, with these arguments for them.
    Bench(Vec<OsString>),
    /// Print the structure of the checkouts in these directories.
    Structure(Vec<OsString>),
    /// Try the page in a browser.
    Page(PageTrial),
    /// Draw the picture of a terminal.
    Pictures(Pictures),
    /// Build the site of the documentation.
    Docs,
    /// Print how long the sentences of the pages are, and ten of them chosen by this seed.
    Readability(Option<u64>),
    /// Check the package outside the workspace.
    Embed,
    /// Run the programs of that package.
    Examples,
    /// Compare the interfaces of the libraries with those of a release.
    Semver,
    /// Check that the command compiles for macOS.
    MacCheck,
    /// Make what users download.
    Dist(Dist),
    /// Print the text of the release with this tag.
    Notes(Option<String>),
}

impl Task {
    /// Returns the action for the arguments after the program's name.
    ///
    /// # Errors
    /// If an argument is invalid.
    pub(crate) fn parse(args: Vec<OsString>) -> Result<Self, Error> {
        let mut args = args.into_iter();
        let command = args.next().ok_or("no command")?.string()?;
        if ["help", "-h", "--help"].contains(&command.as_str()) {
            return Ok(Self::Help(help::GENERAL));
        }
        let help = help::of(&command).ok_or_else(|| format!("unknown command `{command}`"))?;
        let rest: Vec<OsString> = args.collect();
        if wants_help(&rest) {
            return Ok(Self::Help(help));
        }
        match command.as_str() {
            "test" => Ok(Self::Test(rest)),
            "bench" => Ok(Self::Bench(rest)),
            "demo" => Ok(Self::Demo(without_separator(rest))),
            _ => Self::parse_options(&command, Parser::from_args(rest)),
        }
    }

    /// Parses the arguments of a command that does not hand them on.
    fn parse_options(command: &str, mut args: Parser) -> Result<Self, Error> {
        let (mut selection, mut scenarios) = (Selection::default(), Scenarios::default());
        let (mut pictures, mut page) = (Pictures::default(), PageTrial::default());
        let (mut soak, mut dist, mut dirs) = (Soak::default(), Dist::default(), Vec::new());
        let mut seed = None;
        let mut tag = None;
        while let Some(arg) = args.next()? {
            match (command, arg) {
                ("acceptance", Long("no-install")) => selection.no_install = true,
                ("acceptance", Long("list")) => selection.list = true,
                ("acceptance", Value(name)) => selection.names.push(name.string()?),
                ("scenario", Long("dev")) => scenarios.is_dev = true,
                ("scenario", Long("minutes")) => {
                    scenarios.minutes = Some(args.value()?.parse()?);
                }
                ("scenario", Value(name)) => scenarios.names.push(name),
                ("soak", Long("dev")) => soak.is_dev = true,
                ("soak", Long("minutes")) => soak.minutes = args.value()?.parse()?,
                ("soak", Long("seed")) => soak.seed = Some(args.value()?.parse()?),
                ("structure", Long("at")) => dirs.push(args.value()?),
                ("readability", Long("seed")) => seed = Some(args.value()?.parse()?),
                ("page", Long("url")) => page.url = Some(args.value()?),
                ("page", Long("token")) => page.token = Some(args.value()?),
                ("page", Long("pictures")) => page.pictures = Some(args.value()?),
                ("pictures", Long("binary")) => pictures.binary = Some(args.value()?),
                ("dist", Long("binary")) => dist.binary = Some(args.value()?),
                ("dist", Long("target")) => dist.target = Some(args.value()?.string()?),
                ("dist", Long("deb-version")) => {
                    dist.deb_version = Some(args.value()?.string()?);
                }
                ("notes", Value(text)) if tag.is_none() => tag = Some(text.string()?),
                ("dist", Value(part)) => dist.add(&part.string()?)?,
                (_, arg) => return Err(arg.unexpected()),
            }
        }
        Ok(match command {
            "tidy" => Self::Tidy,
            "ci" => Self::Ci,
            "embed" => Self::Embed,
            "examples" => Self::Examples,
            "semver" => Self::Semver,
            "mac-check" => Self::MacCheck,
            "acceptance" => Self::Acceptance(selection),
            "scenario" => Self::Scenario(scenarios),
            "soak" => Self::Soak(soak),
            "structure" => Self::Structure(dirs),
            "docs" => Self::Docs,
            "readability" => Self::Readability(seed),
            "page" => Self::Page(page),
            "pictures" => Self::Pictures(pictures),
            "notes" => Self::Notes(tag),
            _ => Self::Dist(dist),
        })
    }
}

/// Returns whether help of xtask itself is requested: arguments after `--` are those of another
/// program.
fn wants_help(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--help" || arg == "-h")
}

fn without_separator(mut args: Vec<OsString>) -> Vec<OsString> {
    if args.first().is_some_and(|arg| arg == "--") {
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
                "structure --at a --at b",
                "docs",
                "readability --seed 7",
                "acceptance 18 --no-install film",
            ],
            &expect![[r#"
                tidy => Tidy
                ci => Ci
                test => Test([])
                test -p vfs-core -- names => Test(["-p", "vfs-core", "--", "names"])
                demo => Demo([])
                demo --keep => Demo(["--keep"])
                bench walk => Bench(["walk"])
                structure --at a --at b => Structure(["a", "b"])
                docs => Docs
                readability --seed 7 => Readability(Some(7))
                acceptance 18 --no-install film => Acceptance(Selection { names: ["18", "film"], no_install: true, list: false })"#]],
        );
    }

    #[test]
    fn scenarios_are_all_unless_some_are_named() {
        check(
            &[
                "scenario",
                "scenario trap --dev scan --minutes 2",
                "scenario --release",
                "scenario -h",
            ],
            &expect![[r#"
                scenario => Scenario(Scenarios { names: [], minutes: None, is_dev: false })
                scenario trap --dev scan --minutes 2 => Scenario(Scenarios { names: ["trap", "scan"], minutes: Some(2), is_dev: true })
                scenario --release => error: invalid option '--release'
                scenario -h => help: Usage: cargo xtask scenario [NAME...|all] [--minutes N] [--dev]"#]],
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
                soak --seed => error: missing argument for option '--seed'
                soak --minutes x => error: cannot parse argument "x": invalid digit found in string
                soak 5 => error: unexpected argument "5""#]],
        );
    }

    #[test]
    fn parts_of_a_release_are_selected_by_name() {
        check(
            &[
                "dist",
                "dist tarball deb --binary a/tfs",
                "dist static --target aarch64-unknown-linux-musl",
                "dist deb --deb-version 9",
                "dist --binary",
                "dist tfs",
            ],
            &expect![[r#"
                dist => Dist(Dist { parts: {}, binary: None, target: None, deb_version: None })
                dist tarball deb --binary a/tfs => Dist(Dist { parts: {Tarball, Deb}, binary: Some("a/tfs"), target: None, deb_version: None })
                dist static --target aarch64-unknown-linux-musl => Dist(Dist { parts: {Static}, binary: None, target: Some("aarch64-unknown-linux-musl"), deb_version: None })
                dist deb --deb-version 9 => Dist(Dist { parts: {Deb}, binary: None, target: None, deb_version: Some("9") })
                dist --binary => error: missing argument for option '--binary'
                dist tfs => error: there is no part `tfs`; the parts are tarball, deb, rpm, static, sbom"#]],
        );
    }

    #[test]
    fn a_page_is_that_of_the_example_or_one_that_runs() {
        check(
            &["page", "page --url http://[::1]:9132/ --token t --pictures a", "page a"],
            &expect![[r#"
                page => Page(PageTrial { url: None, token: None, pictures: None })
                page --url http://[::1]:9132/ --token t --pictures a => Page(PageTrial { url: Some("http://[::1]:9132/"), token: Some("t"), pictures: Some("a") })
                page a => error: unexpected argument "a""#]],
        );
    }

    #[test]
    fn pictures_may_show_a_binary_of_elsewhere() {
        check(
            &["pictures", "pictures --binary a/tfs", "pictures a"],
            &expect![[r#"
                pictures => Pictures(Pictures { binary: None })
                pictures --binary a/tfs => Pictures(Pictures { binary: Some("a/tfs") })
                pictures a => error: unexpected argument "a""#]],
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
                tidy --fix => error: invalid option '--fix'
                ci now => error: unexpected argument "now""#]],
        );
    }
}
