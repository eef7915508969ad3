//! Changes of single keys in the text of a configuration file. Comments, order and spaces of
//! everything else stay as they are.
//!
//! A value is replaced, and a key removed, at its place in the text, which `toml_edit` knows. It
//! inserts only what is new: with its own removal, comments above a key would be lost.

use std::ops::Range;
use std::path::Path;

use toml_edit::{ArrayOfTables, Document, DocumentMut, Item, Table, TableLike, Value, value};

use super::Problem;
use super::key_name::KeyName;
use super::keys::{DefaultValue, Key, Section};
use super::layer::Layer;
use super::toml_value::text_of;
use super::value_origin::ValueOrigin;

/// The text of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigText {
    text: String,
}

impl ConfigText {
    /// Checks that the text is TOML. Its keys may be wrong.
    ///
    /// # Errors
    /// All errors of the syntax, with their places in the file at `path`.
    pub fn parse(path: &Path, text: String) -> Result<Self, Vec<Problem>> {
        match Document::parse(text.as_str()) {
            Ok(_) => Ok(Self { text }),
            // The other parser finds all errors.
            Err(_) => Err(Layer::of_file(path, &text).1),
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Sets a key to a value in the form of the command line. Adds the section or the item of the
    /// list if it is missing.
    ///
    /// # Errors
    /// If the value is invalid for the key, or the item is one of several. The message does not
    /// contain the value. The text is unchanged then.
    pub fn set(&mut self, name: &KeyName<'_>, typed: &str) -> Result<(), Problem> {
        let key = name.key()?;
        let checked = key.kind.parse(typed);
        let checked = checked.and_then(|value| key.check(value, ValueOrigin::AtPrompt));
        let checked =
            checked.map_err(|reason| Problem::without_place(format!("`{name}`: {reason}")))?;
        let toml = text_of(&checked);
        match self.find_key(name, key)? {
            Some(place) => self.text.replace_range(place.value, &toml),
            None => self.insert(name, key, &toml)?,
        }
        Ok(())
    }

    /// Removes a key, or an item of a list, and returns whether it was there. Comments stay.
    ///
    /// # Errors
    /// If the item is one of several. The text is unchanged then.
    pub fn unset(&mut self, name: &KeyName<'_>) -> Result<bool, Problem> {
        let Some(key) = name.key else { return self.remove_item(name) };
        let Some(place) = self.find_key(name, key)? else { return Ok(false) };
        if place.is_inline {
            let mut document = self.to_document();
            let item = document.get_mut(name.section.name);
            if let Some(table) = item.and_then(|item| table_of(item, name).transpose()) {
                table?.remove(key.short_name());
            }
            self.text = document.to_string();
        } else {
            self.remove_lines(place.key.start..place.value.end);
        }
        Ok(true)
    }

    fn find_key(&self, name: &KeyName<'_>, key: &Key) -> Result<Option<KeyPlace>, Problem> {
        let document = Document::parse(self.text.as_str()).expect("the text was parsed before");
        let Some(section) = document.get(name.section.name) else { return Ok(None) };
        let (table, is_inline) = if name.section.is_list {
            let tables = tables(section);
            let found = name.find(&names(name.section, &tables))?;
            let Some(table) = found.and_then(|idx| tables.get(idx).copied()) else {
                return Ok(None);
            };
            (table, section.is_value())
        } else {
            let Some(table) = section.as_table_like() else { return Ok(None) };
            (table, section.is_value())
        };
        Ok(table.get_key_value(key.short_name()).and_then(|(key, item)| {
            Some(KeyPlace { key: key.span()?, value: item.span()?, is_inline })
        }))
    }

    fn to_document(&self) -> DocumentMut {
        self.text.parse().expect("the text was parsed before")
    }

    fn insert(&mut self, name: &KeyName<'_>, key: &Key, toml: &str) -> Result<(), Problem> {
        let mut document = self.to_document();
        let section = name.section.name;
        if document.get(section).is_none() {
            let item = match name.section.is_list {
                true => Item::ArrayOfTables(ArrayOfTables::new()),
                false => {
                    let mut table = Table::new();
                    table.decor_mut().set_prefix(take_end(&mut document));
                    Item::Table(table)
                }
            };
            document.insert(section, item);
        }
        let is_new = match document.get_mut(section) {
            Some(item) => table_of(item, name)?.is_none(),
            None => false,
        };
        if is_new {
            add_item(&mut document, name)?;
        }
        let value: Value = toml.parse().expect("a checked value is TOML");
        let item = document.get_mut(section).expect("it was inserted");
        match table_of(item, name)? {
            Some(table) => drop(table.insert(key.short_name(), Item::Value(value))),
            None => return Err(wrong_form(name.section)),
        }
        // `toml_edit` writes line feeds only.
        let has_returns = self.text.contains("\r\n");
        self.text = document.to_string();
        if has_returns {
            self.text = self.text.replace('\n', "\r\n");
        }
        Ok(())
    }

    fn remove_item(&mut self, name: &KeyName<'_>) -> Result<bool, Problem> {
        let document = Document::parse(self.text.as_str()).expect("the text was parsed before");
        let Some(section) = document.get(name.section.name) else { return Ok(false) };
        let Item::ArrayOfTables(array) = section else { return Err(wrong_form(name.section)) };
        let found = name.find(&names(name.section, &tables(section)))?;
        let Some(table) = found.and_then(|idx| array.get(idx)) else { return Ok(false) };
        let Some(header) = table.span() else { return Ok(false) };
        let ends = table.iter().filter_map(|(_, item)| Some(item.span()?.end));
        let end = ends.fold(header.end, usize::max);
        self.remove_lines(header.start..end);
        Ok(true)
    }

    /// Removes the lines of a range as a whole.
    fn remove_lines(&mut self, range: Range<usize>) {
        let before = self.text.get(..range.start).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let after = self.text.get(range.end..).unwrap_or_default();
        let end = after.find('\n').map_or(self.text.len(), |newline| range.end + newline + 1);
        self.text.replace_range(start..end, "");
    }
}

/// Byte ranges of a key in the text.
struct KeyPlace {
    key: Range<usize>,
    value: Range<usize>,
    /// Whether the key shares its line with others.
    is_inline: bool,
}

/// Returns the items of a list section, which may be an array of inline tables.
fn tables(section: &Item) -> Vec<&dyn TableLike> {
    match section {
        Item::ArrayOfTables(array) => array.iter().map(|table| table as &dyn TableLike).collect(),
        Item::Value(Value::Array(array)) => {
            let tables = array.iter().filter_map(Value::as_inline_table);
            tables.map(|table| table as &dyn TableLike).collect()
        }
        Item::None | Item::Value(_) | Item::Table(_) => Vec::new(),
    }
}

/// Returns the names of the items of a list.
fn names(section: &Section, tables: &[&dyn TableLike]) -> Vec<String> {
    let identity = KeyName::identity(section).short_name();
    let name = |table: &&dyn TableLike| {
        let name = table.get(identity).and_then(Item::as_str);
        name.unwrap_or(KeyName::name_default(section)).to_owned()
    };
    tables.iter().map(name).collect()
}

/// Returns the table that a name means, if it exists.
fn table_of<'a>(
    section: &'a mut Item,
    name: &KeyName<'_>,
) -> Result<Option<&'a mut dyn TableLike>, Problem> {
    if !name.section.is_list {
        return Ok(section.as_table_like_mut());
    }
    let Some(idx) = name.find(&names(name.section, &tables(section)))? else { return Ok(None) };
    Ok(match section {
        Item::ArrayOfTables(array) => array.get_mut(idx).map(|table| table as &mut dyn TableLike),
        Item::Value(Value::Array(array)) => {
            let mut tables = array.iter_mut().filter_map(Value::as_inline_table_mut);
            tables.nth(idx).map(|table| table as &mut dyn TableLike)
        }
        Item::None | Item::Value(_) | Item::Table(_) => None,
    })
}

/// Adds an item to a list, with its name. An item without a name gets the values that it must have
/// from their examples: a server is the default one.
fn add_item(document: &mut DocumentMut, name: &KeyName<'_>) -> Result<(), Problem> {
    let mut table = Table::new();
    if let Some(item) = name.item {
        table.insert(KeyName::identity(name.section).short_name(), value(item));
    } else {
        for key in name.section.keys {
            if let DefaultValue::Required(example) = key.default
                && KeyName::identity(name.section).name != key.name
            {
                let value: Value = example.parse().expect("a test reads every example");
                table.insert(key.short_name(), Item::Value(value));
            }
        }
    }
    let section = name.section;
    let is_first = document.get(section.name).is_some_and(|item| tables(item).is_empty());
    if is_first {
        table.decor_mut().set_prefix(take_end(document));
    }
    match document.get_mut(section.name) {
        Some(Item::ArrayOfTables(array)) => array.push(table),
        _ => return Err(wrong_form(section)),
    }
    Ok(())
}

/// Returns the text above a new section at the end: the comments at the end of the file, which
/// belong to the section before, and a blank line.
fn take_end(document: &mut DocumentMut) -> String {
    let end = document.trailing().as_str().unwrap_or_default().to_owned();
    document.set_trailing("");
    let is_empty = document.iter().next().is_none() && end.is_empty();
    let newline = if end.is_empty() || end.ends_with('\n') { "" } else { "\n" };
    if is_empty { end } else { format!("{end}{newline}\n") }
}

/// Returns the error for a section in a form to which nothing can be added.
fn wrong_form(section: &Section) -> Problem {
    let message =
        format!("`{}` has another form in the file than {}", section.name, section.heading());
    Problem::without_place(message).hint("change the file with: tfs config edit")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Applies changes, each `KEY=VALUE` or `-KEY`.
    #[track_caller]
    fn check(text: &str, changes: &[&str], want: &Expect) {
        let mut config = ConfigText::parse(Path::new("f.toml"), text.to_owned()).unwrap();
        let mut said = String::new();
        for change in changes {
            let result = match (change.strip_prefix('-'), change.split_once('=')) {
                (Some(name), _) => {
                    let unset = KeyName::parse(name).and_then(|name| config.unset(&name));
                    unset.map(|was_there| if was_there { "" } else { "(was not set)\n" })
                }
                (None, Some((name, value))) => {
                    let name = KeyName::parse(name);
                    name.and_then(|name| config.set(&name, value)).map(|()| "")
                }
                (None, None) => panic!("{change}"),
            };
            match result {
                Ok(note) => said.push_str(note),
                Err(problem) => {
                    let hint = problem.hint.as_ref().map(|hint| format!("; {hint}"));
                    said.extend([problem.to_string(), hint.unwrap_or_default(), "\n".into()]);
                }
            }
        }
        want.assert_eq(&(said + config.as_str()));
    }

    const FILE: &str = "\
# my file

[read] # how
timeout   =  '5s' # short
# memory: not yet

[[server]] # the first
name = \"home\"
# its address
url = \"http://home\"

# the second
[[server]]
name = \"my.nas\"
url = \"http://nas\" # far

# the end
";

    #[test]
    fn a_value_is_replaced_at_its_place() {
        check(
            FILE,
            &["read.timeout=1m", "server.my.nas.url=http://n:1"],
            &expect![[r##"
            # my file

            [read] # how
            timeout   =  "1m" # short
            # memory: not yet

            [[server]] # the first
            name = "home"
            # its address
            url = "http://home"

            # the second
            [[server]]
            name = "my.nas"
            url = "http://n:1" # far

            # the end
        "##]],
        );
    }

    #[test]
    fn what_is_new_is_added_at_the_end_of_its_section() {
        check(
            FILE,
            &["read.memory=64MiB", "server.home.max_streams=2"],
            &expect![[r##"
            # my file

            [read] # how
            timeout   =  '5s' # short
            memory = "64MiB"
            # memory: not yet

            [[server]] # the first
            name = "home"
            # its address
            url = "http://home"
            max_streams = 2

            # the second
            [[server]]
            name = "my.nas"
            url = "http://nas" # far

            # the end
        "##]],
        );
        check(
            FILE,
            &["logging.level=info", "server.x.url=x:3030"],
            &expect![[r##"
            # my file

            [read] # how
            timeout   =  '5s' # short
            # memory: not yet

            [[server]] # the first
            name = "home"
            # its address
            url = "http://home"

            # the second
            [[server]]
            name = "my.nas"
            url = "http://nas" # far

            [[server]]
            name = "x"
            url = "http://x:3030"

            # the end

            [logging]
            level = "info"
        "##]],
        );
    }

    #[test]
    fn a_section_or_an_item_that_is_missing_is_added() {
        check(
            "",
            &["read.timeout=5s", "mount./mnt/t.allow_other=true"],
            &expect![[r#"
            [read]
            timeout = "5s"

            [[mount]]
            path = "/mnt/t"
            allow_other = true
        "#]],
        );
        check(
            "# only this\n",
            &["server.max_streams=2"],
            &expect![[r##"
            # only this

            [[server]]
            url = "http://127.0.0.1:3030"
            max_streams = 2
        "##]],
        );
        check(
            "read.timeout = '5s'",
            &["read.memory=64MiB"],
            &expect![[r#"
            read.timeout = '5s'
            read.memory = "64MiB"
        "#]],
        );
    }

    #[test]
    fn line_ends_of_windows_stay() {
        let text = "[read]\r\ntimeout = '5s'\r\n".to_owned();
        let mut config = ConfigText::parse(Path::new("f.toml"), text).unwrap();
        config.set(&KeyName::parse("read.memory").unwrap(), "1GiB").unwrap();
        let want = "[read]\r\ntimeout = '5s'\r\nmemory = \"1GiB\"\r\n";
        assert_eq!(config.as_str(), want);
    }

    #[test]
    fn what_is_removed_leaves_all_comments() {
        check(
            FILE,
            &["-read.timeout", "-server.home.url", "-read.memory"],
            &expect![[r#"
            (was not set)
            # my file

            [read] # how
            # memory: not yet

            [[server]] # the first
            name = "home"
            # its address

            # the second
            [[server]]
            name = "my.nas"
            url = "http://nas" # far

            # the end
        "#]],
        );
        check(
            FILE,
            &["-server.home", "-server.my.nas"],
            &expect![[r#"
            # my file

            [read] # how
            timeout   =  '5s' # short
            # memory: not yet


            # the second

            # the end
        "#]],
        );
        check(
            "read = { timeout = '5s', memory = '1GB' }\n",
            &["-read.timeout"],
            &expect![[r#"
            read = { memory = '1GB' }
        "#]],
        );
        check(
            "[preload]\npatterns = [\n  'a',\n  'b',\n]\nhead = '1MiB'",
            &["-preload.patterns"],
            &expect![[r#"
                [preload]
                head = '1MiB'"#]],
        );
    }

    #[test]
    fn what_is_wrong_changes_nothing() {
        let inline = "server = [{ name = 'a', url = 'http://a' }]\n";
        check(
            inline,
            &["server.a.max_streams=2"],
            &expect![[r#"
            server = [{ name = 'a', url = 'http://a' , max_streams = 2 }]
        "#]],
        );
        check(
            inline,
            &["server.b.url=http://b", "-server.a"],
            &expect![[r#"
            `server` has another form in the file than [[server]]; change the file with: tfs config edit
            `server` has another form in the file than [[server]]; change the file with: tfs config edit
            server = [{ name = 'a', url = 'http://a' }]
        "#]],
        );
        check(
            FILE,
            &["server.url=http://x", "server.home=x", "read.timeout=5", "read.x=1"],
            &expect![[r#"
                there are several `server`s: home, my.nas; name one of them, as in server.home.url
                `server.home` names no key of the server; add the key, as in server.home.on_demand
                `read.timeout`: the unit is missing, as in 5s; units are ms, s, m, h or d
                unknown key `read.x`; did you mean `read.next`?
                # my file

                [read] # how
                timeout   =  '5s' # short
                # memory: not yet

                [[server]] # the first
                name = "home"
                # its address
                url = "http://home"

                # the second
                [[server]]
                name = "my.nas"
                url = "http://nas" # far

                # the end
            "#]],
        );
        check(
            "",
            &["server.home.ulr=http://me:pw@h", "server.url=http://me:pw@h", "server.password=pw"],
            &expect![[r#"
                `server.home.ulr` names no key of the server; add the key, as in server.home.url
                `server.url`: credentials are not allowed in the address; use `username` and `password_file`
                `server.password` names no key of the server; put the password into a file, and name it with `password_file`
            "#]],
        );
    }
}
