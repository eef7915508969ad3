//! `cargo xtask pictures`: a picture of a terminal for README.md, from a session with real rqbits
//! and a real mount.
//!
//! The commands run in a terminal of `script`, so that they print colors and fit its width.
//! `anstyle-svg` draws what they print.

use std::{
    env,
    ffi::OsString,
    fs::{self, DirBuilder, File},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anstyle_svg::Term;

use crate::{
    Result, program,
    workspace::{self, output_of},
};

/// The picture in the checkout.
const PICTURE: &str = "docs/pictures/terminal.svg";

/// The commands as readers see them. `/mnt` is below the directory of the session.
const SESSION: [&str; 5] = [
    "tfs mount /mnt/t",
    "ls -lh /mnt/t/*",
    "tfs list",
    "tail -c 1M /mnt/t/*/*.mkv | sha256sum",
    "tfs status /mnt/t",
];

/// What stands for the rqbit of the demonstration, whose port is another one each time: the default
/// of the commands.
const SERVER_SHOWN: &str = "http://127.0.0.1:3030";

/// What the status says only because the demonstration has a mount of its own.
const OF_DEMO: &str = "; 4 shared with ";

/// Columns of the terminal: those of a terminal of usual size, which a page shows in full width.
const COLUMNS: usize = 80;

/// How long the demonstration may take until its server answers.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// The interval of looking at its output.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The line of the demonstration that names its server.
const SERVER_LINE: &str = "tfs mount --server ";

/// The arguments of `cargo xtask pictures`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pictures {
    /// An existing binary.
    pub(crate) binary: Option<OsString>,
}

/// Draws the picture.
///
/// # Errors
/// If the binary cannot be built, or a command of the session fails.
pub(crate) fn run(pictures: &Pictures) -> Result<bool> {
    let tfs = match &pictures.binary {
        Some(binary) => fs::canonicalize(binary)?,
        None => program::build(true)?.tfs,
    };
    let session = PictureSession::start(&tfs)?;
    let screen = session.screen()?;
    drop(session);
    let term = Term::new().min_width_px(680);
    let picture = workspace::root().join(PICTURE);
    if let Some(dir) = picture.parent() {
        fs::create_dir_all(dir)?;
    }
    let svg = term.render_svg(&screen);
    fs::write(&picture, &svg)?;
    println!("{screen}{}: {} bytes", picture.display(), svg.len());
    Ok(true)
}

/// The demonstration in the background, and a directory for the mount.
#[derive(Debug)]
struct PictureSession {
    tfs: PathBuf,
    dir: PathBuf,
    demo: Child,
    server: String,
}

impl PictureSession {
    fn start(tfs: &Path) -> Result<Self> {
        let dir = env::temp_dir().join(format!("tfs-pictures-{}", process::id()));
        fs::create_dir(&dir)?;
        fs::create_dir_all(dir.join("mnt/t"))?;
        let run = dir.join("run");
        DirBuilder::new().mode(0o700).create(&run)?;
        let log = dir.join("demo.log");
        let mut command = Command::new(tfs);
        command.args(["demo", "--keep"]).stdin(Stdio::null()).stdout(File::create(&log)?);
        // The mounts of one directory of sockets share the streams of the server.
        let demo = command.env("XDG_RUNTIME_DIR", &run).spawn()?;
        let mut session = Self { tfs: tfs.to_owned(), dir, demo, server: String::new() };
        session.server = session.wait_for_server(&log)?;
        Ok(session)
    }

    fn wait_for_server(&mut self, log: &Path) -> Result<String> {
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(log)?;
            let line = text.lines().find_map(|line| line.split_once(SERVER_LINE));
            if let Some(server) = line.and_then(|(_, rest)| rest.split(' ').next()) {
                return Ok(server.to_owned());
            }
            if self.demo.try_wait()?.is_some() || start.elapsed() > START_TIME_MAX {
                return Err(format!("the demonstration did not start: {text}").into());
            }
            thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Returns the commands with their output as on a terminal, with colors.
    fn screen(&self) -> Result<String> {
        let parts = SESSION
            .iter()
            .map(|command| Ok(format!("\x1b[1m$ {command}\x1b[0m\n{}", self.output(command)?)));
        parts.collect()
    }

    /// Runs a command in a terminal.
    fn output(&self, command: &str) -> Result<String> {
        let dir = self.dir.to_str().ok_or("the temporary directory is not UTF-8")?;
        let command = command.replace("/mnt", &format!("{dir}/mnt"));
        let script = format!("stty cols {COLUMNS} rows 50; {command}");
        let mut terminal = Command::new("script");
        terminal.args(["--quiet", "--return", "--command", &script, "/dev/null"]);
        let text = output_of(self.environment(&mut terminal).stdin(Stdio::null()))?;
        Ok(shown(&text, dir, &self.server))
    }

    fn environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let mut path = self.tfs.parent().unwrap_or(&self.tfs).as_os_str().to_owned();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        command.env("PATH", path).env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8");
        command
            .env("TFS_SERVER", &self.server)
            .env("HOME", &self.dir)
            .env("XDG_RUNTIME_DIR", self.dir.join("run"));
        command.env("XDG_STATE_HOME", self.dir.join("state")).env("XDG_CONFIG_HOME", &self.dir);
        command.env("SHELL", "/bin/sh").env_remove("NO_COLOR")
    }
}

impl Drop for PictureSession {
    fn drop(&mut self) {
        let mut unmount = Command::new(&self.tfs);
        unmount.args(["unmount", "--force"]).arg(self.dir.join("mnt/t"));
        // It may not be mounted.
        drop(self.environment(&mut unmount).output());
        // As Ctrl-C does: it unmounts.
        drop(Command::new("kill").args(["-INT", &self.demo.id().to_string()]).status());
        drop(self.demo.wait());
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// Returns the output of a command as it would be with the default server, a mount point in the
/// root, and no other mount.
fn shown(output: &str, dir: &str, server: &str) -> String {
    let lines = output.lines().map(|line| {
        let line = line.split_once(OF_DEMO).map_or(line, |(own, _)| own);
        format!("{}\n", line.trim_end_matches('\r'))
    });
    lines.collect::<String>().replace(dir, "").replace(server, SERVER_SHOWN)
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn readers_see_the_usual_server_and_mount_point() {
        let output = "mount    /tmp/p/mnt/t\r\nserver   http://127.0.0.1:7: answers\r\n\
            streams  0 of 4 in use; 4 shared with /tmp/d/mnt (process 5) holds 2\r\n";
        assert_eq!(
            shown(output, "/tmp/p", "http://127.0.0.1:7"),
            "mount    /mnt/t\nserver   http://127.0.0.1:3030: answers\nstreams  0 of 4 in use\n"
        );
    }
}
