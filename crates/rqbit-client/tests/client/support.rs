//! A scripted server, and clients of it.

use std::time::Duration;

use rqbit_client::{Client, ClientConfig, Timeouts};
use tfs_testkit::rqbit::{FakeRqbit, RqbitSetup};
pub(crate) use tfs_testkit::rqbit::{Script, ScriptStep};
use tfs_testkit::until::until_async;

/// Longer than any test takes: no wait may end by it.
const NEVER: Duration = Duration::from_secs(600);

/// Short enough for a test to wait for.
pub(crate) const SOON: Duration = Duration::from_millis(50);

/// No time-out ends a test unless the test sets it.
pub(crate) const PATIENT: Timeouts =
    Timeouts { connect: NEVER, headers: NEVER, chunk: NEVER, total: NEVER };

/// A server whose n-th connection plays the n-th script.
pub(crate) struct ScriptedServer(FakeRqbit);

impl ScriptedServer {
    pub(crate) fn start(setup: impl Into<RqbitSetup>) -> Self {
        Self(FakeRqbit::start(setup).expect("start a server"))
    }

    /// Returns the address as a URL without a path.
    pub(crate) fn url(&self, scheme: &str) -> String {
        self.0.url().replace("http", scheme)
    }

    /// Returns a client of this server under a path prefix.
    pub(crate) fn client(&self, timeouts: Timeouts) -> Client {
        let base_url = format!("{}/rqbit", self.url("http")).parse().expect("a valid address");
        let config = ClientConfig { timeouts, ..ClientConfig::new(base_url) };
        Client::new(config).expect("set up a client")
    }

    /// Lets a script pass one gate.
    pub(crate) fn open_gate(&self) {
        self.0.open_gate();
    }

    /// Waits until a line was logged `count` times.
    pub(crate) async fn wait_for(&self, line: &str, count: usize) {
        until_async(line, async || self.0.has_logged(line, count).then_some(())).await;
    }

    /// Waits until every connection has ended, and returns the server's log, by connection.
    pub(crate) async fn finish(self) -> String {
        self.0.finish().await
    }
}

/// Writes a recorded answer, `tests/data/{name}.http`.
pub(crate) fn recorded(name: &str) -> ScriptStep {
    let path = format!("{}/tests/data/{name}.http", env!("CARGO_MANIFEST_DIR"));
    ScriptStep::send(std::fs::read(path).expect("read a recorded answer"))
}

/// Runs a test on a runtime of its own.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("make a runtime").block_on(test)
}
