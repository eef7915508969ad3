//! A scanner: open, look at the head and the tail, close, again and again.

use std::os::unix::fs::FileExt as _;

use super::Job;

const OPENS: usize = 10;

/// What is looked at.
const LOOK_BYTES: usize = 4096;

pub(super) fn run(job: &mut Job) {
    let content = job.order.content;
    for _ in 0..OPENS {
        let Some(file) = job.open() else { break };
        let mut block = [0; LOOK_BYTES];
        job.outcome.read(content, 0, &mut block, |buf| file.read_at(buf, 0));
        let tail = content.len().saturating_sub(job.random.range(1, 100_000));
        if job.random.chance(50) {
            job.outcome.read(content, tail, &mut block, |buf| file.read_at(buf, tail));
        }
        if !job.goes_on() {
            break;
        }
    }
}
