//! Symbolic links of a torrent (BEP 47): resolves them, and selects those to show.
//!
//! A link is shown if its target is in the torrent, and if it cannot send a program that follows
//! links into an endless loop. So a link to an ancestor folder is hidden, and so are all links to a
//! folder from which links lead back. Scanners do not detect such loops.

use super::draft::{DirectoryDraft, LinkDraft};
use super::node::{LayoutNode, NodeIdx};

/// Maximum length of a link target in bytes (`PATH_MAX` less its NUL).
const LINK_TARGET_BYTES_MAX: usize = 4095;

/// Maximum number of names on the path from the top to a target. Longer paths do not fit into a
/// target: each name takes a byte and a slash.
const WAY_NAMES_MAX: usize = LINK_TARGET_BYTES_MAX / 2 + 1;

/// Maximum number of links that the kernel follows for one visible link. It refuses a path with
/// more than 40 (`MAXSYMLINKS` in `linux/namei.h`), and the path itself may contain others.
const HOPS_MAX: u32 = 16;

/// Resolved target of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Resolved {
    /// The folder that the target is relative to.
    start: NodeIdx,
    /// The folder or file at the end, which is not a link.
    end: NodeIdx,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    NotStarted,
    /// A link on its path is being resolved first. Reaching it in this state is a loop.
    Started,
    Failed,
    Resolved(Resolved),
}

/// State of following a link, name by name.
#[derive(Debug)]
struct LinkWalk {
    link: usize,
    start: NodeIdx,
    at: NodeIdx,
    /// Number of names of the target that were followed.
    position: usize,
}

/// Why a walk stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    AtEnd,
    /// The name does not exist, or the path leaves the torrent or is a loop.
    NoWay,
    /// This link has to be resolved first.
    AtLink(usize),
}

/// Meaning of a name in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkEntry {
    Node(NodeIdx),
    Link(usize),
}

/// Context of link resolution: the folders and files, which are complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinkContext<'a> {
    pub(super) nodes: &'a [LayoutNode],
    pub(super) drafts: &'a [Option<DirectoryDraft>],
    /// All links of the torrent.
    pub(super) links: &'a [LinkDraft],
}

/// Resolution of the links of a torrent.
#[derive(Debug)]
pub(super) struct Resolution {
    /// By index of the link.
    progress: Vec<LinkState>,
    /// Resolved links. Each comes after those on its path.
    order: Vec<usize>,
}

#[derive(Debug)]
struct Links<'a> {
    nodes: &'a [LayoutNode],
    drafts: &'a [Option<DirectoryDraft>],
    links: &'a [LinkDraft],
    progress: Vec<LinkState>,
    order: Vec<usize>,
}

impl Resolution {
    /// Resolves all links. Costs a step for each name of each target.
    pub(super) fn new(surroundings: LinkContext<'_>) -> Self {
        let progress = vec![LinkState::NotStarted; surroundings.links.len()];
        let mut links = Links::new(surroundings, Self { progress, order: Vec::new() });
        for link in 0..links.links.len() {
            if links.progress_of(link) == LinkState::NotStarted {
                links.resolve_from(link);
            }
        }
        links.hide_loops();
        let Links { progress, order, .. } = links;
        Self { progress, order }
    }

    /// Returns whether the link with this index is shown, unless its target is too long.
    pub(super) fn is_shown(&self, link: usize) -> bool {
        matches!(self.progress.get(link), Some(LinkState::Resolved(_)))
    }

    /// Returns the target of each visible link, relative to its folder. `names` are the names of
    /// the links in the mount. A link whose target is too long has none.
    pub(super) fn targets(
        self,
        surroundings: LinkContext<'_>,
        names: &[Option<Box<str>>],
    ) -> Vec<Option<String>> {
        Links::new(surroundings, self).texts(names)
    }
}

impl<'a> Links<'a> {
    fn new(surroundings: LinkContext<'a>, resolution: Resolution) -> Self {
        let LinkContext { nodes, drafts, links } = surroundings;
        let Resolution { progress, order } = resolution;
        Self { nodes, drafts, links, progress, order }
    }

    fn texts(mut self, names: &[Option<Box<str>>]) -> Vec<Option<String>> {
        let mut texts: Vec<Option<String>> = vec![None; self.links.len()];
        let mut hops = vec![0_u32; self.links.len()];
        for link in std::mem::take(&mut self.order) {
            let LinkState::Resolved(resolved) = self.progress_of(link) else { continue };
            let written = self.written_way(link, resolved).map(|way| {
                let on_way = way.iter().filter_map(|step| match step {
                    LinkEntry::Link(link) => hops.get(*link),
                    LinkEntry::Node(_) => None,
                });
                (on_way.fold(1_u32, |sum, hops| sum.saturating_add(*hops)), way)
            });
            let direct = || Some((1, self.way_to(resolved.end)?));
            let written = written.filter(|(hops, _)| *hops <= HOPS_MAX);
            let text = written.or_else(direct).and_then(|(count, way)| {
                let text = self.relative(link, &way, names)?;
                Some((count, text)).filter(|(_, text)| text.len() <= LINK_TARGET_BYTES_MAX)
            });
            if let (Some((count, text)), Some(hops), Some(place)) =
                (text, hops.get_mut(link), texts.get_mut(link))
            {
                (*hops, *place) = (count, Some(text));
            } else {
                self.set(link, LinkState::Failed);
            }
        }
        texts
    }

    /// Resolves a link and those on its path. Iterative: the torrent controls the depth.
    fn resolve_from(&mut self, first: usize) {
        let mut walks = vec![LinkWalk::new(first, NodeIdx::TOP)];
        self.set(first, LinkState::Started);
        while let Some(walk) = walks.last_mut() {
            let folder = self.links.get(walk.link).map_or(NodeIdx::TOP, |link| link.folder);
            match self.follow(walk) {
                Stop::AtLink(link) => {
                    self.set(link, LinkState::Started);
                    walks.push(LinkWalk::new(link, NodeIdx::TOP));
                }
                Stop::NoWay if walk.start != folder => *walk = LinkWalk::new(walk.link, folder),
                Stop::NoWay => {
                    self.set(walk.link, LinkState::Failed);
                    walks.pop();
                }
                Stop::AtEnd => {
                    let resolved = Resolved { start: walk.start, end: walk.at };
                    self.set(walk.link, LinkState::Resolved(resolved));
                    self.order.push(walk.link);
                    walks.pop();
                }
            }
        }
    }

    fn follow(&self, walk: &mut LinkWalk) -> Stop {
        let target = self.links.get(walk.link).map_or(&[][..], |link| &link.target);
        if matches!(target, [first, _, ..] if first.is_empty()) {
            // An absolute path.
            return Stop::NoWay;
        }
        while let Some(name) = target.get(walk.position) {
            let Some(draft) = self.draft(walk.at) else { return Stop::NoWay };
            walk.at = match name.as_str() {
                "" | "." => walk.at,
                ".." => match self.parent(walk.at) {
                    Some(parent) => parent,
                    None => return Stop::NoWay,
                },
                name => match find(draft, name) {
                    Some(LinkEntry::Node(node)) => node,
                    Some(LinkEntry::Link(link)) => match self.progress_of(link) {
                        LinkState::Resolved(resolved) => resolved.end,
                        LinkState::NotStarted => return Stop::AtLink(link),
                        LinkState::Started | LinkState::Failed => return Stop::NoWay,
                    },
                    None => return Stop::NoWay,
                },
            };
            walk.position += 1;
        }
        Stop::AtEnd
    }

    /// Hides the links that would make a walk that follows links endless.
    fn hide_loops(&mut self) {
        let mut has_folders = false;
        for (link, draft) in self.links.iter().enumerate() {
            let LinkState::Resolved(Resolved { end, .. }) = self.progress_of(link) else {
                continue;
            };
            let folder = Some(draft.folder);
            let mut folders = std::iter::successors(folder, |folder| self.parent(*folder));
            if folders.any(|folder| folder == end) {
                self.set(link, LinkState::Failed);
            } else {
                has_folders |= self.draft(end).is_some();
            }
        }
        if !has_folders {
            return;
        }
        let mut edges: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let tree = self.nodes.iter().enumerate().filter(|(_, node)| node.is_directory());
        let tree = tree.filter_map(|(position, node)| Some((node.parent?.position(), position)));
        let links = self.links.iter().zip(&self.progress).filter_map(|(link, it)| match it {
            LinkState::Resolved(Resolved { end, .. }) => {
                self.draft(*end)?;
                Some((link.folder.position(), end.position()))
            }
            LinkState::NotStarted | LinkState::Started | LinkState::Failed => None,
        });
        for (from, to) in tree.chain(links) {
            edges.get_mut(from).into_iter().for_each(|edges| edges.push(to));
        }
        let components = strong_components(&edges);
        let component = |node: NodeIdx| components.get(node.position()).copied();
        for (link, draft) in self.links.iter().enumerate() {
            let LinkState::Resolved(Resolved { end, .. }) = self.progress_of(link) else {
                continue;
            };
            if self.draft(end).is_some() && component(draft.folder) == component(end) {
                self.set(link, LinkState::Failed);
            }
        }
    }

    /// Returns the path from the top to the target as in the torrent, including visible links on
    /// it.
    fn written_way(&self, link: usize, resolved: Resolved) -> Option<Vec<LinkEntry>> {
        let target = &self.links.get(link)?.target;
        let (mut at, mut way) = (resolved.start, self.way_to(resolved.start)?);
        for name in target {
            match name.as_str() {
                "" | "." => {}
                ".." => {
                    at = self.parent(at)?;
                    match way.pop() {
                        Some(LinkEntry::Node(_)) => {}
                        Some(LinkEntry::Link(_)) | None => way = self.way_to(at)?,
                    }
                }
                name => match find(self.draft(at)?, name)? {
                    LinkEntry::Node(node) => {
                        at = node;
                        way.push(LinkEntry::Node(node));
                    }
                    LinkEntry::Link(link) => {
                        let LinkState::Resolved(resolved) = self.progress_of(link) else {
                            return None;
                        };
                        at = resolved.end;
                        way.push(LinkEntry::Link(link));
                    }
                },
            }
            if way.len() > WAY_NAMES_MAX {
                return None;
            }
        }
        Some(way)
    }

    /// Returns the nodes from the top to a node, without the top.
    fn way_to(&self, node: NodeIdx) -> Option<Vec<LinkEntry>> {
        let nodes = std::iter::successors(Some(node), |node| self.parent(*node));
        let below_top = nodes.take_while(|node| *node != NodeIdx::TOP);
        let mut way: Vec<_> = below_top.take(WAY_NAMES_MAX + 1).map(LinkEntry::Node).collect();
        way.reverse();
        (way.len() <= WAY_NAMES_MAX).then_some(way)
    }

    /// Converts a path from the top to one relative to the link's folder.
    fn relative(
        &self,
        link: usize,
        way: &[LinkEntry],
        names: &[Option<Box<str>>],
    ) -> Option<String> {
        let folder = self.way_to(self.links.get(link)?.folder)?;
        let common = folder.iter().zip(way).take_while(|(one, other)| one == other).count();
        let mut parts = vec![".."; folder.len() - common];
        for step in way.iter().skip(common) {
            parts.push(match step {
                LinkEntry::Node(node) => &self.nodes.get(node.position())?.name,
                LinkEntry::Link(link) => names.get(*link)?.as_deref()?,
            });
        }
        Some(parts.join("/"))
    }

    fn progress_of(&self, link: usize) -> LinkState {
        self.progress.get(link).copied().unwrap_or(LinkState::Failed)
    }

    fn set(&mut self, link: usize, progress: LinkState) {
        if let Some(place) = self.progress.get_mut(link) {
            *place = progress;
        }
    }

    fn parent(&self, node: NodeIdx) -> Option<NodeIdx> {
        self.nodes.get(node.position())?.parent
    }

    fn draft(&self, node: NodeIdx) -> Option<&'a DirectoryDraft> {
        self.drafts.get(node.position())?.as_ref()
    }
}

impl LinkWalk {
    fn new(link: usize, start: NodeIdx) -> Self {
        Self { link, start, at: start, position: 0 }
    }
}

fn find(folder: &DirectoryDraft, raw: &str) -> Option<LinkEntry> {
    let node = folder.directories.get(raw).or_else(|| folder.leaves.get(raw));
    let link = || folder.links.get(raw).copied().map(LinkEntry::Link);
    node.copied().map(LinkEntry::Node).or_else(link)
}

/// Returns the number of the strongly connected component of each node: two nodes have the same
/// number if each can be reached from the other. Tarjan's algorithm, without recursion.
#[expect(clippy::indexing_slicing, reason = "all numbers of nodes are below edges.len()")]
fn strong_components(edges: &[Vec<usize>]) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let mut order = vec![NONE; edges.len()];
    let mut lowest = vec![NONE; edges.len()];
    let mut component = vec![NONE; edges.len()];
    let (mut next_order, mut next_component) = (0, 0);
    let mut open = Vec::new();
    for first in 0..edges.len() {
        let mut calls = if order[first] == NONE { vec![(first, 0)] } else { Vec::new() };
        while let Some((node, edge)) = calls.pop() {
            if edge == 0 {
                (order[node], lowest[node]) = (next_order, next_order);
                next_order += 1;
                open.push(node);
            } else {
                lowest[node] = lowest[node].min(lowest[edges[node][edge - 1]]);
            }
            // The order of a node in a complete component is higher than all that matter.
            let is_new = |to: &usize| order[*to] == NONE;
            if let Some(offset) = edges[node][edge..].iter().position(is_new) {
                let passed = &edges[node][edge..edge + offset];
                let open_ones = passed.iter().filter(|to| component[**to] == NONE);
                lowest[node] = open_ones.fold(lowest[node], |low, to| low.min(order[*to]));
                calls.push((node, edge + offset + 1));
                calls.push((edges[node][edge + offset], 0));
                continue;
            }
            let open_ones = edges[node][edge..].iter().filter(|to| component[**to] == NONE);
            lowest[node] = open_ones.fold(lowest[node], |low, to| low.min(order[*to]));
            if lowest[node] == order[node] {
                while let Some(member) = open.pop() {
                    component[member] = next_component;
                    if member == node {
                        break;
                    }
                }
                next_component += 1;
            }
        }
    }
    component
}
