//! The tree of an [`Export`](vfs_core::Export) over NFS version 3 (RFC 1813), read-only.
