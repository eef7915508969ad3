//! Pages of a mapping: an error is a SIGBUS, which ends the process.

use memmap2::Mmap;

use super::RunningTask;

/// The bytes touched at a time.
const TOUCH_BYTES: u64 = 16 * 1024;

const TOUCHES: usize = 16;

#[expect(unsafe_code, reason = "a file is mapped in no other way")]
pub(super) fn run(running: &mut RunningTask) {
    let Some(file) = running.open() else { return };
    let content = running.task.content;
    if content.is_empty() {
        return;
    }
    // SAFETY: the file is one of a mount that can be read only, and the bytes of a file of a
    // torrent never change; a page that cannot be read ends the process (SIGBUS) and never maps
    // other memory.
    let map = running.outcome.timed("mmap", || unsafe { Mmap::map(&file) });
    let Some(map) = map else { return };
    for _ in 0..TOUCHES {
        let start = usize::try_from(running.offset()).unwrap();
        let end = (start + running.len(TOUCH_BYTES)).min(map.len());
        let mut copy = vec![0; end - start];
        let copied = |buf: &mut [u8]| {
            buf.copy_from_slice(&map[start..end]);
            Ok(end - start)
        };
        running.outcome.read(content, u64::try_from(start).unwrap(), &mut copy, copied);
        if !running.goes_on() {
            break;
        }
    }
}
