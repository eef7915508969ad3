//! What happens to files that no program touches any more.

use std::time::Duration;

use super::DropFolder;
use super::node::DraftPhase;
use crate::kind::NameUse;
use crate::limits::{INCOMPLETE_TIME, LATE_TIME, TEMPORARY_TIME};
use crate::{DropSession, Examined};

impl DropFolder {
    /// Reports files that were left incomplete, and removes old ones. To be called about once a
    /// second while [`has_timers`](Self::has_timers).
    pub fn tick(&mut self, session: &dyn DropSession, now: Duration) {
        let drafting: Vec<_> = self.drafting.iter().copied().collect();
        for ino in drafting {
            self.tick_draft(session, ino, now);
        }
    }

    /// Returns whether a closed draft waits for its time.
    #[must_use]
    pub fn has_timers(&self) -> bool {
        self.drafting.iter().any(|ino| {
            let node = self.nodes.get(ino).filter(|node| node.opens == 0);
            node.and_then(|node| node.draft.as_ref()).is_some_and(|draft| draft.is_pending())
        })
    }

    fn tick_draft(&mut self, session: &dyn DropSession, ino: u64, now: Duration) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        let (dir, opens) = (node.dir, node.opens);
        let (Some(name), Some(draft)) = (node.name.clone(), node.draft.as_mut()) else { return };
        let is_idle =
            matches!(draft.phase, DraftPhase::Written | DraftPhase::Refused { kept: None, .. });
        let Some(closed_at) = draft.closed_at.filter(|_| opens == 0 && is_idle) else { return };
        let idle = now.saturating_sub(closed_at);
        let reason = match NameUse::of(&name) {
            NameUse::Temporary | NameUse::Note => {
                if idle >= TEMPORARY_TIME {
                    self.drop_draft(ino, now);
                }
                return;
            }
            NameUse::Other => OTHER_NAME.to_owned(),
            NameUse::Final(_) if draft.bytes.is_empty() => "it is empty".to_owned(),
            NameUse::Final(kind) => match session.examine(kind, &draft.bytes) {
                Examined::Incomplete(reason) | Examined::Refused(reason) => reason,
                // Its last answer was a failure, which is shown. The next close sends it again.
                Examined::Complete => return,
            },
        };
        if idle >= INCOMPLETE_TIME && !draft.is_late {
            draft.is_late = true;
            let is_over_torrent = node.torrent.is_some();
            self.write_note(dir, &name, &reason, now);
            if is_over_torrent {
                self.drop_draft(ino, now);
            }
        } else if idle >= INCOMPLETE_TIME + LATE_TIME {
            self.drop_draft(ino, now);
        }
    }
}

/// The reason for a name without a known end.
const OTHER_NAME: &str = "its name does not end in .torrent, .magnet, .txt or .url: rename it";
