//! Mount options for the kernel and fusermount3.

use rustix::process::{getegid, geteuid};
use tfs_sys::mounting::{
    AttrOptions, DropMountOptions, FsName, MissingErrno, ProgramPatterns, READ_AHEAD_KB_DEFAULT,
    SecurityContext,
};

/// Subtype: `/proc/mounts` shows the type `fuse.tfs`.
const SUBTYPE: &str = "tfs";

/// Subtype of drop folders, so that nothing takes one for a library: `fuse.tfs-drop`.
const DROP_SUBTYPE: &str = "tfs-drop";

/// Options of a mount. All values of the public fields are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MountOptions {
    /// Source that `df` and `/proc/mounts` show.
    pub fs_name: FsName,
    /// Whether other users than the owner of the mount have access.
    pub allow_other: bool,
    /// Whether a non-empty directory may be mounted over.
    pub allow_non_empty: bool,
    /// Attributes of files, and how long the kernel may cache them.
    pub appearance: AttrOptions,
    /// Whether the kernel may read complete local files itself (passthrough). Needs CAP_SYS_ADMIN;
    /// without it the option has no effect.
    pub may_pass_through: bool,
    /// Whether the filesystem must learn of each look at a directory of torrents: the kernel then
    /// sends every open of a directory, and asks again after a second for a name that is not there.
    pub forwards_looks: bool,
    /// The errno of a read whose data is unavailable or must not be waited for.
    pub missing_errno: MissingErrno,
    /// Programs whose reads of missing data fail at once with that errno.
    pub refused_programs: ProgramPatterns,
    /// SELinux label of all files, as of `mount -o context=`. Only root can set it. Without SELinux
    /// in the kernel it is left out, as `mount(8)` does.
    pub context: Option<SecurityContext>,
    /// Kernel read-ahead window in KiB. Only root can set it; otherwise the kernel's default is
    /// used.
    pub read_ahead_kb: u32,
}

impl MountOptions {
    /// Returns the default options: files belong to the user who mounts and are readable by all,
    /// and only that user has access.
    #[must_use]
    pub fn new(fs_name: FsName) -> Self {
        Self {
            fs_name,
            allow_other: false,
            allow_non_empty: false,
            appearance: AttrOptions::default(),
            may_pass_through: true,
            forwards_looks: false,
            missing_errno: MissingErrno::default(),
            refused_programs: ProgramPatterns::default(),
            context: None,
            read_ahead_kb: READ_AHEAD_KB_DEFAULT,
        }
    }

    /// Returns the data for `mount(2)`, for the device open as `device_fd`. `has_labels` is whether
    /// the kernel knows labels; else it refuses the option.
    pub(crate) fn kernel_data(&self, device_fd: i32, has_labels: bool) -> String {
        // S_IFDIR in octal. The kernel checks only the file type.
        let mut data = format!(
            "fd={device_fd},rootmode=40000,user_id={},group_id={},default_permissions",
            geteuid().as_raw(),
            getegid().as_raw(),
        );
        if self.allow_other {
            data.push_str(",allow_other");
        }
        data.push_str(",subtype=");
        data.push_str(SUBTYPE);
        if let Some(context) = self.context.as_ref().filter(|_| has_labels) {
            // In quotes, since categories of a label are separated by commas.
            data.push_str(&[",context=\"", context.as_str(), "\""].concat());
        }
        data
    }

    /// Returns the value of `fusermount3 -o`.
    pub(crate) fn fusermount_data(&self) -> String {
        let allow_other = if self.allow_other { ",allow_other" } else { "" };
        format!(
            "ro,nosuid,nodev,noexec,default_permissions{allow_other},fsname={},subtype={SUBTYPE}",
            self.fs_name,
        )
    }
}

/// Returns the data for `mount(2)` of a drop folder, for the device open as `device_fd`.
pub(crate) fn drop_kernel_data(options: &DropMountOptions, device_fd: i32) -> String {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let allow_other = drop_allow_other(options);
    // S_IFDIR in octal. The kernel checks only the file type.
    format!(
        "fd={device_fd},rootmode=40000,user_id={uid},group_id={gid},\
         default_permissions{allow_other},subtype={DROP_SUBTYPE}"
    )
}

/// Returns the value of `fusermount3 -o` for a drop folder.
pub(crate) fn drop_fusermount_data(options: &DropMountOptions) -> String {
    let allow_other = drop_allow_other(options);
    format!(
        "rw,nosuid,nodev,noexec,default_permissions{allow_other},fsname={},\
         subtype={DROP_SUBTYPE}",
        options.fs_name,
    )
}

/// A group has access only if the kernel lets others in. The mode then keeps all others out.
fn drop_allow_other(options: &DropMountOptions) -> &'static str {
    if options.gid.is_some() { ",allow_other" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_and_fusermount_are_told_the_same() {
        let mut options = MountOptions::new(FsName::new("http://h:1/"));
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let ids = format!("rootmode=40000,user_id={uid},group_id={gid}");
        assert_eq!(
            options.kernel_data(7, false),
            format!("fd=7,{ids},default_permissions,subtype=tfs")
        );
        assert_eq!(
            options.fusermount_data(),
            "ro,nosuid,nodev,noexec,default_permissions,fsname=http://h:1/,subtype=tfs"
        );
        options.allow_other = true;
        assert_eq!(
            options.kernel_data(7, false),
            format!("fd=7,{ids},default_permissions,allow_other,subtype=tfs")
        );
        assert_eq!(
            options.fusermount_data(),
            "ro,nosuid,nodev,noexec,default_permissions,allow_other,fsname=http://h:1/,subtype=tfs"
        );
        options.context = SecurityContext::new("system_u:object_r:fusefs_t:s0:c1,c2");
        assert_eq!(
            options.kernel_data(7, true),
            format!(
                "fd=7,{ids},default_permissions,allow_other,subtype=tfs,\
                 context=\"system_u:object_r:fusefs_t:s0:c1,c2\""
            )
        );
        assert!(!options.kernel_data(7, false).contains("context"));
    }

    #[test]
    fn a_drop_folder_is_writable_and_open_to_a_group_only() {
        let mut options =
            DropMountOptions { fs_name: FsName::new("/mnt/t"), gid: None, allow_non_empty: false };
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let ids = format!("rootmode=40000,user_id={uid},group_id={gid}");
        let data = format!("fd=7,{ids},default_permissions,subtype=tfs-drop");
        assert_eq!(drop_kernel_data(&options, 7), data);
        options.gid = Some(5);
        let data = format!("fd=7,{ids},default_permissions,allow_other,subtype=tfs-drop");
        assert_eq!(drop_kernel_data(&options, 7), data);
        let data = "rw,nosuid,nodev,noexec,default_permissions,allow_other,fsname=/mnt/t,\
            subtype=tfs-drop";
        assert_eq!(drop_fusermount_data(&options), data);
    }
}
