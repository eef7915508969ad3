//! Machines without FUSE, users without fusermount3, users with it.
//!
//! Each test runs in its own mount namespace, so that its changes to `/dev` do not affect the
//! machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use expect_test::{Expect, expect};
use nix::unistd::geteuid;
use tfs_testkit::content::Content;
use tfs_testkit::hermetic::hermetic;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Rqbits, describe};

/// `nobody`, a user that exists everywhere.
const OTHER_USER: &str = "65534";

/// Runs a shell script as root in its own mount namespace; `$TFS` is the binary.
fn in_namespace(dir: &Path, rqbits: &Rqbits, script: &str) -> Output {
    let torrent = &rqbits.swarm.torrents()[0];
    // Copies of other tests' mounts would keep the mounts alive. The machine's settings of users
    // and of FUSE are hidden.
    let script = format!(
        "umount -i -l -a -t fuse.tfs
        echo root:x:0:0:root:/root:/bin/sh >passwd
        echo nobody:x:{OTHER_USER}:{OTHER_USER}:nobody:/nonexistent:/bin/sh >>passwd
        : >fuse.conf
        for file in passwd fuse.conf; do
            test ! -e /etc/$file || mount --bind $file /etc/$file
        done
        {script}"
    );
    hermetic("unshare", dir)
        .args(["--mount", "--propagation", "private", "sh", "-euc", &script])
        .env("TFS", dir.join("tfs"))
        .env("TFS_SERVER", rqbits.swarm.api_url())
        .env("ON_DISK", torrent.disk_path(&torrent.files[0]))
        // The place of the sockets of a user without a session.
        .env("TMPDIR", dir)
        .env_remove("XDG_RUNTIME_DIR")
        .env("AS_USER", format!("setpriv --reuid={OTHER_USER} --regid={OTHER_USER} --clear-groups"))
        .current_dir(dir)
        .output()
        .unwrap()
}

/// Calls `body` with a world-accessible directory that has the binary in it, and the address of a
/// server. Only root can change to another user, so the test is skipped for others.
fn as_root(test: &str, body: impl FnOnce(&Path, &Rqbits)) {
    isolate::run_with_fuse(test, Duration::from_secs(60), |dir| {
        if !geteuid().is_root() {
            skip::test(test, "only root can act as another user");
            return;
        }
        for dir in [dir.parent().unwrap(), dir] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap();
        }
        fs::copy(env!("CARGO_BIN_EXE_tfs"), dir.join("tfs")).unwrap();
        let torrent = TorrentSpec::file("a.bin", Content::new(1, 300_000));
        let rqbits = Rqbits::start(Swarm::builder().torrent(torrent));
        body(dir, &rqbits);
    });
}

/// Runs a script like [`in_namespace`], if there is a fusermount3: with its own device of this
/// mode, and a directory `mnt` of the other user. The server has all of its file.
fn check_with_fusermount(test: &str, device_mode: &str, script: &str, want: &Expect) {
    as_root(test, |dir, rqbits| {
        if Command::new("fusermount3").arg("--version").output().is_err() {
            skip::test(test, "fusermount3 is not installed");
            return;
        }
        rqbits.wait_finished(&rqbits.swarm.torrents()[0]);
        let script = format!(
            "mknod -m {device_mode} fuse c 10 229
            mount --bind fuse /dev/fuse
            mkdir -m 777 mnt
            chown {OTHER_USER}:{OTHER_USER} mnt
            {script}"
        );
        check(&in_namespace(dir, rqbits, &script), dir, want);
    });
}

#[track_caller]
fn check(output: &Output, dir: &Path, want: &Expect) {
    want.assert_eq(&describe(output).replace(dir.to_str().unwrap(), "DIR"));
}

#[test]
fn a_machine_without_fuse_says_so() {
    as_root(tfs_testkit::test_name!(), |dir, rqbits| {
        let script = "
            mkdir mnt
            mount -t tmpfs none /dev
            mknod -m 666 /dev/null c 1 3
            exec $TFS mount mnt
        ";
        check(
            &in_namespace(dir, rqbits, script),
            dir,
            &expect![[r#"
                exit 30
                error: cannot open /dev/fuse: this system has no FUSE
                hint: load it with: modprobe fuse; in a container, pass --device /dev/fuse
            "#]],
        );
    });
}

#[test]
fn a_user_without_fusermount_is_told_what_to_install() {
    let test = tfs_testkit::test_name!();
    as_root(test, |dir, rqbits| {
        let script = "
            mkdir -m 777 mnt
            cp \"$(command -v setpriv)\" .
            mount -t tmpfs none /usr/bin
            exec ./$AS_USER $TFS mount mnt
        ";
        check(
            &in_namespace(dir, rqbits, script),
            dir,
            &expect![[r#"
            exit 32
            error: cannot mount: fusermount3 is not installed
            hint: install it (Debian, Fedora: package fuse3), or run tfs as root
        "#]],
        );
    });
}

#[test]
fn a_user_with_fusermount_mounts_reads_and_unmounts() {
    // If users cannot open the machine's device, this namespace has one that they can open.
    check_with_fusermount(
        tfs_testkit::test_name!(),
        "666",
        "
            $AS_USER $TFS mount mnt
            $AS_USER stat -c '%F %s %u %g %a' mnt/a.bin
            $AS_USER cat mnt/a.bin | cmp - \"$ON_DISK\" && echo same bytes
            grep -c \"$PWD/mnt fuse.tfs\" /proc/self/mounts
            ls mnt 2> said || echo refused to root
            $AS_USER $TFS refresh mnt
            stat -c '%a %u' tfs-65534
            $TFS refresh mnt
            $TFS status | grep \"^mount *$PWD/mnt \"
            $AS_USER $TFS unmount mnt
            grep -c \"$PWD/mnt fuse.tfs\" /proc/self/mounts || true
            $AS_USER $TFS mount mnt
            $AS_USER $TFS unmount mnt
        ",
        &expect![[r#"
            exit 0
            regular file 300000 65534 65534 444
            same bytes
            1
            refused to root
            no changes; torrents: 1
            700 65534
            no changes; torrents: 1
            mount    DIR/mnt (all is well)
            0
        "#]],
    );
}

#[test]
fn mounts_of_others_are_named_and_never_to_be_forced() {
    check_with_fusermount(
        tfs_testkit::test_name!(),
        "666",
        "
            echo 'root, for others'
            mkdir -m 777 open
            $TFS mount --allow-other open
            $AS_USER $TFS status | grep -e \"$PWD/open \" -e ^control
            $AS_USER $TFS status open | grep -e \"^this user\" -e \"$PWD/open \" -e ^control
            $AS_USER $TFS status --json 2>/dev/null |
                grep -o \"mountpoint.*$PWD/open\" | sort -u | wc -l
            $AS_USER $TFS refresh open || echo code $?
            $AS_USER $TFS refresh || echo code $?
            $TFS unmount open
            echo 'root, for itself'
            $TFS mount open
            $AS_USER $TFS status | grep -e \"^this user\" -e \"$PWD/open\"
            $AS_USER $TFS status open || echo code $?
            $TFS unmount open
            echo 'the user, asked about by root'
            $AS_USER env XDG_STATE_HOME=$PWD/mine $TFS mount mnt
            $TFS status mnt | grep -e \"$PWD/mnt \"
            $AS_USER $TFS status --json mnt > status
            pid=$(sed -n 's/.*\"pid\": \\([0-9]*\\),/\\1/p' status | head -n1)
            kill -KILL $pid
            until $TFS status | grep -q \"^dead *$PWD/mnt\"; do sleep 0.1; done
            $TFS status | grep -e \"$PWD/mnt\"
            $TFS status mnt || echo code $?
            $TFS doctor --json | grep -c \"$PWD/mnt is dead\"
            $AS_USER $TFS status | grep -e \"$PWD/mnt\"
            $TFS unmount mnt
            grep -c \"$PWD/mnt fuse.tfs\" /proc/self/mounts || true
        ",
        &expect![[r#"
            exit 0
            root, for others
            mount    DIR/open (all is well)
            control  mounted by root; only root can control it
            mount    DIR/open (all is well)
            control  mounted by root; only root can control it
            1
            code 43
            code 40
            root, for itself
            this user has no mounts
            foreign  DIR/open: mounted by root; ask as root: sudo tfs status DIR/open
            code 43
            the user, asked about by root
            mount    DIR/mnt (all is well)
            dead     DIR/mnt: its process is gone; clean it up with: tfs unmount DIR/mnt
            code 43
            1
            dead     DIR/mnt: its process is gone; clean it up with: tfs unmount DIR/mnt
            0
            error: cannot ask the mount at open: root has mounted it
            hint: only root is answered: run it with sudo
            error: cannot find a mount: this user has no mounts
            hint: mount with: tfs mount <MOUNTPOINT>; list mounts of other users with: tfs status
            error: cannot ask the mount at open: root has mounted it
            hint: only root is answered: run it with sudo
            error: cannot reach the process behind mnt: it has ended, and the mount is dead
            hint: clean it up with: tfs unmount mnt
        "#]],
    );
}

#[test]
fn a_user_reads_the_servers_files_without_the_kernels_help() {
    // A user can read the server's files, but may not use passthrough.
    check_with_fusermount(
        tfs_testkit::test_name!(),
        "666",
        "
            chmod o+rx \"$(dirname \"$(dirname \"$ON_DISK\")\")\" \"$(dirname \"$ON_DISK\")\"
            $AS_USER $TFS mount mnt
            way() {
                $AS_USER sh -ec '
                    cat mnt/a.bin | cmp - \"$ON_DISK\"
                    exec 3< mnt/a.bin
                    $TFS status --json mnt | grep -o \"way.*[a-z]\"
                    $TFS cache clear --data mnt > cleared
                '
            }
            touch cleared
            chmod 666 cleared
            while ! way | grep -q local; do :; done
            way
            way
            $AS_USER $TFS unmount mnt
        ",
        &expect![[r#"
            exit 0
            way": "local
            way": "local
        "#]],
    );
}

#[test]
fn a_user_who_may_not_open_the_device_is_told_so() {
    check_with_fusermount(
        tfs_testkit::test_name!(),
        "600",
        "exec $AS_USER $TFS mount mnt",
        &expect![[r#"
            exit 31
            error: cannot open /dev/fuse: permission denied
            hint: give all users access: chmod 666 /dev/fuse as root; in a container, also pass --cap-add SYS_ADMIN
        "#]],
    );
}

#[test]
fn others_get_what_the_options_say_and_no_more() {
    as_root(tfs_testkit::test_name!(), |dir, rqbits| {
        rqbits.wait_finished(&rqbits.swarm.torrents()[0]);
        let script = "
            mkdir -m 777 mnt
            try() {
                if $AS_USER \"$@\" > said 2>&1; then echo \"  $*\"; else echo \"  no $*\"; fi
            }
            for options in --uid=0 --allow-other '--allow-other --umask=077' \\
                '--allow-other --umask=027' '--allow-other --umask=077 --uid=65534'; do
                echo \"$options\"
                $TFS mount $options mnt
                try ls mnt
                try stat mnt/a.bin
                try cat mnt/a.bin
                try cat mnt/.tfs/status.json
                try $TFS unmount mnt
                $TFS unmount mnt
            done
        ";
        check(
            &in_namespace(dir, rqbits, script),
            dir,
            &expect![[r#"
            exit 0
            --uid=0
              no ls mnt
              no stat mnt/a.bin
              no cat mnt/a.bin
              no cat mnt/.tfs/status.json
              no DIR/tfs unmount mnt
            --allow-other
              ls mnt
              stat mnt/a.bin
              cat mnt/a.bin
              cat mnt/.tfs/status.json
              no DIR/tfs unmount mnt
            --allow-other --umask=077
              no ls mnt
              no stat mnt/a.bin
              no cat mnt/a.bin
              no cat mnt/.tfs/status.json
              no DIR/tfs unmount mnt
            --allow-other --umask=027
              no ls mnt
              no stat mnt/a.bin
              no cat mnt/a.bin
              no cat mnt/.tfs/status.json
              no DIR/tfs unmount mnt
            --allow-other --umask=077 --uid=65534
              ls mnt
              stat mnt/a.bin
              cat mnt/a.bin
              cat mnt/.tfs/status.json
              no DIR/tfs unmount mnt
        "#]],
        );
    });
}

#[test]
fn all_mounts_of_one_user_are_unmounted() {
    check_with_fusermount(
        tfs_testkit::test_name!(),
        "666",
        "
            mkdir -m 777 one roots
            chown $(stat -c %u:%g mnt) one
            $TFS mount -q roots
            for place in mnt one; do
                $AS_USER env XDG_STATE_HOME=$PWD/mine $TFS mount -q $place
            done
            mounts() {
                sed -n \"s,.*$PWD/\\(.*\\) fuse.tfs .*,\\1,p\" /proc/self/mounts | sort
            }
            mounts
            $AS_USER $TFS unmount --all
            echo 'then'
            mounts
            $AS_USER $TFS unmount --all
            $TFS unmount -a
            mounts
        ",
        &expect![[r#"
            exit 0
            mnt
            one
            roots
            then
            roots
            this user has no mounts
        "#]],
    );
}
