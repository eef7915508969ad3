//! One direction of a connection: bytes arrive later, and at a speed.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::timing::pause;

/// The most bytes that are forwarded at a time.
const PART_BYTES: usize = 64 << 10;

/// The most parts in flight: 6 MiB, the largest window of a connection with the kernel's defaults.
const PARTS_MAX: usize = 96;

/// How far a line may be behind its speed and catch up, since threads wake up late.
const LATE_MAX: Duration = Duration::from_millis(5);

/// The speed of all connections together.
#[derive(Debug)]
pub(super) struct LinePace {
    /// Bytes a second; 0 for no limit.
    bps: u64,
    /// When the next part may be sent. Held for a few statements.
    free_at: Mutex<Instant>,
    bytes: Arc<AtomicU64>,
}

impl LinePace {
    pub(super) fn new(bps: u64, bytes: Arc<AtomicU64>) -> Self {
        Self { bps, free_at: Mutex::new(Instant::now()), bytes }
    }

    /// Waits until a part has its turn.
    fn wait(&self, len: usize) {
        self.bytes.fetch_add(len as u64, Ordering::Relaxed);
        if self.bps == 0 {
            return;
        }
        let now = Instant::now();
        let begin = {
            let mut free_at = self.free_at.lock().unwrap();
            let begin = (*free_at).max(now.checked_sub(LATE_MAX).unwrap_or(now));
            *free_at = begin + Duration::from_secs_f64(len as f64 / self.bps as f64);
            begin
        };
        if let Some(early) = begin.checked_duration_since(now) {
            pause(early);
        }
    }
}

/// A part, and when it arrives.
struct Part {
    bytes: Vec<u8>,
    due: Instant,
}

/// Forwards bytes until the end of the stream, on two threads. The first ones leave at `open_at` at
/// the earliest.
pub(super) fn forward(
    mut from: TcpStream,
    to: TcpStream,
    delay: Duration,
    open_at: Instant,
    pace: Option<Arc<LinePace>>,
) {
    let (parts, due_parts) = mpsc::sync_channel(PARTS_MAX);
    thread::spawn(move || deliver(&due_parts, to, delay));
    thread::spawn(move || {
        let mut buffer = vec![0; PART_BYTES];
        while let Ok(len) = from.read(&mut buffer) {
            if len == 0 {
                break;
            }
            if let Some(pace) = &pace {
                pace.wait(len);
            }
            let due = Instant::now().max(open_at) + delay;
            if parts.send(Part { bytes: buffer[..len].to_vec(), due }).is_err() {
                // The other side is gone, which this side has learned by now.
                drop(from.shutdown(Shutdown::Both));
                break;
            }
        }
    });
}

/// Delivers parts when they are due, and then the end of the stream. The sender of parts for a side
/// that is gone learns of it after the delay; what it has sent by then took its turn in vain.
fn deliver(parts: &Receiver<Part>, mut to: TcpStream, delay: Duration) {
    let delivered: io::Result<()> = parts.iter().try_for_each(|part| {
        if let Some(early) = part.due.checked_duration_since(Instant::now()) {
            pause(early);
        }
        to.write_all(&part.bytes)
    });
    let how = if delivered.is_ok() { Shutdown::Write } else { Shutdown::Both };
    // A closed connection is not an error.
    drop(to.shutdown(how));
    let known_at = Instant::now() + delay;
    while delivered.is_err()
        && let Some(time) = known_at.checked_duration_since(Instant::now())
        && parts.recv_timeout(time).is_ok()
    {}
}
