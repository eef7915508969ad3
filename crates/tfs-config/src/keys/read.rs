//! The keys of reads.

use super::DefaultValue::{Is, Unset};
use super::{Key, key};
use crate::ValueKind;

/// Less memory is not enough for one stream.
const MEMORY_BYTES_MIN: u64 = 1 << 20;

/// A limit below makes streams wait for so long that they count as stalled.
const BANDWIDTH_BYTES_MIN: u64 = 64 << 10;

/// Programs that read every file of a disk on their own: indexers and virus scanners. A name that
/// the kernel cuts after 15 bytes matches as well.
const REFUSED_PROGRAMS: &str = "[\"updatedb\", \"updatedb.*\", \"baloo*\", \"tracker-*\", \
    \"localsearch*\", \"recollindex\", \"zeitgeist*\", \"beagle*\", \"mdworker*\", \"mds_stores\", \
    \"clamscan\", \"clamdscan\", \"clamd\", \"clamonacc\"]";

pub(super) const READ: [Key; 10] = [
    key(
        "read.missing",
        ValueKind::Choice(&["wait", "fail"]),
        Is("\"wait\""),
        Some("--missing"),
        "What a read of data that is not downloaded yet does. `wait`: wait for the data. `fail`: \
         fail at once.",
    ),
    key(
        "read.missing_errno",
        ValueKind::Choice(&["EIO", "EAGAIN", "ENODATA"]),
        Is("\"EIO\""),
        Some("--missing-errno"),
        "The error of a read whose data cannot arrive, or that must not wait for it. Most \
         programs treat `EAGAIN` as the end of the file, or retry for ever.",
    ),
    key(
        "read.timeout",
        ValueKind::Time,
        Is("\"60s\""),
        Some("--read-timeout"),
        "How long a read waits while nothing of its torrent is downloaded.",
    ),
    key(
        "read.timeout_max",
        ValueKind::Time,
        Is("\"10m\""),
        Some("--read-timeout-max"),
        "How long a read waits at most while its torrent downloads. Values below `timeout` count \
         as `timeout`.",
    ),
    key(
        "read.readahead",
        ValueKind::Size { min: 0 },
        Is("\"256KiB\""),
        None,
        "How far the kernel reads ahead. Only root can change it. tfs also reads ahead of \
         sequential readers itself.",
    ),
    key(
        "read.memory",
        ValueKind::Size { min: MEMORY_BYTES_MIN },
        Unset {
            means: "128MiB, or a quarter of the memory limit of the cgroup if that is less",
            example: "\"64MiB\"",
        },
        Some("--memory"),
        "Maximum memory of the buffers and the cache of a mount together.",
    ),
    key(
        "read.bandwidth",
        ValueKind::Rate { min: BANDWIDTH_BYTES_MIN },
        Is("\"off\""),
        Some("--bwlimit"),
        "Maximum speed of all HTTP reads of a mount together. Readers come before preloads. Reads \
         from this machine's disk are not limited.",
    ),
    key(
        "read.passthrough",
        ValueKind::Choice(&["auto", "off"]),
        Is("\"auto\""),
        Some("--passthrough"),
        "Whether the kernel reads complete files on this machine's disk itself. `auto`: if it \
         supports that and tfs has the privilege. `off`: never.",
    ),
    key(
        "read.next",
        ValueKind::Choice(&["off", "head", "whole"]),
        Is("\"head\""),
        Some("--next"),
        "What to download of the next episode or track when a program has played 80 % of a file. \
         `off`: nothing. `head`: what a player needs to start. `whole`: all of it. With \
         `on_demand = \"file\"`, `head` means `whole`.",
    ),
    key(
        "read.refused_programs",
        ValueKind::Programs,
        Is(REFUSED_PROGRAMS),
        None,
        "Names of programs, with `*` and `?`, whose reads of data that is not downloaded fail at \
         once with `missing_errno`. They read what is there. Empty: none.",
    ),
];
