//! Checks whether this user can mount: the device, fusermount3 or capabilities, `allow_other`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use fuse_adapter::fusermount_path;
use rustix::io::Errno;
use tfs_sys::shell::quoted;

use super::CheckResult;
use super::surroundings::MachineFacts;
use crate::KernelTimeout;

/// The FUSE device.
const DEVICE: &str = "/dev/fuse";

/// Configuration of fusermount3.
const FUSE_CONF: &str = "/etc/fuse.conf";

/// The set-user-ID bit.
const SETUID: u32 = 0o4000;

/// Checks `/dev/fuse` by opening it, as a mount does.
pub(super) fn device() -> CheckResult {
    let opened = File::options().read(true).write(true).open(DEVICE).map(drop);
    assess_device(opened, MachineFacts::detect())
}

fn assess_device(opened: io::Result<()>, surroundings: MachineFacts) -> CheckResult {
    const CHECK: &str = "fuse-device";
    let Err(error) = opened else {
        return CheckResult::ok(CHECK, format!("{DEVICE} can be opened"));
    };
    let in_container = "docker run --device /dev/fuse --cap-add SYS_ADMIN ...";
    match Errno::from_io_error(&error) {
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => {
            let finding = CheckResult::fault(CHECK, "this system has no FUSE");
            if surroundings.in_container {
                return finding.fix(in_container);
            }
            finding.fix("sudo modprobe fuse")
        }
        // The mode allows access, but the device cgroup denies it.
        Some(Errno::PERM) => {
            CheckResult::fault(CHECK, format!("this container may not open {DEVICE}"))
                .fix(in_container)
        }
        Some(Errno::ACCESS) => {
            CheckResult::fault(CHECK, format!("{DEVICE} may not be opened by this user"))
                .fix("sudo chmod 666 /dev/fuse   # as most distributions have it")
        }
        _ => CheckResult::fault(CHECK, format!("{DEVICE} cannot be opened: {error}")),
    }
}

/// Checks whether the kernel aborts mounts with slow requests.
pub(super) fn request_timeout() -> CheckResult {
    assess_request_timeout(KernelTimeout::of_this_machine())
}

fn assess_request_timeout(timeout: Option<KernelTimeout>) -> CheckResult {
    const CHECK: &str = "fuse-timeout";
    match timeout {
        None => CheckResult::ok(CHECK, "the kernel sets no time limit for answers"),
        Some(timeout) => CheckResult::warning(CHECK, timeout.to_string()).fix(timeout.fix()),
    }
}

/// Properties of fusermount3.
#[derive(Debug)]
struct Fusermount {
    path: String,
    version: Option<String>,
    /// Whether it belongs to root and has the set-user-ID bit.
    is_setuid: bool,
}

/// Checks that this user may mount: root by a capability, other users by fusermount3.
pub(super) fn may_mount() -> CheckResult {
    let fusermount = fusermount_path().map(|path| Fusermount {
        is_setuid: path
            .metadata()
            .is_ok_and(|file| file.uid() == 0 && file.permissions().mode() & SETUID != 0),
        version: version(&path),
        path: quoted(&path),
    });
    assess_may_mount(fusermount.as_ref(), MachineFacts::detect())
}

fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    // `fusermount3 version: 3.14.0`
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().rsplit(' ').next()?.to_owned())
}

fn assess_may_mount(fusermount: Option<&Fusermount>, surroundings: MachineFacts) -> CheckResult {
    const CHECK: &str = "may-mount";
    if surroundings.is_root {
        if surroundings.has_sys_admin {
            return CheckResult::ok(CHECK, "as root, without fusermount3");
        }
        return CheckResult::fault(CHECK, "this root may not mount: it lacks CAP_SYS_ADMIN")
            .fix("docker run --cap-add SYS_ADMIN --device /dev/fuse ...");
    }
    let Some(Fusermount { path, version, is_setuid }) = fusermount else {
        return CheckResult::fault(CHECK, "fusermount3 is not installed")
            .fix("sudo apt install fuse3   # Debian, Ubuntu")
            .fix("sudo dnf install fuse3   # Fedora");
    };
    if !is_setuid {
        return CheckResult::fault(CHECK, format!("{path} does not run as root"))
            .fix(format!("sudo chown root {path} && sudo chmod u+s {path}"));
    }
    if surroundings.no_new_privs {
        return CheckResult::fault(
            CHECK,
            format!("{path} cannot become root here: no_new_privs is set"),
        )
        .fix("systemctl --user edit tfs   # [Service] NoNewPrivileges=no")
        .fix("docker run ...            # without --security-opt no-new-privileges");
    }
    let version = version.as_ref().map_or_else(String::new, |version| format!(", {version}"));
    CheckResult::ok(CHECK, format!("by {path}{version}"))
}

/// Checks whether mounts can be opened to other users.
pub(super) fn allow_other() -> CheckResult {
    assess_allow_other(fs::read_to_string(FUSE_CONF).ok().as_deref(), MachineFacts::detect())
}

fn assess_allow_other(fuse_conf: Option<&str>, surroundings: MachineFacts) -> CheckResult {
    const CHECK: &str = "allow-other";
    let is_set =
        fuse_conf.is_some_and(|text| text.lines().any(|it| it.trim() == "user_allow_other"));
    match (is_set, surroundings.is_root) {
        (_, true) => CheckResult::ok(CHECK, "root may use --allow-other"),
        (true, false) => CheckResult::ok(CHECK, format!("{FUSE_CONF} has user_allow_other")),
        (false, false) => CheckResult::warning(
            CHECK,
            format!(
                "{FUSE_CONF} does not have user_allow_other: --allow-other, which a media server \
                 of another user needs, will be refused"
            ),
        )
        .fix(format!("echo user_allow_other | sudo tee -a {FUSE_CONF}")),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::finding::render;
    use super::*;

    const ROOT: MachineFacts = MachineFacts {
        is_root: true,
        has_sys_admin: true,
        no_new_privs: false,
        in_container: false,
    };
    const USER: MachineFacts = MachineFacts { is_root: false, has_sys_admin: false, ..ROOT };

    #[track_caller]
    fn check(findings: &[CheckResult], want: &Expect) {
        want.assert_eq(&render(findings));
    }

    #[test]
    fn the_device() {
        let failed = |errno: Errno| Err(errno.into());
        let boxed = MachineFacts { in_container: true, ..ROOT };
        check(
            &[
                assess_device(Ok(()), USER),
                assess_device(failed(Errno::NOENT), USER),
                assess_device(failed(Errno::NOENT), boxed),
                assess_device(failed(Errno::PERM), boxed),
                assess_device(failed(Errno::ACCESS), USER),
                assess_device(failed(Errno::IO), USER),
            ],
            &expect![[r#"
                Ok fuse-device: /dev/fuse can be opened
                Fault fuse-device: this system has no FUSE
                    $ sudo modprobe fuse
                Fault fuse-device: this system has no FUSE
                    $ docker run --device /dev/fuse --cap-add SYS_ADMIN ...
                Fault fuse-device: this container may not open /dev/fuse
                    $ docker run --device /dev/fuse --cap-add SYS_ADMIN ...
                Fault fuse-device: /dev/fuse may not be opened by this user
                    $ sudo chmod 666 /dev/fuse   # as most distributions have it
                Fault fuse-device: /dev/fuse cannot be opened: Input/output error (os error 5)
            "#]],
        );
    }

    #[test]
    fn the_right_to_mount() {
        let fusermount = |is_setuid| Fusermount {
            path: "/usr/bin/fusermount3".to_owned(),
            version: Some("3.14.0".to_owned()),
            is_setuid,
        };
        check(
            &[
                assess_may_mount(None, ROOT),
                assess_may_mount(None, MachineFacts { has_sys_admin: false, ..ROOT }),
                assess_may_mount(None, USER),
                assess_may_mount(Some(&fusermount(false)), USER),
                assess_may_mount(Some(&fusermount(true)), USER),
                assess_may_mount(
                    Some(&fusermount(true)),
                    MachineFacts { no_new_privs: true, ..USER },
                ),
            ],
            &expect![[r#"
                Ok may-mount: as root, without fusermount3
                Fault may-mount: this root may not mount: it lacks CAP_SYS_ADMIN
                    $ docker run --cap-add SYS_ADMIN --device /dev/fuse ...
                Fault may-mount: fusermount3 is not installed
                    $ sudo apt install fuse3   # Debian, Ubuntu
                    $ sudo dnf install fuse3   # Fedora
                Fault may-mount: /usr/bin/fusermount3 does not run as root
                    $ sudo chown root /usr/bin/fusermount3 && sudo chmod u+s /usr/bin/fusermount3
                Ok may-mount: by /usr/bin/fusermount3, 3.14.0
                Fault may-mount: /usr/bin/fusermount3 cannot become root here: no_new_privs is set
                    $ systemctl --user edit tfs   # [Service] NoNewPrivileges=no
                    $ docker run ...            # without --security-opt no-new-privileges
            "#]],
        );
    }

    #[test]
    fn other_users() {
        check(
            &[
                assess_allow_other(None, ROOT),
                assess_allow_other(None, USER),
                assess_allow_other(Some("# comment\n#user_allow_other\n"), USER),
                assess_allow_other(Some("mount_max = 9\n user_allow_other\n"), USER),
            ],
            &expect![[r#"
                Ok allow-other: root may use --allow-other
                Warning allow-other: /etc/fuse.conf does not have user_allow_other: --allow-other, which a media server of another user needs, will be refused
                    $ echo user_allow_other | sudo tee -a /etc/fuse.conf
                Warning allow-other: /etc/fuse.conf does not have user_allow_other: --allow-other, which a media server of another user needs, will be refused
                    $ echo user_allow_other | sudo tee -a /etc/fuse.conf
                Ok allow-other: /etc/fuse.conf has user_allow_other
            "#]],
        );
    }
}
