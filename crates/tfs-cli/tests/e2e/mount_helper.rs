//! `mount -t fuse.tfs` by the real mount(8), in its own mount namespace, so that links in `/sbin`
//! do not affect the machine.

use std::fs;
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

/// Replaces `/sbin` by links to the real contents, to which helpers can be added. Hides installed
/// helpers, and the users and FUSE settings in `/etc`. Unmounts copies of other tests' mounts,
/// since these would keep the mounts alive.
const PRELUDE: &str = "
umount -i -l -a -t fuse.tfs
mkdir real sbin local mnt
SBIN=$(readlink -f /sbin)
mount --bind $SBIN real
ln -s $PWD/real/* sbin/
rm -f sbin/mount.tfs sbin/mount.fuse.tfs
mount --bind sbin $SBIN
mount --bind local /usr/local/bin
# The users and tables of the machine are left out.
echo root:x:0:0:root:/root:/bin/sh >passwd
# A home that may not be entered, as services have it.
mkdir -m 700 closed
echo nobody:x:65534:65534:nobody:$PWD/closed:/bin/sh >>passwd
: >fuse.conf
for file in passwd fuse.conf; do
    [ ! -e /etc/$file ] || mount --bind $file /etc/$file
done
mounted() { grep \" $PWD/mnt fuse.tfs \" /proc/self/mounts | cut -d' ' -f3-4 | cut -d, -f1-4; }
gone() {
    for _ in $(seq 100); do
        pgrep -f \" $PWD/mnt( |$)\" >/dev/null || return 0
        sleep 0.1
    done
    echo left behind
}
";

/// Runs a shell script as root in its own mount namespace. `$URL` is the address of a server.
fn in_namespace(dir: &Path, rqbits: &Rqbits, script: &str) -> Output {
    let torrent = &rqbits.swarm.torrents()[0];
    hermetic("unshare", dir)
        .args(["--mount", "--propagation", "private", "sh", "-uc", &format!("{PRELUDE}{script}")])
        .env("TFS", env!("CARGO_BIN_EXE_tfs"))
        .env("URL", rqbits.swarm.api_url())
        .env("ON_DISK", torrent.disk_path(&torrent.files[0]))
        .current_dir(dir)
        .output()
        .unwrap()
}

#[track_caller]
fn check(test: &str, script: &str, want: &Expect) {
    isolate::run_with_fuse(test, Duration::from_secs(90), |dir| {
        if !geteuid().is_root() {
            skip::test(test, "only root has mount(8) call helpers");
            return;
        }
        let torrent = TorrentSpec::file("a.bin", Content::new(1, 300_000));
        let rqbits = Rqbits::start(Swarm::builder().torrent(torrent));
        rqbits.wait_finished(&rqbits.swarm.torrents()[0]);
        let output = in_namespace(dir, &rqbits, script);
        let text = describe(&output).replace(&rqbits.swarm.api_url(), "URL");
        want.assert_eq(&text.replace(dir.to_str().unwrap(), "DIR"));
        assert_eq!(fs::read_dir(dir.join("mnt")).unwrap().count(), 0);
    });
}

#[test]
fn mount_and_umount() {
    check(
        tfs_testkit::test_name!(),
        "
        ln -s $TFS sbin/mount.fuse.tfs
        ln -s $TFS sbin/mount.tfs
        for type in fuse.tfs tfs; do
            echo \"-t $type\"
            mount -t $type $URL $PWD/mnt -o allow_other,max_streams=2,ro && mounted
            cmp mnt/a.bin $ON_DISK && echo same bytes
            umount $PWD/mnt && gone
        done
        ",
        &expect![[r#"
            exit 0
            -t fuse.tfs
            fuse.tfs ro,nosuid,nodev,noexec
            same bytes
            -t tfs
            fuse.tfs ro,nosuid,nodev,noexec
            same bytes
        "#]],
    );
}

#[test]
fn by_the_helper_of_libfuse() {
    let test = tfs_testkit::test_name!();
    if !Path::new("/sbin/mount.fuse3").exists() {
        skip::test(test, "the package fuse3 is not installed");
        return;
    }
    check(
        test,
        "
        cp $TFS local/tfs
        mount -t fuse.tfs $URL $PWD/mnt -o allow_other && mounted
        umount $PWD/mnt && gone
        ",
        &expect![[r#"
            exit 0
            fuse.tfs ro,nosuid,nodev,noexec
        "#]],
    );
}

#[test]
fn a_table_of_file_systems() {
    check(
        tfs_testkit::test_name!(),
        "
        ln -s $TFS sbin/mount.fuse.tfs
        echo \"$URL $PWD/mnt fuse.tfs ro,noauto,nofail,_netdev,x-systemd.automount,user 0 0\" >fstab
        mount -T fstab --fake $PWD/mnt && echo fake && mounted
        mount -T fstab $PWD/mnt && mounted
        echo again
        mount -T fstab $PWD/mnt
        echo \"code $?\"
        umount $PWD/mnt && gone
        echo 'none DIR fuse.tfs rw,poll_interval=soon 0 0' | sed \"s,DIR,$PWD/mnt,\" >fstab
        mount -T fstab -a
        echo \"code $?\"
        ",
        &expect![[r#"
            exit 0
            fake
            fuse.tfs ro,nosuid,nodev,noexec
            again
            code 32
            code 32
            error: cannot mount on DIR/mnt: tfs is already mounted there
            hint: unmount it with: tfs unmount DIR/mnt
            error: invalid value 'soon' for '--poll-interval <TIME>': it must be a time, such as 90s or 2m
            hint: it is used as in: mount -t fuse.tfs http://127.0.0.1:3030 /mnt/t -o allow_other; the options are those of "tfs mount --help", with _ for -
        "#]],
    );
}

#[test]
fn several_servers() {
    check(
        tfs_testkit::test_name!(),
        "
        ln -s $TFS sbin/mount.fuse.tfs
        # Nobody listens there: what the other has is shown.
        OTHER=http://127.0.0.1:1
        mount -t fuse.tfs home=$URL $PWD/mnt -o server=away=$OTHER,layout=by-server && mounted
        ls mnt && cmp mnt/home/a.bin $ON_DISK && echo same bytes
        umount $PWD/mnt && gone
        echo \"none $PWD/mnt fuse.tfs server=home=$URL,server=away=$OTHER 0 0\" >fstab
        mount -T fstab $PWD/mnt && mounted && ls mnt
        umount $PWD/mnt && gone
        mount -t fuse.tfs $URL,$OTHER $PWD/mnt
        echo \"code $?\"
        ",
        &expect![[r#"
            exit 0
            fuse.tfs ro,nosuid,nodev,noexec
            away
            home
            same bytes
            fuse.tfs ro,nosuid,nodev,noexec
            a.bin
            code 1
            warning: cannot reach rqbit at http://127.0.0.1:1/: connection refused
            hint: its torrents are unknown, so none show until it answers; start it with "rqbit --http-api-listen-addr 127.0.0.1:1 server start <DIR>"
            warning: cannot reach rqbit at http://127.0.0.1:1/: connection refused
            hint: its torrents are unknown, so none show until it answers; start it with "rqbit --http-api-listen-addr 127.0.0.1:1 server start <DIR>"
            error: invalid value for '--server <URL>': invalid port number; an address has the form http://127.0.0.1:3030 or https://host/path
            hint: it is used as in: mount -t fuse.tfs http://127.0.0.1:3030 /mnt/t -o allow_other; the options are those of "tfs mount --help", with _ for -
        "#]],
    );
}

#[test]
fn a_user_mounts_what_the_table_allows() {
    let test = tfs_testkit::test_name!();
    let has_fusermount = Command::new("fusermount3").arg("--version").output().is_ok();
    if !has_fusermount || !Path::new("/etc/fstab").exists() {
        skip::test(test, "fusermount3 or /etc/fstab is missing");
        return;
    }
    // `nobody`, a user that exists everywhere, and a device with open permissions, as on most
    // machines.
    check(
        test,
        "
        cp $TFS tfs && chmod 755 tfs && chmod 711 .. .
        ln -s $PWD/tfs sbin/mount.fuse.tfs
        mknod -m 666 fuse c 10 229 && mount --bind fuse /dev/fuse
        echo \"$URL $PWD/mnt fuse.tfs noauto,user 0 0\" >fstab && mount --bind fstab /etc/fstab
        mkdir -p state
        chown 65534:65534 mnt state
        AS_USER='setpriv --reuid=65534 --regid=65534 --clear-groups'
        # mount(8) takes the home from the table of users, and drops TMPDIR.
        mount -t tmpfs none /run && mkdir -p /run/user/65534
        chown 65534:65534 /run/user/65534
        unset XDG_CONFIG_HOME
        $AS_USER mount $PWD/mnt 2>said && mounted
        cat said
        $AS_USER cmp $PWD/mnt/a.bin - <$ON_DISK && echo same bytes
        $AS_USER umount $PWD/mnt && gone
        ",
        &expect![[r#"
            exit 0
            fuse.tfs ro,nosuid,nodev,noexec
            warning: DIR/closed/.config/tfs/config.toml is not read: permission denied
            same bytes
        "#]],
    );
}

#[test]
fn what_mount_is_told_when_it_fails() {
    check(
        tfs_testkit::test_name!(),
        "
        ln -s $TFS sbin/mount.fuse.tfs
        mount -t fuse.tfs $URL $PWD/mnt -o alow_other
        echo \"code $?\"
        mount -t fuse.tfs $URL $PWD/mnt -o alow_other -s && mounted && umount $PWD/mnt && gone
        mkdir -p full/x
        mount -t fuse.tfs $URL $PWD/full
        echo \"code $?\"
        ",
        &expect![[r#"
            exit 0
            code 1
            fuse.tfs ro,nosuid,nodev,noexec
            code 32
            error: unknown mount option alow_other
            hint: it is used as in: mount -t fuse.tfs http://127.0.0.1:3030 /mnt/t -o allow_other; the options are those of "tfs mount --help", with _ for -
            error: cannot mount on DIR/full: the directory is not empty
            hint: use an empty directory, or hide the contents of this one with --allow-non-empty
        "#]],
    );
}
