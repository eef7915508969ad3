//! What can be done to one answer of a server.

use std::fmt;
use std::time::Duration;

use crate::random::Random;

/// Bodies are cut within their first bytes: what most requests of a mount ask for is longer.
const CUT_BYTES_MAX: u64 = 256 * 1024;

/// Shorter and longer than a person notices.
const DELAY_MILLIS: (u64, u64) = (20, 1500);

/// A line that still brings a picture, and one that does not.
const DRIP_BYTES: (u64, u64) = (200, 20_000);

/// How often a drop falls.
const DRIP_PAUSE: Duration = Duration::from_millis(20);

/// What servers and proxies answer that have a bad time.
const STATUSES: [u16; 4] = [500, 502, 503, 504];

/// Which answers are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Those with bytes of files.
    Streams,
    /// All others.
    Calls,
    /// Every one.
    All,
}

impl Target {
    /// Returns whether answers to a path are meant, as rqbit names them.
    pub(super) fn has(self, path: &str) -> bool {
        let is_stream = path.contains("/stream/");
        match self {
            Self::All => true,
            Self::Streams => is_stream,
            Self::Calls => !is_stream,
        }
    }
}

/// What is done to one answer. No byte of a body is ever changed or put elsewhere: under right
/// headers nobody could notice that without the hashes of the torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request is passed on only after a while.
    Delay(Duration),
    /// Nothing more comes after so many bytes of the body, or not even headers, until the client
    /// goes away.
    Stall(Cut),
    /// The connection is reset there.
    Reset(Cut),
    /// The connection is closed after so many bytes of the body, as if all were there.
    Truncate(u64),
    /// Our side of the connection is closed there, and the other is kept open until the client
    /// goes away.
    HalfClose(u64),
    /// The body comes in drops of so many bytes, with pauses.
    Drip {
        /// The size of a drop.
        bytes: u64,
        /// How long the next one is waited for.
        pause: Duration,
    },
    /// The server is not asked, and this status is the answer.
    Status(u16),
    /// The server is not told of the range, so that it answers 200 and the whole file.
    IgnoreRange,
    /// The head says what is not true of the body.
    Lie(Lie),
}

/// Where something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before the headers.
    Head,
    /// After so many bytes of the body.
    Body(u64),
}

/// What a head says that is not true. A client can notice each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// A range is said to be the whole file: 200 for 206.
    Whole,
    /// The status line is none.
    StatusLine,
    /// `Content-Range` has another start and end.
    OtherRange,
    /// `Content-Range` has another length of the file.
    OtherTotal,
    /// `Content-Range` is missing.
    NoRange,
    /// `Content-Range` is none.
    BadRange,
    /// `Content-Length` is more than comes.
    LongLength,
    /// `Content-Length` is less than comes.
    ShortLength,
    /// `Content-Length` is no number.
    BadLength,
    /// `Content-Length` is missing: the body ends with the connection, which is no lie, but rare.
    NoLength,
}

/// The kinds of faults, to be counted and chosen from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "as in Fault and Lie")]
pub enum Kind {
    Delay,
    Stall,
    Reset,
    Truncate,
    HalfClose,
    Drip,
    Status,
    IgnoreRange,
    Lie,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
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

    /// Returns a fault of this kind.
    pub fn random(self, random: &mut Random) -> Fault {
        match self {
            Self::Delay => {
                let (low, high) = DELAY_MILLIS;
                Fault::Delay(Duration::from_millis(random.range(low, high)))
            }
            Self::Stall => Fault::Stall(Cut::random(random)),
            Self::Reset => Fault::Reset(Cut::random(random)),
            Self::Truncate => Fault::Truncate(random.range(0, CUT_BYTES_MAX)),
            Self::HalfClose => Fault::HalfClose(random.range(0, CUT_BYTES_MAX)),
            Self::Drip => {
                let (low, high) = DRIP_BYTES;
                Fault::Drip { bytes: random.range(low, high), pause: DRIP_PAUSE }
            }
            Self::Status => Fault::Status(random.pick(&STATUSES).copied().unwrap_or(500)),
            Self::IgnoreRange => Fault::IgnoreRange,
            Self::Lie => Fault::Lie(random.pick(&Lie::ALL).copied().unwrap_or(Lie::Whole)),
        }
    }
}

impl fmt::Display for Kind {
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
        })
    }
}

impl Fault {
    /// Returns the kind of it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Delay(_) => Kind::Delay,
            Self::Stall(_) => Kind::Stall,
            Self::Reset(_) => Kind::Reset,
            Self::Truncate(_) => Kind::Truncate,
            Self::HalfClose(_) => Kind::HalfClose,
            Self::Drip { .. } => Kind::Drip,
            Self::Status(_) => Kind::Status,
            Self::IgnoreRange => Kind::IgnoreRange,
            Self::Lie(_) => Kind::Lie,
        }
    }
}

impl Cut {
    fn random(random: &mut Random) -> Self {
        if random.chance(30) { Self::Head } else { Self::Body(random.range(0, CUT_BYTES_MAX)) }
    }
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Whole,
        Self::StatusLine,
        Self::OtherRange,
        Self::OtherTotal,
        Self::NoRange,
        Self::BadRange,
        Self::LongLength,
        Self::ShortLength,
        Self::BadLength,
        Self::NoLength,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_makes_faults_of_its_kind() {
        let mut random = Random::new(1);
        for kind in Kind::ALL {
            assert!((0..20).all(|_| kind.random(&mut random).kind() == kind), "{kind}");
        }
    }

    #[test]
    fn answers_with_bytes_are_told_from_others() {
        let (stream, list) = ("/torrents/aa/stream/3", "/torrents?with_stats=true");
        assert!(Target::Streams.has(stream) && !Target::Streams.has(list));
        assert!(!Target::Calls.has(stream) && Target::Calls.has(list));
        assert!(Target::All.has(stream) && Target::All.has(list));
    }
}
