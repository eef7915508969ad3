//! Invalid configurations and command lines, each with its message, hint and exit code.

use std::fmt::Write as _;
use std::fs;

use expect_test::expect_file;

use crate::support::{describe, tfs};

/// A command line, a configuration file and variables; one of them is invalid.
struct WrongUse {
    args: &'static str,
    file: &'static str,
    variables: &'static [(&'static str, &'static str)],
}

const fn args(args: &'static str) -> WrongUse {
    WrongUse { args, file: "", variables: &[] }
}

const fn file(file: &'static str) -> WrongUse {
    WrongUse { args: "list", file, variables: &[] }
}

const fn variable(name_and_value: &'static [(&'static str, &'static str)]) -> WrongUse {
    WrongUse { args: "list", file: "", variables: name_and_value }
}

const CASES: [WrongUse; 55] = [
    args("mont /mnt"),
    args("mount"),
    args("mount --read-timeout 5 /mnt"),
    args("mount --read-timeout 25h /mnt"),
    args("mount --missing never /mnt"),
    args("mount --memory big /mnt"),
    args("mount --memory 1KiB /mnt"),
    args("mount --max-streams 0 /mnt"),
    args("mount --max-streams 1000 /mnt"),
    args("mount --poll-interval 0s /mnt"),
    args("mount --daemon-timeout soon /mnt"),
    args("mount --server ftp://h /mnt"),
    args("mount --server h:3030 /mnt"),
    args("mount --server http://me:pw@h /mnt"),
    args("mount --server home /mnt"),
    args("mount --server a=http://a --server a=http://b /mnt"),
    args("mount --username me /mnt"),
    args("mount --password-file missing --username me /mnt"),
    args("mount --password-file missing /mnt"),
    args("mount --username a:b --password-file f /mnt"),
    args("mount --offline /mnt"),
    args("mount --embedded d --server http://h /mnt"),
    file("[read]\nmemory = \"4MiB\"\n[cache]\nmemory_bytes = \"5MiB\""),
    args("daemon"),
    args("daemon /mnt"),
    file("[read]\nreadahead = \"4 blocks\""),
    args("unmount --force --lazy /mnt"),
    args("list --config missing.toml"),
    args("list --log-format xml"),
    args("list --log-file missing/log"),
    args("pause"),
    args("config init --print file"),
    args("completions tcsh"),
    file("[read]\ntimout = \"5s\""),
    file("[raed]\ntimeout = \"5s\""),
    file("timeout = \"5s\""),
    file("[read]\ntimeout = 5"),
    file("[read]\ntimeout = \"5 parsecs\""),
    file("[read]\nmemory = \"1 apple\""),
    file("[read]\nmissing = \"wiat\""),
    file("[server]\nurl = \"http://h\""),
    file("[[server]]\nname = \"a\""),
    file("[[server]]\nurl = \"h:3030\"\nmax_streams = 0"),
    file("[[server]]\nurl = \"http://h\"\npassword = \"x\""),
    file("[[server]]\nurl = \"http://h\"\nusername = \"me\""),
    file("[[server]]\nurl = \"http://h\"\npassword_file = \"f\"\nlocal_paths = [[\"a\"]]"),
    WrongUse {
        args: "add film.torrent",
        file: "[[server]]\nname = \"a\"\nurl = \"http://a\"\n[[server]]\nname = \"b\"\nurl = \"http://b\"",
        variables: &[],
    },
    file("[[mount]]\npath = \"/m\"\nservers = [\"defualt\"]\numask = 22"),
    file("[[mount]]\npath = \"/m\"\n[[mount]]\npath = \"/m\"\nservers = [\"defualt\"]"),
    file("[logging]\nlevel = \"loud\"\nformat = 2026-01-01"),
    file("[read]\ntimeout = \"5s"),
    file("[[mount]]\npth = \"/m\""),
    variable(&[("TFS_READ__TIMEOUT", "5")]),
    variable(&[("TFS_SERVER__URL", "http://h"), ("TFS_MONITORING__LISTEN", "here")]),
    variable(&[("TFS_SERVER", "nowhere")]),
];

#[test]
fn every_mistake_has_its_message() {
    let mut all = String::new();
    for (idx, case) in CASES.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = tfs(dir.path());
        command.args(case.args.split(' ')).envs(case.variables.iter().copied());
        writeln!(all, "## {}", idx + 1).unwrap();
        for (name, value) in case.variables {
            write!(all, "{name}={value} ").unwrap();
        }
        writeln!(all, "$ tfs {}", case.args).unwrap();
        if !case.file.is_empty() {
            fs::write(dir.path().join("tfs.toml"), case.file).unwrap();
            for line in case.file.lines() {
                writeln!(all, "    {line}").unwrap();
            }
        }
        let output = command.output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "tfs {}", case.args);
        writeln!(all, "{}", describe(&output, dir.path())).unwrap();
    }
    expect_file!["wrong.txt"].assert_eq(&all);
}
