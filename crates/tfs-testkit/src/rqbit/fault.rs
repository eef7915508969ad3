//! Faults of a single response.

use std::fmt;
use std::time::Duration;

use super::lie::Lie;
use super::log::{Route, without_query};
use super::script::Script;
use crate::random::Random;

/// Bodies are cut within their first bytes: most responses to a mount are longer.
const CUT_BYTES_MAX: u64 = 256 * 1024;

/// Delays below and above what a person notices.
const DELAY_MILLIS: (u64, u64) = (20, 1500);

/// Drop sizes: a speed that is enough for a film, and one that is not.
const DRIP_BYTES: (u64, u64) = (200, 20_000);

/// The interval of the drops.
const DRIP_PAUSE: Duration = Duration::from_millis(20);

/// Statuses of overloaded or failing servers and proxies.
const STATUSES: [u16; 4] = [500, 502, 503, 504];

/// The responses that a fault applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Those with data of files.
    Streams,
    /// All others.
    Calls,
    /// Those to one path, with any query.
    Path(String),
    /// Those of one call.
    Route(Route),
    /// Every one.
    All,
}

impl Target {
    /// Returns whether the target includes responses to a path of rqbit's API.
    pub(super) fn has(&self, path: &str) -> bool {
        let is_stream = path.contains("/stream/");
        match self {
            Self::All => true,
            Self::Streams => is_stream,
            Self::Calls => !is_stream,
            Self::Path(target) => without_query(path) == target,
            Self::Route(route) => Route::of(path) == *route,
        }
    }
}

/// A fault of one response. No byte of a body is ever changed or moved: with correct headers, a
/// client could not detect that without the piece hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The request is forwarded after a delay.
    Delay(Duration),
    /// The connection stalls before the headers or after this many bytes of the body, until the
    /// client closes it.
    Stall(Cut),
    /// The connection is reset at this point.
    Reset(Cut),
    /// The connection is closed at this point, as after a complete response.
    Truncate(Cut),
    /// This side of the connection is closed at this point, and the other is kept open until the
    /// client closes it.
    HalfClose(u64),
    /// The body comes in drops of this size, with pauses.
    Drip {
        /// The size of a drop.
        bytes: u64,
        /// The pause before the next drop.
        pause: Duration,
    },
    /// The response is this status and this body; a server behind a proxy gets no request.
    Status(u16, &'static str),
    /// The range is removed from the request, so that the server returns 200 and the whole file.
    IgnoreRange,
    /// The head does not match the body.
    Lie(Lie),
    /// The response is a script, and the connection ends with it.
    Script(Script),
}

/// The point of an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before the headers.
    Head,
    /// After this many bytes of the body.
    Body(u64),
}

/// The kinds of faults, for counting and choosing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "as in Fault and Lie")]
pub enum FaultKind {
    Delay,
    Stall,
    Reset,
    Truncate,
    HalfClose,
    Drip,
    Status,
    IgnoreRange,
    Lie,
    Script,
}

impl FaultKind {
    /// All kinds that are chosen at random: all except scripts.
    pub const RANDOM: [Self; 9] = [
        Self::Delay,
        Self::Stall,
        Self::Reset,
        Self::Truncate,
        Self::HalfClose,
        Self::Drip,
        Self::Status,
        Self::IgnoreRange,
        Self::Lie,
    ];

    /// Returns a fault of this kind; for a script, an empty one.
    pub fn random(self, random: &mut Random) -> Fault {
        match self {
            Self::Delay => {
                let (low, high) = DELAY_MILLIS;
                Fault::Delay(Duration::from_millis(random.range(low, high)))
            }
            Self::Stall => Fault::Stall(Cut::random(random)),
            Self::Reset => Fault::Reset(Cut::random(random)),
            Self::Truncate => Fault::Truncate(Cut::Body(random.range(0, CUT_BYTES_MAX))),
            Self::HalfClose => Fault::HalfClose(random.range(0, CUT_BYTES_MAX)),
            Self::Drip => {
                let (low, high) = DRIP_BYTES;
                Fault::Drip { bytes: random.range(low, high), pause: DRIP_PAUSE }
            }
            Self::Status => Fault::Status(random.pick(&STATUSES).copied().unwrap_or(500), ""),
            Self::IgnoreRange => Fault::IgnoreRange,
            Self::Lie => Fault::Lie(random.pick(&Lie::ALL).copied().unwrap_or(Lie::Whole)),
            Self::Script => Fault::Script(Script::new()),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delay => "delayed",
            Self::Stall => "stalled",
            Self::Reset => "reset",
            Self::Truncate => "truncated",
            Self::HalfClose => "half-closed",
            Self::Drip => "dripped",
            Self::Status => "answered 5xx",
            Self::IgnoreRange => "answered 200 and the whole file",
            Self::Lie => "wrong headers",
            Self::Script => "scripted",
        })
    }
}

impl Fault {
    /// Returns its kind.
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::Delay(_) => FaultKind::Delay,
            Self::Stall(_) => FaultKind::Stall,
            Self::Reset(_) => FaultKind::Reset,
            Self::Truncate(_) => FaultKind::Truncate,
            Self::HalfClose(_) => FaultKind::HalfClose,
            Self::Drip { .. } => FaultKind::Drip,
            Self::Status(..) => FaultKind::Status,
            Self::IgnoreRange => FaultKind::IgnoreRange,
            Self::Lie(_) => FaultKind::Lie,
            Self::Script(_) => FaultKind::Script,
        }
    }
}

impl Cut {
    fn random(random: &mut Random) -> Self {
        if random.chance(30) { Self::Head } else { Self::Body(random.range(0, CUT_BYTES_MAX)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_makes_faults_of_its_kind() {
        let mut random = Random::new(1);
        for kind in FaultKind::RANDOM {
            assert!((0..20).all(|_| kind.random(&mut random).kind() == kind), "{kind}");
        }
    }

    #[test]
    fn answers_with_bytes_are_told_from_others() {
        let (stream, list) = ("/torrents/aa/stream/3", "/torrents?with_stats=true");
        assert!(Target::Streams.has(stream) && !Target::Streams.has(list));
        assert!(!Target::Calls.has(stream) && Target::Calls.has(list));
        assert!(Target::All.has(stream) && Target::All.has(list));
        assert!(Target::Path("/torrents".to_owned()).has(list));
        assert!(
            Target::Route(Route::Stream).has(stream) && !Target::Route(Route::Stream).has(list)
        );
    }
}
