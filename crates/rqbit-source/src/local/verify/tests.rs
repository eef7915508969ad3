//! Files of the torrent, and files that only resemble them.

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use vfs_core::{Bitfield, ByteRange, FileIndex, Geometry, LocalFile as _, LocalWanted};

use super::super::layout::tests::layout;
use super::super::{LocalPaths, open};
use super::*;

const PIECE: u32 = 16 << 10;

/// A torrent of three files with boundaries inside pieces.
struct Fixture {
    dir: tempfile::TempDir,
    layout: PieceLayout,
    contents: Vec<(&'static str, Vec<u8>)>,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bytes = |seed: u32, len: u32| -> Vec<u8> {
            (0..len).map(|at| (at.wrapping_mul(seed) >> 7).to_le_bytes()[0] | 1).collect()
        };
        let contents = vec![
            ("small", bytes(3, 100)),
            ("d/film", bytes(77_777, 40 * PIECE + 5)),
            (".pad/9", vec![0; 9]),
            ("last", bytes(5, 3000)),
        ];
        let files: Vec<_> = contents.iter().map(|(path, it)| (*path, it.as_slice())).collect();
        let layout = layout(dir.path().to_str().unwrap(), PIECE, &files);
        fs::create_dir(dir.path().join("d")).unwrap();
        for (path, bytes) in contents.iter().filter(|(path, _)| !path.starts_with(".pad")) {
            fs::write(dir.path().join(path), bytes).unwrap();
        }
        Self { dir, layout, contents }
    }

    fn path(&self, index: usize) -> std::path::PathBuf {
        self.dir.path().join(Path::new(self.contents[index].0))
    }

    fn open(
        &self,
        index: usize,
        have: LocalPieces,
    ) -> Result<super::super::ProvenFile, LocalRefusal> {
        let file = vfs_core::FileId {
            torrent: vfs_core::InfoHash::from_bytes([0; 20]),
            index: FileIndex(u32::try_from(index).unwrap()),
        };
        let span = &self.layout.spans[index];
        let piece_len = NonZeroU32::new(PIECE).unwrap();
        let geometry = Geometry { file_offset: span.start, piece_len };
        let wanted =
            LocalWanted { len: span.len, geometry, pieces: have, proven: None, may_verify: true };
        open(&LocalPaths::Auto, &self.layout, file, &wanted, &std::sync::Arc::default())
            .map(|(file, _)| file)
    }

    #[track_caller]
    fn check(&self, index: usize, have: LocalPieces, want: &str) {
        let got = match self.open(index, have) {
            Ok(file) => {
                let bytes = file.read(ByteRange::clamped(10, 50, 60)).unwrap();
                assert_eq!(bytes, self.contents[index].1[10..60]);
                "proven".to_owned()
            }
            Err(refusal) => {
                let dir = self.dir.path().to_str().unwrap();
                refusal.to_string().replace(dir, "DIR")
            }
        };
        assert_eq!(got, want);
    }
}

fn pieces(has: impl Fn(u32) -> bool) -> LocalPieces {
    LocalPieces::Some(Bitfield::from_fn(41, has).unwrap())
}

#[test]
fn files_of_the_torrent_are_proven_across_their_borders() {
    let f = Fixture::new();
    for index in [0, 1, 3] {
        f.check(index, LocalPieces::All, "proven");
    }
    f.check(2, LocalPieces::All, "its names are not a valid path");
    f.check(1, pieces(|_| false), "none of its pieces can be verified");
    f.check(1, pieces(|piece_idx| piece_idx == 7), "proven");
    // A missing neighbor leaves the pieces that do not need it.
    fs::remove_file(f.path(3)).unwrap();
    f.check(1, LocalPieces::All, "proven");
    f.check(
        3,
        LocalPieces::All,
        "\"DIR/last\" cannot be opened: No such file or directory (os error 2)",
    );
    fs::remove_file(f.path(1)).unwrap();
    f.check(0, LocalPieces::All, "none of its pieces can be verified");
}

#[test]
fn other_content_of_the_same_length_is_refused() {
    let f = Fixture::new();
    let len = f.contents[1].1.len();
    fs::write(f.path(1), vec![1; len]).unwrap();
    let refusal = f.open(1, LocalPieces::All).err().unwrap().to_string();
    assert!(refusal.ends_with("does not have the torrent's hash"), "{refusal}");
    fs::write(f.path(1), &f.contents[1].1[1..]).unwrap();
    f.check(1, LocalPieces::All, "\"DIR/d/film\" has 655364 bytes instead of 655365");
}

#[test]
fn a_copy_with_a_hole_in_it_is_refused_wherever_the_hole_is() {
    for hole in [1, 5, 13, 22, 31, 39] {
        let f = Fixture::new();
        let bytes = &f.contents[1].1;
        let path = f.path(1);
        fs::remove_file(&path).unwrap();
        let file = fs::File::create(&path).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        let (start, end) = (hole * PIECE as usize, (hole + 1) * PIECE as usize);
        file.write_all_at(&bytes[..start], 0).unwrap();
        file.write_all_at(&bytes[end..], end as u64).unwrap();
        file.sync_all().unwrap();
        let refusal = f.open(1, LocalPieces::All).err().map(|refusal| refusal.to_string());
        let refusal = refusal.unwrap_or_default();
        assert!(refusal.ends_with("does not have the torrent's hash"), "{hole}: {refusal}");
        // The same file is valid as long as the server lacks the data in the hole.
        let hole = u32::try_from(hole).unwrap();
        f.check(1, pieces(|piece_idx| piece_idx < hole || piece_idx > hole + 1), "proven");
    }
}

#[test]
fn a_file_that_changes_is_not_read_any_more() {
    let f = Fixture::new();
    let range = ByteRange::clamped(0, 10, 1000);
    let file = f.open(1, LocalPieces::All).unwrap();
    assert_eq!(file.try_read(range).unwrap().unwrap(), f.contents[1].1[..10]);
    assert!(file.descriptor().is_some());
    let other = fs::File::options().write(true).open(f.path(1)).unwrap();
    // The clock of the filesystem ticks a few hundred times a second.
    let before = fs::metadata(f.path(1)).unwrap();
    loop {
        use std::os::unix::fs::MetadataExt as _;
        other.write_all_at(b"x", 3).unwrap();
        let now = fs::metadata(f.path(1)).unwrap();
        if (now.ctime(), now.ctime_nsec()) != (before.ctime(), before.ctime_nsec()) {
            break;
        }
    }
    assert!(file.read(range).is_err());
    assert!(file.try_read(range).is_err());

    // A file being downloaded is written to all the time, but never truncated.
    let f = Fixture::new();
    let file = f.open(1, pieces(|_| true)).unwrap();
    let other = fs::File::options().write(true).open(f.path(1)).unwrap();
    other.write_all_at(b"x", 500_000).unwrap();
    assert!(file.read(range).is_ok());
    assert!(file.descriptor().is_none());
    other.set_len(600_000).unwrap();
    assert!(file.read(range).is_err());
    let end = ByteRange::clamped(599_990, 20, 700_000);
    assert!(file.read(end).is_err());
}
