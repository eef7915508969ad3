//! What the FUSE of a kernel can do.

/// What the kernel's FUSE can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelFuse {
    /// The version of the protocol, as major and minor number.
    pub protocol: (u32, u32),
    /// Whether the kernel can read files on this machine itself (Linux 6.9).
    pub has_passthrough: bool,
}
