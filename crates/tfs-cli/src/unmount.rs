//! `tfs unmount`.

use tfs_service::{Unmount, unmount};

use crate::args::UnmountArgs;
use crate::exit;

/// Runs the command.
pub(crate) fn run(args: &UnmountArgs) -> eyre::Result<u8> {
    let how = match (args.force, args.lazy) {
        (true, _) => Unmount::Force,
        (false, true) => Unmount::Lazy,
        (false, false) => Unmount::Clean,
    };
    unmount(&args.mountpoint, how)?;
    Ok(exit::SUCCESS)
}
