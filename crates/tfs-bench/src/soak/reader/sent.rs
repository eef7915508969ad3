//! `sendfile`, as servers and `cp` use it: the bytes go from the page cache to another file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{MemfdFlags, memfd_create, sendfile};

use super::RunningTask;

/// The bytes sent at a time.
const SEND_BYTES: u64 = 64 * 1024;

const SENDS: usize = 16;

pub(super) fn run(running: &mut RunningTask) {
    let Some(file) = running.open() else { return };
    let content = running.task.content;
    let mut offset = running.offset();
    for _ in 0..SENDS {
        let len = running.len(SEND_BYTES);
        let mut copy = vec![0; len];
        let sent = |buf: &mut [u8]| {
            let target = File::from(memfd_create("soak", MemfdFlags::CLOEXEC)?);
            let mut from = offset;
            let len = sendfile(&target, &file, Some(&mut from), buf.len())?;
            target.read_exact_at(&mut buf[..len], 0).map_err(io::Error::other)?;
            Ok(len)
        };
        match running.outcome.read(content, offset, &mut copy, sent) {
            Some(0) => break,
            Some(len) => offset += len,
            None => {}
        }
        if !running.goes_on() {
            break;
        }
    }
}
