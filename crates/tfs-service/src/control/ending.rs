//! The way of a mount to its end, for those who ask for it and for the one who brings it about.

use tokio::sync::watch;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum EndingStage {
    Running,
    Asked,
    Over,
}

/// Whether a mount is to end or has ended. Clones are of the same mount.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    stage: watch::Sender<EndingStage>,
}

/// Says that the mount has ended, when it is dropped.
#[derive(Debug)]
pub(crate) struct EndingGuard(Ending);

impl Ending {
    /// Returns it, and the guard that the mount is to hold until its end.
    pub(crate) fn new() -> (Self, EndingGuard) {
        let ending = Self { stage: watch::Sender::new(EndingStage::Running) };
        (ending.clone(), EndingGuard(ending))
    }

    /// Asks for the end.
    pub(crate) fn ask(&self) {
        self.stage.send_modify(|stage| *stage = (*stage).max(EndingStage::Asked));
    }

    /// Returns whether somebody has asked for the end.
    pub(crate) fn is_asked(&self) -> bool {
        *self.stage.borrow() >= EndingStage::Asked
    }

    /// Resolves when somebody has asked for the end.
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
        // The sender is our own, so that the channel cannot be closed.
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
