//! Reads over WebDAV: ranges on a kept connection, and whole files with pauses and disconnects.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::super::READ_MAX;
use super::RunningTask;
use crate::clients::{HttpBody, HttpClient, encoded_path};
use crate::timing::pause;

/// The maximum length of a range: few enough reads of the server for the limit of one call.
const RANGE_BYTES_MAX: u64 = 256 * 1024;

/// Ranges of one task.
const RANGES: usize = 12;

/// The block size of a client that reads the whole file.
const BLOCK_BYTES: u64 = 256 * 1024;

/// The longest pause of a client.
const PAUSE_MILLIS_MAX: u64 = 1500;

/// The name of the call in errors.
const GET: &str = "get";

pub(super) fn ranges(running: &mut RunningTask) {
    let Some((address, path)) = place(running) else { return };
    let content = running.task.content;
    let mut client = None;
    for _ in 0..RANGES {
        let (start, len) = (running.offset(), running.len(RANGE_BYTES_MAX));
        let end = (start + u64::try_from(len).unwrap()).min(content.len());
        if start >= end {
            continue;
        }
        let mut block = vec![0; usize::try_from(end - start).unwrap()];
        let kept = client.take();
        let got = running.outcome.timed(GET, || {
            let mut client = kept.map_or_else(|| HttpClient::open(address, READ_MAX), Ok)?;
            let mut body = client.get(&path, Some(start..end))?;
            check(&body, 206)?;
            let mut filled = 0;
            while filled < block.len() {
                match client.read(&mut body, &mut block[filled..])? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    len => filled += len,
                }
            }
            Ok(client)
        });
        if got.is_some() {
            running.outcome.check(content, start, &block);
            client = got;
        }
        if !running.goes_on() {
            break;
        }
    }
}

pub(super) fn whole(running: &mut RunningTask) {
    let Some((address, path)) = place(running) else { return };
    let content = running.task.content;
    let begun = running.outcome.timed(GET, || {
        let mut client = HttpClient::open(address, READ_MAX)?;
        let body = client.get(&path, None)?;
        check(&body, 200)?;
        Ok((client, body))
    });
    let Some((mut client, mut body)) = begun else { return };
    let mut offset = 0;
    let mut block = vec![0; running.len(BLOCK_BYTES)];
    while running.goes_on() {
        let read = running.outcome.timed(GET, || client.read(&mut body, &mut block));
        // A body that breaks off has no second part.
        let Some(len) = read else { return };
        if len == 0 {
            if offset != content.len() {
                running.outcome.wrong.push(format!("the body ends at {offset}"));
            }
            return;
        }
        running.outcome.check(content, offset, &block[..len]);
        offset += u64::try_from(len).unwrap();
        if running.random.chance(2) {
            pause(Duration::from_millis(running.random.range(0, PAUSE_MILLIS_MAX)));
        }
        if running.random.chance(1) {
            // The client goes away in the middle.
            return;
        }
    }
}

/// Returns the address and the path of a URL.
fn place(running: &mut RunningTask) -> Option<(SocketAddr, String)> {
    let url = running.task.path.to_str().unwrap().to_owned();
    let (address, path) = url.strip_prefix("http://")?.split_once('/')?;
    Some((address.parse().unwrap(), encoded_path(&format!("/{path}"))))
}

fn check(body: &HttpBody, status: u16) -> io::Result<()> {
    if body.status == status {
        return Ok(());
    }
    // The names of the reasons are those of a mount, so that the same ones are allowed.
    Err(io::Error::other(match body.status {
        404 => "ENOENT".to_owned(),
        410 => "ESTALE".to_owned(),
        502 => "EIO".to_owned(),
        503 => "EAGAIN".to_owned(),
        504 => "ETIMEDOUT".to_owned(),
        other => format!("status {other}"),
    }))
}
