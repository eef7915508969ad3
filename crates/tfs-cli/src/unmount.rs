//! `tfs unmount`.

use std::path::Path;

use eyre::WrapErr as _;
use tfs_api::wire::PlaceInfo;
use tfs_api::{own_drop_folders, own_mountpoints};
use tfs_service::{EndedMount, Unmount, end_mount};
use tfs_sys::shell::quoted;

use crate::args::UnmountArgs;
use crate::report::report;
use crate::{exit, output, runtime};

/// Runs the command. With several mounts, each is unmounted although another one fails; the exit
/// code is that of the first failure.
pub(crate) fn run(args: &UnmountArgs) -> eyre::Result<u8> {
    let how = match (args.force, args.lazy) {
        (true, _) => Unmount::Force,
        (false, true) => Unmount::Lazy,
        (false, false) => Unmount::Clean,
    };
    let paths = match args.all {
        true => own_mountpoints().wrap_err("cannot read the mount table")?,
        false => args.mountpoints.clone(),
    };
    let failed = paths.iter().filter_map(|path| unmount(path, how).err());
    let mut codes: Vec<_> = failed.map(|error| report(&error)).collect();
    // The folders of the mounts are gone with them: these have lost their mount.
    let left = match args.all {
        true => own_drop_folders().wrap_err("cannot read the mount table")?,
        false => Vec::new(),
    };
    let failed = left.iter().filter_map(|path| unmount(path, how).err());
    codes.extend(failed.map(|error| report(&error)));
    if paths.is_empty() && left.is_empty() {
        output::note("this user has no mounts");
    }
    Ok(codes.first().copied().unwrap_or(exit::SUCCESS))
}

fn unmount(path: &Path, how: Unmount) -> eyre::Result<()> {
    let ended = runtime()?.block_on(end_mount(path, how))?;
    if let Some(first) = ended.still_mounted.first() {
        let (message, hint) = still_mounted(path, how, &ended, first);
        output::warning(&message, &hint);
    }
    Ok(())
}

/// Prints where an unmounted filesystem is still mounted, and the remedy.
fn still_mounted(
    path: &Path,
    how: Unmount,
    EndedMount { still_mounted, pid }: &EndedMount,
    first: &PlaceInfo,
) -> (String, String) {
    let process = pid.map_or_else(String::new, |pid| format!(", so that process {pid} lives on"));
    let places = still_mounted.iter().map(|PlaceInfo { mountpoint, pid, command }| match pid {
        Some(pid) => {
            let command = command.as_deref().unwrap_or("?");
            format!("{mountpoint} in the namespace of {command} (process {pid})")
        }
        None => mountpoint.clone(),
    });
    let places = places.collect::<Vec<_>>().join(", ");
    let is = if how == Unmount::Force { "a dead mount remains" } else { "it is still mounted" };
    let message = format!("{} is unmounted, but {is} at {places}{process}", path.display());
    let target = quoted(Path::new(&first.mountpoint));
    let hint = match first.pid {
        None => format!("also unmount it there: umount {target}"),
        Some(pid) => format!(
            "end that container or process, or unmount it there: \
             nsenter --target {pid} --mount umount {target}"
        ),
    };
    (message, hint)
}
