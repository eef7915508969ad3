//! The threads of a session, and how it ends.

use std::io;
use std::thread;

use fuser::{Filesystem, Session};
use rustix::io::Errno;
use tfs_sys::mounting::SessionError;
use tokio::sync::watch;

/// How the session ended; `None` while it runs.
pub(crate) type SessionEnd = Option<Result<(), SessionError>>;

/// Runs the session on threads of its own until it ends, and then `at_end`.
pub(crate) fn serve<F: Filesystem + 'static>(
    session: Session<F>,
    at_end: impl FnOnce() + Send + 'static,
) -> io::Result<watch::Receiver<SessionEnd>> {
    let (sender, ended) = watch::channel(None);
    // The thread ends with the session, which ends with the mount.
    thread::Builder::new().name("tfs-session".to_owned()).spawn(move || {
        let result = match session.run() {
            // A thread was reading a request when the connection closed. Linux 6.18 reports this
            // for some unmounts, internal and external ones.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::CONNABORTED) => Ok(()),
            result => result,
        };
        // Pending requests have got an error from the kernel.
        at_end();
        if let Err(error) = &result {
            tracing::error!(%error, "the session failed");
        }
        sender.send_replace(Some(result.map_err(SessionError::new)));
    })?;
    Ok(ended)
}

/// Resolves when the session has ended.
///
/// # Errors
/// If it ended for another reason than an unmount.
///
/// # Cancel safety
/// Nothing is lost.
pub(crate) async fn wait_for_end(
    mut ended: watch::Receiver<SessionEnd>,
) -> Result<(), SessionError> {
    match ended.wait_for(Option::is_some).await {
        Ok(ended) => ended.clone().unwrap_or(Ok(())),
        // The session thread ended without a result: a panic outside of all handlers.
        Err(_closed) => Err(SessionError::new(io::Error::other("the session was lost"))),
    }
}
