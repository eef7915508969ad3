//! What the words of `tfs on-demand` ask for.

use tfs_types::OnDemandMode;

use crate::exit;
use crate::report::UserError;

/// Words in other programs for `on` and `off`, which stand behind the torrents.
const WORDS_ON: [&str; 4] = ["on", "true", "enable", "start"];
const WORDS_OFF: [&str; 4] = ["off", "false", "disable", "stop"];

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OnDemandRequest {
    /// List all on-demand torrents.
    List,
    /// Show the modes of torrents.
    Show {
        /// The torrents as they are named.
        torrents: Vec<String>,
    },
    /// Change the modes of torrents.
    Turn {
        /// The torrents as they are named.
        torrents: Vec<String>,
        turn: OnDemandTurn,
    },
}

/// A change of the mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDemandTurn {
    /// On, in this mode if one is named.
    On(Option<OnDemandMode>),
    Off,
}

impl OnDemandTurn {
    /// Returns the mode after the change, by that of the torrent before it and that of the server
    /// in the configuration.
    pub(super) fn mode(
        self,
        before: Option<OnDemandMode>,
        configured: Option<OnDemandMode>,
    ) -> Option<OnDemandMode> {
        match self {
            Self::Off => None,
            Self::On(named) => {
                Some(named.or(before).or(configured).unwrap_or(OnDemandMode::Pieces))
            }
        }
    }
}

impl OnDemandRequest {
    /// Parses the words behind the command, and the value of `--mode`.
    ///
    /// # Errors
    /// A message for users: the order of the words is wrong, or a mode does not fit.
    pub(super) fn parse(words: &[String], mode: Option<OnDemandMode>) -> Result<Self, UserError> {
        let usage = |message: &str| UserError::new(exit::USAGE, message);
        let is_mode = |word: &String| mode_of(word).is_some();
        let needs_on = |request| match mode {
            None => Ok(request),
            Some(mode) => Err(usage("--mode needs a torrent and on")
                .with_hint(format!("as in: tfs on-demand <TORRENT> on --mode {mode}"))),
        };
        match words {
            [] => needs_on(Self::List),
            [only] if only == "list" || only == "ls" => needs_on(Self::List),
            [only] if is_mode(only) => Err(usage("no torrent is named")
                .with_hint(format!("name it first, as in: tfs on-demand <TORRENT> {only}"))),
            [torrents @ .., last] if let Some(word) = mode_of(last) => {
                let turn = turn_of(word, mode)?;
                Ok(Self::Turn { torrents: torrents.to_vec(), turn })
            }
            [first, torrents @ ..] if is_mode(first) => {
                let quoted = |name: &String| match name.contains([' ', '*', '?', '[']) {
                    true => format!("'{name}'"),
                    false => name.clone(),
                };
                let names = torrents.iter().map(quoted).collect::<Vec<_>>().join(" ");
                let message = format!("{first} stands behind the torrents");
                Err(usage(&message).with_hint(format!("use: tfs on-demand {names} {first}")))
            }
            // A torrent may be named like this, so a mode alone is enough.
            torrents => match mode {
                None => Ok(Self::Show { torrents: torrents.to_vec() }),
                Some(_) => {
                    Ok(Self::Turn { torrents: torrents.to_vec(), turn: OnDemandTurn::On(mode) })
                }
            },
        }
    }
}

/// A word behind the torrents: off, on, or a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TurnWord {
    Off,
    On,
    Mode(OnDemandMode),
}

fn mode_of(word: &str) -> Option<TurnWord> {
    match word {
        word if WORDS_ON.contains(&word) => Some(TurnWord::On),
        word if WORDS_OFF.contains(&word) => Some(TurnWord::Off),
        word => word.parse().ok().map(TurnWord::Mode),
    }
}

fn turn_of(word: TurnWord, mode: Option<OnDemandMode>) -> Result<OnDemandTurn, UserError> {
    let conflict = |message: &str| {
        let hint = "leave out one of them";
        Err(UserError::new(exit::USAGE, message).with_hint(hint))
    };
    match (word, mode) {
        (TurnWord::Off, None) => Ok(OnDemandTurn::Off),
        (TurnWord::Off, Some(_)) => conflict("off has no --mode"),
        (TurnWord::On, mode) => Ok(OnDemandTurn::On(mode)),
        (TurnWord::Mode(word), Some(mode)) if word != mode => conflict("two modes are given"),
        (TurnWord::Mode(word), _) => Ok(OnDemandTurn::On(Some(word))),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(lines: &[&str], want: &Expect) {
        let mut text = String::new();
        for line in lines {
            let (words, mode) = line.split_once(" --mode ").unwrap_or((line, ""));
            let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
            let shown = match OnDemandRequest::parse(&words, mode.parse().ok()) {
                Ok(request) => format!("{request:?}"),
                Err(error) => format!("{error:?}"),
            };
            text.extend([line, ": ", &shown, "\n"]);
        }
        want.assert_eq(&text);
    }

    #[test]
    fn what_people_type_is_understood_or_corrected() {
        check(
            &[
                "",
                "list",
                "film",
                "film show",
                "film on",
                "film show off",
                "film file",
                "film on --mode file",
                "film --mode file",
                "on film",
                "off a b",
                "on",
                "film off --mode file",
                "film pieces --mode file",
                " --mode file",
            ],
            &expect![[r#"
                : List
                list: List
                film: Show { torrents: ["film"] }
                film show: Show { torrents: ["film", "show"] }
                film on: Turn { torrents: ["film"], turn: On(None) }
                film show off: Turn { torrents: ["film", "show"], turn: Off }
                film file: Turn { torrents: ["film"], turn: On(Some(File)) }
                film on --mode file: Turn { torrents: ["film"], turn: On(Some(File)) }
                film --mode file: Turn { torrents: ["film"], turn: On(Some(File)) }
                on film: UserError { code: 2, message: "on stands behind the torrents", hint: Some("use: tfs on-demand film on") }
                off a b: UserError { code: 2, message: "off stands behind the torrents", hint: Some("use: tfs on-demand a b off") }
                on: UserError { code: 2, message: "no torrent is named", hint: Some("name it first, as in: tfs on-demand <TORRENT> on") }
                film off --mode file: UserError { code: 2, message: "off has no --mode", hint: Some("leave out one of them") }
                film pieces --mode file: UserError { code: 2, message: "two modes are given", hint: Some("leave out one of them") }
                 --mode file: UserError { code: 2, message: "--mode needs a torrent and on", hint: Some("as in: tfs on-demand <TORRENT> on --mode file") }
            "#]],
        );
    }

    #[test]
    fn on_keeps_the_mode_or_takes_that_of_the_server() {
        let (pieces, file) = (Some(OnDemandMode::Pieces), Some(OnDemandMode::File));
        for (turn, before, configured, want) in [
            (OnDemandTurn::On(None), None, None, pieces),
            (OnDemandTurn::On(None), None, file, file),
            (OnDemandTurn::On(None), pieces, file, pieces),
            (OnDemandTurn::On(file), pieces, None, file),
            (OnDemandTurn::Off, file, file, None),
        ] {
            assert_eq!(turn.mode(before, configured), want, "{turn:?} {before:?} {configured:?}");
        }
    }
}
