//! Brings two torrent clients together that both wait to be called, by calling both and passing on
//! what they say.
//!
//! btfs does not call peers that a tracker on loopback names to it, and rqbit has no reason to call
//! anybody when it has everything. Nor does the library below btfs limit what comes from peers on
//! this machine, so that is done here as well. What it costs btfs is one more hop on loopback for
//! each message.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::timing::pause;

/// How much is passed on at a time, so that a limit is one at any moment: a block of a piece.
const PART_BYTES: usize = 16 << 10;

/// What a peer says first: the protocol, what it can do, which torrent, who it is.
const GREETING_BYTES: usize = 68;

/// How a greeting begins.
const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";

/// Nothing beyond the protocol: nobody is to speak of other ports or peers.
const NO_EXTENSIONS: [u8; 8] = [0; 8];

/// Who the caller is until the other one is there.
const NOBODY: &[u8; 20] = b"-XX0000-000000000000";

/// Connects a peer that has a torrent with one that has not, until one of them hangs up, and passes
/// on so many bytes in a second from the one to the other.
pub(super) fn introduce(
    seeder: SocketAddr,
    leecher: SocketAddr,
    info_hash: [u8; 20],
    bps: u32,
) -> io::Result<()> {
    let (mut seeder, mut leecher) = (TcpStream::connect(seeder)?, TcpStream::connect(leecher)?);
    seeder.set_nodelay(true)?;
    leecher.set_nodelay(true)?;
    seeder.write_all(&[&PROTOCOL[..], &NO_EXTENSIONS, &info_hash, NOBODY].concat())?;
    let mut greeting = [0; GREETING_BYTES];
    seeder.read_exact(&mut greeting)?;
    greeting[PROTOCOL.len()..][..NO_EXTENSIONS.len()].copy_from_slice(&NO_EXTENSIONS);
    leecher.write_all(&greeting)?;
    // The answer has no use: the other side had one already.
    leecher.read_exact(&mut greeting)?;
    pass_on(seeder.try_clone()?, leecher.try_clone()?, bps);
    // What it says are requests, which nothing limits.
    pass_on(leecher, seeder, u32::MAX);
    Ok(())
}

/// Passes on what comes until nothing does, on a thread of its own.
fn pass_on(mut from: TcpStream, mut to: TcpStream, bps: u32) {
    thread::spawn(move || {
        // Who hangs up has that said to the other one.
        drop(copy(&mut from, &mut to, bps));
        drop(to.shutdown(Shutdown::Both));
    });
}

fn copy(from: &mut TcpStream, to: &mut TcpStream, bps: u32) -> io::Result<()> {
    let mut part = vec![0; PART_BYTES];
    let mut next = Instant::now();
    loop {
        let len = from.read(&mut part)?;
        if len == 0 {
            return Ok(());
        }
        let now = Instant::now();
        if let Some(early) = next.checked_duration_since(now) {
            pause(early);
        }
        next = next.max(now) + Duration::from_secs_f64(len as f64 / f64::from(bps));
        to.write_all(&part[..len])?;
    }
}
