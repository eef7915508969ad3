//! Requests of the folder: each becomes a task.

use std::path::PathBuf;

use tfs_drop::{DropKind, DropRequest, DropSession, Examined};

use super::content;
use super::job::DropJob;
use super::link::DropLink;

/// Runs an addition. `path` is its file in the spool.
pub(super) fn start(link: &DropLink, job: DropJob, path: Option<PathBuf>) {
    let (ticket, of_job) = (job.ticket, link.clone());
    link.start(ticket, path, async move { job.run(&of_job).await });
}

impl DropSession for DropLink {
    fn examine(&self, kind: DropKind, bytes: &[u8]) -> Examined {
        content::examine(kind, bytes, self.state().may_fetch)
    }

    fn send(&self, request: DropRequest) {
        match request {
            DropRequest::Add { ticket, place, name, kind, bytes } => {
                let job = DropJob { ticket, place, name, kind, bytes, is_kept: false };
                start(self, job, None);
            }
            DropRequest::Cancel { ticket } => self.cancel(ticket),
            DropRequest::Forget { ticket, server, info_hash } => {
                let link = self.clone();
                self.spawn(async move {
                    let answer = link.forget(server, info_hash).await;
                    link.answer(ticket, answer);
                    link.state().moved.notify_one();
                });
            }
            DropRequest::Load { ticket, server, info_hash } => {
                let link = self.clone();
                self.spawn(async move {
                    let answer = link.load(server, info_hash).await;
                    link.answer(ticket, answer);
                });
            }
        }
    }
}
