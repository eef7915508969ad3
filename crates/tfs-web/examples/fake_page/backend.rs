//! A backend in memory. Changes of torrents are remembered until its end.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use tfs_api::wire::{FailureBody, FailureKind, MissingMount, SearchAnswer, SearchResult};
use tfs_web::model::{
    AddRequest, BUCKETS_MAX, FailedList, FileMap, FilePlace, History, MountQuery, Overview,
    PieceMap, SAMPLES_MAX, TorrentDetail, WebAction, WebAdded, WebTorrents,
};
use tfs_web::{WebBackend, WebClient, WebFile};

use crate::library::{hash_of, mix, torrents};
use crate::mount::mount;

const MIB: u64 = 1 << 20;

/// Number of torrents of each fake mount.
pub(crate) const TORRENTS: usize = 200;

/// A process with mounts that do not exist.
#[derive(Debug)]
pub(crate) struct FakeBackend {
    mountpoints: Vec<String>,
    started: Instant,
    /// All mounts have the same torrents. No lock is held across an await.
    torrents: Mutex<Vec<TorrentDetail>>,
}

impl FakeBackend {
    pub(crate) fn new(mounts: usize) -> Self {
        let name = |index| match index {
            0 => "/mnt/torrents".to_owned(),
            1 => "/srv/media/<b>second</b>".to_owned(),
            index => format!("/mnt/torrents-{index}"),
        };
        Self {
            mountpoints: (0..mounts).map(name).collect(),
            started: Instant::now(),
            torrents: Mutex::new(torrents(TORRENTS)),
        }
    }

    fn second(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// Returns the mount of a query, as every backend does.
    fn mount_of(&self, query: &MountQuery) -> Result<String, FailureBody> {
        match (&query.mountpoint, self.mountpoints.as_slice()) {
            (Some(wanted), all) if all.contains(wanted) => Ok(wanted.clone()),
            (None, [only]) => Ok(only.clone()),
            (None, [_, _, ..]) => {
                let message = "there are several mounts; name one";
                Err(FailureBody::new(FailureKind::Ambiguous, message))
            }
            (Some(_) | None, _) => {
                Err(FailureBody::new(FailureKind::UnknownMount, "there is no such mount"))
            }
        }
    }

    /// Calls `then` with a torrent, in its place in the list.
    fn with_torrent<T>(
        &self,
        mount: &MountQuery,
        info_hash: &str,
        then: impl FnOnce(&mut Vec<TorrentDetail>, usize) -> Result<T, FailureBody>,
    ) -> Result<T, FailureBody> {
        self.mount_of(mount)?;
        let mut torrents = self.torrents.lock().expect("no thread panics with it");
        let place = torrents.iter().position(|it| it.torrent.info_hash == info_hash);
        let unknown = || FailureBody::new(FailureKind::UnknownFile, "there is no such torrent");
        then(&mut torrents, place.ok_or_else(unknown)?)
    }

    fn file(&self, place: &FilePlace) -> Result<(String, u64, u64), FailureBody> {
        let mount = MountQuery { mountpoint: Some(place.mountpoint.clone()) };
        self.with_torrent(&mount, &place.info_hash, |torrents, index| {
            let files = torrents.get(index).map(|it| it.files.as_slice()).unwrap_or_default();
            let file = files.iter().find(|file| file.file_index == place.file_index);
            let unknown = || FailureBody::new(FailureKind::UnknownFile, "there is no such file");
            let file = file.ok_or_else(unknown)?;
            let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
            Ok((name, file.size_bytes, file.have_bytes))
        })
    }

    fn map(&self, place: &FilePlace, buckets: usize) -> Result<PieceMap, FailureBody> {
        let (_name, size, have) = self.file(place)?;
        let pieces = u32::try_from(size / (4 * MIB) + 1).unwrap_or(u32::MAX);
        let buckets = buckets.clamp(1, BUCKETS_MAX).min(pieces as usize);
        let share = have * 100 / size.max(1);
        let level = |bucket: usize| {
            let at = (bucket * 100 / buckets) as u64;
            let seed = mix(bucket as u64 / 7 + size) % 100;
            let grown = (bucket as u64 + self.second()) % 9;
            match (share, at) {
                (100, _) => '9',
                (share, at) if at < share / 2 || seed < share / 2 => '9',
                (share, _) if seed < share => char::from_digit(grown as u32, 10).unwrap_or('?'),
                _ => '0',
            }
        };
        let is_waiting = place.info_hash == hash_of(3);
        let bucket_of = |share: u64| (share * buckets as u64 / 8192).min(buckets as u64 - 1) as u32;
        Ok(PieceMap {
            have: (0..buckets).map(level).collect(),
            wanted: if is_waiting { vec![(bucket_of(3406), bucket_of(3470))] } else { Vec::new() },
            readers: match (0..8).find(|&index| place.info_hash == hash_of(index)) {
                Some(3) => vec![bucket_of(3406)],
                Some(index @ (0 | 5 | 6)) => {
                    vec![bucket_of((index as u64 * 900 + 500 + self.second() * 12) % 8192)]
                }
                _ => Vec::new(),
            },
            pieces,
            piece_bytes: 4 << 20,
        })
    }

    fn apply(
        torrents: &mut Vec<TorrentDetail>,
        index: usize,
        action: WebAction,
    ) -> Result<(), FailureBody> {
        let refused = |message: &str| Err(FailureBody::new(FailureKind::BadRequest, message));
        let Some(detail) = torrents.get_mut(index) else { return refused("it is gone") };
        match action {
            WebAction::Pause => {
                detail.torrent.state = "paused".to_owned();
                detail.torrent.download_bps = 0;
                detail.torrent.eta_seconds = None;
            }
            WebAction::Start => detail.torrent.state = "live".to_owned(),
            WebAction::Delete { name } if detail.torrent.name.as_ref() != Some(&name) => {
                return refused("the name is not that of the torrent");
            }
            WebAction::Forget | WebAction::Delete { name: _ } => drop(torrents.remove(index)),
            WebAction::Select { files } => {
                for file in &mut detail.files {
                    file.selected = Some(files.contains(&file.file_index));
                }
            }
            WebAction::Preload { file_index } if file_index as usize >= detail.files.len() => {
                return Err(FailureBody::new(FailureKind::UnknownFile, "there is no such file"));
            }
            WebAction::Preload { file_index: _ } => {}
        }
        Ok(())
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl WebBackend for FakeBackend {
    fn overview(&self) -> BoxFuture<'_, Overview> {
        let (now, second) = (now(), self.second());
        let mounts = self.mountpoints.iter().map(|it| mount(it, now, second)).collect::<Vec<_>>();
        let mut maps = Vec::new();
        for mount in &mounts {
            for reader in &mount.readers {
                let place = FilePlace {
                    mountpoint: mount.status.mountpoint.clone(),
                    info_hash: reader.info_hash.clone(),
                    file_index: reader.file_index,
                };
                if let Ok(map) = self.map(&place, BUCKETS_MAX) {
                    maps.push(FileMap { place, map });
                }
            }
        }
        let missing = match self.mountpoints.len() {
            2.. => vec![MissingMount {
                mountpoint: "/mnt/<missing>".to_owned(),
                why: "the directory does not exist; tried again in 60 s".to_owned(),
            }],
            _ => Vec::new(),
        };
        let tfs_version = env!("CARGO_PKG_VERSION").to_owned();
        ready(Overview { tfs_version, now, control: false, mounts, missing, maps }).boxed()
    }

    fn history(&self) -> History {
        let until = now();
        let first = until.unsigned_abs() - SAMPLES_MAX as u64;
        let curve = |base: u64, seed: u64| {
            let sample = |second: u64| {
                let slow = mix((first + second) / 47 + seed) % (base * MIB);
                let is_quiet = ((first + second) / 90 + seed).is_multiple_of(5);
                if is_quiet { 0 } else { slow + mix(first + second + seed) % (5 * MIB) }
            };
            (0..SAMPLES_MAX as u64).map(sample).collect::<Vec<_>>()
        };
        let rare = |share: u64, seed: u64| {
            let sample = |second| u64::from(mix(first + second + seed).is_multiple_of(share));
            (0..SAMPLES_MAX as u64).map(sample).collect::<Vec<_>>()
        };
        History {
            until,
            given_bps: curve(40, 1),
            fetched_bps: curve(22, 2),
            local_bps: curve(12, 3),
            waiting: rare(9, 4),
            failures: rare(150, 5),
        }
    }

    fn torrents(&self, mount: MountQuery) -> BoxFuture<'_, Result<WebTorrents, FailureBody>> {
        let listed = self.mount_of(&mount).map(|_mountpoint| {
            let torrents = self.torrents.lock().expect("no thread panics with it");
            WebTorrents {
                torrents: torrents.iter().map(|it| it.torrent.clone()).collect(),
                failed: vec![FailedList {
                    server: "seedbox".to_owned(),
                    error: "connection refused (os error 111)".to_owned(),
                }],
            }
        });
        ready(listed).boxed()
    }

    fn torrent(
        &self,
        mount: MountQuery,
        info_hash: String,
    ) -> BoxFuture<'_, Result<TorrentDetail, FailureBody>> {
        let gone = || FailureBody::new(FailureKind::UnknownFile, "there is no such torrent");
        let found = self.with_torrent(&mount, &info_hash, |torrents, index| {
            torrents.get(index).cloned().ok_or_else(gone)
        });
        ready(found).boxed()
    }

    fn pieces(
        &self,
        place: FilePlace,
        buckets: usize,
    ) -> BoxFuture<'_, Result<PieceMap, FailureBody>> {
        ready(self.map(&place, buckets)).boxed()
    }

    fn search(
        &self,
        mount: MountQuery,
        words: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<SearchAnswer, FailureBody>> {
        let answer = self.mount_of(&mount).map(|_mountpoint| {
            let words = words.to_lowercase();
            let torrents = self.torrents.lock().expect("no thread panics with it");
            let mut hits = Vec::new();
            for TorrentDetail { torrent, files } in torrents.iter() {
                for file in files {
                    let path = file.mount_path.clone().unwrap_or_default();
                    let lower = path.to_lowercase();
                    if words.split_whitespace().all(|word| lower.contains(word)) {
                        let info_hash = torrent.info_hash.clone();
                        let (size_bytes, have_bytes) = (file.size_bytes, file.have_bytes);
                        let file_index = file.file_index;
                        let hit =
                            SearchResult { path, info_hash, file_index, size_bytes, have_bytes };
                        hits.push(hit);
                    }
                }
            }
            let is_cut = hits.len() > limit;
            hits.truncate(limit);
            SearchAnswer { hits, is_cut }
        });
        ready(answer).boxed()
    }

    fn open(
        &self,
        place: FilePlace,
        _client: WebClient,
    ) -> BoxFuture<'_, Result<Box<dyn WebFile>, FailureBody>> {
        let opened = self.file(&place);
        let opened = opened.map(|(name, len, _have)| Box::new(EndlessFile { name, len }) as _);
        ready(opened).boxed()
    }

    fn act(
        &self,
        mount: MountQuery,
        info_hash: String,
        action: WebAction,
    ) -> BoxFuture<'_, Result<(), FailureBody>> {
        let acted = self.with_torrent(&mount, &info_hash, |torrents, index| {
            Self::apply(torrents, index, action)
        });
        ready(acted).boxed()
    }

    fn add(&self, request: AddRequest) -> BoxFuture<'_, Result<WebAdded, FailureBody>> {
        let added = self.mount_of(&request.mount).and_then(|_mountpoint| {
            let is_torrent = request.content.starts_with(b"d");
            let magnet = request.content.starts_with(b"magnet:?");
            if !is_torrent && !magnet {
                let message = "it is neither a .torrent file nor a magnet link";
                return Err(FailureBody::new(FailureKind::BadRequest, message));
            }
            let mut torrents = self.torrents.lock().expect("no thread panics with it");
            let mut detail = torrents.first().cloned().unwrap_or_default();
            let name = format!("added by hand {}", torrents.len());
            detail.torrent.info_hash = hash_of(10_000 + torrents.len());
            detail.torrent.name = Some(name.clone());
            detail.torrent.state = if request.paused { "paused" } else { "live" }.to_owned();
            let info_hash = detail.torrent.info_hash.clone();
            torrents.push(detail);
            Ok(WebAdded { info_hash, name, added: true })
        });
        ready(added).boxed()
    }
}

/// A file of any length, whose bytes are the low bytes of their offsets.
struct EndlessFile {
    name: String,
    len: u64,
}

impl WebFile for EndlessFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, offset: u64, len: u32) -> BoxFuture<'_, Result<Bytes, FailureBody>> {
        let end = offset.saturating_add(u64::from(len)).min(self.len);
        let bytes = (offset..end).map(|at| at as u8).collect::<Bytes>();
        ready(Ok(bytes)).boxed()
    }
}
