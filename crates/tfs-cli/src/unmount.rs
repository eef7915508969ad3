//! `tfs unmount`.

use tfs_service::Unmount;
use tfs_service::control::end_mount;

use crate::args::UnmountArgs;
use crate::{exit, runtime};

/// Runs the command.
pub(crate) fn run(args: &UnmountArgs) -> eyre::Result<u8> {
    let how = match (args.force, args.lazy) {
        (true, _) => Unmount::Force,
        (false, true) => Unmount::Lazy,
        (false, false) => Unmount::Clean,
    };
    runtime()?.block_on(end_mount(&args.mountpoint, how))?;
    Ok(exit::SUCCESS)
}
