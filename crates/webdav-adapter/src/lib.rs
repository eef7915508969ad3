//! The tree of an [`Export`](vfs_core::Export) over WebDAV (RFC 4918) and HTTP, read-only.
