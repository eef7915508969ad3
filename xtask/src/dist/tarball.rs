//! The tarball: the stripped binary and all files that belong to it.
//!
//! Its layout is that of a prefix:
//! `tar -C /usr --strip-components=1 --keep-directory-symlink -xf FILE` installs it. The same
//! commit and the same compiler give the same bytes: names are sorted, the owner is root, and the
//! time is the commit's, or `SOURCE_DATE_EPOCH`.

use std::{
    env, fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Result,
    workspace::{self, output_of},
};

/// Files of the checkout, with their paths in the tarball.
const FILES: [(&str, &str); 15] = [
    ("contrib/systemd/system/tfs.service", "lib/systemd/system/tfs.service"),
    ("contrib/systemd/system/tfs@.service", "lib/systemd/system/tfs@.service"),
    ("contrib/systemd/user/tfs.service", "lib/systemd/user/tfs.service"),
    ("contrib/systemd/user/tfs@.service", "lib/systemd/user/tfs@.service"),
    ("contrib/systemd/user/tfs-serve@.service", "lib/systemd/user/tfs-serve@.service"),
    ("contrib/docker/Dockerfile", "share/doc/tfs/docker/Dockerfile"),
    ("contrib/docker/compose.yaml", "share/doc/tfs/docker/compose.yaml"),
    ("contrib/docker/compose-embedded.yaml", "share/doc/tfs/docker/compose-embedded.yaml"),
    ("contrib/grafana/tfs.json", "share/doc/tfs/grafana/tfs.json"),
    ("contrib/prometheus/alerts.yml", "share/doc/tfs/prometheus/alerts.yml"),
    ("contrib/prometheus/alerts_test.yml", "share/doc/tfs/prometheus/alerts_test.yml"),
    ("README.md", "share/doc/tfs/README.md"),
    ("CHANGELOG.md", "share/doc/tfs/CHANGELOG.md"),
    ("CONTRIBUTING.md", "share/doc/tfs/CONTRIBUTING.md"),
    ("LICENSE", "share/doc/tfs/LICENSE"),
];

/// The directory of the checkout that is packed as a whole, with its path in the tarball.
const DOCS: (&str, &str) = ("docs", "share/doc/tfs/docs");

/// Completions from the binary for each shell, with the paths where the shells look for them. The
/// last two have no path that is common to all users.
const COMPLETIONS: [(&str, &str); 5] = [
    ("bash", "share/bash-completion/completions/tfs"),
    ("zsh", "share/zsh/site-functions/_tfs"),
    ("fish", "share/fish/vendor_completions.d/tfs.fish"),
    ("elvish", "share/doc/tfs/completions/tfs.elv"),
    ("powershell", "share/doc/tfs/completions/tfs.ps1"),
];

/// The names under which mount(8) runs the binary.
const MOUNT_HELPERS: [&str; 2] = ["sbin/mount.fuse.tfs", "sbin/mount.tfs"];

/// Installs everything below `stage`, which is emptied first. `runner` prints the completions and
/// the manual pages: the same program as `binary`, which may be for another machine.
///
/// # Errors
/// If a file cannot be copied, or the program fails.
pub(super) fn fill(stage: &Path, root: &Path, binary: &Path, runner: &Path) -> Result<()> {
    if stage.exists() {
        fs::remove_dir_all(stage)?;
    }
    install(binary, &stage.join("bin/tfs"))?;
    for helper in MOUNT_HELPERS {
        let link = make_parent(stage.join(helper))?;
        symlink("../bin/tfs", link)?;
    }
    for (from, to) in FILES {
        install(&root.join(from), &stage.join(to))?;
    }
    let (docs, to) = DOCS;
    install_all(&root.join(docs), &stage.join(to))?;
    for (shell, to) in COMPLETIONS {
        let text = output_of(Command::new(runner).args(["completions", shell]))?;
        fs::write(make_parent(stage.join(to))?, text)?;
    }
    output_of(Command::new(runner).args(["man", "--dir"]).arg(stage.join("share/man/man1")))?;
    Ok(())
}

fn install(from: &Path, to: &Path) -> Result<()> {
    let to = make_parent(to.to_owned())?;
    fs::copy(from, to).map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
    Ok(())
}

/// Installs all files below a directory.
fn install_all(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            install_all(&entry.path(), &to)?;
        } else {
            install(&entry.path(), &to)?;
        }
    }
    Ok(())
}

fn make_parent(path: PathBuf) -> io::Result<PathBuf> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(path)
}

/// Packs `dir/name`, and returns the name of the tarball.
///
/// # Errors
/// If tar, gzip or git fails.
pub(super) fn pack(dir: &Path, name: &str) -> Result<String> {
    let tarball = format!("{name}.tar.gz");
    output_of(
        Command::new("tar")
            .current_dir(dir)
            .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=go=rX,u+rw"])
            .arg(format!("--mtime=@{}", source_time()?))
            // Without the time and the name, which gzip writes by default.
            .args(["--use-compress-program=gzip -9n", "-cf", &tarball, name]),
    )?;
    Ok(tarball)
}

/// Returns the time of the contents, in seconds since 1970.
///
/// # Errors
/// If git fails.
pub(super) fn source_time() -> Result<String> {
    let time = match env::var("SOURCE_DATE_EPOCH") {
        Ok(time) => time,
        Err(_) => {
            let git = ["log", "-1", "--format=%ct"];
            output_of(Command::new("git").current_dir(workspace::root()).args(git))?
        }
    };
    Ok(time.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

    use expect_test::expect;

    use super::{DOCS, FILES, fill, pack};
    use crate::workspace::{self, output_of};

    /// Creates a checkout and a binary that prints its arguments.
    fn checkout(root: &Path) {
        let docs = ["a.md", "dev/adr/b.md"].map(|doc| format!("{}/{doc}", DOCS.0));
        let docs = docs.iter().map(String::as_str);
        for file in FILES.iter().map(|(file, _)| *file).chain(docs) {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), file).unwrap();
        }
        let script =
            "#!/bin/sh\nif [ $1 = man ]; then mkdir -p $3 && echo >$3/tfs.1; else echo $*; fi\n";
        fs::write(root.join("tfs"), script).unwrap();
        fs::set_permissions(root.join("tfs"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_image_is_built_with_the_pinned_compiler() {
        let toolchain = include_str!("../../../rust-toolchain.toml");
        let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = "));
        let pinned = channel.unwrap().trim_matches('"').rsplit_once('.').unwrap().0;
        let image = format!("FROM docker.io/library/rust:{pinned}-slim-bookworm AS compiler\n");
        assert!(include_str!("../../../contrib/docker/Dockerfile").contains(&image), "{image}");
    }

    #[test]
    fn the_tarball_is_a_prefix_and_the_same_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let root = dir.join("checkout");
        checkout(&root);
        let stage = dir.join("tfs-1");
        let tarballs = [(), ()].map(|()| {
            fill(&stage, &root, &root.join("tfs"), &root.join("tfs")).unwrap();
            assert_eq!(pack(dir, "tfs-1").unwrap(), "tfs-1.tar.gz");
            fs::read(dir.join("tfs-1.tar.gz")).unwrap()
        });
        assert!(tarballs[0] == tarballs[1]);
        let list = ["-tvf", "tfs-1.tar.gz"];
        let list = output_of(Command::new("tar").current_dir(dir).args(list)).unwrap();
        let lines = list.lines().filter(|line| !line.ends_with('/')).map(|line| {
            let (mode, rest) = line.split_once(' ').unwrap();
            format!("{mode} {}\n", rest.split_once("tfs-1/").unwrap().1)
        });
        expect![[r#"
            -rwxr-xr-x bin/tfs
            -rw-r--r-- lib/systemd/system/tfs.service
            -rw-r--r-- lib/systemd/system/tfs@.service
            -rw-r--r-- lib/systemd/user/tfs-serve@.service
            -rw-r--r-- lib/systemd/user/tfs.service
            -rw-r--r-- lib/systemd/user/tfs@.service
            lrwxr-xr-x sbin/mount.fuse.tfs -> ../bin/tfs
            lrwxr-xr-x sbin/mount.tfs -> ../bin/tfs
            -rw-r--r-- share/bash-completion/completions/tfs
            -rw-r--r-- share/doc/tfs/CHANGELOG.md
            -rw-r--r-- share/doc/tfs/CONTRIBUTING.md
            -rw-r--r-- share/doc/tfs/LICENSE
            -rw-r--r-- share/doc/tfs/README.md
            -rw-r--r-- share/doc/tfs/completions/tfs.elv
            -rw-r--r-- share/doc/tfs/completions/tfs.ps1
            -rw-r--r-- share/doc/tfs/docker/Dockerfile
            -rw-r--r-- share/doc/tfs/docker/compose-embedded.yaml
            -rw-r--r-- share/doc/tfs/docker/compose.yaml
            -rw-r--r-- share/doc/tfs/docs/a.md
            -rw-r--r-- share/doc/tfs/docs/dev/adr/b.md
            -rw-r--r-- share/doc/tfs/grafana/tfs.json
            -rw-r--r-- share/doc/tfs/prometheus/alerts.yml
            -rw-r--r-- share/doc/tfs/prometheus/alerts_test.yml
            -rw-r--r-- share/fish/vendor_completions.d/tfs.fish
            -rw-r--r-- share/man/man1/tfs.1
            -rw-r--r-- share/zsh/site-functions/_tfs
        "#]]
        .assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn what_is_packed_is_there() {
        for (file, _) in FILES {
            assert!(workspace::root().join(file).is_file(), "{file}");
        }
    }
}
