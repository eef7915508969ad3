//! Words in the names of seasons.

/// Words for a season, as alternatives.
pub(super) const SEASON_WORDS: &str = "season|saison|series|temporada|stagione|staffel|seizoen|\
     sezon|säsong|сезон";
