//! Counts of the folder.

use super::node::{Draft, DraftPhase, FolderNode};
use super::{DropFolder, FolderDir};
use crate::limits::{DRAFT_BYTES_MAX, DRAFTS_MAX};
use crate::{DraftReport, DraftState, FolderReport};

/// Maximum number of drafts in a report.
const REPORTED_MAX: usize = 20;

impl DropFolder {
    pub(super) fn draft_count(&self) -> usize {
        self.drafts().count()
    }

    pub(super) fn draft_bytes(&self) -> usize {
        self.all_drafts().map(|(_, draft)| draft.bytes.len()).sum()
    }

    /// Returns how many bytes and how many drafts may follow.
    #[must_use]
    pub fn space(&self) -> (usize, usize) {
        let free_bytes = DRAFT_BYTES_MAX.saturating_sub(self.draft_bytes());
        (free_bytes, DRAFTS_MAX.saturating_sub(self.draft_count()))
    }

    fn all_drafts(&self) -> impl Iterator<Item = (&FolderNode, &Draft)> {
        let nodes = self.drafting.iter().filter_map(|ino| self.nodes.get(ino));
        nodes.filter_map(|node| Some((node, node.draft.as_ref()?)))
    }

    /// Returns the nodes with a draft that has no answer.
    fn drafts(&self) -> impl Iterator<Item = (&FolderNode, &Draft)> {
        self.all_drafts().filter(|(_, draft)| draft.is_pending())
    }

    /// Returns the counts and the first drafts that wait or were refused, by name.
    #[must_use]
    pub fn report(&self) -> FolderReport {
        let mut report = FolderReport {
            torrents: self.shown.iter().map(std::collections::HashMap::len).sum(),
            errors: self.notes.len(),
            added: self.added,
            refused: self.refused,
            ..FolderReport::default()
        };
        for (node, draft) in self.drafts() {
            let (state, reason) = match &draft.phase {
                DraftPhase::Sent { .. } => {
                    report.sending += 1;
                    (DraftState::Sending, None)
                }
                DraftPhase::Kept { reason, .. } => {
                    report.waiting += 1;
                    (DraftState::Waiting, Some(reason.clone()))
                }
                DraftPhase::Refused { reason, .. } => (DraftState::Refused, Some(reason.clone())),
                DraftPhase::Written | DraftPhase::Added { .. } => {
                    if draft.is_late {
                        report.incomplete += 1;
                    } else {
                        report.writing += 1;
                    }
                    (DraftState::Writing, None)
                }
            };
            if state != DraftState::Writing && node.name.is_some() {
                report.drafts.push(DraftReport { path: self.path(node), state, reason });
            }
        }
        report.drafts.sort_by(|a, b| a.path.cmp(&b.path));
        report.drafts.truncate(REPORTED_MAX);
        report
    }

    /// Returns the path of a node below the folder.
    fn path(&self, node: &FolderNode) -> String {
        let mut path = node.name.clone().unwrap_or_default();
        let mut index = node.dir;
        while let Some(FolderDir { parent, name, .. }) = self.dirs.get(index)
            && *parent != index
        {
            path = format!("{name}/{path}");
            index = *parent;
        }
        path
    }
}
