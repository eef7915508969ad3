//! `--inode32`: 32-bit programs see all of a mount, and numbers are stable across remounts.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, run};

/// A program without large file support. It calls `stat` (106) and `getdents` (141) as they were
/// before Linux 2.4, so that it needs no 32-bit C library. It exits with 1 if it cannot stat its
/// first argument, with 2 if it cannot list the second, and with 3 if that has too few names.
const PROGRAM: &str = r#"
static int call(int number, const void *first, void *second, int third) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result)
                     : "0"(number), "b"(first), "c"(second), "d"(third) : "memory");
    return result;
}
static char buffer[65536];
__attribute__((used)) static void look(char **arguments) {
    int status = 0, listed = 0, count;
    if (call(106, arguments[1], buffer, 0) < 0) status = 1;
    int directory = call(5, arguments[2], (void *)0200000, 0);
    while ((count = call(141, (void *)directory, buffer, sizeof buffer)) > 0) listed += count;
    if (!status) status = count < 0 ? 2 : listed < 60 ? 3 : 0;
    for (;;) call(1, (void *)status, 0, 0);
}
__asm__(".globl _start\n_start: leal 4(%esp), %eax\npushl %eax\ncall look\n");
"#;

/// Compiles the program, or returns `None` without a compiler for it.
fn compile(dir: &Path) -> Option<std::path::PathBuf> {
    let (source, program) = (dir.join("look.c"), dir.join("look"));
    fs::write(&source, PROGRAM).unwrap();
    let flags = ["-m32", "-O1", "-nostdlib", "-static", "-fno-pic", "-no-pie"];
    let mut compiler = Command::new("gcc");
    compiler.args(flags).args(["-fno-stack-protector", "-o"]).arg(&program).arg(&source);
    let compiled = compiler.output().is_ok_and(|output| output.status.success());
    // The kernel may lack support for 32-bit programs.
    let runs = compiled && Command::new(&program).args(["/", "/"]).status().is_ok();
    runs.then_some(program)
}

/// Returns the inode number of each path, including `.tfs`.
fn numbers(root: &Path) -> HashMap<String, u64> {
    let mut find = Command::new("find");
    find.current_dir(root).args([".", ".tfs", ".tfs/search/mkv", "-printf", "%i %p\\n"]);
    let listing = run(&mut find);
    let lines = listing.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(number, path)| (path.to_owned(), number.parse().unwrap())).collect()
}

// https://github.com/trapexit/mergerfs/issues/485
// https://github.com/epoupon/lms/issues/9
#[test]
fn programs_of_32_bits_see_all_and_numbers_stay() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(180), |dir| {
        let series = [("Season 1/Pilot.mkv", Content::new(7, 1000)), ("a", Content::new(8, 10))];
        let swarm = Swarm::builder()
            .torrent(TorrentSpec::directory("A Series", series))
            .torrent(TorrentSpec::file("film.mkv", Content::new(9, 5)))
            .torrent(TorrentSpec::file("other.mkv", Content::new(10, 5)));
        let rqbits = Rqbits::start(swarm);
        let url = rqbits.swarm.api_url();
        let mount = |flags: &[&str]| {
            let mounted = Mounted::with(dir, &url, flags);
            until("all torrents show", || {
                (fs::read_dir(&mounted.path).ok()?.count() == 3).then_some(())
            });
            mounted
        };
        let program = compile(dir);
        if program.is_none() {
            skip::for_lack_of("gcc -m32", test);
        }
        let look = |mounted: &Mounted| {
            let mut look = Command::new(program.as_ref()?);
            let status = look.arg(mounted.path.join("film.mkv")).arg(&mounted.path).status();
            status.unwrap().code()
        };

        let mounted = mount(&["--inode32"]);
        let first = numbers(&mounted.path);
        assert_eq!(first.len(), 20, "{first:#?}");
        assert!(first.values().all(|number| *number < 1 << 32), "{first:#?}");
        assert_eq!(look(&mounted), program.as_ref().map(|_| 0));
        mounted.unmount();

        // The state has them, so they do not depend on the order of the server's list.
        let mounted = mount(&["--inode32"]);
        assert_eq!(numbers(&mounted.path), first);
        mounted.unmount();

        let mounted = mount(&[]);
        assert!(numbers(&mounted.path)["./film.mkv"] > 1 << 32);
        assert_eq!(look(&mounted), program.as_ref().map(|_| 1));
        mounted.unmount();
    });
}
