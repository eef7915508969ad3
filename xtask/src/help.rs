//! The help texts of xtask.

/// The help of `cargo xtask` itself.
pub(crate) const GENERAL: &str = "\
Usage: cargo xtask COMMAND [ARGS]

Commands:
  test        Run all tests of the workspace and print the totals
  tidy        Check the rules that neither rustfmt nor clippy checks
  ci          Run all checks that must pass before a merge, except the tests
  embed       Compile the package outside the workspace
  examples    Build and run the programs of that package
  semver      Compare the interfaces of the libraries with the last release
  mac-check   Check that the command compiles for macOS, on Linux
  acceptance  Run the checks that need other programs, such as mpv and promtool
  demo        Run the demonstration of tfs, built for release
  scenario    Measure tfs against real rqbits and print the figures
  soak        Read at random through faults for minutes
  bench       Compare tfs with other filesystems and programs
  structure   Print size and structure of checkouts
  page        Try the page in a browser, with axe-core
  pictures    Draw the picture of a terminal for README.md
  docs        Build the site of the documentation, and check its links
  readability Print how long the sentences of the pages for users are
  dist        Make tarballs, packages, checksums and the list of components
  notes       Print the changelog of a release

`cargo xtask COMMAND --help` describes a command.";

/// Returns the help of a command, or `None` if there is no such command.
pub(crate) fn of(command: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(name, _)| *name == command).map(|(_, help)| *help)
}

/// The help of each command.
const COMMANDS: [(&str, &str); 19] = [
    (
        "test",
        "\
Usage: cargo xtask test [ARGS]

Runs `cargo test --workspace --locked --all-features --no-fail-fast`.
ARGS go to cargo: `-p vfs-core` tests one crate, `-- NAME` tests whose name contains NAME.

Prints first whether /dev/fuse can be opened; if it can, the tests that mount run.
Prints last which tests were skipped and why, and the totals: `N passed, N failed`.
Skipped tests count as passed.
Fails if a test failed, if something did not compile, or if no test ran; in CI (`CI` or `TFS_CI`
is set) also if a test was skipped for lack of /dev/fuse, root or fuse3.",
    ),
    (
        "mac-check",
        "\
Usage: cargo xtask mac-check

Runs `cargo check -p tfs-cli` for x86_64-apple-darwin and aarch64-apple-darwin, with and without the
default features. Nothing is linked or run.

The first run downloads about 150 MB: the compiler of Debian's packages rustc-web, cargo-web and
rust-web-src, and zig from PyPI as the compiler for C. They are unpacked into
~/.cache/tfs-mac-check, or the directory that TFS_MAC_CHECK_DIR names; nothing is installed.
Where they cannot be had, it prints why, and succeeds.

`cargo xtask ci` runs it only where it has run before.",
    ),
    (
        "tidy",
        "\
Usage: cargo xtask tidy

Checks what neither rustfmt nor clippy checks: docs of modules, sizes of files, long lines, banned
words, type names declared twice, forbidden dependencies, files that no target compiles, manifests,
paths of one machine, links, headings and contents in Markdown, long sentences in pages for users,
and whether the types, tests and paths that developers' pages mention exist.
Each violation is printed as `file:line: what is wrong, and what to do`.",
    ),
    (
        "ci",
        "\
Usage: cargo xtask ci

Runs fmt, spaces (git diff --check), tidy, site (if mdbook is installed), deny (if cargo-deny is
installed), clippy, doc, and embed: the package contrib/embed outside the workspace, against the
crates as packaged for crates.io. The cheapest check is first; the first failure ends the run. Tests
are a command of their own: `cargo xtask test`.",
    ),
    (
        "embed",
        "\
Usage: cargo xtask embed

Packages the crates as for crates.io, and compiles contrib/embed, which is not in the workspace,
against the packages. `cargo xtask ci` does it too.",
    ),
    (
        "examples",
        "\
Usage: cargo xtask examples

Builds the programs of contrib/embed against the crates as packaged for crates.io, and runs them
against a server of the test kit: a search in subtitles, and a film over HTTP with ranges.",
    ),
    (
        "semver",
        "\
Usage: cargo xtask semver

Compares the public interface of each library with that of the last release, by cargo-semver-checks
(`cargo install cargo-semver-checks`). Without it, nothing is compared. A release is compared with
the tag of the version before it; 0.2.0 has no tag, and the commit is in xtask/src/semver.rs.",
    ),
    (
        "acceptance",
        "\
Usage: cargo xtask acceptance [ISSUE|NAME]... [--no-install] [--list]

Runs the checks that need programs of others. Selects by number of an issue or by name; without
arguments all checks run. Builds `tfs` and `tfs-bench` with the profile of the tests first.
Prints for each check `passed`, `FAILED` or `skipped` with the reason. Fails if a check failed;
skipped checks are no failure.

Missing programs are installed as root, from the registries of Debian and PyPI, but not from
crates.io, since that takes minutes.
`--no-install` skips the checks whose programs are missing. `--list` prints the checks and ends.",
    ),
    (
        "demo",
        "\
Usage: cargo xtask demo [ARGS]

Runs `cargo run --release --locked -- demo ARGS`.
`cargo xtask demo -- --help` prints the options of the demonstration.",
    ),
    (
        "scenario",
        "\
Usage: cargo xtask scenario [NAME...|all] [--minutes N] [--dev]

Runs scenarios one after another, by default all: each in a process of its own with a time limit,
with real rqbits on loopback and a real mount. All of them take minutes.
Prints each figure with its goal, and at the end all of them as a table in Markdown.
Fails if a figure misses its goal. An unknown name prints the known ones.
The first word of a name, such as `ondemand`, selects all scenarios whose names begin with it.

`--minutes` is the time of each trial of `ondemand-opens` (default 10).
`--dev` builds with the profile of the tests instead of the release profile.",
    ),
    (
        "soak",
        "\
Usage: cargo xtask soak [--minutes N] [--seed S] [--dev]

Runs random readers, walkers and faults for N minutes (default 5), over real rqbits and a real
mount: a proxy spoils answers, the server is killed and stopped, torrents are added and removed.
Compares every byte. Fails for a wrong byte, a call that exceeds its deadline, an error without a
cause, and for handles, tasks, descriptors or memory that are left at the end.
The seed is printed; the same seed repeats the run as far as the machine permits.

`--dev` builds with the profile of the tests instead of the release profile.",
    ),
    (
        "bench",
        "\
Usage: cargo xtask bench [NAME...] [--rounds N] [--markdown FILE]

Compares tfs with the plain file, with requests to rqbit itself, with rclone, httpdirfs and btfs
where they are installed, and with a minimal filesystem of fuser, in turns. Needs root; uses a real
rqbit on loopback and a release build. Runs all comparisons by default. An unknown name prints the
known ones.
Prints a table of goals with the figures, whether they are reached, and why a row was skipped.
`cargo xtask bench read-path` runs the comparisons of the read path, in about half an hour.

`--rounds N` measures each figure N times (default 9); the result is the median of the ratios.
`--markdown FILE` replaces the tables in a page:
`cargo xtask bench --markdown docs/dev/figures/bench.md`.",
    ),
    (
        "structure",
        "\
Usage: cargo xtask structure [--at DIR]...

Prints lines, files, types, functions, module cycles and words of documentation as a table in
Markdown, with a column for each DIR (default: this checkout). To compare two commits:
`git worktree add DIR COMMIT`, then `cargo xtask structure --at DIR --at .`.",
    ),
    (
        "page",
        "\
Usage: cargo xtask page [--pictures DIR] [--url URL [--token TOKEN]]

Opens the page of tfs in chromium: the example fake_page of tfs-web, over made-up mounts. Checks all
views in four widths and two colour schemes with axe-core, and what users do: search, preload, add,
select, delete, play, the keyboard, a lost connection. Prints the findings of axe-core by severity,
the sizes of what is sent, and the checks that failed. Needs node 20, npm and chromium; npm installs
playwright-core and axe-core in target/page. `TFS_CHROMIUM` names another browser.

`--pictures DIR` writes pictures of the views.
`--url URL` opens a page that runs already, and changes nothing there; `--token TOKEN` logs in.",
    ),
    (
        "pictures",
        "\
Usage: cargo xtask pictures [--binary FILE]

Runs the demonstration with real rqbits on loopback, mounts its server, and draws what the commands
of a short session print: docs/pictures/terminal.svg. Needs /dev/fuse, and `script` of bsdutils.

`--binary FILE` runs an existing binary; by default tfs is built with the profile of the tests.",
    ),
    (
        "dist",
        "\
Usage: cargo xtask dist [PART]... [--binary FILE] [--target TRIPLE] [--deb-version VERSION]

Makes what users download, in target/dist, by default all parts:
  tarball  a prefix with binary, completions, manual pages, units and documentation
  deb      a package for Debian and Ubuntu, by cargo-deb
  rpm      a package for Fedora, openSUSE and the like, by cargo-generate-rpm
  static   tarballs with static binaries (musl) for x86_64 and aarch64, by zig
  sbom     the components of the binary as CycloneDX, by cargo-cyclonedx
SHA256SUMS has the checksums of all of them. The same commit gives the same tarballs.
If a program is missing, the command that installs it is printed, and nothing is built.

`--binary FILE` packs an existing binary, which must run on this machine.
`--target TRIPLE` restricts `static` to one target.
`--deb-version VERSION` gives the .deb another version, to try an upgrade.",
    ),
    (
        "notes",
        "\
Usage: cargo xtask notes [TAG]

Prints the section of the workspace's version in CHANGELOG.md, as the text of a release.
Fails if TAG is not `v` and that version, if the section has no date, or if something is still
unreleased.",
    ),
    (
        "docs",
        "\
Usage: cargo xtask docs

Builds the site in target/site with mdbook (`cargo install mdbook`), from docs/SUMMARY.md and its
pages. Links to files that are not in the site lead to the repository.
Checks every link of the built site without a network: files and headings must exist.",
    ),
    (
        "readability",
        "\
Usage: cargo xtask readability [--seed N]

Prints words, sentences and the words of a mean sentence of each page for users, and ten sentences
chosen at random. The seed is printed; the same seed chooses the same sentences.
`cargo xtask tidy` fails for a page whose mean sentence is too long.",
    ),
];
