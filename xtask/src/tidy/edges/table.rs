//! The forbidden dependencies as data, each with its reason.
//!
//! A change of the arrows in docs/ARCHITECTURE.md changes this table in the same commit.
//! `deny.toml` repeats the rules about fuser and librqbit, for users who run only cargo-deny.

/// The scope of a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The crate's own manifest; dependencies of its dependencies are allowed.
    Direct,
    /// Everything that is built into the crate.
    Anywhere,
}

/// Crates that one crate must not depend on. Dependencies of its tests are allowed.
pub(super) struct Absence {
    pub(super) package: &'static str,
    pub(super) reach: Reach,
    pub(super) banned: &'static [&'static str],
    pub(super) reason: &'static str,
}

/// A crate that only its owners may depend on directly; others may not even in tests.
pub(super) struct Owned {
    pub(super) dependency: &'static str,
    pub(super) owners: &'static [&'static str],
    pub(super) reason: &'static str,
}

/// What is behind a mount: filesystem, kernel, servers, settings.
const BEHIND_A_MOUNT: &[&str] =
    &["vfs-core", "fuser", "fuse-adapter", "rqbit-client", "librqbit", "tfs-config", "tfs-service"];

/// What a front end on a network does not see: the kernel, servers and settings.
const SERVED_FILES: &[&str] = &[
    "fuser",
    "fuse-adapter",
    "rqbit-client",
    "rqbit-source",
    "librqbit",
    "tfs-config",
    "tfs-service",
];

/// The command, which is built for macOS too.
pub(super) const MACOS_PACKAGE: &str = "tfs-cli";

/// What is not built into it there: tfs mounts by NFS on macOS, and fuser needs a macFUSE.
pub(super) const MACOS_BANNED: &[&str] = &["fuser", "fuse-adapter"];

/// The forbidden dependencies of each crate.
pub(super) const ABSENCES: &[Absence] = &[
    Absence {
        package: "tfs-types",
        reach: Reach::Anywhere,
        banned: &[
            "tokio",
            "fuser",
            "hyper",
            "rustix",
            "librqbit",
            "vfs-core",
            "rqbit-client",
            "rqbit-source",
            "rqbit-embedded",
            "fuse-adapter",
            "tfs-api",
            "tfs-config",
            "tfs-service",
            "tfs-state",
            "tfs-sys",
        ],
        reason: "it is pure, so that every crate may see it",
    },
    Absence {
        package: "tfs-sys",
        reach: Reach::Anywhere,
        banned: &[
            "fuser",
            "hyper",
            "serde",
            "librqbit",
            "vfs-core",
            "rqbit-client",
            "rqbit-source",
            "rqbit-embedded",
            "fuse-adapter",
            "tfs-api",
            "tfs-config",
            "tfs-service",
            "tfs-state",
            "tfs-types",
        ],
        reason: "it is at the bottom, and knows Linux only",
    },
    Absence {
        package: "vfs-core",
        reach: Reach::Anywhere,
        banned: &[
            "fuser",
            "hyper",
            "http",
            "reqwest",
            "serde",
            "serde_json",
            "nix",
            "librqbit",
            "rqbit-client",
            "rqbit-source",
            "rqbit-embedded",
            "fuse-adapter",
            "tfs-service",
            "tfs-sys",
        ],
        reason: "the filesystem is embeddable, without kernel, network and wire types",
    },
    Absence {
        package: "tfs-views",
        reach: Reach::Anywhere,
        banned: &[
            "fuser",
            "hyper",
            "librqbit",
            "rqbit-client",
            "rqbit-source",
            "rqbit-embedded",
            "fuse-adapter",
            "tfs-api",
            "tfs-config",
            "tfs-service",
            "tfs-state",
            "tfs-sys",
        ],
        reason: "rules are pure: the same torrent has the same place after each restart",
    },
    Absence {
        package: "vfs-core",
        reach: Reach::Direct,
        banned: &["libc", "nix"],
        reason: "errno and system calls are the business of fuse-adapter",
    },
    Absence {
        package: "tfs-drop",
        reach: Reach::Anywhere,
        banned: &[
            "fuser",
            "hyper",
            "serde",
            "rustix",
            "librqbit",
            "rqbit-client",
            "rqbit-source",
            "rqbit-embedded",
            "fuse-adapter",
            "tfs-config",
            "tfs-service",
            "tfs-state",
            "tfs-sys",
        ],
        reason: "the drop folder decides without kernel, network, disk and clock",
    },
    Absence {
        package: "rqbit-client",
        reach: Reach::Anywhere,
        banned: &[
            "vfs-core",
            "fuser",
            "librqbit",
            "rqbit-source",
            "fuse-adapter",
            "tfs-service",
            "tfs-sys",
        ],
        reason: "the client is useful to anybody who talks to rqbit",
    },
    Absence {
        package: "rqbit-source",
        reach: Reach::Anywhere,
        banned: &["fuser", "librqbit", "rqbit-embedded", "fuse-adapter", "tfs-service"],
        reason: "the source maps a server to a trait and knows neither kernel nor session",
    },
    Absence {
        package: "fuse-adapter",
        reach: Reach::Anywhere,
        banned: &[
            "hyper",
            "http",
            "reqwest",
            "rqbit-client",
            "rqbit-source",
            "rqbit-embedded",
            "librqbit",
            "tfs-service",
        ],
        reason: "the adapter serves any source and never sees HTTP",
    },
    Absence {
        package: "webdav-adapter",
        reach: Reach::Anywhere,
        banned: SERVED_FILES,
        reason: "the adapter serves any source, with or without a mount",
    },
    Absence {
        package: "dlna-adapter",
        reach: Reach::Anywhere,
        banned: SERVED_FILES,
        reason: "the adapter serves any source, with or without a mount",
    },
    Absence {
        package: "nfs-adapter",
        reach: Reach::Anywhere,
        banned: SERVED_FILES,
        reason: "the adapter serves any source, with or without a mount",
    },
    Absence {
        package: "nfs-adapter",
        reach: Reach::Anywhere,
        banned: &["hyper", "http"],
        reason: "NFS is not HTTP",
    },
    Absence {
        package: "tfs-library",
        reach: Reach::Anywhere,
        banned: &["fuser", "fuse-adapter", "librqbit", "clap", "tfs-config", "tfs-service"],
        reason: "a program that embeds tfs needs neither a kernel nor settings",
    },
    Absence {
        package: "rqbit-embedded",
        reach: Reach::Anywhere,
        banned: &["vfs-core", "fuser", "rqbit-source", "fuse-adapter", "tfs-service"],
        reason: "the embedded server is a server like any other, reached over HTTP",
    },
    Absence {
        package: "tfs-api",
        reach: Reach::Anywhere,
        banned: BEHIND_A_MOUNT,
        reason: "a client of the control API needs no filesystem and no server",
    },
    Absence {
        package: "tfs-http",
        reach: Reach::Anywhere,
        banned: BEHIND_A_MOUNT,
        reason: "a listener knows limits, and not what it serves",
    },
    Absence {
        package: "tfs-web",
        reach: Reach::Anywhere,
        banned: BEHIND_A_MOUNT,
        reason: "the page is tested over a backend of the tests, without mounts and servers",
    },
    Absence {
        package: "tfs-hooks",
        reach: Reach::Anywhere,
        banned: &["vfs-core", "fuser", "fuse-adapter", "librqbit", "tfs-config", "tfs-service"],
        reason: "a hook gets events, and knows no mount",
    },
    Absence {
        package: "tfs-config",
        reach: Reach::Anywhere,
        banned: &["clap", "fuser", "fuse-adapter", "librqbit", "tfs-service"],
        reason: "settings are values; what is done with them is decided elsewhere",
    },
    Absence {
        package: "tfs-state",
        reach: Reach::Anywhere,
        banned: &["fuser", "fuse-adapter", "librqbit", "tfs-config", "tfs-service"],
        reason: "the state is files, which are read and written without a mount",
    },
    Absence {
        package: "tfs-service",
        reach: Reach::Direct,
        banned: &["clap"],
        reason: "the service is told what to do and parses no arguments",
    },
    Absence {
        package: "tfs-service",
        reach: Reach::Anywhere,
        banned: &["tfs-cli"],
        reason: "the service runs without a command line",
    },
    Absence {
        package: "tfs-cli",
        reach: Reach::Direct,
        banned: &["fuser", "hyper"],
        reason: "the command line is thin and names no type of kernel or network",
    },
    Absence {
        package: "tfs-testkit",
        reach: Reach::Anywhere,
        banned: &["tfs-service", "tfs-cli"],
        reason: "what is under test is not part of the tools",
    },
    Absence {
        package: "tfs-bench",
        reach: Reach::Anywhere,
        banned: &["tfs-service", "tfs-cli", "fuse-adapter"],
        reason: "it measures the binary that users run, from outside",
    },
    Absence {
        package: "tfs-bench",
        reach: Reach::Direct,
        banned: &["vfs-core", "rqbit-source"],
        reason: "it measures the binary that users run, from outside",
    },
    Absence {
        package: "xtask",
        reach: Reach::Anywhere,
        banned: &["clap", "syn", "tokio"],
        reason: "the first build of xtask is what a newcomer waits for",
    },
];

/// The crates with owners.
pub(super) const OWNED: [Owned; 4] = [
    // The testkit has a minimal fuser filesystem, to compare mounts with.
    Owned {
        dependency: "fuser",
        owners: &["fuse-adapter", "tfs-testkit"],
        reason: "one crate talks to the kernel and has the only errno table",
    },
    // The testkit has rqbit before version 9 as a test server.
    Owned {
        dependency: "librqbit",
        owners: &["rqbit-embedded", "tfs-testkit"],
        reason: "one crate holds the session, all others see a server",
    },
    Owned { dependency: "eyre", owners: &["tfs-cli"], reason: "libraries have typed errors" },
    Owned { dependency: "anyhow", owners: &[], reason: "libraries have typed errors" },
];

/// Crates that only tests may depend on.
pub(super) const ONLY_FOR_TESTS: [&str; 1] = ["tfs-testkit"];

/// Crates that consist only of tests and are not shipped.
pub(super) const TEST_PROGRAMS: [&str; 1] = ["tfs-bench"];

/// The crate that depends on no other of the workspace, not even in tests.
pub(super) const ALONE: &str = "xtask";
