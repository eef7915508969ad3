//! Machines without FUSE, users without fusermount3, users with it.
//!
//! Each runs in a mount namespace of its own, so that what it does to `/dev` stays there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use expect_test::{Expect, expect};
use nix::unistd::geteuid;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Rqbits, describe};

/// `nobody`, who exists everywhere.
const OTHER_USER: &str = "65534";

/// Runs a shell script as root in a mount namespace of its own; `$TFS` is the binary.
fn in_namespace(dir: &Path, rqbits: &Rqbits, script: &str) -> Output {
    let torrent = &rqbits.swarm.torrents()[0];
    // Copies of the mounts of other tests would keep those alive.
    let script = format!("umount -i -l -a -t fuse.tfs\n{script}");
    Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-euc", &script])
        .env("TFS", dir.join("tfs"))
        .env("TFS_SERVER", rqbits.swarm.api_url())
        .env("ON_DISK", torrent.disk_path(&torrent.files[0]))
        .env("HOME", dir)
        // Where the sockets of a user without a session are.
        .env("TMPDIR", dir)
        .env_remove("XDG_RUNTIME_DIR")
        .env("AS_USER", format!("setpriv --reuid={OTHER_USER} --regid={OTHER_USER} --clear-groups"))
        .current_dir(dir)
        .output()
        .unwrap()
}

/// Calls `body` with a directory for everybody, the binary in it, and the address of a server, if
/// this is root, who alone can become somebody else.
fn as_root(test: &str, body: impl FnOnce(&Path, &Rqbits)) {
    isolate::run_with_fuse(test, Duration::from_secs(60), |dir| {
        if !geteuid().is_root() {
            println!("{test}: passes unseen, only root can be somebody else");
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

/// Runs a script as [`in_namespace`] does, where there is a fusermount3: with a device of its own,
/// which has this mode, and a directory `mnt` of the other user. The server has all of its file.
fn check_with_fusermount(test: &str, device_mode: &str, script: &str, want: &Expect) {
    as_root(test, |dir, rqbits| {
        if Command::new("fusermount3").arg("--version").output().is_err() {
            println!("{test}: passes unseen, fusermount3 is not installed");
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
    as_root("other_users::a_machine_without_fuse_says_so", |dir, rqbits| {
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
    let test = "other_users::a_user_without_fusermount_is_told_what_to_install";
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
    // Where the device is closed for users, this namespace has one that is open.
    check_with_fusermount(
        "other_users::a_user_with_fusermount_mounts_reads_and_unmounts",
        "666",
        "
            $AS_USER $TFS mount mnt
            $AS_USER stat -c '%F %s %u %g %a' mnt/a.bin
            $AS_USER cat mnt/a.bin | cmp - \"$ON_DISK\" && echo same bytes
            grep -c \"$PWD/mnt fuse.tfs\" /proc/self/mounts
            ls mnt 2> said || echo refused to root
            $AS_USER $TFS refresh mnt
            stat -c '%a %u' tfs-65534
            $TFS refresh mnt || true
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
            nothing has come or gone; torrents: 1
            700 65534
            0
            error: cannot reach the process behind mnt
            hint: only the user who mounted gets an answer; if it is stopped or dead, end it with: tfs unmount --force
        "#]],
    );
}

#[test]
fn a_user_reads_the_servers_files_without_the_kernels_help() {
    // A user can read the server's files, but has no right to have the kernel do it.
    check_with_fusermount(
        "other_users::a_user_reads_the_servers_files_without_the_kernels_help",
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
        "other_users::a_user_who_may_not_open_the_device_is_told_so",
        "600",
        "exec $AS_USER $TFS mount mnt",
        &expect![[r#"
            exit 31
            error: cannot open /dev/fuse: permission denied
            hint: most systems have it open for all: chmod 666 /dev/fuse as root; in a container, also pass --cap-add SYS_ADMIN
        "#]],
    );
}

#[test]
fn others_get_what_the_options_say_and_no_more() {
    as_root("other_users::others_get_what_the_options_say_and_no_more", |dir, rqbits| {
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
