//! Notifications to a service manager, over a socket like systemd's.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Mounted, Rqbits, is_mounted, run, tfs};

const LIMIT: Duration = Duration::from_secs(60);

/// How long an expected message may take, even on a loaded machine.
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(20);

fn one_torrent() -> Rqbits {
    Rqbits::start(Swarm::builder().torrent(TorrentSpec::file("a.bin", Content::new(1, 50_000))))
}

/// The manager's end of the socket.
pub(crate) struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    pub(crate) fn new(dir: &Path) -> Self {
        let socket = UnixDatagram::bind(dir.join("notify")).unwrap();
        socket.set_read_timeout(Some(MESSAGE_TIME_MAX)).unwrap();
        Self { socket }
    }

    /// Returns the next message.
    #[track_caller]
    pub(crate) fn hear(&self) -> String {
        let mut message = [0; 1024];
        let len = self.socket.recv(&mut message).unwrap();
        String::from_utf8(message[..len].to_vec()).unwrap()
    }

    /// Returns the next message that is not a watchdog ping.
    #[track_caller]
    fn hear_news(&self) -> String {
        std::iter::repeat_with(|| self.hear()).find(|it| it.trim_end() != "WATCHDOG=1").unwrap()
    }

    /// Waits for a message, and discards those before it.
    #[track_caller]
    pub(crate) fn hear_until(&self, want: &str) {
        let heard = self.hear_until_begins(want);
        assert_eq!(heard, want);
    }

    /// Waits for a message with this prefix, and returns it.
    #[track_caller]
    pub(crate) fn hear_until_begins(&self, want: &str) -> String {
        std::iter::repeat_with(|| self.hear())
            .inspect(|message| println!("{message:?}"))
            .find(|message| message.starts_with(want))
            .unwrap()
    }

    /// Discards all messages sent so far.
    pub(crate) fn forget(&self) {
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv(&mut [0; 1024]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
    }

    /// Returns whether no message comes for some time.
    #[track_caller]
    fn is_silent_for(&self, time: Duration) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        // Messages sent before say nothing about the current state.
        while self.socket.recv(&mut [0; 64]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
        self.socket.set_read_timeout(Some(time)).unwrap();
        let is_silent = self.socket.recv(&mut [0; 64]).is_err();
        self.socket.set_read_timeout(Some(MESSAGE_TIME_MAX)).unwrap();
        is_silent
    }
}

fn mount(dir: &Path, rqbits: &Rqbits, flags: &[&str]) -> Command {
    fs::create_dir(dir.join("mnt")).unwrap();
    let mut mount = tfs(dir);
    mount.args(["mount", "--server", &rqbits.swarm.api_url()]).args(flags).arg(dir.join("mnt"));
    mount.env("NOTIFY_SOCKET", dir.join("notify"));
    mount
}

fn signal(process: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(process.id()).unwrap()), signal).unwrap();
}

/// Returns the threads of a process that handle kernel requests.
fn answering_threads(process: &Child) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{}/task", process.id())).unwrap();
    let tasks = tasks.map(|task| task.unwrap().path());
    let is_answering = |task: &PathBuf| {
        // A thread that has ended meanwhile handles no requests.
        let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
        name.starts_with("fuser") || name.trim_end() == "tfs-session"
    };
    let number = |task: PathBuf| task.file_name().unwrap().to_str().unwrap().parse().unwrap();
    tasks.filter(is_answering).map(|task| Pid::from_raw(number(task))).collect()
}

/// Stops the threads that answer the kernel; all others, and their timers, continue. The process
/// must not send a watchdog ping until they run again.
#[track_caller]
pub(crate) fn check_silence_without_answers(manager: &Manager, process: &Child) {
    let threads = answering_threads(process);
    assert!(!threads.is_empty());
    for thread in &threads {
        ptrace::seize(*thread, ptrace::Options::empty()).unwrap();
        ptrace::interrupt(*thread).unwrap();
        waitpid(*thread, Some(WaitPidFlag::__WALL)).unwrap();
    }
    assert!(manager.is_silent_for(Duration::from_secs(1)));
    for thread in &threads {
        ptrace::detach(*thread, None).unwrap();
    }
    assert_eq!(manager.hear(), "WATCHDOG=1\n");
}

#[test]
fn readiness_and_the_end_are_told() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = one_torrent();
        let manager = Manager::new(dir);
        let mut process = mount(dir, &rqbits, &["-f"]).spawn().unwrap();
        let path = dir.join("mnt");
        let status = format!("READY=1\nSTATUS=mounted on {}\n", path.display());
        assert_eq!(manager.hear(), status);
        // Ready means usable, not about to be.
        assert_eq!(fs::read(path.join("a.bin")).unwrap().len(), 50_000);
        signal(&process, Signal::SIGTERM);
        assert_eq!(manager.hear(), "STOPPING=1\n");
        assert!(process.wait().unwrap().success());
        assert!(!is_mounted(&path));
    });
}

#[test]
fn a_mount_in_the_background_names_its_process() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = one_torrent();
        let manager = Manager::new(dir);
        run(&mut mount(dir, &rqbits, &[]));
        let mounted = Mounted::at(dir.join("mnt"), dir);
        let pid = mounted.pid().unwrap();
        let path = mounted.path.display().to_string();
        let ready = format!("MAINPID={pid}\nREADY=1\nSTATUS=mounted on {path}\n");
        assert_eq!(manager.hear(), ready);
        mounted.unmount();
        assert_eq!(manager.hear(), "STOPPING=1\n");
    });
}

#[test]
fn the_watchdog_is_fed_only_while_the_mount_answers() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = one_torrent();
        let manager = Manager::new(dir);
        let mut mount = mount(dir, &rqbits, &["-f"]);
        // No WATCHDOG_PID: any process of the unit may send pings.
        let mut process = mount.env("WATCHDOG_USEC", "200000").spawn().unwrap();
        assert!(manager.hear().starts_with("READY=1\n"));
        let start = Instant::now();
        for _ in 0..5 {
            assert_eq!(manager.hear(), "WATCHDOG=1\n");
        }
        // Every 100 ms, not in a busy loop.
        assert!(start.elapsed() >= Duration::from_millis(300));

        check_silence_without_answers(&manager, &process);

        // A mount whose path is covered cannot be checked, and must not be killed for that.
        run(Command::new("mount").args(["-t", "tmpfs", "none"]).arg(dir.join("mnt")));
        assert!(!manager.is_silent_for(Duration::from_secs(5)));
        run(Command::new("umount").arg(dir.join("mnt")));
        signal(&process, Signal::SIGTERM);
        assert_eq!(manager.hear_news(), "STOPPING=1\n");
        assert!(process.wait().unwrap().success());
        assert!(!is_mounted(&dir.join("mnt")));
    });
}

#[test]
fn a_signal_that_was_ignored_at_the_start_ends_nothing() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = one_torrent();
        let manager = Manager::new(dir);
        let path = dir.join("mnt");
        fs::create_dir(&path).unwrap();
        let command = tfs(dir);
        let mut nohup = Command::new("nohup");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => nohup.env(name, value),
                None => nohup.env_remove(name),
            };
        }
        nohup.env("NOTIFY_SOCKET", dir.join("notify")).current_dir(dir).stdin(Stdio::null());
        nohup.arg(command.get_program()).args(["mount", "-f", "--server", &rqbits.swarm.api_url()]);
        let mut process = nohup.arg(&path).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(process.id()).unwrap());
        assert!(manager.hear().starts_with("READY=1\n"));
        kill(pid, Signal::SIGHUP).unwrap();
        // The shutdown would have begun by the time that all of this is answered.
        assert_eq!(fs::read(path.join("a.bin")).unwrap().len(), 50_000);
        assert!(run(tfs(dir).arg("status").arg(&path)).contains("all is well"));
        kill(pid, Signal::SIGTERM).unwrap();
        assert_eq!(manager.hear(), "STOPPING=1\n");
        assert!(process.wait().unwrap().success());
    });
}
