//! A layer of settings: the validated values of one file, of the environment, or of the command
//! line, with their places.

use std::collections::BTreeMap;
use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{DefaultValue, Key, SECTIONS, Section, find_key, keys};
use super::suggest::{nearest, nearest_key};
use super::toml_value::value_of;
use super::value_origin::ValueOrigin;
use super::{Origin, Problem, Provenance};

/// The values of one source of settings.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// A unique name among the layers.
    pub(super) name: String,
    /// By section, then by key. A list section is a list.
    values: Dict,
    /// The place of each value, by names such as `read.timeout` and `server[0].url`.
    pub(super) places: BTreeMap<String, Provenance>,
}

impl Layer {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), values: Dict::new(), places: BTreeMap::new() }
    }

    /// Returns the lowest layer: the defaults of all keys, and one server.
    pub(super) fn defaults() -> Self {
        let mut layer = Self::new("default");
        for section in &SECTIONS {
            let value = if section.name == "server" {
                let mut server = item_defaults(section);
                server.insert("url".to_owned(), Value::from("http://127.0.0.1:3030"));
                Value::from(vec![Value::from(server)])
            } else if section.is_list {
                Value::from(Vec::<Value>::new())
            } else {
                Value::from(item_defaults(section))
            };
            layer.values.insert(section.name.to_owned(), value);
        }
        layer
    }

    /// Returns the layer of a file, and its errors.
    pub(super) fn of_file(path: &Path, text: &str) -> (Self, Vec<Problem>) {
        let mut reader = FileReader {
            path,
            text,
            layer: Self::new(path.display().to_string()),
            problems: Vec::new(),
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let start = error.span().map_or(0, |span| span.start);
            // Only the message: the line itself may contain a secret.
            let problem = Problem::at(reader.place(start), error.message());
            reader.problems.push(match is_bare_text(text, start) {
                true => problem.hint("write text in quotes, as in name = \"text\""),
                false => problem,
            });
        }
        // Further errors in an unparsable file would mislead.
        if errors.is_empty() {
            reader.read(table.get_ref());
        }
        let FileReader { layer, mut problems, .. } = reader;
        problems
            .sort_by_key(|problem| problem.place.as_ref().map(|place| (place.line, place.column)));
        (layer, problems)
    }

    /// Sets a key of a section that is not a list, from the text of a variable or flag.
    pub(super) fn set(&mut self, key: &Key, text: &str, origin: Origin) -> Result<(), Problem> {
        let place = Provenance::of(origin);
        let value = key.kind.parse(text);
        let value = value.and_then(|value| key.check(value, ValueOrigin::AtPrompt));
        let value = value.map_err(|reason| Problem::at(place.clone(), reason))?;
        self.insert(key, value, place);
        Ok(())
    }

    fn insert(&mut self, key: &Key, value: Value, place: Provenance) {
        let section = self.values.entry(key.section().to_owned());
        if let Value::Dict(_, section) = section.or_insert_with(|| Value::from(Dict::new())) {
            section.insert(key.short_name().to_owned(), value);
            self.places.insert(key.name.to_owned(), place);
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Returns whether the value of the line around a byte is text without quotes.
fn is_bare_text(text: &str, byte_idx: usize) -> bool {
    let start = text.get(..byte_idx).and_then(|before| before.rfind('\n')).map_or(0, |it| it + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let Some((_, value)) = line.split_once('=') else { return false };
    value.trim_start().starts_with(|first: char| first.is_alphabetic() || "/~.".contains(first))
}

/// Returns the defaults of a section's keys.
pub(super) fn item_defaults(section: &Section) -> Dict {
    let defaults = section.keys.iter().filter_map(|key| {
        let DefaultValue::Is(text) = key.default else { return None };
        let value = DeValue::parse(text).expect("a test reads every default");
        let value = value_of(value.get_ref()).expect("a test reads every default");
        Some((key.short_name().to_owned(), value))
    });
    defaults.collect()
}

struct FileReader<'a> {
    path: &'a Path,
    text: &'a str,
    layer: Layer,
    problems: Vec<Problem>,
}

type LayerItem<'a, 'i> = (&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

impl FileReader<'_> {
    fn place(&self, byte_idx: usize) -> Provenance {
        Provenance::in_file(self.path.to_owned(), self.text, byte_idx)
    }

    fn read(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let place = self.place(name.span().start);
            let section = SECTIONS.iter().find(|section| section.name == name.get_ref());
            match (section, value.get_ref()) {
                (Some(section), DeValue::Table(table)) if !section.is_list => {
                    for item in table {
                        self.read_item(section, item);
                    }
                }
                (Some(section), DeValue::Array(tables)) if section.is_list => {
                    self.read_list(section, tables, place);
                }
                (Some(section), _) => {
                    let message = format!("`{}` must be a section", section.name);
                    let hint = format!("write {} above its keys", section.heading());
                    self.problems.push(Problem::at(place, message).hint(hint));
                }
                (None, DeValue::Table(_) | DeValue::Array(_)) => {
                    let names = SECTIONS.iter().map(|section| section.name);
                    let near = nearest(name.get_ref(), names);
                    let message = format!("unknown section `{}`", name.get_ref());
                    self.problems.push(did_you_mean(Problem::at(place, message), near));
                }
                (None, _) => self.unknown_key(name.get_ref(), place),
            }
        }
    }

    fn read_list(&mut self, section: &Section, tables: &toml::de::DeArray<'_>, place: Provenance) {
        let mut items = Vec::new();
        for table in tables {
            let DeValue::Table(keys) = table.get_ref() else {
                let message = format!("`{}` must be a section", section.name);
                let hint = format!("write {} above its keys", section.heading());
                self.problems.push(Problem::at(self.place(table.span().start), message).hint(hint));
                continue;
            };
            let item_name = format!("{}[{}]", section.name, items.len());
            let mut item = item_defaults(section);
            for (name, value) in keys {
                if let Some((key, value, place)) = self.check_item(section, (name, value)) {
                    self.layer.places.insert(format!("{item_name}.{}", key.short_name()), place);
                    item.insert(key.short_name().to_owned(), value);
                }
            }
            let place = self.place(table.span().start);
            for key in section.keys {
                // A misspelled key is reported already, with the correct name.
                let is_there = keys.iter().any(|(name, _)| {
                    name.get_ref() == key.short_name()
                        || meant_key(section, name.get_ref()) == Some(key.name)
                });
                if let DefaultValue::Required(example) = key.default
                    && !is_there
                {
                    let message = format!("a {} without `{}`", section.name, key.short_name());
                    let hint = format!("add it, as in {} = {example}", key.short_name());
                    self.problems.push(Problem::at(place.clone(), message).hint(hint));
                }
            }
            self.layer.places.insert(item_name, place);
            items.push(Value::from(item));
        }
        self.layer.places.insert(section.name.to_owned(), place);
        self.layer.values.insert(section.name.to_owned(), Value::from(items));
    }

    fn read_item(&mut self, section: &Section, item: LayerItem<'_, '_>) {
        if let Some((key, value, place)) = self.check_item(section, item) {
            self.layer.insert(key, value, place);
        }
    }

    /// Returns the key and the validated value of an item, or records an error.
    fn check_item(
        &mut self,
        section: &Section,
        (name, value): LayerItem<'_, '_>,
    ) -> Option<(&'static Key, Value, Provenance)> {
        let full_name = format!("{}.{}", section.name, name.get_ref());
        let place = self.place(name.span().start);
        let Some(key) = find_key(&full_name) else {
            self.unknown_key(&full_name, place);
            return None;
        };
        let checked = value_of(value.get_ref());
        match checked.and_then(|value| key.check(value, ValueOrigin::InFile)) {
            Ok(value) => Some((key, value, place)),
            Err(reason) => {
                let place = self.place(value.span().start);
                self.problems.push(Problem::at(place, format!("`{full_name}`: {reason}")));
                None
            }
        }
    }

    fn unknown_key(&mut self, name: &str, place: Provenance) {
        let problem = Problem::at(place, format!("unknown key `{name}`"));
        // A hint of its own, so that users do not try other names for a password in plain text.
        let problem = if name.ends_with("password") {
            problem.hint("put the password into a file, and name it with `password_file`")
        } else {
            did_you_mean(problem, nearest_key(name, keys().map(|key| key.name)))
        };
        self.problems.push(problem);
    }
}

/// Returns the key that an unknown name probably means.
fn meant_key(section: &Section, name: &str) -> Option<&'static str> {
    let full_name = format!("{}.{name}", section.name);
    let is_key = find_key(&full_name).is_some();
    if is_key { None } else { nearest_key(&full_name, keys().map(|key| key.name)) }
}

/// Adds the most similar known name to a problem, if there is one.
pub(super) fn did_you_mean(problem: Problem, near: Option<&str>) -> Problem {
    match near {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint("see all keys with: tfs config init --print"),
    }
}
