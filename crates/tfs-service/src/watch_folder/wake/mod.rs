//! Changes in a watch folder, as the kernel reports them.

#[cfg(target_os = "linux")]
mod inotify;
#[cfg(not(target_os = "linux"))]
mod none;

#[cfg(target_os = "linux")]
pub(super) use self::inotify::ChangeEvents;
#[cfg(not(target_os = "linux"))]
pub(super) use self::none::NoEvents as ChangeEvents;
