//! Generated content: any range equals that part of the whole, and no other bytes match it.

#![expect(clippy::unwrap_used, reason = "a test that fails may say so in any way")]

use std::fs;
use std::path::PathBuf;

use tfs_testkit::content::Content;

#[test]
fn any_range_is_that_of_the_whole() {
    let content = Content::new(7, 100);
    let whole = content.bytes(0, 100);
    for begin in 0..=100 {
        for end in begin..=100 {
            let range = content.bytes(begin as u64, end - begin);
            assert_eq!(range, whole[begin..end], "{begin}..{end}");
            assert_eq!(content.check(begin as u64, &range), Ok(()), "{begin}..{end}");
        }
    }
}

#[test]
fn the_end_is_the_end() {
    let content = Content::new(7, 10);
    let mut buf = [0xAA; 4];
    assert_eq!(content.fill(8, &mut buf), 2);
    assert_eq!(buf[2..], [0xAA; 2], "bytes past the end were touched");
    assert_eq!(content.fill(10, &mut buf), 0);
    assert_eq!(content.fill(u64::MAX, &mut buf), 0);
    assert!(Content::new(7, 0).bytes(0, 1).is_empty());
}

#[test]
fn huge_offsets_are_as_good_as_small_ones() {
    let content = Content::new(1, u64::MAX);
    let offset = u64::MAX - 21;
    let bytes = content.bytes(offset, 100);
    assert_eq!(bytes.len(), 21);
    assert_eq!(bytes[3..], content.bytes(offset + 3, 100));
}

#[test]
fn seeds_and_offsets_differ() {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for seed in [0, 1, 2, u64::MAX] {
        for offset in 0..256 {
            blocks.push(Content::new(seed, 1 << 20).bytes(offset, 16));
        }
    }
    let count = blocks.len();
    blocks.sort();
    blocks.dedup();
    assert_eq!(blocks.len(), count, "two ranges hold the same bytes");
}

/// Renders the mismatch of a content of 10,000 bytes after `spoil` has changed its bytes.
#[track_caller]
fn check(spoil: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let content = Content::new(5, 10_000);
    let mut bytes = content.bytes(0, 10_000);
    spoil(&mut bytes);
    let mismatch = content.check(0, &bytes).unwrap_err().to_string();
    assert!(mismatch.starts_with(expected), "{mismatch}");
}

#[test]
fn a_mismatch_says_where_and_what() {
    check(|b| b[9_000] ^= 1, "byte 9000 of 10000 (seed 5): expected ");
    check(|b| b[0] ^= 1, "byte 0 of 10000 (seed 5): expected ");
    check(|b| b.push(0x7f), "byte 10000 of 10000 (seed 5): expected the end, got 7f");
    let content = Content::new(5, 10_000);
    let zeros = content.check(4_000, &[0; 6]).unwrap_err().to_string();
    assert!(zeros.ends_with("got 00 00 00 00 00 00 (zeros: a hole?)"), "{zeros}");
}

#[test]
fn files_are_written_and_checked() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("content-of-a-file");
    let content = Content::new(3, 1_000_003);
    content.write_to(&path).unwrap();
    content.check_file(&path).unwrap();
    let longer = Content::new(3, 1_000_004).check_file(&path).unwrap_err();
    assert_eq!(longer.to_string(), "the file ends after 1000003 of 1000004 bytes");
    let shorter = Content::new(3, 1_000_002).check_file(&path).unwrap_err().to_string();
    assert!(shorter.starts_with("byte 1000002 of 1000002 (seed 3): expected the end"), "{shorter}");
    fs::remove_file(&path).unwrap();
}
