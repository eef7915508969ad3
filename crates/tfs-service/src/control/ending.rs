//! State of a mount's shutdown, shared by the requesters and the task that executes it.

use tokio::sync::watch;

/// Stage of the shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum EndingStage {
    Running,
    Asked,
    Over,
}

/// Whether the end of a mount was requested or reached. Clones share the state.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    stage: watch::Sender<EndingStage>,
}

/// Marks the mount as ended when it is dropped.
#[derive(Debug)]
pub(crate) struct EndingGuard(Ending);

impl Ending {
    /// Returns the state, and the guard that the mount must hold until its end.
    pub(crate) fn new() -> (Self, EndingGuard) {
        let ending = Self { stage: watch::Sender::new(EndingStage::Running) };
        (ending.clone(), EndingGuard(ending))
    }

    /// Requests the end.
    pub(crate) fn ask(&self) {
        self.stage.send_modify(|stage| *stage = (*stage).max(EndingStage::Asked));
    }

    /// Returns whether the end was requested.
    pub(crate) fn is_asked(&self) -> bool {
        *self.stage.borrow() >= EndingStage::Asked
    }

    /// Resolves when the end was requested.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn asked(&self) {
        self.reached(EndingStage::Asked).await;
    }

    /// Resolves when the mount has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn over(&self) {
        self.reached(EndingStage::Over).await;
    }

    async fn reached(&self, wanted: EndingStage) {
        // `self` holds the sender, so the channel cannot be closed.
        drop(self.stage.subscribe().wait_for(|stage| *stage >= wanted).await);
    }
}

impl Drop for EndingGuard {
    fn drop(&mut self) {
        self.0.stage.send_replace(EndingStage::Over);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn an_end_is_asked_for_once_and_over_with_the_mount() {
        let (ending, guard) = Ending::new();
        let other = ending.clone();
        assert!(ending.asked().now_or_never().is_none());
        other.ask();
        other.ask();
        assert!(ending.asked().now_or_never().is_some());
        assert!(ending.over().now_or_never().is_none());
        drop(guard);
        assert!(other.over().now_or_never().is_some());
        ending.ask();
        assert!(ending.over().now_or_never().is_some());
    }
}
