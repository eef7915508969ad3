//! Rules of tests, as data.

use std::sync::{Arc, Mutex};

use tfs_testkit::fake::FakeSource;
use vfs_core::{
    ArrangedTorrent, Arrangement, FileIndex, InfoHash, RootContents, ServerId, Vfs, VfsConfig,
    ViewPlace,
};

use crate::support::SEEN_AT;

/// What a view does with a torrent whose name or tags contain a word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) view: &'static str,
    /// Of the name, of a tag, or of a server; empty for all torrents.
    pub(crate) word: &'static str,
    pub(crate) name: Option<&'static str>,
    /// Shows only files whose paths end so; empty for all.
    pub(crate) ending: &'static str,
    pub(crate) is_selected: bool,
    pub(crate) is_flat: bool,
    pub(crate) hides_duplicates: bool,
}

/// The rule that shows everything.
pub(crate) const ALL: Rule = Rule {
    view: "All",
    word: "",
    name: None,
    ending: "",
    is_selected: false,
    is_flat: false,
    hides_duplicates: false,
};

/// Rules in the order of their views, and how often they were asked.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) rules: Vec<Rule>,
    asked: Mutex<Vec<InfoHash>>,
}

impl Rules {
    pub(crate) fn new(rules: &[Rule]) -> Arc<Self> {
        Arc::new(Self { rules: rules.to_vec(), asked: Mutex::default() })
    }

    /// Returns the torrents that were arranged since the last call.
    pub(crate) fn asked(&self) -> Vec<InfoHash> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Arrangement for Rules {
    fn view_names(&self) -> Vec<String> {
        self.rules.iter().map(|rule| rule.view.to_owned()).collect()
    }

    fn places(&self, torrent: &ArrangedTorrent<'_>) -> Vec<ViewPlace> {
        self.asked.lock().unwrap().push(torrent.info_hash);
        let fits = |rule: &Rule| {
            torrent.name.contains(rule.word)
                || torrent.tags.iter().any(|tag| tag == rule.word)
                || torrent.servers.contains(&rule.word)
        };
        let rules = self.rules.iter().enumerate().filter(|(_, rule)| fits(rule));
        let places = rules.map(|(view, rule)| {
            let shown = torrent.files.iter().filter(|file| {
                file.path.ends_with(rule.ending) && (file.is_selected || !rule.is_selected)
            });
            let shown: Vec<FileIndex> = shown.map(|file| file.index).collect();
            ViewPlace {
                view,
                name: rule.name.map(str::to_owned),
                files: (shown.len() < torrent.files.len()).then_some(shown),
                is_flat: rule.is_flat,
                hides_duplicates: rule.hides_duplicates,
            }
        });
        places.collect()
    }
}

/// Returns a filesystem with views and all torrents of the source.
pub(crate) fn vfs_with_views(
    source: &FakeSource,
    rules: &[Rule],
    contents: RootContents,
) -> Vfs<FakeSource> {
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let vfs = vfs.with_views(Rules::new(rules), contents);
    update(&vfs, source, SEEN_AT);
    vfs
}

/// Applies the list of the first server.
pub(crate) fn update(vfs: &Vfs<FakeSource>, source: &FakeSource, at: i64) -> vfs_core::Changes {
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), at)
}

pub(crate) fn tags(names: &[&str]) -> Arc<[String]> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
