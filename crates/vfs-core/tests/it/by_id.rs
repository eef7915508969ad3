//! Files that are opened by their identity.

use std::sync::Arc;

use crate::support::{child, vfs_with};
use tfs_testkit::fake::{FakeSource, directory, file_id};
use vfs_core::{Ino, ReadPolicy, ReaderOrigin, VfsError};

fn page() -> Arc<ReaderOrigin> {
    Arc::new(ReaderOrigin { front: "page", peer: "::1".to_owned(), agent: None })
}

#[tokio::test]
async fn a_file_is_the_same_by_its_identity_and_by_its_path() {
    let source = FakeSource::new(4);
    source.add(directory(1, "t", &[("a", 100), ("sub/b", 5_000)]));
    let vfs = vfs_with(&source, ReadPolicy::default());
    let (handle, file) = vfs.open_file(file_id(1, 1), &page()).unwrap();
    assert_eq!((file.path.as_str(), file.len, file.id), ("t/sub/b", 5_000, file_id(1, 1)));
    let bytes = vfs.read(handle, 100, 9_000).await.unwrap();
    assert_eq!(bytes.len(), 4_900);
    FakeSource::content(file_id(1, 1), 5_000).check(100, &bytes).unwrap();
    // It is a reader like any other.
    let by_path = ["t", "sub", "b"];
    let ino = by_path.iter().fold(Ino::ROOT, |ino, name| child(&vfs, ino, name).unwrap().ino);
    let by_path = vfs.open(ino).unwrap();
    let paths: Vec<_> = vfs.readers().into_iter().map(|reader| reader.path.unwrap()).collect();
    assert_eq!(paths, ["t/sub/b", "t/sub/b"]);
    let origins: Vec<_> = vfs.readers().into_iter().filter_map(|reader| reader.origin).collect();
    assert_eq!(origins, [page()]);
    vfs.release(handle);
    assert!(matches!(vfs.read(handle, 0, 1).await, Err(VfsError::BadHandle)));
    vfs.read(by_path, 0, 1).await.unwrap();
    assert_eq!(vfs.open_count(), 1);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_opened() {
    let source = FakeSource::new(4);
    source.add(directory(1, "t", &[("a", 100)]));
    let vfs = vfs_with(&source, ReadPolicy::default());
    for unknown in [file_id(1, 1), file_id(1, u32::MAX), file_id(2, 0)] {
        assert!(matches!(vfs.open_file(unknown, &page()), Err(VfsError::NotFound)));
    }
    assert_eq!(vfs.open_count(), 0);
}
