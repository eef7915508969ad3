//! Checks of macOS: the program that mounts by NFS, a port on loopback, `/Volumes`.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::geteuid;
use tfs_sys::shell::quoted;

use super::CheckResult;

/// The program of macOS that mounts by NFS.
const MOUNT_NFS: &str = "/sbin/mount_nfs";

/// Where macOS shows volumes. Only root can create directories in it.
const VOLUMES: &str = "/Volumes";

/// Checks that macOS has its program for NFS.
pub(super) fn program() -> CheckResult {
    assess_program(Path::new(MOUNT_NFS).is_file())
}

fn assess_program(is_there: bool) -> CheckResult {
    const CHECK: &str = "mount-nfs";
    if is_there {
        return CheckResult::ok(CHECK, format!("{MOUNT_NFS} is there; mounts need no FUSE"));
    }
    CheckResult::fault(CHECK, format!("{MOUNT_NFS} is missing, which is part of macOS"))
        .fix("tfs serve webdav SERVER   # and connect with Finder: Go, Connect to Server")
}

/// Checks that a port on loopback can be had, at which the kernel reads from tfs.
pub(super) fn loopback() -> CheckResult {
    assess_loopback(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop))
}

fn assess_loopback(bound: io::Result<()>) -> CheckResult {
    const CHECK: &str = "loopback";
    match bound {
        Ok(()) => CheckResult::ok(CHECK, "a port on 127.0.0.1 can be had"),
        Err(error) => CheckResult::fault(CHECK, format!("no port on 127.0.0.1: {error}"))
            .fix("ifconfig lo0   # it should have inet 127.0.0.1"),
    }
}

/// Checks a mount point in `/Volumes`, which a user other than root cannot create or mount on.
pub(super) fn volumes(mountpoint: Option<&Path>) -> Vec<CheckResult> {
    let in_volumes = mountpoint.filter(|path| path.starts_with(VOLUMES));
    let us = geteuid().as_raw();
    let check = |path: &Path| assess_volume(path, path.metadata().ok().map(|it| it.uid()), us);
    in_volumes.map(check).into_iter().collect()
}

fn assess_volume(path: &Path, owner: Option<u32>, us: u32) -> CheckResult {
    const CHECK: &str = "volumes";
    let shown = quoted(path);
    match owner {
        Some(owner) if owner == us || us == 0 => {
            CheckResult::ok(CHECK, format!("{shown} belongs to this user"))
        }
        _ if us == 0 => CheckResult::fault(CHECK, format!("{shown} does not exist"))
            .fix(format!("mkdir {shown}")),
        _ => CheckResult::fault(
            CHECK,
            format!("{shown} does not belong to this user; only root can create it in {VOLUMES}"),
        )
        .fix(format!("sudo mkdir -p {shown} && sudo chown \"$USER\" {shown}"))
        .fix("mkdir ~/torrents   # a mount point in the home directory needs no sudo"),
    }
}

/// Says that files of servers on this machine are read over HTTP.
pub(super) fn local_files() -> CheckResult {
    CheckResult::ok("local-files", "macOS: all files are read over HTTP, whatever local_paths says")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::finding::render;
    use super::*;

    #[track_caller]
    fn check(result: CheckResult, want: &Expect) {
        want.assert_eq(&render(&[result]));
    }

    #[test]
    fn the_program_of_macos_is_looked_for() {
        check(
            assess_program(true),
            &expect![[r#"
            Ok mount-nfs: /sbin/mount_nfs is there; mounts need no FUSE
        "#]],
        );
        check(
            assess_program(false),
            &expect![[r#"
            Fault mount-nfs: /sbin/mount_nfs is missing, which is part of macOS
                $ tfs serve webdav SERVER   # and connect with Finder: Go, Connect to Server
        "#]],
        );
        // Not on Linux.
        #[cfg(target_os = "linux")]
        check(
            program(),
            &expect![[r#"
            Fault mount-nfs: /sbin/mount_nfs is missing, which is part of macOS
                $ tfs serve webdav SERVER   # and connect with Finder: Go, Connect to Server
        "#]],
        );
    }

    #[test]
    fn a_port_can_be_had() {
        check(
            loopback(),
            &expect![[r#"
            Ok loopback: a port on 127.0.0.1 can be had
        "#]],
        );
        check(
            assess_loopback(Err(io::ErrorKind::AddrNotAvailable.into())),
            &expect![[r#"
            Fault loopback: no port on 127.0.0.1: address not available
                $ ifconfig lo0   # it should have inet 127.0.0.1
        "#]],
        );
    }

    #[test]
    fn a_directory_in_volumes_has_to_be_the_users_own() {
        assert_eq!(volumes(None).len(), 0);
        assert_eq!(volumes(Some(Path::new("/mnt/t"))).len(), 0);
        assert_eq!(volumes(Some(Path::new("/Volumes/none"))).len(), 1);
        let volume = |owner, us| assess_volume(Path::new("/Volumes/my t"), owner, us);
        check(
            volume(Some(501), 501),
            &expect![[r#"
            Ok volumes: '/Volumes/my t' belongs to this user
        "#]],
        );
        check(
            volume(Some(0), 501),
            &expect![[r#"
                Fault volumes: '/Volumes/my t' does not belong to this user; only root can create it in /Volumes
                    $ sudo mkdir -p '/Volumes/my t' && sudo chown "$USER" '/Volumes/my t'
                    $ mkdir ~/torrents   # a mount point in the home directory needs no sudo
            "#]],
        );
        check(
            volume(None, 501),
            &expect![[r#"
                Fault volumes: '/Volumes/my t' does not belong to this user; only root can create it in /Volumes
                    $ sudo mkdir -p '/Volumes/my t' && sudo chown "$USER" '/Volumes/my t'
                    $ mkdir ~/torrents   # a mount point in the home directory needs no sudo
            "#]],
        );
        check(
            volume(None, 0),
            &expect![[r#"
            Fault volumes: '/Volumes/my t' does not exist
                $ mkdir '/Volumes/my t'
        "#]],
        );
        check(
            local_files(),
            &expect![[r#"
            Ok local-files: macOS: all files are read over HTTP, whatever local_paths says
        "#]],
        );
    }
}
