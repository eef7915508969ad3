//! Servers that are polled repeatedly and independently: a slow server delays no other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tfs_api::status::SILENCE_MIN;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::list_tags::ListTags;
use super::merge::{ListedServer, union};
use crate::{BaseUrl, ConnectError, TorrentRow};

/// Servers that are being polled. Dropping it ends that.
#[derive(Debug)]
pub struct WatchedServers {
    servers: Vec<Arc<WatchState>>,
    /// Notified when a server has answered or failed.
    tried: Arc<Notify>,
    tags: Arc<ListTags>,
    /// One poll task for each server.
    _tasks: JoinSet<()>,
}

/// A server and its last answers.
#[derive(Debug)]
struct WatchState {
    name: String,
    url: BaseUrl,
    /// Protects the last answers; held for one access.
    known: Mutex<LastAnswers>,
}

#[derive(Debug, Default)]
struct LastAnswers {
    rows: Vec<TorrentRow>,
    answered_at: Option<Instant>,
    /// When the pending request was sent.
    asked_at: Option<Instant>,
    /// Why the last request failed.
    error: Option<String>,
    /// The same error, until it is taken.
    new_error: Option<ConnectError>,
}

/// Snapshot of the answers of all servers.
#[derive(Debug)]
pub struct WatchedList {
    /// The torrents. The flag is true if the row is old: no server that has it is current.
    pub rows: Vec<(TorrentRow, bool)>,
    /// The torrents of the current servers; `None` if no server is current.
    pub current: Option<Vec<TorrentRow>>,
    /// The servers.
    pub servers: Vec<WatchedServer>,
    /// The errors since the last call.
    pub errors: Vec<ConnectError>,
}

/// State of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedServer {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: BaseUrl,
    /// Age of its list; `None` if it has never returned one.
    pub age: Option<Duration>,
    /// How long the pending request has been unanswered.
    pub silence: Option<Duration>,
    /// The error of the last request, if it failed.
    pub error: Option<String>,
}

impl WatchedServer {
    /// Returns whether its list is up to date.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let is_silent = self.silence.is_some_and(|silence| silence >= SILENCE_MIN);
        self.age.is_some() && self.error.is_none() && !is_silent
    }
}

impl WatchedServers {
    /// Starts to poll servers, each `pause` after its last answer.
    pub(crate) fn start(servers: &[ListedServer], pause: Duration) -> Self {
        let tried = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let servers = servers.iter().map(|server| {
            let watched = Arc::new(WatchState {
                name: server.name.clone(),
                url: server.server.client().base_url().clone(),
                known: Mutex::default(),
            });
            tasks.spawn(ask(server.clone(), Arc::clone(&watched), pause, Arc::clone(&tried)));
            watched
        });
        Self { servers: servers.collect(), tried, tags: Arc::default(), _tasks: tasks }
    }

    /// Sets the tags of the torrents.
    pub(crate) fn with_tags(self, tags: Arc<ListTags>) -> Self {
        Self { tags, ..self }
    }

    /// Resolves when each server has answered or failed, or has been silent for [`SILENCE_MIN`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn first_answers(&self) {
        let all_tried = async {
            loop {
                let tried = self.tried.notified();
                let is_tried =
                    |known: &LastAnswers| known.answered_at.is_some() || known.error.is_some();
                if self.servers.iter().all(|server| is_tried(&server.known())) {
                    return;
                }
                tried.await;
            }
        };
        // A late server is shown as silent.
        _ = timeout(SILENCE_MIN, all_tried).await;
    }

    /// Returns a snapshot. Does not block.
    #[must_use]
    pub fn list(&self) -> WatchedList {
        let (mut servers, mut errors, mut listed) = (Vec::new(), Vec::new(), Vec::new());
        for watched in &self.servers {
            let mut known = watched.known();
            errors.extend(known.new_error.take());
            listed.push((watched.name.clone(), known.rows.clone()));
            servers.push(WatchedServer {
                name: watched.name.clone(),
                url: watched.url.clone(),
                age: known.answered_at.map(|at| at.elapsed()),
                silence: known.asked_at.map(|at| at.elapsed()),
                error: known.error.clone(),
            });
        }
        let is_current = |name: &String| {
            servers.iter().any(|server| server.name == *name && server.is_current())
        };
        let current: Vec<_> = listed.iter().filter(|(name, _)| is_current(name)).cloned().collect();
        let rows = union(listed).into_iter().map(|row| {
            let is_old = !row.servers.iter().any(is_current);
            (row, is_old)
        });
        let mut rows: Vec<_> = rows.collect();
        self.tags.set(rows.iter_mut().map(|(row, _)| row));
        let mut current = (!current.is_empty()).then(|| union(current));
        self.tags.set(current.iter_mut().flatten());
        WatchedList { rows, current, servers, errors }
    }
}

impl WatchState {
    fn known(&self) -> MutexGuard<'_, LastAnswers> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_answer(&self, answer: Result<Vec<TorrentRow>, ConnectError>) {
        let mut known = self.known();
        known.asked_at = None;
        match answer {
            Ok(rows) => {
                *known = LastAnswers {
                    rows,
                    answered_at: Some(Instant::now()),
                    ..LastAnswers::default()
                };
            }
            Err(error) => {
                known.error = Some(error.to_string());
                known.new_error = Some(error);
            }
        }
    }
}

/// Polls a server until the task is dropped.
async fn ask(server: ListedServer, watched: Arc<WatchState>, pause: Duration, tried: Arc<Notify>) {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        watched.known().asked_at = Some(Instant::now());
        let answer = server.torrents().await;
        watched.on_answer(answer);
        tried.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RqbitServer;
    use tfs_config::ServerSettings;

    /// Returns servers without the tasks that ask them.
    fn watched(names: &[&str]) -> WatchedServers {
        let servers = names.iter().map(|name| {
            Arc::new(WatchState {
                name: (*name).to_owned(),
                url: "http://127.0.0.1:1".parse().unwrap(),
                known: Mutex::default(),
            })
        });
        let servers = servers.collect();
        WatchedServers {
            servers,
            tried: Arc::default(),
            tags: Arc::default(),
            _tasks: JoinSet::new(),
        }
    }

    /// Returns the rows, with a mark on old ones, and the current ones.
    fn shown(watched: &WatchedServers) -> (Vec<String>, Option<Vec<String>>) {
        let WatchedList { rows, current, .. } = watched.list();
        let mark = |(row, is_old): (TorrentRow, bool)| {
            if is_old { format!("({})", row.info_hash) } else { row.info_hash }
        };
        let current = current.map(|rows| rows.into_iter().map(|row| row.info_hash).collect());
        (rows.into_iter().map(mark).collect(), current)
    }

    #[tokio::test(start_paused = true)]
    async fn rows_that_only_a_silent_server_has_are_old() {
        let watched = watched(&["home", "away"]);
        let rows = |hashes: &[&str]| {
            Ok(hashes.iter().map(|hash| TorrentRow::empty((*hash).to_owned())).collect())
        };
        let texts = |hashes: &[&str]| hashes.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(shown(&watched), (vec![], None));
        let [home, away] = watched.servers.as_slice() else { panic!() };
        home.on_answer(rows(&["a", "b"]));
        away.on_answer(rows(&["b", "c"]));
        let all = texts(&["a", "b", "c"]);
        assert_eq!(shown(&watched), (all.clone(), Some(all)));
        home.known().asked_at = Some(Instant::now());
        tokio::time::advance(SILENCE_MIN).await;
        let left = Some(texts(&["b", "c"]));
        assert_eq!(shown(&watched), (texts(&["(a)", "b", "c"]), left));
        let silent = &watched.list().servers[0];
        assert_eq!((silent.age, silent.silence), (Some(SILENCE_MIN), Some(SILENCE_MIN)));
        // After a failure the rows stay as they were, and the error is reported once.
        let settings = ServerSettings::new("http://127.0.0.1:1".parse().unwrap());
        let error = RqbitServer::connect(&settings, SILENCE_MIN).await.unwrap_err();
        away.on_answer(Err(error));
        assert_eq!(watched.list().errors.len(), 1);
        assert_eq!(watched.list().errors.len(), 0);
        assert_eq!(shown(&watched), (texts(&["(a)", "(b)", "(c)"]), None));
        home.on_answer(rows(&["d"]));
        assert_eq!(shown(&watched).1, Some(texts(&["d"])));
    }
}
