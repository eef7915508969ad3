//! Functions that wait for the system, away from the threads that must not.

/// Runs a function that waits for the system. A panic in it goes on here.
pub(crate) async fn blocking<T: Send + 'static>(
    function: impl FnOnce() -> T + Send + 'static,
) -> T {
    match tokio::task::spawn_blocking(function).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
