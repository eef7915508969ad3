//! Runs blocking system calls off the async worker threads.

/// Runs a blocking function on the blocking pool. A panic in it is resumed in the caller.
pub async fn blocking<T: Send + 'static>(function: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(function).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
