//! Hooks: commands and URLs that get the events of a tfs process.
