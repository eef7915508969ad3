//! Disturbances of the process behind a mount: no descriptors, no disk space, stop and continue;
//! and callers that fork.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::mount::{MountFlags, UnmountFlags, mount};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, check_file, run, tfs};

const LIMIT: Duration = Duration::from_secs(180);

/// Like a laptop that is closed for a moment.
const SUSPENDED: Duration = Duration::from_secs(60);

/// Short, so that a test can wait for its end. Longer than a busy machine takes for a byte that is
/// present.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

const MIB: u64 = 1 << 20;

/// Two files that are present, and a torrent without peers.
fn start() -> Rqbits {
    let files = ["a.bin", "b.bin"].into_iter().zip(1..);
    let files = files.map(|(name, seed)| (name, Content::new(seed, MIB)));
    let builder = Swarm::builder()
        .torrent(TorrentSpec::directory("there", files))
        .torrent(TorrentSpec::file("missing.bin", Content::new(9, MIB)).paused());
    let rqbits = Rqbits::start(builder);
    let [there, missing] = rqbits.swarm.torrents() else { unreachable!("two were added") };
    rqbits.wait_finished(there);
    // Live, so that a read waits; its only peer no longer has it.
    let hash = missing.info_hash.into();
    rqbits.runtime.block_on(rqbits.swarm.seeder_client().forget(hash)).unwrap();
    rqbits.runtime.block_on(rqbits.swarm.client().start(hash)).unwrap();
    rqbits
}

fn mount_with(dir: &Path, server: &str) -> Mounted {
    let log = dir.join("log");
    let timeout = format!("{}s", READ_TIMEOUT.as_secs());
    Mounted::with(dir, server, &["--read-timeout", &timeout, "--log-file", log.to_str().unwrap()])
}

/// Reads a byte of a file on a separate thread, which sends the result and the duration.
fn start_read(path: PathBuf) -> mpsc::Receiver<(io::Result<usize>, Duration)> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let start = Instant::now();
        let read = File::open(path).and_then(|file| file.read_at(&mut [0], 0));
        drop(sender.send((read, start.elapsed())));
    });
    receiver
}

#[track_caller]
fn errno(read: io::Result<usize>) -> Errno {
    Errno::from_raw(read.unwrap_err().raw_os_error().unwrap())
}

/// Sets the limit of descriptors of a process. The test's children are not limited.
fn limit_descriptors(pid: Pid, count: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = count.or(maximum);
    let pid = rustix::process::Pid::from_raw(pid.as_raw());
    prlimit(pid, Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

fn processor_time(pid: Pid) -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().unwrap());
    TICK * ticks.sum::<u32>()
}

#[test]
fn out_of_descriptors_costs_reads_and_no_mount() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = start();
        let mounted = mount_with(dir, &rqbits.swarm.api_url());
        let there = mounted.path.join("there");
        check_file(&there.join("a.bin"), Content::new(1, MIB), 4096);
        let waits = start_read(mounted.path.join("missing.bin"));

        let pid = mounted.pid().unwrap();
        limit_descriptors(pid, Some(0));
        // Existing connections need no new descriptor, so the server is restarted.
        rqbits.kill_downloader();
        rqbits.start_downloader();
        let before = processor_time(pid);
        let (read, took) = start_read(there.join("b.bin")).recv().unwrap();
        assert_eq!(errno(read), Errno::EIO);
        assert!(took < READ_TIMEOUT * 3, "{took:?}");
        // A reader whose state could not be read was not treated as dead.
        let error = errno(waits.recv().unwrap().0);
        assert!([Errno::EIO, Errno::ETIMEDOUT].contains(&error), "{error}");
        assert_eq!(fs::read_dir(&there).unwrap().count(), 2);
        assert_eq!(fs::metadata(there.join("a.bin")).unwrap().len(), MIB);
        let busy = processor_time(pid).saturating_sub(before);
        assert!(busy < READ_TIMEOUT / 2, "it was busy for {busy:?}");

        limit_descriptors(pid, None);
        until("the file reads again", || fs::read(there.join("b.bin")).ok());
        check_file(&there.join("b.bin"), Content::new(2, MIB), 4096);
        run(tfs(dir).arg("status").arg(&mounted.path));
        mounted.unmount();
    });
}

#[test]
fn a_full_disk_costs_a_warning() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        if !nix::unistd::geteuid().is_root() {
            skip::test(test, "only root can mount a small disk");
            return;
        }
        let mut rqbits = start();
        let url = rqbits.swarm.api_url();
        let state = dir.join("state");
        fs::create_dir(&state).unwrap();
        mount("state", &state, "tmpfs", MountFlags::empty(), Some(c"size=256k")).unwrap();
        let mounted = mount_with(dir, &url);
        let path = || {
            let server = fs::read_dir(state.join("tfs/servers")).ok()?.next()?.ok()?.path();
            Some(server.join("state.log"))
        };
        let log = || fs::read_to_string(path()?).ok();
        let names = |mounted: &Mounted| {
            let entries = fs::read_dir(&mounted.path).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        until("the state is written", || {
            let log = log()?;
            (log.contains("missing.bin") && log.contains(" progress ")).then_some(())
        });
        // Fills the last page of the log, whose rest would fit even on a full disk.
        let room = 4096 - log().unwrap().len() % 4096;
        let mut file = File::options().append(true).open(path().unwrap()).unwrap();
        file.write_all(&vec![b'\n'; room]).unwrap();
        drop(file);
        let (before, old_names) = (log().unwrap(), names(&mounted));

        let fill = state.join("fill");
        let full = File::create(&fill).unwrap().write_all(&vec![1; 1 << 20]).unwrap_err();
        assert_eq!(full.raw_os_error(), Some(nix::libc::ENOSPC));
        let Rqbits { runtime, swarm } = &mut rqbits;
        let spec = TorrentSpec::file("late.bin", Content::new(3, MIB));
        let late = runtime.block_on(swarm.add(spec)).unwrap();
        runtime.block_on(swarm.wait_finished(&late)).unwrap();
        let file = mounted.path.join("late.bin");
        until("the new torrent is there", || file.exists().then_some(()));
        check_file(&file, Content::new(3, MIB), 4096);
        until("it is said", || {
            let said = fs::read_to_string(dir.join("log")).unwrap();
            said.contains("the state cannot be written").then_some(())
        });
        assert_eq!(log().unwrap(), before);
        mounted.unmount();

        // The state is the previous one, and usable.
        rqbits.kill_downloader();
        let mounted = mount_with(dir, &url);
        assert_eq!(names(&mounted), old_names);
        fs::remove_file(&fill).unwrap();
        rqbits.start_downloader();
        until("the state is written", || log()?.contains("late.bin").then_some(()));
        mounted.unmount();
        rustix::mount::unmount(&state, UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn a_read_that_was_suspended_ends_as_it_should() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = start();
        let mounted = mount_with(dir, &rqbits.swarm.api_url());
        let pid = mounted.pid().unwrap();
        let stop = || {
            kill(pid, Signal::SIGSTOP).unwrap();
            until("it is stopped", || {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
                stat.contains(") T ").then_some(())
            });
        };

        // Its deadline has passed when the process continues.
        let waits = start_read(mounted.path.join("missing.bin"));
        assert!(matches!(waits.recv_timeout(READ_TIMEOUT / 6), Err(RecvTimeoutError::Timeout)));
        stop();
        assert!(matches!(waits.recv_timeout(READ_TIMEOUT * 2), Err(RecvTimeoutError::Timeout)));
        kill(pid, Signal::SIGCONT).unwrap();
        let continued = Instant::now();
        assert_eq!(errno(waits.recv().unwrap().0), Errno::ETIMEDOUT);
        assert!(continued.elapsed() < READ_TIMEOUT, "{:?}", continued.elapsed());

        // Requests sent meanwhile are answered then, and so is everything after it: connections and
        // polls have exceeded their maximum age by then.
        stop();
        let path = mounted.path.join("there/a.bin");
        let waits = start_read(path.clone());
        assert!(matches!(waits.recv_timeout(SUSPENDED), Err(RecvTimeoutError::Timeout)));
        kill(pid, Signal::SIGCONT).unwrap();
        assert_eq!(waits.recv().unwrap().0.unwrap(), 1);
        check_file(&path, Content::new(1, MIB), 4096);
        check_file(&mounted.path.join("there/b.bin"), Content::new(2, MIB), 4096);
        run(tfs(dir).arg("refresh").arg(&mounted.path));
        assert!(fs::read_to_string(dir.join("log")).is_ok_and(|log| !log.contains("ERROR")));
        mounted.unmount();
    });
}

/// Sets the clock of a process, by a preloaded library.
const CLOCK: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <errno.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now), number = errno;
    FILE *file = clock == CLOCK_REALTIME ? fopen(getenv("CLOCK_AHEAD"), "r") : NULL;
    if (file) {
        long long seconds = 0;
        if (fscanf(file, "%lld", &seconds) == 1) now->tv_sec += seconds;
        fclose(file);
    }
    errno = number;
    return failed;
}
"#;

#[test]
fn a_clock_that_is_set_changes_nothing_but_dates() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        // A machine that can link this test has a C compiler.
        let (library, ahead) = (dir.join("clock.so"), dir.join("ahead"));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-xc", "-", "-o"]).arg(&library).stdin(Stdio::piped());
        let mut compiler = compiler.spawn().unwrap();
        compiler.stdin.take().unwrap().write_all(CLOCK.as_bytes()).unwrap();
        assert!(compiler.wait().unwrap().success());
        // Replaced atomically: a file being written is empty for a moment.
        let set_clock = |seconds: i64| {
            let new = dir.join("ahead.new");
            fs::write(&new, seconds.to_string()).unwrap();
            fs::rename(&new, &ahead).unwrap();
        };
        let mut rqbits = start();
        let log = dir.join("log");
        let timeout = format!("{}s", READ_TIMEOUT.as_secs());
        let flags = ["--read-timeout", &timeout, "--log-file", log.to_str().unwrap(), "-vv"];
        let mut mount = tfs(dir);
        mount.env("LD_PRELOAD", &library).env("CLOCK_AHEAD", &ahead);
        let mounted = Mounted::by(mount, dir, &rqbits.swarm.api_url(), &flags);
        let known = |path: &Path| {
            let metadata = fs::metadata(path).unwrap();
            (metadata.ino(), metadata.modified().unwrap())
        };
        let there = mounted.path.join("there");
        let before = [known(&there), known(&there.join("a.bin"))];

        let year = 365 * 24 * 60 * 60;
        let since_1970 = UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed();
        for (number, seconds) in (1..).zip([20 * year, -since_1970 - year, 3600, -3600]) {
            // While a read waits.
            let waits = start_read(mounted.path.join("missing.bin"));
            assert!(matches!(waits.recv_timeout(READ_TIMEOUT / 6), Err(RecvTimeoutError::Timeout)));
            set_clock(seconds);
            let (read, took) = waits.recv().unwrap();
            assert_eq!(errno(read), Errno::ETIMEDOUT);
            assert!(took > READ_TIMEOUT * 2 / 3 && took < READ_TIMEOUT * 3, "{took:?}");
            // Polls continue, both periodic and requested ones.
            let name = format!("late-{number}.bin");
            let spec = TorrentSpec::file(&name, Content::new(3, MIB));
            let late = rqbits.runtime.block_on(rqbits.swarm.add(spec)).unwrap();
            let path = mounted.path.join(&name);
            until("the new torrent is there", || path.exists().then_some(()));
            rqbits.runtime.block_on(rqbits.swarm.delete(&late)).unwrap();
            until("it is gone", || (!path.exists()).then_some(()));
            run(tfs(dir).args(["cache", "clear"]).arg(&mounted.path));
            check_file(&there.join("a.bin"), Content::new(1, MIB), 4096);
            assert_eq!([known(&there), known(&there.join("a.bin"))], before, "{seconds}");
            run(tfs(dir).args(["status", "--json"]).arg(&mounted.path));
        }
        mounted.unmount();
        let log = fs::read_to_string(&log).unwrap();
        assert!(!log.contains("ERROR"), "{log}");
        let has_year = |year: i64| log.lines().any(|line| line.starts_with(&year.to_string()));
        let now = 1970 + since_1970 / year;
        assert!(has_year(now + 20) && has_year(1969), "the clock was not set: {log}");
    });
}

#[test]
fn callers_that_fork_share_a_file() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = start();
        let mounted = mount_with(dir, &rqbits.swarm.api_url());
        let content = Content::new(1, MIB);
        let mut file = File::open(mounted.path.join("there/a.bin")).unwrap();
        // Each child reads the next block: they share the file offset.
        let block = 16 * 1024;
        let count = usize::try_from(MIB).unwrap() / block;
        let children: Vec<_> = (0..count)
            .map(|_| {
                let stdin = Stdio::from(file.try_clone().unwrap());
                let mut dd = Command::new("dd");
                dd.args([&format!("bs={block}"), "count=1", "status=none"]);
                dd.stdin(stdin).stdout(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let mut blocks: Vec<_> =
            children.into_iter().map(|child| child.wait_with_output().unwrap().stdout).collect();
        assert_eq!(file.stream_position().unwrap(), MIB);
        for offset in (0..MIB).step_by(block) {
            let found = blocks.iter().position(|bytes| content.check(offset, bytes).is_ok());
            let bytes = blocks.remove(found.unwrap_or_else(|| panic!("nobody read {offset}")));
            assert_eq!(bytes.len(), block);
        }
        // Children that outlive the process that opened the file.
        file.seek(SeekFrom::Start(0)).unwrap();
        let cat = Command::new("cat").stdin(Stdio::from(file)).output().unwrap();
        assert_eq!(cat.stdout.len() as u64, MIB);
        content.check(0, &cat.stdout).unwrap();
        let status = mounted.path.join(".tfs/status.json");
        until("no file is open any more", || {
            let status: serde_json::Value =
                serde_json::from_slice(&fs::read(&status).unwrap()).unwrap();
            (status["reads"]["open_files"] == 0).then_some(())
        });
        mounted.unmount();
    });
}
