//! `mpv`, controlled over its socket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use tfs_testkit::until::until;

use super::programs::quiet;
use crate::mount::wait_for;

pub(crate) const NAME: &str = "mpv";

/// How long a seek may take before the comparison fails.
const JUMP_MAX: Duration = Duration::from_secs(30);

/// How long `mpv` may take to end.
const END_MAX: Duration = Duration::from_secs(5);

/// The times for a film.
pub(crate) struct Played {
    /// From the play request until the first frame is shown.
    pub(crate) first_frame: Duration,
    /// The sum of all seeks, each until its frame is shown.
    pub(crate) seeks: Duration,
}

/// Plays a film without video and audio output, and seeks to these seconds.
pub(crate) fn play(dir: &Path, film: &str, places: &[u64]) -> Played {
    let socket = dir.join("mpv.sock");
    let mut command = quiet(NAME);
    command.args(["--no-config", "--vo=null", "--ao=null", "--idle=yes", "--hr-seek=no"]);
    let mut process =
        command.arg(format!("--input-ipc-server={}", socket.display())).spawn().unwrap();
    let stream = until("mpv listens", || UnixStream::connect(&socket).ok());
    stream.set_read_timeout(Some(JUMP_MAX)).unwrap();
    let mut mpv = Mpv { reader: BufReader::new(stream) };
    let first_frame = mpv.command(&format!(r#"["loadfile", {film:?}]"#));
    let seeks = places.iter().map(|at| mpv.command(&format!(r#"["seek", {at}, "absolute"]"#)));
    let seeks = seeks.sum();
    mpv.send(r#"["quit"]"#);
    assert!(wait_for(&mut process, END_MAX).is_some(), "mpv does not end");
    Played { first_frame, seeks }
}

struct Mpv {
    reader: BufReader<UnixStream>,
}

impl Mpv {
    /// Returns the time from a command to the frame that it causes.
    fn command(&mut self, command: &str) -> Duration {
        let start = Instant::now();
        self.send(command);
        let mut line = String::new();
        while !line.contains(r#""event":"playback-restart""#) {
            line.clear();
            assert_ne!(self.reader.read_line(&mut line).unwrap(), 0, "mpv hung up");
            assert!(!line.contains(r#""event":"end-file""#), "mpv does not play: {line}");
        }
        start.elapsed()
    }

    fn send(&mut self, command: &str) {
        let line = format!("{{\"command\": {command}}}\n");
        self.reader.get_mut().write_all(line.as_bytes()).unwrap();
    }
}
