//! Content and order of notifications.

use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread;

use vfs_core::{Attr, Validity};

use super::pending::NAMES_MAX;
use super::*;
use crate::AttrOptions;

const DIRECTORY: Child = Child { ino: Ino(70), kind: NodeKind::Directory };

/// A kernel that records notifications, and refuses them on request.
struct NotifiedKernel {
    told: mpsc::Sender<String>,
    refusal: Option<Errno>,
}

impl NotifiedKernel {
    fn answer(&self, text: String) -> io::Result<()> {
        self.told.send(text).unwrap();
        self.refusal.map_or(Ok(()), |errno| Err(errno.into()))
    }
}

impl Kernel for NotifiedKernel {
    fn forget_name(&self, parent: Ino, name: &str) -> io::Result<()> {
        self.answer(format!("name {} {name}", parent.0))
    }

    fn delete(&self, parent: Ino, name: &str, child: Ino) -> io::Result<()> {
        self.answer(format!("delete {} {name} {}", parent.0, child.0))
    }

    fn forget_listing(&self, dir: Ino) -> io::Result<()> {
        self.answer(format!("listing {}", dir.0))
    }

    fn forget_attr(&self, ino: Ino) -> io::Result<()> {
        self.answer(format!("attr {}", ino.0))
    }
}

fn notices() -> (Arc<Ttls>, Notices) {
    let ttls = Arc::new(Ttls::new(&AttrOptions::default()));
    (Arc::clone(&ttls), Notices::new(ttls))
}

/// Returns whether the future is done without waiting.
fn is_done(future: impl Future<Output = ()>) -> bool {
    let context = &mut Context::from_waker(Waker::noop());
    pin!(future).poll(context).is_ready()
}

#[test]
fn changes_are_settled_when_the_kernel_was_notified_of_them() {
    let (_ttls, notices) = notices();
    assert!(is_done(notices.settled()));
    notices.entry_added(Ino::ROOT, "a");
    assert!(!is_done(notices.settled()));
    let (told, receiver) = mpsc::channel();
    let kernel = NotifiedKernel { told, refusal: None };
    thread::scope(|scope| {
        scope.spawn(|| notices.run(&kernel));
        while !is_done(notices.settled()) {
            thread::yield_now();
        }
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["name 1 a", "listing 1"]);
        notices.end();
    });
    // The end of a mount leaves no waiter.
    notices.entry_added(Ino::ROOT, "b");
    assert!(is_done(notices.settled()));
}

#[track_caller]
fn check(change: impl FnOnce(&Notices), want: &[&str]) {
    let (_ttls, notices) = notices();
    change(&notices);
    let (told, receiver) = mpsc::channel();
    let kernel = NotifiedKernel { told, refusal: None };
    thread::scope(|scope| {
        scope.spawn(|| notices.run(&kernel));
        let got: Vec<_> = want.iter().map(|_| receiver.recv().unwrap()).collect();
        notices.end();
        assert_eq!(got, want);
    });
    drop(kernel);
    assert_eq!(receiver.iter().collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn names_come_before_the_listing_and_each_comes_once() {
    check(
        |notices| {
            notices.entry_added(Ino::ROOT, "b");
            notices.entry_removed(Ino::ROOT, "a", DIRECTORY);
            notices.entry_added(Ino::ROOT, "a");
            notices.entry_added(Ino(5), "c");
        },
        &["name 1 a", "name 1 b", "listing 1", "name 5 c", "listing 5"],
    );
}

#[test]
fn a_listing_is_taken_in_before_it_is_forgotten() {
    check(
        |notices| {
            notices.drop_listing(Ino(7));
            notices.drop_listing(Ino(7));
            notices.entry_added(Ino::ROOT, "b");
        },
        &["name 1 b", "listing 1", "name 7 %nobody", "listing 7"],
    );
}

#[test]
fn a_directory_that_is_gone_is_deleted() {
    check(
        |notices| {
            notices.entry_removed(Ino::ROOT, "dir", DIRECTORY);
            let file = Child { kind: NodeKind::File, ..DIRECTORY };
            notices.entry_removed(Ino::ROOT, "file", file);
        },
        &["delete 1 dir 70", "name 1 dir", "name 1 file", "listing 1"],
    );
}

#[test]
fn directories_that_were_gone_have_other_generations() {
    let generations = Generations::default();
    generations.end(DIRECTORY.ino);
    generations.end(DIRECTORY.ino);
    let of = |ino, kind, generation| {
        let (size, have_bytes, mtime, nlink) = (0, 0, 0, 2);
        let validity = Validity::Fixed;
        let attr = Attr { ino, kind, size, have_bytes, mtime, nlink, generation, validity };
        generations.of(&attr).0
    };
    assert_eq!(of(DIRECTORY.ino, NodeKind::Directory, 7), 9);
    assert_eq!(of(DIRECTORY.ino, NodeKind::Directory, u32::MAX), 1);
    assert_eq!(of(DIRECTORY.ino, NodeKind::File, 7), 7);
    assert_eq!(of(Ino(71), NodeKind::Directory, 0), 0);
}

#[test]
fn attributes_wait_for_what_is_under_way_in_their_directory() {
    check(
        |notices| {
            notices.attr_changed(Ino(5), Ino(52));
            notices.attr_changed(Ino::ROOT, Ino(70));
            notices.attr_changed(Ino(5), Ino(51));
            notices.attr_changed(Ino(5), Ino(52));
        },
        &["name 1 %nobody", "attr 70", "name 5 %nobody", "attr 51", "attr 52"],
    );
}

#[test]
fn names_are_bounded_and_the_bound_is_lifted_when_they_are_told() {
    let mut pending = PendingNotifications::default();
    for n in 0..NAMES_MAX + 10 {
        pending.add_name(Ino::ROOT, &n.to_string(), NameChange::Added);
    }
    assert_eq!(pending.take().unwrap().names[&Ino::ROOT].len(), NAMES_MAX);
    assert_eq!(pending.take(), None);
    pending.add_name(Ino::ROOT, "x", NameChange::Added);
    assert_eq!(pending.take().unwrap().names[&Ino::ROOT].len(), 1);
}

#[track_caller]
fn check_refusal(refusal: Option<Errno>, is_notify_supported: bool) {
    let (ttls, notices) = notices();
    let announced = Validity::Announced;
    assert!(!ttls.may_keep_names(announced));
    let (told, receiver) = mpsc::channel();
    notices.try_out(&NotifiedKernel { told, refusal });
    assert_eq!(receiver.recv().unwrap(), "attr 1");
    assert_eq!(ttls.may_keep_names(announced), is_notify_supported, "{refusal:?}");
}

#[test]
fn a_kernel_that_refuses_notices_keeps_nothing_for_long() {
    check_refusal(None, true);
    check_refusal(Some(Errno::NOSYS), false);
    check_refusal(Some(Errno::INVAL), false);
    check_refusal(Some(Errno::NOTEMPTY), true);
}
