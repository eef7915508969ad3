//! Reads over NFS, with disconnects.

use std::net::SocketAddr;

use super::super::READ_MAX;
use super::RunningTask;
use crate::clients::NfsFileClient;

/// The maximum length of a read.
const READ_BYTES_MAX: u64 = 256 * 1024;

/// Reads of one task.
const READS: usize = 40;

pub(super) fn run(running: &mut RunningTask) {
    let url = running.task.path.to_str().unwrap().to_owned();
    let Some((address, path)) = url.strip_prefix("nfs://").and_then(|url| url.split_once('/'))
    else {
        return;
    };
    let address: SocketAddr = address.parse().unwrap();
    let opened = running.outcome.timed("open", || {
        let mut client = NfsFileClient::open(address, READ_MAX)?;
        let file = client.find(path)?;
        Ok((client, file))
    });
    let Some((mut client, file)) = opened else { return };
    let content = running.task.content;
    let is_sequential = running.random.chance(50);
    let mut next = running.offset();
    for _ in 0..READS {
        let offset = if is_sequential { next } else { running.offset() };
        let mut block = vec![0; running.len(READ_BYTES_MAX)];
        let read = running
            .outcome
            .read(content, offset, &mut block, |buf| client.read(&file, offset, buf));
        match read {
            Some(0) if is_sequential => break,
            Some(len) => next = offset + len,
            None => {}
        }
        if !running.goes_on() {
            break;
        }
    }
}
