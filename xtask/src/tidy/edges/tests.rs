//! Tests of the forbidden dependencies.

use expect_test::{Expect, expect};

use super::{
    super::tree::parse, ABSENCES, Package, TidyFile, Violation, direct,
    every_crate_is_in_the_table, has_macos_rule, indirect, on_macos,
};
use crate::workspace::Dependency;

const MANIFEST: &str = "[package]\n\n[dependencies]\nbytes = \"1\"\nhyper.workspace = true\n\
    rqbit-client.workspace = true\n";

fn package(name: &str, dependencies: &[&str]) -> Package {
    let dependencies = dependencies
        .iter()
        .map(|dependency| {
            let (name, dev) = match dependency.strip_prefix("dev:") {
                Some(name) => (name, true),
                None => (*dependency, false),
            };
            Dependency { name: name.to_owned(), dev }
        })
        .collect();
    let manifest = format!("crates/{name}/Cargo.toml");
    Package { name: name.to_owned(), manifest, dependencies, target_roots: Vec::new() }
}

fn render(findings: &[Violation]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Checks the manifests of crates, given as a name and its dependencies; `dev:` marks those of
/// tests.
#[track_caller]
fn check(crates: &[(&str, &[&str])], expect: &Expect) {
    let packages: Vec<_> = crates.iter().map(|(name, asks)| package(name, asks)).collect();
    let findings: Vec<_> = packages
        .iter()
        .flat_map(|package| {
            direct(package, &packages, &TidyFile { path: &package.manifest, text: MANIFEST })
        })
        .collect();
    expect.assert_eq(&render(&findings));
}

#[track_caller]
fn check_tree(name: &str, tree: &str, expect: &Expect) {
    let package = package(name, &[]);
    let manifest = TidyFile { path: &package.manifest, text: MANIFEST };
    expect.assert_eq(&render(&indirect(&package, &parse(tree), &manifest)));
}

#[test]
fn the_arrows_of_the_architecture_are_fine() {
    check(
        &[
            ("vfs-core", &["bytes", "tokio", "tracing", "dev:tfs-testkit", "dev:serde_json"]),
            ("rqbit-client", &["hyper", "serde", "dev:tfs-testkit"]),
            ("rqbit-source", &["vfs-core", "rqbit-client"]),
            ("fuse-adapter", &["vfs-core", "fuser", "nix", "libc"]),
            ("rqbit-embedded", &["librqbit", "librqbit-dualstack-sockets"]),
            ("tfs-service", &["fuse-adapter", "rqbit-source", "rqbit-embedded"]),
            ("tfs-cli", &["tfs-service", "clap", "eyre"]),
            ("tfs-testkit", &["vfs-core", "rqbit-embedded"]),
            ("tfs-bench", &["tfs-testkit", "rqbit-client", "rqbit-embedded"]),
            ("xtask", &["serde_json", "dev:expect-test"]),
        ],
        &expect![[r#""#]],
    );
}

#[test]
fn the_core_sees_nothing_outside() {
    check(
        &[("vfs-core", &["hyper", "libc", "bytes", "serde"])],
        &expect![[r#"
        crates/vfs-core/Cargo.toml:5: `vfs-core` must not depend on `hyper`: the filesystem is embeddable, without kernel, network and wire types
        crates/vfs-core/Cargo.toml:1: `vfs-core` must not depend on `libc`: errno and system calls are the business of fuse-adapter
        crates/vfs-core/Cargo.toml:1: `vfs-core` must not depend on `serde`: the filesystem is embeddable, without kernel, network and wire types"#]],
    );
}

#[test]
fn fuser_and_librqbit_have_one_owner_in_tests_too() {
    check(
        &[
            ("tfs-cli", &["dev:fuser", "dev:librqbit"]),
            ("tfs-testkit", &["fuser", "librqbit"]),
            ("fuse-adapter", &["fuser"]),
        ],
        &expect![[r#"
            crates/tfs-cli/Cargo.toml:1: `tfs-cli` must not depend on `fuser`: one crate talks to the kernel and has the only errno table
            crates/tfs-cli/Cargo.toml:1: `tfs-cli` must not depend on `librqbit`: one crate holds the session, all others see a server"#]],
    );
}

#[test]
fn the_testkit_is_for_tests() {
    check(
        &[("rqbit-source", &["tfs-testkit"]), ("tfs-service", &["dev:tfs-testkit"])],
        &expect![
            "crates/rqbit-source/Cargo.toml:1: `rqbit-source` must not depend on `tfs-testkit`: it is for tests only, move it to [dev-dependencies]"
        ],
    );
}

#[test]
fn xtask_stands_alone() {
    check(
        &[("xtask", &["dev:vfs-core", "clap"]), ("vfs-core", &[])],
        &expect![[r#"
        crates/xtask/Cargo.toml:1: `xtask` must not depend on `vfs-core`: it must work while the other crates do not compile
        crates/xtask/Cargo.toml:1: `xtask` must not depend on `clap`: the first build of xtask is what a newcomer waits for"#]],
    );
}

#[test]
fn errors_of_libraries_are_typed() {
    check(
        &[("rqbit-client", &["anyhow", "eyre"]), ("tfs-cli", &["anyhow", "eyre"])],
        &expect![[r#"
        crates/rqbit-client/Cargo.toml:1: `rqbit-client` must not depend on `anyhow`: libraries have typed errors
        crates/rqbit-client/Cargo.toml:1: `rqbit-client` must not depend on `eyre`: libraries have typed errors
        crates/tfs-cli/Cargo.toml:1: `tfs-cli` must not depend on `anyhow`: libraries have typed errors"#]],
    );
}

#[test]
fn what_comes_in_through_others() {
    let tree = "0vfs-core v0.1.0 (/w)\n1bytes v1.12.0\n1rqbit-client v0.1.0 (/w)\n\
        2hyper v1.12.0\n3http v1.3.0\n2serde v1.0.0\n1libc v0.2.0\n";
    check_tree(
        "vfs-core",
        tree,
        &expect![[r#"
        crates/vfs-core/Cargo.toml:6: `hyper` is built in (vfs-core -> rqbit-client -> hyper): the filesystem is embeddable, without kernel, network and wire types
        crates/vfs-core/Cargo.toml:6: `http` is built in (vfs-core -> rqbit-client -> hyper -> http): the filesystem is embeddable, without kernel, network and wire types
        crates/vfs-core/Cargo.toml:6: `serde` is built in (vfs-core -> rqbit-client -> serde): the filesystem is embeddable, without kernel, network and wire types"#]],
    );
    check_tree(
        "vfs-core",
        "0vfs-core v0.1.0 (/w)\n1tokio v1.54.0\n2libc v0.2.0\n",
        &expect![[r#""#]],
    );
    check_tree("tfs-cli", tree, &expect![[r#""#]]);
}

#[test]
fn a_new_crate_says_what_it_never_sees() {
    let mut packages: Vec<_> =
        ABSENCES.iter().map(|absence| package(absence.package, &[])).collect();
    expect![[r#""#]].assert_eq(&render(&every_crate_is_in_the_table(&packages)));
    packages.retain(|package| package.name != "xtask");
    packages.push(package("smb-adapter", &[]));
    let findings = render(&every_crate_is_in_the_table(&packages));
    expect![[r#"
        crates/smb-adapter/Cargo.toml:1: what this crate never sees is not said: add it to xtask/src/tidy/edges/table.rs
        xtask/src/tidy/edges/table.rs:1: ABSENCES names `xtask`, which is no crate"#]].assert_eq(&findings);
}

#[test]
fn nothing_of_fuse_is_built_in_on_macos() {
    let package = package("tfs-cli", &[]);
    let manifest = TidyFile { path: "Cargo.toml", text: MANIFEST };
    let tree = "0tfs-cli v0.1.0\n1tfs-service v0.1.0\n2fuse-adapter v0.1.0\n3fuser v0.18.0\n";
    assert!(has_macos_rule("tfs-cli") && !has_macos_rule("tfs-service"));
    expect![[r#"
        Cargo.toml:1: `fuser` is built in on macOS (tfs-cli -> tfs-service -> fuse-adapter -> fuser): tfs mounts by NFS there
        Cargo.toml:1: `fuse-adapter` is built in on macOS (tfs-cli -> tfs-service -> fuse-adapter): tfs mounts by NFS there"#]]
        .assert_eq(&render(&on_macos(&package, &parse(tree), &manifest)));
    assert!(on_macos(&package, &parse("0tfs-cli v0.1.0\n1bytes v1.0.0\n"), &manifest).is_empty());
}
