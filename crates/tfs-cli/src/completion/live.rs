//! What exists now: torrents of the servers, words of their files, mounts, and the configuration.
//!
//! Everything that cannot be had is missing without an error. Each question has a time limit.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use clap::{ArgMatches, CommandFactory as _};
use futures_util::future::join_all;
use tfs_api::wire::{QueryText, SearchRequest};
use tfs_api::{find_mounts, own_mountpoints};
use tfs_config::{Flag, Loaded, ServerArg, Sources};
use tfs_service::{RqbitServer, TorrentRow, target_servers, torrents};

use crate::args::Cli;
use crate::list::CHUNK_TIME_MAX;

/// Maximum number of files whose words are offered: more words than a screen has are no help.
const FILES_MAX: u64 = 500;

/// A command line up to the word to complete, and what it refers to.
#[derive(Debug)]
pub(super) struct CompletionContext {
    words: Vec<OsString>,
    /// How long servers and mounts have to answer.
    answer_time_max: Duration,
    loaded: OnceLock<Option<Loaded>>,
}

impl CompletionContext {
    /// Starts with the time limit of the whole completion, of which servers and mounts have three
    /// quarters: the rest is for starting and printing.
    pub(super) fn new(words: Vec<OsString>, time_max: Duration) -> Self {
        Self { words, answer_time_max: time_max.mul_f32(0.75), loaded: OnceLock::new() }
    }

    /// Returns whether a word is already on the command line.
    pub(super) fn has_word(&self, word: &str) -> bool {
        self.words.iter().any(|other| other == word)
    }

    /// Returns the number of values behind the last `word`, without flags.
    pub(super) fn value_count_behind(&self, word: &str) -> usize {
        let behind = self.words.iter().rev().take_while(|other| *other != word);
        behind.filter(|it| !it.as_encoded_bytes().starts_with(b"-")).count()
    }

    /// Returns the word before the one to complete.
    pub(super) fn last_word(&self) -> Option<&str> {
        self.words.last()?.to_str()
    }

    /// Returns the words of a search that are already there.
    pub(super) fn search_words(&self) -> Vec<String> {
        let matches = self.matches();
        let words = matches
            .as_ref()
            .and_then(|matches| deepest(matches).try_get_many::<String>("words").ok().flatten());
        words.into_iter().flatten().cloned().collect()
    }

    /// Parses the words, as far as they make sense.
    fn matches(&self) -> Option<ArgMatches> {
        Cli::command().ignore_errors(true).try_get_matches_from(&self.words).ok()
    }

    /// Returns the settings with the servers on the command line. `None` if they are invalid.
    pub(super) fn settings(&self) -> Option<&Loaded> {
        self.loaded.get_or_init(|| self.load()).as_ref()
    }

    fn load(&self) -> Option<Loaded> {
        let matches = self.matches()?;
        let matches = deepest(&matches);
        let text = |id| matches.try_get_one::<String>(id).ok().flatten().cloned();
        let flag = |key, id| text(id).map(|value| Flag { key, value });
        let servers = matches.try_get_many::<ServerArg>("server").ok().flatten();
        let sources = Sources {
            named_file: matches.try_get_one::<PathBuf>("config").ok().flatten().cloned(),
            servers: servers.into_iter().flatten().cloned().collect(),
            flags: [
                flag("server.username", "username"),
                flag("server.password_file", "password_file"),
            ]
            .into_iter()
            .flatten()
            .collect(),
            ..Sources::of_this_process()
        };
        sources.load().ok()
    }

    /// Returns the torrents of the servers that answer in time, each once. Only the list is
    /// requested: the sizes of running torrents would take a request for each.
    pub(super) fn torrents(&self) -> Vec<TorrentRow> {
        let Some(loaded) = self.settings() else { return Vec::new() };
        let rows = RefCell::new(Vec::new());
        self.within_time(async {
            let chosen = target_servers(loaded).await.ok()?;
            let asked = chosen.iter().map(async |chosen| {
                let server = RqbitServer::connect(&chosen.connection, CHUNK_TIME_MAX).await.ok()?;
                let listed = torrents(&server).await.ok()?;
                // A silent server does not lose the torrents of the others.
                rows.borrow_mut().extend(listed);
                Some(())
            });
            Some(join_all(asked).await)
        });
        let mut rows = rows.into_inner();
        let mut known = BTreeSet::new();
        rows.retain(|row| known.insert(row.info_hash.clone()));
        rows
    }

    /// Returns the paths of files that match words, from a mount of this user. `None` without one.
    pub(super) fn files(&self, words: &str) -> Option<Vec<String>> {
        self.within_time(async {
            let found = find_mounts(None).await.ok()?.into_iter().next()?;
            let mountpoint = Some(found.mount.mountpoint);
            let query = QueryText::Words(words.to_owned());
            let request = SearchRequest { mountpoint, query, limit: FILES_MAX };
            let hits = found.client.search(&request).await.ok()?.hits;
            Some(hits.into_iter().map(|hit| hit.path).collect())
        })
    }

    /// Runs a question to servers or mounts. Returns `None` if the time is over.
    fn within_time<T>(&self, question: impl Future<Output = Option<T>>) -> Option<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let time_max = self.answer_time_max;
        let answer =
            runtime.block_on(async { tokio::time::timeout(time_max, question).await.ok() });
        // A lookup of a host name may still be running.
        runtime.shutdown_background();
        answer.flatten()
    }
}

/// Returns the arguments of the innermost subcommand, which include the global ones.
fn deepest(mut matches: &ArgMatches) -> &ArgMatches {
    while let Some((_, deeper)) = matches.subcommand() {
        matches = deeper;
    }
    matches
}

/// Returns the mount points of this user in the order of their paths.
pub(super) fn mountpoints() -> Vec<String> {
    let own = own_mountpoints().unwrap_or_default();
    let mut paths: Vec<_> =
        own.into_iter().filter_map(|path| path.into_os_string().into_string().ok()).collect();
    paths.sort();
    paths
}
