//! Several servers as one tree: their torrents, together and apart.

use std::sync::{Arc, Mutex};

use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::{
    Child, FileKind, InfoHash, Ino, InvalidationSink, Query, RestoredTorrent, RootLayout, ServerId,
    TorrentState, Vfs, VfsConfig, VfsError,
};

use crate::support::{SEEN_AT, child, render};

const HOME: ServerId = ServerId(0);
const AWAY: ServerId = ServerId(1);

struct ServersStage {
    home: FakeSource,
    away: FakeSource,
    vfs: Vfs<FakeSource>,
}

impl ServersStage {
    fn new(layout: RootLayout) -> Self {
        let (home, away) = (FakeSource::new(4).named("home"), FakeSource::new(2).named("away"));
        let sources = [&home, &away].map(|source| Arc::new(source.clone()));
        let config = VfsConfig { layout, ..VfsConfig::default() };
        Self { vfs: Vfs::of_servers(&sources, config), home, away }
    }

    fn hear(&self, server: ServerId) -> vfs_core::Changes {
        let source = self.vfs.source(server).unwrap();
        self.vfs.apply(server, source.listing(), source.all_details(), SEEN_AT)
    }

    fn names(&self, dir: Ino) -> Vec<String> {
        let mut names = Vec::new();
        let each = |entry: &vfs_core::DirEntry<'_>| {
            names.push(entry.name.to_owned());
            true
        };
        self.vfs.read_dir(dir, 2, each).unwrap();
        names
    }

    fn xattr(&self, path: &[&str], name: &str) -> Result<String, VfsError> {
        self.vfs.xattr(self.ino(path), name.as_bytes())
    }

    fn ino(&self, path: &[&str]) -> Ino {
        path.iter().fold(Ino::ROOT, |dir, name| child(&self.vfs, dir, name).unwrap().ino)
    }
}

fn set_have(source: &FakeSource, torrent: InfoHash, have: &[u64], state: TorrentState) {
    source.update(torrent, |summary| {
        summary.file_progress = Some(have.into());
        summary.state = state;
    });
}

#[test]
fn one_info_hash_is_one_torrent_with_the_best_that_is_said_of_it() {
    let stage = ServersStage::new(RootLayout::Union);
    let film = directory(1, "film", &[("a", 10), ("b", 20)]);
    let hash = stage.home.add(film.clone());
    stage.away.add(film);
    stage.away.add(single_file(2, "other", 5));
    set_have(&stage.home, hash, &[10, 3], TorrentState::Paused);
    set_have(&stage.away, hash, &[1, 20], TorrentState::Live);

    assert_eq!(stage.hear(HOME).added, [(hash, "film".to_owned())]);
    let changes = stage.hear(AWAY);
    let film = RestoredTorrent {
        info_hash: hash,
        name: "film".to_owned(),
        first_seen: SEEN_AT,
        finished_at: None,
    };
    assert_eq!(changes.joined, [film]);
    assert_eq!(changes.added.len(), 1);
    assert_eq!(stage.names(Ino::ROOT), ["film", "other"]);
    assert_eq!(stage.xattr(&["film"], "user.tfs.server").unwrap(), "home, away");
    assert_eq!(stage.xattr(&["film"], "user.tfs.progress").unwrap(), "100.00");
    assert_eq!(stage.xattr(&["film", "b"], "user.tfs.state").unwrap(), "live");
    assert_eq!(stage.xattr(&["other"], "user.tfs.server").unwrap(), "away");

    let before = stage.ino(&["film", "a"]);
    stage.home.remove(hash);
    assert_eq!(stage.hear(HOME).left, [(hash, "film".to_owned())]);
    assert_eq!(stage.ino(&["film", "a"]), before);
    assert_eq!(stage.xattr(&["film"], "user.tfs.server").unwrap(), "away");
    assert_eq!(stage.xattr(&["film", "a"], "user.tfs.have_bytes").unwrap(), "1");
    // Torrents that only the other server has do not concern this one.
    assert_eq!(stage.vfs.summaries_not_in(HOME, &[]), []);
    assert_eq!(stage.vfs.summaries_not_in(AWAY, &[]).len(), 2);
    stage.away.remove(hash);
    assert_eq!(stage.hear(AWAY).removed, [(hash, "film".to_owned())]);
    assert_eq!(stage.names(Ino::ROOT), ["other"]);
}

#[test]
fn an_empty_union_is_not_shown_before_all_servers_said_that_they_have_nothing() {
    let stage = ServersStage::new(RootLayout::Union);
    stage.hear(HOME);
    assert!(matches!(stage.vfs.open_dir(Ino::ROOT), Err(VfsError::NoTree)));
    assert!(stage.vfs.is_server_known(HOME) && !stage.vfs.is_server_known(AWAY));
    stage.hear(AWAY);
    assert_eq!(stage.names(Ino::ROOT), Vec::<String>::new());

    // The torrents of one server are shown whatever is known of the other.
    let stage = ServersStage::new(RootLayout::Union);
    stage.home.add(single_file(1, "one", 5));
    stage.hear(HOME);
    assert_eq!(stage.names(Ino::ROOT), ["one"]);
}

#[test]
fn a_directory_for_each_server_has_what_that_server_has() {
    let stage = ServersStage::new(RootLayout::ByServer);
    let film = directory(1, "film", &[("a", 10)]);
    stage.home.add(film.clone());
    assert_eq!(stage.names(Ino::ROOT), ["home", "away"]);
    let away = stage.ino(&["away"]);
    assert!(matches!(stage.vfs.open_dir(away), Err(VfsError::NoTree)));
    stage.hear(HOME);
    assert!(matches!(stage.vfs.open_dir(away), Err(VfsError::NoTree)));
    stage.away.add(film);
    stage.away.add(single_file(2, "film", 5));
    let changes = stage.hear(AWAY);
    assert_eq!(changes.added.len(), 2);
    let text = "home/\n  film/\n    a 10\naway/\n  film/\n    a 10\n  film [02020202] 5\n";
    assert_eq!(render(&stage.vfs), text);
    assert_eq!(stage.xattr(&["home", "film"], "user.tfs.server").unwrap(), "home");
    assert_eq!(stage.xattr(&["away", "film"], "user.tfs.server").unwrap(), "away");
    assert!(stage.vfs.xattr_names(away).unwrap().is_empty());

    // Both copies have their own numbers, the same in every mount.
    let numbers = |stage: &ServersStage| {
        let paths = [&["home"][..], &["away"], &["home", "film"], &["away", "film", "a"]];
        paths.map(|path| stage.ino(path))
    };
    let again = ServersStage::new(RootLayout::ByServer);
    for (from, to) in [(&stage.home, &again.home), (&stage.away, &again.away)] {
        from.all_details().into_iter().for_each(|details| _ = to.add(details));
    }
    again.hear(AWAY);
    again.hear(HOME);
    assert_eq!(numbers(&again), numbers(&stage));
    assert_ne!(stage.ino(&["home", "film", "a"]), stage.ino(&["away", "film", "a"]));
    assert_eq!(stage.vfs.stats().inode_count, 1 + 2 + 2 + 2 + 1);
}

#[test]
fn links_find_what_is_in_the_directories_of_servers() {
    let stage = ServersStage::new(RootLayout::ByServer);
    let film = directory(1, "film", &[("a", 10)]);
    let hash = stage.home.add(film.clone());
    stage.away.add(film);
    stage.hear(AWAY);
    stage.hear(HOME);
    let by_hash = stage.ino(&[".tfs", "by-hash"]);
    assert_eq!(stage.names(by_hash), [hash.to_string()]);
    let link = stage.ino(&[".tfs", "by-hash", &hash.to_string()]);
    assert_eq!(stage.vfs.read_link(link).unwrap(), "../../home/film");
    let paths = |words: &str| {
        let hits = stage.vfs.search(&Query::words(words).unwrap(), 10);
        hits.into_iter().map(|hit| hit.path).collect::<Vec<_>>()
    };
    assert_eq!(paths("film"), ["away/film/a", "home/film/a"]);
    assert_eq!(paths("home a"), ["home/film/a"]);
    let below = |path: &str| {
        let files = stage.vfs.files_below(path).unwrap();
        files.into_iter().map(|file| file.path).collect::<Vec<_>>()
    };
    assert_eq!(below(""), ["home/film/a", "away/film/a"]);
    assert_eq!(below("away"), ["away/film/a"]);
    assert_eq!(below("away/film/a"), ["away/film/a"]);
    stage.home.remove(hash);
    stage.hear(HOME);
    assert_eq!(paths("film"), ["away/film/a"]);
    let link = stage.ino(&[".tfs", "by-hash", &hash.to_string()]);
    assert_eq!(stage.vfs.read_link(link).unwrap(), "../../away/film");
}

/// Records the torrents whose names changed.
#[derive(Debug, Default)]
struct ServerNotified(Mutex<Vec<(Ino, String)>>);

impl InvalidationSink for ServerNotified {
    fn entry_added(&self, parent: Ino, name: &str) {
        self.0.lock().unwrap().push((parent, format!("+{name}")));
    }

    fn entry_removed(&self, parent: Ino, name: &str, _child: Child) {
        self.0.lock().unwrap().push((parent, format!("-{name}")));
    }

    fn attr_changed(&self, parent: Ino, _ino: Ino) {
        self.0.lock().unwrap().push((parent, "attributes".to_owned()));
    }
}

#[test]
fn changes_are_told_of_the_directory_in_which_they_are() {
    let stage = ServersStage::new(RootLayout::ByServer);
    let told = Arc::<ServerNotified>::default();
    let sink: Arc<dyn InvalidationSink> = Arc::<ServerNotified>::clone(&told);
    stage.vfs.set_sink(Some(sink));
    stage.hear(AWAY);
    let hash = stage.away.add(single_file(1, "one", 5));
    stage.hear(AWAY);
    let away = stage.ino(&["away"]);
    let one = stage.vfs.lookup(away, b"one").unwrap().attr.ino;
    set_have(&stage.away, hash, &[3], TorrentState::Live);
    stage.hear(AWAY);
    stage.away.remove(hash);
    stage.hear(AWAY);
    let want = ["+one", "attributes", "attributes", "-one"].map(|what| (away, what.to_owned()));
    assert_eq!(*told.0.lock().unwrap(), want);
    stage.vfs.forget(one, 1);
}

#[test]
fn names_and_times_come_back_whichever_server_has_the_torrent_first() {
    let stage = ServersStage::new(RootLayout::Union);
    let mut film = single_file(1, "film", 5);
    film.created = None;
    film.files[0].kind = FileKind::Regular;
    let hash = film.info_hash;
    let name = format!("film [{}]", hash.short());
    let remembered =
        RestoredTorrent { info_hash: hash, name: name.clone(), first_seen: 77, finished_at: None };
    stage.vfs.remember(AWAY, Some(90), [remembered]);
    stage.home.add(film);
    stage.hear(HOME);
    assert_eq!(stage.names(Ino::ROOT), [name.as_str()]);
    assert_eq!(stage.vfs.attr(stage.ino(&[&name])).unwrap().mtime, 77);
}
