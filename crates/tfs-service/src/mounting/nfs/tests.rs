//! The mount with programs that only record their arguments.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::OnceLock;

use expect_test::{Expect, expect};
use tfs_sys::mounting::{Liveness, Unmount};
use tfs_testkit::fake::{FakeSource, single_file};
use vfs_core::{ServerId, VfsConfig};

use super::*;

/// The mount table of the test that mounts.
static TABLE: OnceLock<PathBuf> = OnceLock::new();

/// Writes its arguments down, and a line of a mount table.
const MOUNT: &str = "#!/bin/sh
cd \"$(dirname \"$0\")\" || exit 1
echo \"$@\" > arguments
[ -e refusal ] && cat refusal >&2 && exit 1
echo \"7 1 0:77 / $4 ro - nfs $3 ro\" > table
";

/// Removes the line, unless it is busy and not forced.
const UNMOUNT: &str = "#!/bin/sh
cd \"$(dirname \"$0\")\" || exit 1
echo \"$@\" >> unmounts
if [ \"$1\" != -f ] && [ -e busy ]; then
    echo \"umount($1): Resource busy -- try 'diskutil unmount'\" >&2
    exit 1
fi
: > table
";

fn table() -> io::Result<MountTable> {
    let text = TABLE.get().map_or(Ok(Vec::new()), fs::read)?;
    Ok(MountTable::parse(&text))
}

fn programs(dir: &Path) -> NfsPrograms {
    let script = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    NfsPrograms {
        mount: script("mount_nfs", MOUNT),
        unmount: script("umount", UNMOUNT),
        diskutil: script("diskutil", "#!/bin/sh\nexit 1\n"),
        table,
    }
}

fn vfs() -> Arc<Vfs<FakeSource>> {
    let source = FakeSource::new(4);
    source.add(single_file(1, "single", 10));
    let vfs = Arc::new(Vfs::new(Arc::new(source.clone()), VfsConfig::default()));
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1_700_000_000);
    vfs
}

async fn start(path: &Path, programs: NfsPrograms) -> Result<NfsMounting, MountError> {
    let appearance = NfsAppearance { attributes: AttrOptions::default(), allow_other: false };
    NfsMounting::start(vfs(), path.to_owned(), appearance, programs).await
}

#[track_caller]
fn check(dir: &Path, error: &MountError, want: &Expect) {
    let cause = std::error::Error::source(error).map_or_else(String::new, |it| format!(": {it}"));
    want.assert_eq(&format!("{error}{cause}").replace(&dir.display().to_string(), "DIR"));
}

#[tokio::test]
async fn what_keeps_it_from_mounting_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let programs = programs(dir);
    fs::write(dir.join("refusal"), "mount_nfs: can't mount: Connection refused\n").unwrap();
    let error = start(&dir.join("m"), programs.clone()).await.unwrap_err();
    check(dir, &error, &expect!["mount on DIR/m: mount_nfs: can't mount: Connection refused"]);
    fs::remove_file(dir.join("refusal")).unwrap();
    let missing = NfsPrograms { mount: dir.join("none"), ..programs.clone() };
    let error = start(&dir.join("m"), missing).await.unwrap_err();
    check(dir, &error, &expect!["mount on DIR/m: No such file or directory (os error 2)"]);
    let nowhere = NfsPrograms { table: || Ok(MountTable::default()), ..programs };
    let error = start(&dir.join("m"), nowhere).await.unwrap_err();
    check(
        dir,
        &error,
        &expect![
            "mount on DIR/m: mount_nfs has ended, but the mount table does not show the mount"
        ],
    );
}

#[tokio::test]
async fn a_mount_from_start_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let (path, programs) = (dir.join("m"), programs(&dir));
    fs::create_dir(&path).unwrap();
    TABLE.set(dir.join("table")).unwrap();
    let mount = start(&path, programs.clone()).await.unwrap();
    let arguments = fs::read_to_string(dir.join("arguments")).unwrap();
    let port = mount.server.address().port();
    assert!(mount.server.address().ip().is_loopback());
    let expected = format!(
        "-o {} {NFS_SOURCE}{}-",
        command::options(port, Duration::from_secs(5)),
        std::process::id()
    );
    let rest = arguments.strip_prefix(&expected).unwrap();
    let (token, at) = rest.trim().split_once(' ').unwrap();
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    assert_eq!(Path::new(at), path);
    assert_eq!((mount.path(), mount.device()), (&*path, Device { major: 0, minor: 77 }));
    assert!(mount.is_seen().unwrap());
    // It opens nothing any more.
    assert_eq!(mount.server.refuse_mounts(), 0);

    // In use: only by force.
    fs::write(dir.join("busy"), "").unwrap();
    let busy = unmount(&path, Unmount::Clean, &programs).unwrap_err();
    assert!(matches!(busy, UnmountError::Busy { .. }), "{busy:?}");
    let lazy = unmount(&path, Unmount::Lazy, &programs).unwrap_err();
    assert!(lazy.to_string().ends_with("macOS has no lazy unmount"), "{lazy}");
    unmount(&path, Unmount::Force, &programs).unwrap();
    mount.wait().await.unwrap();
    assert!(!mount.is_seen().unwrap());
    let gone = unmount(&path, Unmount::Clean, &programs).unwrap_err();
    assert!(matches!(gone, UnmountError::NotMounted { .. }), "{gone:?}");
    mount.unmount().await.unwrap();

    // Its own end is by force if it must.
    let mount = start(&path, programs.clone()).await.unwrap();
    mount.unmount().await.unwrap();
    let unmounts = fs::read_to_string(dir.join("unmounts")).unwrap();
    let last: Vec<_> = unmounts.lines().rev().take(2).collect();
    assert_eq!(last, [format!("-f {}", path.display()), path.display().to_string()]);

    // Other mounts are left alone.
    fs::write(dir.join("table"), format!("1 0 0:5 / {} rw - nfs nas:/x rw\n", path.display()))
        .unwrap();
    let foreign = unmount(&path, Unmount::Force, &programs).unwrap_err();
    assert!(matches!(foreign, UnmountError::NotTfs { .. }), "{foreign:?}");
}

#[test]
fn a_directory_answers_and_a_missing_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(liveness(dir.path()), Liveness::Alive);
    assert_eq!(liveness(&dir.path().join("none")), Liveness::Dead);
    assert!(wait_for_answer(dir.path()));
}
