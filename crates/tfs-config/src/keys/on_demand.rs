//! The keys of `[[on_demand]]`, and what they share with servers and mounts.

use super::DefaultValue::{Is, Unset};
use super::conditions::{KINDS, VIDEOS, condition, not, with_conditions};
use super::{Key, key};
use crate::ValueKind;

/// The keys. Conditions of dates and of selected files are left out: a torrent that is being added
/// has neither.
pub(super) const ON_DEMAND: [Key; 13] = with_conditions!(
    "on_demand",
    [
        key(
            "on_demand.mode",
            ValueKind::OnDemand,
            Is("\"pieces\""),
            None,
            "How torrents that meet the conditions are added. `pieces`: only what programs read is \
             downloaded. `file`: also the whole of a file that a program reads in order. `false`: \
             everything is downloaded.",
        ),
        key(
            "on_demand.name",
            ValueKind::Name,
            Unset { means: "none", example: "\"shows\"" },
            None,
            "The name of the rule, for commands that change settings.",
        ),
    ],
    [not("on_demand.not", "{ tag = \"keep\" }"),]
);
