//! The connections of a test server.

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Serves each connection in a task of its own. Dropping the future ends them all.
pub(crate) async fn serve_all<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((socket, _peer)) = listener.accept() => {
                connections.spawn(serve(socket));
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}
