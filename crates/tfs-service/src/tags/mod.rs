//! Tags of torrents: in mounts, and for commands.

mod mount_tags;
mod user_tags;

pub(crate) use self::mount_tags::MountTags;
pub use self::user_tags::{ChangedTags, NoStateDir, change_tags, user_tags};
