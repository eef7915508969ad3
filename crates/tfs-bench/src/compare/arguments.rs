//! Arguments of a comparison: groups, rounds and the page for the result.

use std::path::PathBuf;

/// The median of nine ignores four bad rounds.
const ROUNDS: usize = 9;

/// The parsed arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The groups; all of them if none is named.
    pub(crate) names: Vec<String>,
    /// The number of measurements of each figure.
    pub(crate) rounds: usize,
    /// The file that gets the tables, between its markers.
    pub(crate) markdown: Option<PathBuf>,
}

impl Arguments {
    /// Parses `[NAMES] [--rounds N] [--markdown FILE]`. `set` is a name of several groups.
    pub(crate) fn parse(
        arguments: &[String],
        known: &[&str],
        set: (&str, &[&str]),
    ) -> Result<Self, String> {
        let mut parsed = Self { names: Vec::new(), rounds: ROUNDS, markdown: None };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} has no value"));
            match argument.as_str() {
                "--rounds" => {
                    let value = value()?;
                    let rounds = value.parse().ok().filter(|rounds| *rounds > 0);
                    parsed.rounds = rounds.ok_or(format!("--rounds {value}: no such number"))?;
                }
                "--markdown" => parsed.markdown = Some(value()?.into()),
                name if known.contains(&name) => parsed.names.push(name.to_owned()),
                name if name == set.0 => {
                    parsed.names.extend(set.1.iter().map(|&name| name.to_owned()));
                }
                name => {
                    let known = known.join(", ");
                    return Err(format!("no comparison {name}: there are {known}, and {}", set.0));
                }
            }
        }
        if parsed.names.is_empty() {
            parsed.names = known.iter().map(|&name| name.to_owned()).collect();
        }
        Ok(parsed)
    }
}
