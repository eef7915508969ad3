//! Invalidations for front ends, derived from changes of the tree.

use crate::{Child, Ino, InvalidationSink};

/// A cached entry of a front end that is no longer valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Invalidation {
    /// The directory `parent` has a new name.
    Added { parent: Ino, name: String },
    /// The directory `parent` has lost the name of `child`.
    Removed { parent: Ino, name: String, child: Child },
    /// The attributes of `ino`, in the directory `parent`, have changed.
    AttrChanged { parent: Ino, ino: Ino },
}

/// Notifies the sink of a front end, if there is one.
pub(crate) fn tell(notices: &[Invalidation], sink: Option<&dyn InvalidationSink>) {
    if let Some(sink) = sink {
        notices.iter().for_each(|notice| notice.tell(sink));
    }
}

impl Invalidation {
    /// Notifies the sink.
    fn tell(&self, sink: &dyn InvalidationSink) {
        match self {
            Self::Added { parent, name } => sink.entry_added(*parent, name),
            Self::Removed { parent, name, child } => sink.entry_removed(*parent, name, *child),
            Self::AttrChanged { parent, ino } => sink.attr_changed(*parent, *ino),
        }
    }
}
