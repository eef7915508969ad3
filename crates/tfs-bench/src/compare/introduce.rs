//! Connects two torrent clients that both only accept connections: connects to both and forwards
//! their messages.
//!
//! btfs does not connect to peers on loopback that a tracker names, and a complete rqbit has no
//! reason to connect to any peer. libtorrent, which btfs uses, does not limit traffic from peers on
//! this machine, so this module does. The cost for btfs is one more hop on loopback for each
//! message.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::timing::pause;

/// How much is forwarded at a time, to keep the rate even: a block of a piece.
const PART_BYTES: usize = 16 << 10;

/// The length of a BitTorrent handshake: protocol, extensions, info hash, peer id.
const GREETING_BYTES: usize = 68;

/// The start of a handshake.
const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";

/// No extensions, so that no peer announces other ports or peers.
const NO_EXTENSIONS: [u8; 8] = [0; 8];

/// The peer id of this side until the other peer is connected.
const NOBODY: &[u8; 20] = b"-XX0000-000000000000";

/// Connects a peer that has a torrent with one that has not, until one of them closes its
/// connection. Forwards at most this many bytes a second from the first to the second.
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
    // The handshake is discarded: the other side has had one already.
    leecher.read_exact(&mut greeting)?;
    pass_on(seeder.try_clone()?, leecher.try_clone()?, bps);
    // These are requests, which are not limited.
    pass_on(leecher, seeder, u32::MAX);
    Ok(())
}

/// Forwards data until the end of the stream, on a thread of its own.
fn pass_on(mut from: TcpStream, mut to: TcpStream, bps: u32) {
    thread::spawn(move || {
        // The close of one side is forwarded to the other.
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
