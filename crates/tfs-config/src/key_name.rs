//! Names of keys as users type them: `read.timeout`, `server.home.url`, `mount./mnt/t.layout`.

use std::fmt;

use super::keys::{DefaultValue, Key, SECTIONS, Section, keys};
use super::layer::did_you_mean;
use super::suggest::{nearest, nearest_key};
use super::{Loaded, Problem, ShownValue};

/// Hint for the name of a password, which no file may contain.
const PASSWORD_HINT: &str = "put the password into a file, and name it with `password_file`";

/// A key, or an item of a list section.
///
/// The section is the part before the first dot, the key the part behind the last one. What is
/// between them names an item of a list: a server by its `name`, a mount by its `path`. Both may
/// contain dots.
#[derive(Debug, Clone, Copy)]
pub struct KeyName<'a> {
    pub(super) section: &'static Section,
    /// The item of a list; `None` for the only one.
    pub(super) item: Option<&'a str>,
    /// `None` for the item as a whole.
    pub(super) key: Option<&'static Key>,
}

impl<'a> KeyName<'a> {
    /// Parses a name.
    ///
    /// # Errors
    /// If there is no such section or key.
    pub fn parse(text: &'a str) -> Result<Self, Problem> {
        let unknown = || {
            let problem = Problem::without_place(format!("unknown key `{text}`"));
            if text.ends_with("password") {
                return problem.hint(PASSWORD_HINT);
            }
            did_you_mean(problem, nearest_key(text, keys().map(|key| key.name)))
        };
        let (section, rest) = text.split_once('.').unwrap_or((text, ""));
        let Some(section) = SECTIONS.iter().find(|known| known.name == section) else {
            return Err(unknown());
        };
        let find = |name: &str| section.keys.iter().find(|key| key.short_name() == name);
        if let Some(key) = find(rest) {
            return Ok(Self { section, item: None, key: Some(key) });
        }
        if rest.is_empty() {
            let names: Vec<_> = section.keys.iter().map(|key| key.short_name()).collect();
            let problem = Problem::without_place(format!("`{text}` is a section, not a key"));
            return Err(problem.hint(format!("its keys are: {}", names.join(", "))));
        }
        if !section.is_list {
            return Err(unknown());
        }
        match rest.rsplit_once('.').map(|(item, key)| (item, find(key))) {
            Some((item, Some(key))) => Ok(Self { section, item: Some(item), key: Some(key) }),
            _ => Ok(Self { section, item: Some(rest), key: None }),
        }
    }

    /// Returns the name under which [`Loaded::place`] has the source: for a list that of the
    /// section, since a list comes from one source as a whole.
    #[must_use]
    pub fn place(&self) -> String {
        match self.key {
            Some(key) if !self.section.is_list => key.name.to_owned(),
            Some(_) | None => self.section.name.to_owned(),
        }
    }

    /// Returns whether the key is one of a list section.
    #[must_use]
    pub fn is_in_list(&self) -> bool {
        self.section.is_list
    }

    /// Returns the key.
    ///
    /// # Errors
    /// If the name is that of an item.
    pub(super) fn key(&self) -> Result<&'static Key, Problem> {
        self.key.ok_or_else(|| {
            let item = self.item.unwrap_or_default();
            let section = self.section.name;
            let message = format!("`{self}` names no key of the {section}");
            let problem = Problem::without_place(message);
            if item.ends_with("password") {
                return problem.hint(PASSWORD_HINT);
            }
            let near = item.rsplit_once('.').and_then(|(item, key)| {
                let names = self.section.keys.iter().map(Key::short_name);
                nearest(key, names).map(|key| format!("{section}.{item}.{key}"))
            });
            let example = self.section.keys.last().map_or("", |key| key.short_name());
            let example = near.unwrap_or_else(|| format!("{section}.{item}.{example}"));
            problem.hint(format!("add the key, as in {example}"))
        })
    }

    /// Returns the key by which the items of a list are named.
    pub(super) fn identity(section: &Section) -> &'static Key {
        let is_identity = |key: &&Key| ["name", "path", "dir"].contains(&key.short_name());
        section.keys.iter().find(is_identity).expect("a test has all lists")
    }

    /// Returns the index of the item among those with these names.
    ///
    /// # Errors
    /// If several items could be meant, or none has the name.
    pub(super) fn find(&self, names: &[String]) -> Result<Option<usize>, Problem> {
        let section = self.section.name;
        match (self.item, names) {
            (Some(item), _) => Ok(names.iter().position(|name| name == item)),
            (None, [] | [_]) => Ok((!names.is_empty()).then_some(0)),
            (None, [first, ..]) => {
                let key = self.key.map_or("", Key::short_name);
                if first.is_empty() {
                    let message =
                        format!("there are several `{section}`s, and the first has no name");
                    return Err(Problem::without_place(message).hint(self.unnamed_hint()));
                }
                let message = format!("there are several `{section}`s: {}", names.join(", "));
                let hint = format!("name one of them, as in {section}.{first}.{key}");
                Err(Problem::without_place(message).hint(hint))
            }
        }
    }

    /// Returns the error for an item that does not exist.
    pub(super) fn no_item(&self, names: &[String]) -> Problem {
        let section = self.section.name;
        let message = match self.item {
            Some(item) => format!("no {section} is named `{item}`"),
            None => format!("there is no {section}"),
        };
        let problem = Problem::without_place(message);
        match names {
            [] => problem.hint(format!("add a [[{section}]] section with: tfs config edit")),
            names if names.iter().all(String::is_empty) => problem.hint(self.unnamed_hint()),
            names => problem.hint(format!("there are: {}", names.join(", "))),
        }
    }

    /// Returns what to do about items without names.
    fn unnamed_hint(&self) -> String {
        let section = self.section.name;
        let identity = Self::identity(self.section).short_name();
        format!("give each [[{section}]] section a `{identity}` with: tfs config edit")
    }

    /// Returns the name of an item that does not set one.
    pub(super) fn name_default(section: &Section) -> &'static str {
        match Self::identity(section).default {
            DefaultValue::Is(name) => name.trim_matches('"'),
            DefaultValue::Unset { .. } | DefaultValue::Required(_) => "",
        }
    }
}

impl fmt::Display for KeyName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [Some(self.section.name), self.item, self.key.map(Key::short_name)];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join("."))
    }
}

impl Loaded {
    /// Returns the value of a key with its source.
    ///
    /// # Errors
    /// If the name is that of an item, of an item that does not exist, or of one of several.
    pub fn value(&self, name: &KeyName<'_>) -> Result<ShownValue, Problem> {
        let key = name.key()?;
        let values = self.values();
        let find = |name: &str| values.iter().find(|value| value.key == name).cloned();
        if !name.section.is_list {
            return find(key.name).ok_or_else(|| name.no_item(&[]));
        }
        let section = name.section.name;
        let identity = KeyName::identity(name.section).short_name();
        let item = |idx: usize, key: &str| find(&format!("{section}[{idx}].{key}"));
        let names = (0..).map_while(|idx| item(idx, identity)).map(|shown| {
            let text = shown.value.as_ref().and_then(|value| value.as_str().map(str::to_owned));
            text.unwrap_or_default()
        });
        let names: Vec<_> = names.collect();
        let shown = name.find(&names)?.and_then(|idx| item(idx, key.short_name()));
        shown.ok_or_else(|| name.no_item(&names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<(&str, Option<&str>, Option<&str>), &str>) {
        let parsed = KeyName::parse(text);
        let shown = parsed
            .as_ref()
            .map(|name| (name.section.name, name.item, name.key.map(Key::short_name)));
        let shown = shown.map_err(|problem| problem.hint.as_deref().unwrap_or_default());
        assert_eq!(shown, want, "{text}");
        if let Ok(name) = parsed {
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn a_name_of_an_item_may_have_dots_and_slashes() {
        check("read.timeout", Ok(("read", None, Some("timeout"))));
        check("server.url", Ok(("server", None, Some("url"))));
        check("server.home.url", Ok(("server", Some("home"), Some("url"))));
        check("server.my.nas.url", Ok(("server", Some("my.nas"), Some("url"))));
        check("server.home", Ok(("server", Some("home"), None)));
        check("mount./mnt/a.b", Ok(("mount", Some("/mnt/a.b"), None)));
        check("mount./mnt/a.b.layout", Ok(("mount", Some("/mnt/a.b"), Some("layout"))));
        check("read.timout", Err("did you mean `read.timeout`?"));
        check("timeout", Err("did you mean `read.timeout`?"));
        check("monitoring", Err("its keys are: listen"));
        check("read.a.timeout", Err("did you mean `read.timeout`?"));
        check("colour", Err("see all keys with: tfs config init --print"));
    }

    #[test]
    fn every_list_has_a_key_that_names_its_items() {
        for section in SECTIONS.iter().filter(|section| section.is_list) {
            assert_eq!(KeyName::identity(section).section(), section.name);
        }
    }
}
