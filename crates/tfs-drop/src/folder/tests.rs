//! Tests of the folder, by the sequences of calls of real programs.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use expect_test::{Expect, expect};

use super::*;
use crate::{DropAnswer, DropKind, DropSession, Examined, SharedFolder};

/// A session that records what it gets. `good NN` is a torrent, a start of it is incomplete.
#[derive(Debug, Default)]
struct MockSession {
    requests: Mutex<Vec<DropRequest>>,
}

impl DropSession for MockSession {
    fn examine(&self, _: DropKind, bytes: &[u8]) -> Examined {
        let text = str::from_utf8(bytes).unwrap();
        if "good ".starts_with(text) {
            return Examined::Incomplete("it ends early".to_owned());
        }
        match text.trim_end().strip_prefix("good ") {
            Some(rest) if rest.len() < 2 => Examined::Incomplete("it ends early".to_owned()),
            Some(_) => Examined::Complete,
            None => Examined::Refused("it is not a .torrent file".to_owned()),
        }
    }

    fn send(&self, request: DropRequest) {
        self.requests.lock().unwrap().push(request);
    }
}

/// A folder with two servers, a clock, and a transcript.
struct Stage {
    session: Arc<MockSession>,
    folder: SharedFolder,
    now: Duration,
}

fn hash(digits: &str) -> InfoHash {
    digits.repeat(20).parse().unwrap()
}

impl Stage {
    fn new(removal: RemovalPolicy) -> Self {
        let session = Arc::<MockSession>::default();
        let now = Duration::from_secs(1000);
        let servers = vec!["home".to_owned(), "box".to_owned()];
        let folder = DropFolder::new(DropOptions { servers, removal }, now);
        let dyn_session: Arc<dyn DropSession> = Arc::<MockSession>::clone(&session);
        Self { session, folder: SharedFolder::new(folder, dyn_session), now }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.folder.tick(self.now);
    }

    #[track_caller]
    fn create(&self, name: &str) -> u64 {
        self.folder.with(|folder| folder.create(ROOT, name, self.now)).unwrap().ino
    }

    #[track_caller]
    fn write(&self, ino: u64, text: &str) {
        self.folder.with(|folder| folder.write(ino, None, text.as_bytes(), self.now)).unwrap();
    }

    /// Flushes, and answers a torrent with its hash.
    fn flush(&self, ino: u64) -> Result<(), DropFault> {
        let step = self.folder.flush(ino, self.now)?;
        self.finish(step)
    }

    fn finish(&self, step: DropStep) -> Result<(), DropFault> {
        let DropStep::Wait(ticket) = step else { return Ok(()) };
        self.serve();
        let result = self.folder.with(|folder| folder.result(ticket));
        self.folder.end_wait(ticket);
        result.expect("an answer")
    }

    /// Answers all requests as a server would.
    fn serve(&self) {
        let requests: Vec<_> = self.session.requests.lock().unwrap().drain(..).collect();
        for request in requests {
            let (ticket, answer) = match request {
                DropRequest::Add { ticket, bytes, .. } => {
                    let text = String::from_utf8(bytes.to_vec()).unwrap();
                    let digits = text.trim_end().strip_prefix("good ").unwrap();
                    let answer = match digits {
                        "00" => DropAnswer::Refused { reason: "the disk is full".to_owned() },
                        "ff" => DropAnswer::Kept { reason: "the server is down".to_owned() },
                        "ee" => DropAnswer::Failed {
                            fault: DropFault::NoSpace,
                            reason: "no space for it".to_owned(),
                        },
                        digits => DropAnswer::Added {
                            info_hash: hash(digits),
                            name: Some(format!("Name {digits}")),
                        },
                    };
                    (ticket, answer)
                }
                DropRequest::Forget { ticket, .. } => (ticket, DropAnswer::Forgotten),
                DropRequest::Load { ticket, info_hash, .. } => {
                    let text = format!("good {}", info_hash.to_string().get(..2).unwrap());
                    (ticket, DropAnswer::Loaded(text.into()))
                }
                DropRequest::Cancel { .. } => continue,
            };
            self.folder.answer(ticket, answer, self.now);
        }
    }

    fn release(&self, ino: u64) {
        self.folder.release(ino, self.now);
    }

    /// Does what `cp` does.
    fn copy(&self, name: &str, text: &str) -> Result<(), DropFault> {
        let ino = self.create(name);
        self.write(ino, text);
        let flushed = self.flush(ino);
        self.release(ino);
        flushed
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DropFault> {
        let rule = RenameRule::Replace;
        let step = self.folder.rename((ROOT, from), (ROOT, to), rule, self.now)?;
        self.finish(step)
    }

    fn unlink(&self, name: &str) -> Result<(), DropFault> {
        let step = self.folder.with(|folder| folder.unlink(ROOT, name, self.now))?;
        self.finish(step)
    }

    fn list(&self, torrents: &[(&str, &str)], asked_at: Duration) {
        let listing = torrents
            .iter()
            .map(|(digits, name)| ListedName { info_hash: hash(digits), name: (*name).to_owned() });
        let listing: Vec<_> = listing.collect();
        self.folder.with(|folder| folder.apply_listing(0, &listing, asked_at, self.now));
    }

    /// Checks the files of the root, with the text of reasons.
    #[track_caller]
    fn check(&self, want: &Expect) {
        want.assert_eq(&self.files(ROOT));
    }

    fn files(&self, dir: u64) -> String {
        self.folder.with(|folder| {
            let mut text = String::new();
            for entry in folder.list(dir, 2, 100).unwrap().into_iter().filter(|it| !it.is_dir) {
                let DropAttr { size, nlink, .. } = folder.attr(entry.ino).unwrap();
                assert_eq!(nlink, 1);
                let found = folder.lookup(dir, &entry.name).map(|attr| attr.ino);
                assert_eq!(found, Ok(entry.ino), "{}", entry.name);
                let node = &folder.nodes[&entry.ino];
                let note = node.note.as_deref().map_or(String::new(), |it| format!(": {it}"));
                let kind = if node.torrent.is_some() { " torrent" } else { "" };
                writeln!(text, "{}{kind} {size}{}", entry.name, note.trim_end()).unwrap();
            }
            text
        })
    }
}

#[test]
fn a_copy_is_added_and_keeps_its_name() {
    let stage = Stage::new(RemovalPolicy::Off);
    assert_eq!(stage.copy("foo.torrent", "good ab"), Ok(()));
    stage.check(&expect![[r#"
        foo.torrent torrent 7
    "#]]);
    stage.list(&[("ab", "Name ab"), ("cd", "Name ab"), ("ef", "Name ab")], stage.now);
    stage.check(&expect![[r#"
        foo.torrent torrent 7
        Name ab.torrent torrent 0
        Name ab [efefefef].torrent torrent 0
    "#]]);
    assert_eq!(stage.folder.with(|folder| folder.report()).added, 1);
}

#[test]
fn a_bad_copy_is_refused_with_a_reason_and_leaves_no_file() {
    let stage = Stage::new(RemovalPolicy::Off);
    assert_eq!(stage.copy("x.torrent", "<html>"), Err(DropFault::Invalid));
    assert_eq!(stage.copy("y.torrent", "good 00"), Err(DropFault::Invalid));
    stage.check(&expect![[r#"
        x.torrent.error 37: x.torrent: it is not a .torrent file
        y.torrent.error 28: y.torrent: the disk is full
    "#]]);
    // A success removes the reason.
    assert_eq!(stage.copy("x.torrent", "good ab"), Ok(()));
    assert_eq!(stage.unlink("y.torrent.error"), Ok(()));
    stage.check(&expect![[r#"
        x.torrent torrent 7
    "#]]);
}

// bash closes the empty file before `cat` writes; `( cat; echo )` writes more after a verdict.
#[test]
fn a_shell_writes_in_several_steps() {
    let stage = Stage::new(RemovalPolicy::Off);
    let ino = stage.create("x.torrent");
    assert_eq!(stage.flush(ino), Ok(()));
    stage.write(ino, "good ab");
    assert_eq!(stage.flush(ino), Ok(()));
    stage.write(ino, "\n");
    assert_eq!(stage.flush(ino), Ok(()));
    stage.release(ino);
    stage.check(&expect![[r#"
        x.torrent torrent 8
    "#]]);
}

#[test]
fn what_is_incomplete_is_no_error_for_five_seconds() {
    let mut stage = Stage::new(RemovalPolicy::Off);
    assert_eq!(stage.copy("half.torrent", "goo"), Ok(()));
    assert_eq!(stage.copy("empty.torrent", ""), Ok(()));
    assert_eq!(stage.copy("film.mkv", "x"), Ok(()));
    assert_eq!(stage.copy("x.torrent.part", "goo"), Ok(()));
    stage.pass(4);
    stage.check(&expect![[r#"
        half.torrent 3
        empty.torrent 0
        film.mkv 1
        x.torrent.part 3
    "#]]);
    stage.pass(1);
    stage.check(&expect![[r#"
        half.torrent 3
        empty.torrent 0
        film.mkv 1
        x.torrent.part 3
        half.torrent.error 28: half.torrent: it ends early
        empty.torrent.error 27: empty.torrent: it is empty
        film.mkv.error 78: film.mkv: its name does not end in .torrent, .magnet, .txt or .url: rename it
    "#]]);
    assert_eq!(stage.folder.with(|folder| folder.report()).incomplete, 3);
    // Later it is completed, as by `tail >> f`.
    let ino = stage.folder.with(|folder| folder.lookup(ROOT, "half.torrent")).unwrap().ino;
    let how = DropOpen { writes: true, truncates: false };
    stage.folder.with(|folder| folder.open(ino, how, stage.now)).unwrap();
    stage.write(ino, "d ab");
    assert_eq!(stage.flush(ino), Ok(()));
    stage.release(ino);
    stage.pass(3600);
    stage.check(&expect![[r#"
        half.torrent torrent 7
        x.torrent.part 3
        empty.torrent.error 27: empty.torrent: it is empty
        film.mkv.error 78: film.mkv: its name does not end in .torrent, .magnet, .txt or .url: rename it
    "#]]);
    stage.pass(24 * 3600);
    assert!(!stage.files(ROOT).contains("part"));
    assert!(!stage.folder.with(|folder| folder.has_timers()));
}

#[test]
fn a_rename_to_a_final_name_is_the_verdict() {
    let stage = Stage::new(RemovalPolicy::Off);
    assert_eq!(stage.copy(".x.torrent.AbCdEf", "good ab"), Ok(()));
    assert_eq!(stage.rename(".x.torrent.AbCdEf", "x.torrent"), Ok(()));
    assert_eq!(stage.copy("y.torrent.part", "<html>"), Ok(()));
    assert_eq!(stage.rename("y.torrent.part", "y.torrent"), Err(DropFault::Invalid));
    stage.check(&expect![[r#"
        x.torrent torrent 7
        y.torrent.part 6
        y.torrent.error 37: y.torrent: it is not a .torrent file
    "#]]);
    // rsync again, over the torrent that is shown, and another torrent over it.
    assert_eq!(stage.copy(".x.torrent.AbCdEf", "good ab"), Ok(()));
    assert_eq!(stage.rename(".x.torrent.AbCdEf", "x.torrent"), Ok(()));
    assert_eq!(stage.copy(".x.torrent.AbCdEf", "good cd"), Ok(()));
    assert_eq!(stage.rename(".x.torrent.AbCdEf", "x.torrent"), Ok(()));
    let text = stage.files(ROOT);
    assert!(text.contains("x.torrent torrent 7\n"), "{text}");
    assert!(text.contains("Name ab.torrent torrent 0\n"), "{text}");
    // The same under the torrent's own name.
    for _ in 0..2 {
        assert_eq!(stage.copy(".n.AbCdEf", "good 12"), Ok(()));
        assert_eq!(stage.rename(".n.AbCdEf", "Name 12.torrent"), Ok(()));
        assert!(stage.files(ROOT).ends_with("Name 12.torrent torrent 7\n"));
    }
    // Of a bad file over it, nothing stays.
    assert_eq!(stage.copy(".x.torrent.AbCdEf", "bad"), Ok(()));
    assert_eq!(stage.rename(".x.torrent.AbCdEf", "x.torrent"), Err(DropFault::Invalid));
    assert!(stage.files(ROOT).contains("x.torrent torrent 7\n"));
}

#[test]
fn a_torrent_can_be_renamed_where_it_is_and_nowhere_else() {
    let stage = Stage::new(RemovalPolicy::Forget);
    stage.copy("a.torrent", "good ab").unwrap();
    stage.copy("b.torrent", "good cd").unwrap();
    assert_eq!(stage.rename("a.torrent", "c.torrent"), Ok(()));
    assert_eq!(stage.rename("c.torrent", "b.torrent"), Err(DropFault::Exists));
    assert_eq!(stage.rename("c.torrent", "c.torrent~"), Err(DropFault::NotPermitted));
    assert_eq!(stage.rename("paused", "x"), Err(DropFault::NotPermitted));
    assert_eq!(stage.rename("missing", "x"), Err(DropFault::NotFound));
    stage.list(&[("ab", "A"), ("cd", "B")], stage.now);
    stage.check(&expect![[r#"
        c.torrent torrent 7
        b.torrent torrent 7
    "#]]);
}

#[test]
fn an_unlink_forgets_only_if_the_policy_permits_it() {
    let mut stage = Stage::new(RemovalPolicy::Off);
    stage.copy("a.torrent", "good ab").unwrap();
    assert_eq!(stage.unlink("a.torrent"), Err(DropFault::NotPermitted));
    assert_eq!(stage.unlink("paused"), Err(DropFault::IsDirectory));
    let rmdir = |name| stage.folder.with(|folder| folder.rmdir(ROOT, name));
    assert_eq!(rmdir("paused"), Err(DropFault::NotPermitted));
    assert_eq!(rmdir("a.torrent"), Err(DropFault::NotDirectory));
    assert_eq!(rmdir("none"), Err(DropFault::NotFound));
    stage = Stage::new(RemovalPolicy::Forget);
    stage.copy("a.torrent", "good ab").unwrap();
    let asked_before = stage.now;
    stage.pass(1);
    assert_eq!(stage.unlink("a.torrent"), Ok(()));
    // A listing from before the removal does not bring it back; one from after it does.
    stage.list(&[("ab", "A")], asked_before);
    stage.check(&expect![""]);
    stage.list(&[("ab", "A")], stage.now + Duration::from_secs(1));
    stage.check(&expect![[r#"
        A.torrent torrent 0
    "#]]);
}

#[test]
fn a_listing_from_before_an_addition_does_not_remove_it() {
    let mut stage = Stage::new(RemovalPolicy::Off);
    let asked_before = stage.now;
    stage.pass(1);
    stage.copy("a.torrent", "good ab").unwrap();
    stage.list(&[], asked_before);
    assert!(!stage.files(ROOT).is_empty());
    stage.pass(1);
    stage.list(&[], stage.now);
    stage.check(&expect![""]);
    // A server that restarts has it again, and so it has its name again.
    stage.list(&[("ab", "A")], stage.now);
    stage.check(&expect![[r#"
        a.torrent torrent 0
    "#]]);
}

#[test]
fn what_is_kept_is_shown_until_it_is_added() {
    let stage = Stage::new(RemovalPolicy::Off);
    assert_eq!(stage.copy("a.torrent", "good ff"), Ok(()));
    stage.check(&expect![[r#"
        a.torrent 7
    "#]]);
    let report = stage.folder.with(|folder| folder.report());
    assert_eq!((report.waiting, report.drafts.len()), (1, 1));
    let ticket = stage.folder.with(|folder| *folder.additions.keys().next().unwrap());
    let answer = DropAnswer::Added { info_hash: hash("ff"), name: None };
    stage.folder.answer(ticket, answer, stage.now);
    stage.check(&expect![[r#"
        a.torrent torrent 7
    "#]]);
    // A kept file that is refused stays until a program removes it, which cancels it.
    assert_eq!(stage.copy("b.torrent", "good ff"), Ok(()));
    let ticket = stage.folder.with(|folder| *folder.additions.keys().next().unwrap());
    let answer = DropAnswer::Refused { reason: "no".to_owned() };
    stage.folder.answer(ticket, answer, stage.now);
    stage.check(&expect![[r#"
        a.torrent torrent 7
        b.torrent 7
        b.torrent.error 14: b.torrent: no
    "#]]);
    assert_eq!(stage.unlink("b.torrent"), Ok(()));
    assert_eq!(*stage.session.requests.lock().unwrap(), [DropRequest::Cancel { ticket }]);
}

#[test]
fn what_cannot_be_kept_is_a_failure_and_is_sent_again() {
    let stage = Stage::new(RemovalPolicy::Off);
    assert_eq!(stage.copy("a.torrent", "good ee"), Err(DropFault::NoSpace));
    assert!(stage.files(ROOT).contains("a.torrent.error 27: a.torrent: no space for it"));
}

#[test]
fn two_writers_of_one_name_get_a_verdict_each() {
    let stage = Stage::new(RemovalPolicy::Off);
    let ino = stage.create("x.torrent");
    let second = stage.folder.with(|folder| folder.create(ROOT, "x.torrent", stage.now));
    assert_eq!(second.unwrap_err(), DropFault::Exists);
    let how = DropOpen { writes: true, truncates: true };
    stage.folder.with(|folder| folder.open(ino, how, stage.now)).unwrap();
    stage.write(ino, "good ab");
    let first = stage.folder.flush(ino, stage.now).unwrap();
    let second = stage.folder.flush(ino, stage.now).unwrap();
    assert_eq!(first, second);
    stage.serve();
    let DropStep::Wait(ticket) = first else { panic!("{first:?}") };
    for _ in 0..2 {
        assert_eq!(stage.folder.with(|folder| folder.result(ticket)), Some(Ok(())));
        stage.folder.end_wait(ticket);
    }
    // The second writes on: other bytes, another verdict.
    stage.write(ino, "\n");
    assert_eq!(stage.flush(ino), Ok(()));
    stage.folder.with(|folder| folder.truncate(ino, 0, stage.now)).unwrap();
    stage.write(ino, "bad");
    assert_eq!(stage.flush(ino), Err(DropFault::Invalid));
    assert_eq!(stage.flush(ino), Err(DropFault::Invalid));
    stage.release(ino);
    stage.release(ino);
    // The torrent is as before.
    assert!(stage.files(ROOT).starts_with("x.torrent torrent"), "{}", stage.files(ROOT));
}

#[test]
fn a_torrent_is_read_and_written_over() {
    let stage = Stage::new(RemovalPolicy::Off);
    stage.list(&[("ab", "A")], stage.now);
    let ino = stage.folder.with(|folder| folder.lookup(ROOT, "A.torrent")).unwrap().ino;
    let how = DropOpen { writes: false, truncates: false };
    let step = stage.folder.with(|folder| folder.open(ino, how, stage.now)).unwrap();
    assert_eq!(stage.finish(step), Ok(()));
    let read = |offset| {
        stage.folder.with(|folder| folder.read(ino, offset, 100).map(<[u8]>::to_vec)).unwrap()
    };
    assert_eq!(read(0), b"good ab");
    assert_eq!(read(5), b"ab");
    assert_eq!(read(u64::MAX), b"");
    assert_eq!(stage.folder.with(|folder| folder.attr(ino)).unwrap().size, 7);
    stage.release(ino);
    // `touch` opens for writing and writes nothing.
    let how = DropOpen { writes: true, truncates: false };
    let step = stage.folder.with(|folder| folder.open(ino, how, stage.now)).unwrap();
    assert_eq!(stage.finish(step), Ok(()));
    assert_eq!(stage.flush(ino), Ok(()));
    stage.release(ino);
    stage.check(&expect![[r#"
        A.torrent torrent 7
    "#]]);
}

#[test]
fn everything_is_bounded() {
    use crate::limits::{DRAFT_BYTES_MAX, DRAFTS_MAX, FILE_BYTES_MAX, NOTES_MAX};

    let mut stage = Stage::new(RemovalPolicy::Off);
    let ino = stage.create("big.torrent");
    let write = |ino, offset: usize| {
        let offset = Some(offset as u64);
        stage.folder.with(|folder| folder.write(ino, offset, b"x", stage.now))
    };
    assert_eq!(write(ino, FILE_BYTES_MAX - 1), Ok(1));
    assert_eq!(write(ino, FILE_BYTES_MAX), Err(DropFault::TooLarge));
    assert_eq!(write(ino, usize::MAX), Err(DropFault::TooLarge));
    stage.release(ino);
    stage.check(&expect![[r#"
        big.torrent.error 38: big.torrent: it is larger than 10 MiB
    "#]]);
    for number in 0..DRAFT_BYTES_MAX / FILE_BYTES_MAX {
        let ino = stage.create(&format!("{number}.part"));
        assert_eq!(write(ino, FILE_BYTES_MAX - 1), Ok(1));
        stage.release(ino);
    }
    let last = stage.create("last.part");
    assert_eq!(write(last, FILE_BYTES_MAX - 1), Err(DropFault::NoSpace));
    for number in 0..DRAFTS_MAX - DRAFT_BYTES_MAX / FILE_BYTES_MAX - 1 {
        stage.release(stage.create(&format!("{number}.torrent")));
    }
    let more = stage.folder.with(|folder| folder.create(ROOT, "more", stage.now));
    assert_eq!(more.unwrap_err(), DropFault::NoSpace);
    for _ in 0..2 {
        stage.pass(3605);
    }
    for number in 0..NOTES_MAX + 5 {
        _ = stage.copy(&format!("{number}.torrent"), "bad");
    }
    assert_eq!(stage.folder.with(|folder| folder.report()).errors, NOTES_MAX);
    let long = "x".repeat(255);
    assert_eq!(note_name(&long).len(), 255);
    assert_eq!(note_name(&"\u{e4}".repeat(127)).len(), 254);
}

#[test]
fn servers_and_paused_torrents_have_directories() {
    let stage = Stage::new(RemovalPolicy::Off);
    let names = |ino| {
        stage.folder.with(|folder| {
            let entries = folder.list(ino, 0, 100).unwrap().into_iter();
            entries.map(|it| it.name).collect::<Vec<_>>().join(" ")
        })
    };
    assert_eq!(names(ROOT), ". .. paused box");
    let dir = stage.folder.with(|folder| folder.lookup(ROOT, "box")).unwrap().ino;
    assert_eq!(names(dir), ". .. paused");
    let paused = stage.folder.with(|folder| folder.lookup(dir, "paused")).unwrap().ino;
    let ino =
        stage.folder.with(|folder| folder.create(paused, "a.torrent", stage.now)).unwrap().ino;
    stage.write(ino, "good ab");
    _ = stage.folder.flush(ino, stage.now).unwrap();
    let requests = stage.session.requests.lock().unwrap().clone();
    let [DropRequest::Add { place, .. }] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(*place, DropPlace { server: 1, is_paused: true });
    stage.serve();
    stage.release(ino);
    assert_eq!(stage.files(paused), "a.torrent torrent 7\n");
    assert_eq!(stage.files(ROOT), "");
    let names = stage.folder.with(|folder| folder.take_names()).unwrap();
    let kept = KeptName { name: Some("a.torrent".to_owned()), is_paused: true };
    assert_eq!(names[1][&hash("ab")], kept);
}

#[test]
fn names_are_text_without_control_characters() {
    let check = DropFolder::check_name;
    assert_eq!(check(b"a b.torrent"), Ok("a b.torrent"));
    assert_eq!(check(b"a\nb.torrent"), Err(DropFault::BadName));
    assert_eq!(check(b"a\xff.torrent"), Err(DropFault::BadName));
    assert_eq!(check("\u{9b}".as_bytes()), Err(DropFault::BadName));
    assert_eq!(check(&[b'x'; 256]), Err(DropFault::NameTooLong));
    let stage = Stage::new(RemovalPolicy::Off);
    let long = "y".repeat(300);
    stage.list(&[("ab", "a/b\n"), ("cd", ".hidden"), ("ef", &long)], stage.now);
    let files = stage.files(ROOT);
    assert!(files.starts_with("a%2Fb%0A.torrent torrent 0\n%2Ehidden.torrent"), "{files}");
}

#[test]
fn of_many_links_the_failures_are_shown() {
    let stage = Stage::new(RemovalPolicy::Off);
    let ino = stage.create("x.magnet");
    stage.write(ino, "good ab");
    let DropStep::Wait(ticket) = stage.folder.flush(ino, stage.now).unwrap() else { panic!() };
    let kept = DropAnswer::Kept { reason: "looking for peers".to_owned() };
    stage.folder.answer(ticket, kept, stage.now);
    stage.folder.end_wait(ticket);
    stage.release(ino);
    stage.check(&expect![[r#"
        x.magnet 7
    "#]]);
    let place = DropPlace { server: 0, is_paused: false };
    let now = stage.now;
    stage.folder.with(|folder| folder.add_resolved(place, hash("ab"), Some("A"), now));
    let failed = vec!["line 2: no".to_owned()];
    stage.folder.answer(ticket, DropAnswer::AddedLinks { failed }, stage.now);
    stage.check(&expect![[r#"
        A.torrent torrent 0
        x.magnet.error 21: x.magnet: line 2: no
    "#]]);
}
