//! Rules that decide which torrents are added on demand.

use tfs_types::OnDemandMode;
use vfs_core::{ArrangedFile, ArrangedTorrent, FileIndex, InfoHash, Layout, NodeKind};

use crate::conditions::Conditions;
use crate::facts::ExaminedTorrent;
use crate::problem::ViewProblem;
use crate::spec::ConditionSpec;

/// Maximum number of rules: as many as views.
const RULES_MAX: usize = 64;

/// A rule as users write it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnDemandRule {
    /// Its name, for messages. May be empty.
    pub name: String,
    /// The mode of torrents that meet the conditions; `None` downloads everything.
    pub mode: Option<OnDemandMode>,
    /// The conditions. All that are given must be met; without any, every torrent meets them.
    pub conditions: ConditionSpec,
    /// Conditions none of which may be met.
    pub excluded: ConditionSpec,
}

/// A torrent that is being added.
#[derive(Debug, Clone, Copy)]
pub struct NewTorrent<'a> {
    /// Its info hash.
    pub info_hash: InfoHash,
    /// Its name.
    pub name: &'a str,
    /// Paths inside the torrent, folders separated by `/`, with lengths in bytes.
    pub files: &'a [(String, u64)],
    /// The name of the server that gets it.
    pub server: &'a str,
    /// The tags that it gets.
    pub tags: &'a [String],
}

/// Decides about the mode of torrents that are added.
#[derive(Debug, Default)]
pub struct OnDemandPolicy {
    rules: Vec<CompiledRule>,
    /// What they were compiled from.
    sources: Vec<OnDemandRule>,
    otherwise: Option<OnDemandMode>,
}

/// Two are equal if they decide in the same way about every torrent, as far as their rules tell.
impl PartialEq for OnDemandPolicy {
    fn eq(&self, other: &Self) -> bool {
        (&self.sources, self.otherwise) == (&other.sources, other.otherwise)
    }
}

impl Eq for OnDemandPolicy {}

#[derive(Debug)]
struct CompiledRule {
    mode: Option<OnDemandMode>,
    conditions: Conditions,
    excluded: Conditions,
}

impl OnDemandPolicy {
    /// Compiles rules. A torrent that meets none has the mode `otherwise`.
    ///
    /// # Errors
    /// All problems, each with the position and the name of its rule.
    pub fn compile(
        rules: &[OnDemandRule],
        otherwise: Option<OnDemandMode>,
    ) -> Result<Self, Vec<ViewProblem>> {
        let (mut compiled, mut problems) = (Vec::new(), Vec::new());
        for (idx, rule) in rules.iter().enumerate() {
            let mut problem = |key: String, message: String| {
                let name = rule.name.clone();
                problems.push(ViewProblem { view: idx, name, key, message, hint: None });
            };
            if idx >= RULES_MAX {
                problem("mode".to_owned(), format!("there may be at most {RULES_MAX} rules"));
                break;
            }
            let conditions = Conditions::compile(&rule.conditions);
            let excluded = Conditions::compile(&rule.excluded);
            match (conditions, excluded) {
                (Ok(conditions), Ok(excluded)) => {
                    compiled.push(CompiledRule { mode: rule.mode, conditions, excluded });
                }
                (conditions, excluded) => {
                    for (key, message) in conditions.err().unwrap_or_default() {
                        problem(key.to_owned(), message);
                    }
                    for (key, message) in excluded.err().unwrap_or_default() {
                        problem(format!("not.{key}"), message);
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { rules: compiled, sources: rules.to_vec(), otherwise })
    }

    /// Returns a policy without rules.
    #[must_use]
    pub fn always(mode: Option<OnDemandMode>) -> Self {
        Self { otherwise: mode, ..Self::default() }
    }

    /// Returns whether the mode depends on the torrent. Without rules, names and files need not be
    /// known.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Returns the mode of a torrent; `None` downloads everything.
    #[must_use]
    pub fn mode_of(&self, torrent: &NewTorrent<'_>) -> Option<OnDemandMode> {
        let arranged = torrent.arranged();
        let facts = ExaminedTorrent::new(&arranged);
        let rule = self.rules.iter().find(|rule| {
            rule.conditions.all_met(&facts) && rule.excluded.first_met(&facts).is_none()
        });
        rule.map_or(self.otherwise, |rule| rule.mode)
    }
}

impl NewTorrent<'_> {
    fn arranged(&self) -> ArrangedTorrent<'_> {
        let files = (0..).zip(self.files).map(|(index, (path, len))| ArrangedFile {
            index: FileIndex(index),
            path,
            len: *len,
            kind: NodeKind::File,
            is_selected: true,
        });
        let is_single = matches!(self.files, [(path, _)] if path == self.name);
        ArrangedTorrent {
            info_hash: self.info_hash,
            name: self.name,
            layout: if is_single { Layout::SingleFile } else { Layout::Directory },
            files: files.collect(),
            servers: vec![self.server],
            added_at: 0,
            tags: self.tags,
        }
    }
}
