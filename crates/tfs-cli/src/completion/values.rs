//! The candidates for each kind of value. The name of a value in the help, such as `TORRENT`,
//! determines its kind. Values of a fixed set are known to the engine of clap.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
};
use tfs_config::ValueKind;
use tfs_config::keys::{SECTIONS, Section, find_key};
use tfs_service::{DeviceTokenStore, TorrentRow, user_tags};

use super::live::{CompletionContext, mountpoints};
use crate::figures::{counted, size};
use crate::mount_options;
use crate::output::visible;
use crate::rows::{STATES, state};

/// Finds the candidates for a value of which the second argument is the beginning.
type FindCandidates = fn(&CompletionContext, &str) -> Vec<CompletionCandidate>;

/// The kinds of values: the command or `*`, the name of the value, and how to find candidates. The
/// first that fits counts.
const KINDS: [(&str, &str, FindCandidates); 18] = [
    ("mount", "MOUNTPOINT", places),
    ("doctor", "MOUNTPOINT", mounts_or_directories),
    ("*", "MOUNTPOINT", mounts),
    ("pause", "TORRENT", |context, typed| torrents(context, typed, |state| !is_stopped(state))),
    ("start", "TORRENT", |context, typed| torrents(context, typed, is_stopped)),
    ("on-demand", "TORRENT", on_demand_words),
    ("*", "TORRENT", |context, typed| torrents(context, typed, |_state| true)),
    ("*", "TAG", tags),
    ("revoke", "DEVICE", devices),
    ("list", "PATTERN", |context, typed| torrents(context, typed, |_state| true)),
    ("search", "WORDS", search_words),
    ("*", "URL", servers),
    ("*", "SERVER", servers),
    ("*", "KEY=VALUE", filters),
    ("*", "OPTIONS", options),
    ("*", "KEY", config_keys),
    ("*", "KEY VALUE", assignments),
    ("*", "WHERE", |_context, typed| matching(typed, words(&["auto", "off"]))),
];

/// Values that are paths: the name of the value, and whether only directories are offered.
const PATHS: [(&str, bool); 4] =
    [("FILE|MAGNET|URL", false), ("FILE", false), ("PATH", false), ("DIR", true)];

/// Adds the candidates to all arguments of a command and its subcommands.
pub(super) fn with_completers(command: Command, context: &Arc<CompletionContext>) -> Command {
    let name = command.get_name().to_owned();
    let command = command.mut_args(|arg| with_completer(&name, arg, context));
    command.mut_subcommands(|command| with_completers(command, context))
}

fn with_completer(command: &str, arg: Arg, context: &Arc<CompletionContext>) -> Arg {
    let Some([value_name]) = arg.get_value_names() else { return arg };
    if arg.get_possible_values().into_iter().next().is_some() {
        return arg;
    }
    if let Some((_, is_directory)) = PATHS.iter().find(|(name, _)| value_name == name) {
        let is_directory = *is_directory;
        return arg.add(ArgValueCompleter::new(move |typed: &OsStr| paths(typed, is_directory)));
    }
    let fits =
        |(of, name, _): &&(&str, &str, _)| (*of == "*" || *of == command) && value_name == name;
    let Some((_, _, find)) = KINDS.iter().find(fits) else { return arg };
    let (find, context) = (*find, Arc::clone(context));
    arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
        typed.to_str().map(|typed| find(&context, typed)).unwrap_or_default()
    }))
}

/// Returns the candidates that begin with what is typed. If none does, those that do so in another
/// case, as long as a shell can replace what is typed by their common beginning.
fn matching(typed: &str, candidates: Vec<CompletionCandidate>) -> Vec<CompletionCandidate> {
    let begin = |candidate: &CompletionCandidate| -> Option<String> {
        candidate
            .get_value()
            .to_str()
            .map(|value| value.chars().take(typed.chars().count()).collect())
    };
    let (exact, others): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|it| begin(it).is_some_and(|begin| begin == typed));
    if !exact.is_empty() {
        return exact;
    }
    let typed = typed.to_lowercase();
    let is_like = |it: &CompletionCandidate| begin(it).is_some_and(|it| it.to_lowercase() == typed);
    let alike: Vec<_> = others.into_iter().filter(is_like).collect();
    let begins: BTreeSet<_> = alike.iter().filter_map(begin).collect();
    if begins.len() == 1 { alike } else { Vec::new() }
}

fn words(words: &[&str]) -> Vec<CompletionCandidate> {
    words.iter().copied().map(CompletionCandidate::new).collect()
}

fn paths(typed: &OsStr, is_directory: bool) -> Vec<CompletionCandidate> {
    let completer = if is_directory { PathCompleter::dir() } else { PathCompleter::any() };
    let mut found = completer.complete(typed);
    // The current directory is rarely meant, and a shell would insert it.
    found.retain(|candidate| candidate.get_value() != ".");
    found
}

/// Returns running mounts, also by a path relative to the current directory.
fn mounts(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let here = std::env::current_dir().ok();
    let home = std::env::home_dir();
    let relative = |path: &str, dir: Option<&Path>| -> Option<String> {
        Path::new(path).strip_prefix(dir?).ok()?.to_str().map(str::to_owned)
    };
    let forms = mountpoints().into_iter().filter_map(|path| {
        if typed.is_empty() || typed.starts_with('/') {
            return Some(path);
        }
        match typed.starts_with("~/") {
            true => relative(&path, home.as_deref()).map(|path| format!("~/{path}")),
            false => {
                let dots = if typed.starts_with("./") { "./" } else { "" };
                relative(&path, here.as_deref()).map(|path| format!("{dots}{path}"))
            }
        }
    });
    let forms = forms.filter(|path| !context.has_word(path));
    matching(typed, forms.map(CompletionCandidate::new).collect())
}

fn mounts_or_directories(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let mut found = mounts(context, typed);
    if found.is_empty() {
        found = paths(OsStr::new(typed), true);
    }
    found
}

/// Returns what may follow `tfs mount`: mount points and servers of the configuration, and
/// directories.
fn places(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let settings = context.settings().map(|loaded| &loaded.settings);
    let configured = settings.into_iter().flat_map(|settings| &settings.mounts);
    let configured = configured.filter_map(|mount| mount.path.to_str());
    let configured: Vec<_> = configured.map(CompletionCandidate::new).collect();
    let mut found = matching(typed, configured);
    found.extend(servers(context, typed));
    let directories = paths(OsStr::new(typed), true);
    found.extend(directories.into_iter().filter(|it| {
        let path = it.get_value().to_string_lossy();
        !found_path(settings.map(|it| it.mounts.as_slice()).unwrap_or_default(), &path)
    }));
    found
}

/// Returns whether a directory is one of the configured mount points.
fn found_path(mounts: &[tfs_config::MountSection], path: &str) -> bool {
    mounts.iter().any(|mount| mount.path == Path::new(path))
}

/// Returns the servers of the configuration.
fn servers(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    // The default server has a name too, which is not typed.
    let loaded = context.settings().filter(|loaded| loaded.has_configured_servers());
    let servers = loaded.into_iter().flat_map(|loaded| &loaded.settings.servers);
    let by_name = servers.map(|server| {
        CompletionCandidate::new(&server.name).help(Some(server.url.to_string().into()))
    });
    matching(typed, by_name.collect())
}

fn is_stopped(state: &str) -> bool {
    matches!(state, "paused" | "failed")
}

/// Returns torrents by their names. A name that a command would not understand, or that is not
/// typed on a line, is replaced by the info hash. Ids and info hashes are offered if their
/// beginning is typed.
fn torrents(
    context: &CompletionContext,
    typed: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<CompletionCandidate> {
    let rows = context.torrents();
    let mut counts = BTreeMap::new();
    for name in rows.iter().filter_map(|row| row.name.as_deref()) {
        *counts.entry(name).or_insert(0_usize) += 1;
    }
    let can_be_typed = |name: &&str| {
        let is_ordinary =
            !name.is_empty() && !name.starts_with('-') && !name.contains(char::is_control);
        is_ordinary && counts.get(name) == Some(&1)
    };
    let chosen = || rows.iter().filter(|row| is_wanted(state(row)));
    let by_name = chosen().map(|row| {
        let name = row.name.as_deref();
        match name.filter(can_be_typed) {
            Some(name) => CompletionCandidate::new(name).help(Some(about(row).into())),
            None => by_text(&row.info_hash, row),
        }
    });
    let is_new = |it: &CompletionCandidate| {
        it.get_value().to_str().is_some_and(|name| !context.has_word(name))
    };
    let mut found = matching(typed, by_name.filter(is_new).collect());
    if typed.chars().all(|char| char.is_ascii_hexdigit()) && !typed.is_empty() {
        let ids = chosen().filter_map(|row| Some(by_text(&row.id?.to_string(), row)));
        let hashes = chosen().map(|row| by_text(&row.info_hash, row));
        found.extend(matching(typed, ids.chain(hashes).collect()));
        let mut known = BTreeSet::new();
        found.retain(|it| known.insert(it.get_value().to_owned()));
    }
    found
}

fn by_text(text: &str, row: &TorrentRow) -> CompletionCandidate {
    let name = row.name.as_deref().map(visible).unwrap_or_default();
    CompletionCandidate::new(text).help(Some(format!("{name}, {}", about(row)).into()))
}

fn about(row: &TorrentRow) -> String {
    format!("{}, {}", state(row), size(row.size_bytes.unwrap_or(row.total_bytes)))
}

/// Returns words of the files that match the words before.
fn search_words(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let before = context.search_words();
    let query: Vec<_> = before.iter().map(String::as_str).chain([typed]).collect();
    let query = query.join(" ").trim().to_owned();
    let files = Some(query.as_str()).filter(|query| !query.is_empty());
    let texts = files
        .and_then(|query| context.files(query))
        .unwrap_or_else(|| context.torrents().into_iter().filter_map(|row| row.name).collect());
    let has_all = |text: &&String| {
        let text = text.to_lowercase();
        before.iter().all(|word| text.contains(&word.to_lowercase()))
    };
    let mut known = BTreeMap::new();
    for text in texts.iter().filter(has_all) {
        for word in text.split(|char: char| !char.is_alphanumeric()) {
            // Shorter ones narrow a search little.
            if word.chars().count() >= WORD_CHARS_MIN && !before.iter().any(|it| it == word) {
                known.entry(word.to_lowercase()).or_insert(word);
            }
        }
    }
    let is_lower = typed == typed.to_lowercase();
    let words = known.iter().map(|(lower, word)| match is_lower {
        true => CompletionCandidate::new(lower),
        false => CompletionCandidate::new(*word),
    });
    matching(typed, words.collect())
}

/// Minimum length of an offered word of a search.
const WORD_CHARS_MIN: usize = 3;

/// Returns conditions of `tfs list --filter`: the key, then one of its values, also behind a comma.
fn filters(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let Some((key, values)) = typed.split_once('=') else {
        return matching(
            typed,
            words(&["state=", "state!=", "server=", "name=", "tag=", "on-demand="]),
        );
    };
    let (before, last) = values
        .rsplit_once(',')
        .map_or(("", values), |(_, last)| (values.strip_suffix(last).unwrap_or_default(), last));
    let found = match key.trim_end_matches('!') {
        "state" => matching(last, words(&STATES)),
        "server" => servers(context, last),
        "name" => torrents(context, last, |_state| true),
        "tag" => tags(context, last),
        "on-demand" => matching(last, words(&["pieces", "file", "on", "off"])),
        _ => Vec::new(),
    };
    found.into_iter().map(|it| it.add_prefix(format!("{key}={before}"))).collect()
}

/// Returns torrents, and behind one also what to do with it.
fn on_demand_words(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let mut found = Vec::new();
    if context.value_count_behind("on-demand") > 0 {
        found = matching(typed, words(&["on", "off"]));
    }
    found.extend(torrents(context, typed, |_state| true));
    found
}

/// Returns the tags of the user. With a torrent that has tags, `--remove` could offer only those,
/// but that would take a request to a server.
fn tags(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let table = user_tags().ok().and_then(|store| store.load().ok()).unwrap_or_default();
    let by_tag = table.by_tag();
    let tags = by_tag.iter().filter(|(tag, _)| !context.has_word(tag.as_str()));
    let tags = tags.map(|(tag, torrents)| {
        let about = counted(torrents.len(), "torrent");
        CompletionCandidate::new(tag.as_str()).help(Some(about.into()))
    });
    matching(typed, tags.collect())
}

/// Returns the devices that have a token.
fn devices(_context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let tokens = DeviceTokenStore::of_user().and_then(|store| store.list()).unwrap_or_default();
    let names = tokens.iter().map(|token| CompletionCandidate::new(&token.name));
    matching(typed, names.collect())
}

/// Returns mount options in the form of `mount(8)`, also behind a comma.
fn options(_context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let (before, last) = typed
        .rsplit_once(',')
        .map_or(("", typed), |(_, last)| (typed.strip_suffix(last).unwrap_or_default(), last));
    let options = mount_options::names().into_iter().map(CompletionCandidate::new);
    let found = matching(last, options.collect());
    found.into_iter().map(|option| option.add_prefix(before)).collect()
}

/// Returns the keys of the configuration. A key of one of several servers or mounts has its name or
/// path in the middle.
fn config_keys(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let settings = context.settings().map(|loaded| &loaded.settings);
    let entries = |section: &Section| -> Vec<String> {
        match (section.name, settings) {
            ("server", Some(it)) => it.servers.iter().map(|it| it.name.clone()).collect(),
            ("mount", Some(it)) => {
                it.mounts.iter().map(|it| it.path.display().to_string()).collect()
            }
            _ => Vec::new(),
        }
    };
    let keys = SECTIONS.iter().flat_map(|section| {
        let entries = if section.is_list { entries(section) } else { vec![String::new()] };
        entries.into_iter().flat_map(move |entry| {
            let dot = if entry.is_empty() { "" } else { "." };
            section.keys.iter().map(move |key| {
                let name = format!("{}.{entry}{dot}{}", section.name, key.short_name());
                CompletionCandidate::new(name).help(Some(key.about.into()))
            })
        })
    });
    matching(typed, keys.collect())
}

/// Returns keys and values in turns, as `tfs config set` takes them; with `--unset` keys only.
fn assignments(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let is_key = context.has_word("--unset") || context.value_count_behind("set").is_multiple_of(2);
    if is_key { config_keys(context, typed) } else { config_values(context, typed) }
}

/// Returns the values of the configuration key before it.
fn config_values(context: &CompletionContext, typed: &str) -> Vec<CompletionCandidate> {
    let key = context.last_word().and_then(|key| {
        let (section, _) = key.split_once('.')?;
        let (_, name) = key.rsplit_once('.')?;
        find_key(&format!("{section}.{name}"))
    });
    match key.map(|key| key.kind) {
        Some(ValueKind::Choice(choices)) => matching(typed, words(choices)),
        Some(ValueKind::OnDemand) => matching(typed, words(&["false", "pieces", "file"])),
        Some(ValueKind::Switch) => matching(typed, words(&["true", "false"])),
        Some(ValueKind::Path) => paths(OsStr::new(typed), false),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(line: &str, typed: &str, want: &[&str]) {
        let words = line.split_whitespace().map(Into::into).collect();
        let context = CompletionContext::new(words, Duration::ZERO);
        let found = assignments(&context, typed);
        let found: Vec<_> = found.iter().map(|it| it.get_value().to_str().unwrap()).collect();
        assert_eq!(found, want, "{line} {typed}");
    }

    #[test]
    fn keys_and_values_come_in_turns() {
        check("tfs config set", "read.pass", &["read.passthrough"]);
        check("tfs config set read.passthrough", "", &["auto", "off"]);
        check("tfs config set read.passthrough off", "read.missing_", &["read.missing_errno"]);
        check("tfs config set read.passthrough off read.missing", "w", &["wait"]);
        check("tfs config set mount./mnt/a.b.allow_other", "", &["true", "false"]);
        check("tfs config set --unset read.missing", "read.pass", &["read.passthrough"]);
    }
}
