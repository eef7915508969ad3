//! Views: directories in the root that show torrents by rule.

mod places;
mod rules;
