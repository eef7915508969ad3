//! A scanner: open, read the head and the tail, close, repeatedly.

use std::os::unix::fs::FileExt as _;

use super::RunningTask;

const OPENS: usize = 10;

/// The bytes of a head or tail.
const LOOK_BYTES: usize = 4096;

pub(super) fn run(running: &mut RunningTask) {
    let content = running.task.content;
    for _ in 0..OPENS {
        let Some(file) = running.open() else { break };
        let mut block = [0; LOOK_BYTES];
        running.outcome.read(content, 0, &mut block, |buf| file.read_at(buf, 0));
        let tail = content.len().saturating_sub(running.random.range(1, 100_000));
        if running.random.chance(50) {
            running.outcome.read(content, tail, &mut block, |buf| file.read_at(buf, tail));
        }
        if !running.goes_on() {
            break;
        }
    }
}
