//! Programs of `read.refused_programs`: real processes with such names, which get an error for
//! missing data at once, and download nothing.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::swarm::{Swarm, TorrentSpec, Tracker};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, status_below, status_json_below};

const LIMIT: Duration = Duration::from_secs(180);

const MIB: u64 = 1 << 20;

const FILM: Content = Content::new(1, 4 * MIB);

/// A library on demand: nothing is selected, and nothing is there.
struct RefusingLibrary {
    rqbits: Rqbits,
    mounted: Mounted,
    film: PathBuf,
    dir: PathBuf,
    /// Names the seeder again: rqbit may part with it when nothing is selected.
    _tracker: Tracker,
}

impl RefusingLibrary {
    fn start(dir: &Path, flags: &[&str]) -> Self {
        let films = TorrentSpec::directory("films", [("film.mkv", FILM)]).paused();
        let rqbits = Rqbits::start(Swarm::builder().torrent(films));
        let films = &rqbits.swarm.torrents()[0];
        rqbits.runtime.block_on(rqbits.swarm.select_files(films, &[])).unwrap();
        rqbits.unpause(films);
        let tracker = rqbits.runtime.block_on(async { rqbits.swarm.track(films) }).unwrap();
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), flags);
        let film = mounted.path.join("films/film.mkv");
        until("the film is there", || film.exists().then_some(()));
        Self { rqbits, mounted, film, dir: dir.to_owned(), _tracker: tracker }
    }

    /// Copies `cat` under another name.
    fn program(&self, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        fs::copy("/bin/cat", &path).unwrap();
        path
    }

    /// Checks that a program gets an error of missing data, and that nothing is downloaded.
    #[track_caller]
    fn check_refused(&self, what: &str, command: &mut Command) {
        let before = self.rqbits.fetched_bytes();
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty(), "{what}: {output:?}");
        assert!(error.contains("Input/output error"), "{what}: {error}");
        assert_eq!(self.rqbits.fetched_bytes(), before, "{what}");
    }

    /// Returns what JSON says about the programs.
    fn programs(&self) -> serde_json::Value {
        status_json_below(&self.dir)[0]["programs"].clone()
    }
}

#[track_caller]
fn check_film(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.len() as u64, FILM.len());
    FILM.check(0, &output.stdout).unwrap();
}

#[test]
fn a_listed_program_downloads_nothing_and_players_are_served() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let library = RefusingLibrary::start(dir, &[]);
        let film = &library.film;
        let updatedb = library.program("updatedb");
        library.check_refused("a name", Command::new(&updatedb).arg(film));
        let baloo = library.program("baloo_file_extractor");
        library.check_refused("a pattern", Command::new(&baloo).arg(film));
        // The shell opens the file, and the program that it starts reads it.
        let redirected = format!("{} < {}", updatedb.display(), film.display());
        library.check_refused("a redirect", Command::new("sh").args(["-c", &redirected]));
        // argv[0] is not the name of a process, and changes nothing.
        library.check_refused("another argv[0]", Command::new(&updatedb).arg0("mpv").arg(film));
        let link = dir.join("mpv-link");
        std::os::unix::fs::symlink(&updatedb, &link).unwrap();
        library.check_refused("a link to the program", Command::new(&link).arg(film));
        let script = dir.join("tracker-extract-3");
        fs::write(&script, format!("#!/bin/sh\nread line < {}\n", film.display())).unwrap();
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let before = library.rqbits.fetched_bytes();
        let read = Command::new(&script).output().unwrap();
        let fetched = library.rqbits.fetched_bytes() - before;
        assert_eq!((read.status.code(), fetched), (Some(1), 0), "{read:?}");

        // `cat` copies to a pipe; a name that only begins like one of the list is none of them.
        let player = library.program("mpv");
        check_film(&Command::new(&player).arg(film).output().unwrap());
        assert!(library.rqbits.fetched_bytes() >= FILM.len());
        // Now it is there, for all programs.
        check_film(&Command::new(&updatedb).arg(film).output().unwrap());

        let refused = &library.programs()["refused"];
        let names: Vec<_> = refused.as_array().unwrap().iter().map(|it| &it["program"]).collect();
        assert_eq!(names, ["baloo_file_extr", "tracker-extract", "updatedb"], "{refused}");
        assert!(refused[0]["reads"].as_u64().unwrap() >= 1);
        let status = status_below(dir);
        assert!(status.contains("refused  missing data for "), "{status}");
        let metrics = fs::read_to_string(library.mounted.path.join(".tfs/metrics")).unwrap();
        let metric = "\ntfs_reads_refused_total{program=\"updatedb\"} ";
        assert!(metrics.contains(metric), "{metrics}");
        library.mounted.unmount();
    });
}

#[test]
fn faked_names_and_processes_of_containers() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let library = RefusingLibrary::start(dir, &[]);
        let film = library.film.display();
        let python = "/usr/bin/python3";
        if !Path::new(python).exists() {
            return skip::for_lack_of("python3", test);
        }
        // A process that pads its name, in capitals.
        let padded = format!(
            "import ctypes, os, sys\nctypes.CDLL(None).prctl(15, b'UpdateDB   ')\n\
             try:\n    os.pread(os.open('{film}', 0), 10, 0)\n\
             except OSError as error:\n    sys.exit(error.strerror)\n"
        );
        library.check_refused("a padded name", Command::new(python).args(["-c", &padded]));
        // A program with the name of a player, whose file tells it.
        let faked = "import ctypes, os, sys\nctypes.CDLL(None).prctl(15, b'mpv')\n";
        let file = dir.join("clamscan");
        fs::copy(fs::canonicalize(python).unwrap(), &file).unwrap();
        let read = padded.split_once("\n").unwrap().1.split_once('\n').unwrap().1;
        let faked = format!("{faked}{read}");
        library.check_refused("a faked name", Command::new(&file).args(["-c", &faked]));
        // A thread of a pool is part of its process, whatever it is called.
        let thread = format!(
            "import ctypes, os, sys, threading\n\
             def read():\n    \
             ctypes.CDLL(None).prctl(15, b'worker-1')\n    \
             try:\n        os.pread(os.open('{film}', 0), 10, 0)\n    \
             except OSError as error:\n        \
             os.write(2, error.strerror.encode())\n        os._exit(1)\n\
             threading.Thread(target=read).start()\n"
        );
        library.check_refused("a thread", Command::new(&file).args(["-c", &thread]));
        // A process of a PID namespace below this one has a number here too.
        let updatedb = library.program("updatedb");
        let mut below = Command::new("unshare");
        below.args(["--pid", "--fork"]).arg(&updatedb).arg(&library.film);
        library.check_refused("a container", &mut below);
        let programs = library.programs();
        assert_eq!(programs["downloads"], serde_json::json!([]), "{programs}");
        library.mounted.unmount();
    });
}

#[test]
fn a_list_of_the_user_replaces_the_default_and_other_readers_go_on() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let config = dir.join("tfs.toml");
        fs::write(
            &config,
            "[read]\nrefused_programs = [\"mine-*\"]\nmissing_errno = \"ENODATA\"\n",
        )
        .unwrap();
        let library = RefusingLibrary::start(dir, &["--config", config.to_str().unwrap()]);
        // Both read the same file: the one that waits is not disturbed.
        let mine = library.program("mine-indexer");
        let before = library.rqbits.fetched_bytes();
        let output = Command::new(&mine).arg(&library.film).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("No data available"), "{error}");
        assert_eq!(library.rqbits.fetched_bytes(), before);
        let player = library.program("updatedb");
        let mut reading = Command::new(&player);
        let mut reading = reading.arg(&library.film).stdout(Stdio::piped()).spawn().unwrap();
        for _ in 0..20 {
            let output = Command::new(&mine).arg(&library.film).output().unwrap();
            assert!(output.status.code().is_some());
        }
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(reading.stdout.as_mut().unwrap(), &mut bytes).unwrap();
        assert!(reading.wait().unwrap().success());
        FILM.check(0, &bytes).unwrap();
        assert_eq!(bytes.len() as u64, FILM.len());
        until("the download is counted for the program that read", || {
            let programs = library.programs();
            let first = programs["downloads"].get(0)?;
            (first["program"] == "updatedb" && first["day_bytes"].as_u64()? >= FILM.len())
                .then_some(())
        });
        library.mounted.unmount();
    });
}
