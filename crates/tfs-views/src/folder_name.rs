//! `rename`: templates of names of folders.

use crate::release::ReleaseName;

/// Maximum length of a template in bytes: that of a name.
const TEMPLATE_BYTES_MAX: usize = 255;

/// The placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Title,
    Year,
    Season,
    Episode,
    Resolution,
    Group,
    Name,
}

const PLACEHOLDERS: [(&str, Placeholder); 7] = [
    ("title", Placeholder::Title),
    ("year", Placeholder::Year),
    ("season", Placeholder::Season),
    ("episode", Placeholder::Episode),
    ("resolution", Placeholder::Resolution),
    ("group", Placeholder::Group),
    ("name", Placeholder::Name),
];

/// Why a template is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("it is empty")]
    Empty,
    #[error("it has {0} bytes; the maximum is {TEMPLATE_BYTES_MAX}")]
    TooLong(usize),
    #[error(
        "unknown placeholder {{{0}}}; there are {{title}}, {{year}}, {{season}}, {{episode}}, \
         {{resolution}}, {{group}} and {{name}}"
    )]
    Unknown(String),
    #[error("a {{ without }}, or a }} without {{")]
    Unbalanced,
    #[error("it has no placeholder, so all folders would have one name")]
    Constant,
    #[error("a folder's name cannot contain a slash")]
    Slash,
    #[error("it contains a control character")]
    Control,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Literal(String),
    Placeholder(Placeholder),
}

/// A template of a folder's name, such as `{title} ({year})`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameTemplate {
    parts: Vec<TemplatePart>,
}

impl NameTemplate {
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        match text {
            "" => return Err(TemplateError::Empty),
            text if text.len() > TEMPLATE_BYTES_MAX => {
                return Err(TemplateError::TooLong(text.len()));
            }
            text if text.contains('/') => return Err(TemplateError::Slash),
            text if text.chars().any(char::is_control) => return Err(TemplateError::Control),
            _ => {}
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (word, after) = after.split_once('}').ok_or(TemplateError::Unbalanced)?;
            let known = PLACEHOLDERS.iter().find(|(name, _)| *name == word);
            let (_, placeholder) = known.ok_or_else(|| TemplateError::Unknown(word.to_owned()))?;
            parts.push(TemplatePart::Literal(literal.to_owned()));
            parts.push(TemplatePart::Placeholder(*placeholder));
            rest = after;
        }
        parts.push(TemplatePart::Literal(rest.to_owned()));
        let is_brace = |character: char| "{}".contains(character);
        let has_brace = |part: &TemplatePart| match part {
            TemplatePart::Literal(text) => text.contains(is_brace),
            TemplatePart::Placeholder(_) => false,
        };
        if parts.iter().any(has_brace) {
            return Err(TemplateError::Unbalanced);
        }
        if !parts.iter().any(|part| matches!(part, TemplatePart::Placeholder(_))) {
            return Err(TemplateError::Constant);
        }
        Ok(Self { parts })
    }

    /// Returns the name for a release, or `None` if none of its placeholders has a value.
    ///
    /// A placeholder without a value takes the letters directly before it along, such as the `E` in
    /// `S{season}E{episode}`, and the brackets around it.
    pub(crate) fn render(&self, name: &str, release: &ReleaseName) -> Option<String> {
        let mut text = String::new();
        let mut has_value = false;
        for part in &self.parts {
            match part {
                TemplatePart::Literal(literal) => text.push_str(literal),
                TemplatePart::Placeholder(placeholder) => match placeholder.value(name, release) {
                    Some(value) => {
                        has_value = true;
                        text.push_str(&cleaned(&value));
                        // What is before it is no longer a prefix of the next.
                        text.push(VALUE_END);
                    }
                    None => {
                        let kept = text.trim_end_matches(char::is_alphanumeric).len();
                        text.truncate(kept);
                    }
                },
            }
        }
        let name = tidied(&text.replace(VALUE_END, ""));
        (has_value && !name.is_empty()).then_some(name)
    }
}

/// A character that no cleaned value has.
const VALUE_END: char = '\u{1}';

impl Placeholder {
    fn value(self, name: &str, release: &ReleaseName) -> Option<String> {
        let ReleaseName { title, year, seasons, episodes, resolution, group } = release;
        match self {
            // A name without a title is its own.
            Self::Title => title.clone().or_else(|| Some(name.to_owned())),
            Self::Year => year.map(|year| year.to_string()),
            Self::Season => seasons.map(numbers),
            Self::Episode => episodes.map(numbers),
            Self::Resolution => resolution.clone(),
            Self::Group => group.clone(),
            Self::Name => Some(name.to_owned()),
        }
        .filter(|value| !cleaned(value).is_empty())
    }
}

fn numbers((first, last): (u32, u32)) -> String {
    if first == last { format!("{first:02}") } else { format!("{first:02}-{last:02}") }
}

/// Returns a value without what a name should not have: slashes and control characters.
fn cleaned(value: &str) -> String {
    let spaced = value.replace(['/', '\\'], " ");
    spaced.chars().filter(|character| !character.is_control()).collect::<String>().trim().to_owned()
}

/// Returns a name without empty brackets, double spaces, and separators at its ends.
fn tidied(name: &str) -> String {
    let mut name = name.to_owned();
    loop {
        let mut next = name.clone();
        for (empty, by) in [
            ("()", ""),
            ("[]", ""),
            ("( ", "("),
            (" )", ")"),
            ("[ ", "["),
            (" ]", "]"),
            ("  ", " "),
            (" - - ", " - "),
        ] {
            next = next.replace(empty, by);
        }
        let is_separator = |character: char| " -_.,".contains(character);
        // A name that starts with dots would be hidden.
        next = next.trim_start_matches(is_separator).to_owned();
        next = next.trim_end_matches([' ', '-', '_', ',']).to_owned();
        if next == name {
            return name;
        }
        name = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(template: &str, name: &str, want: Option<&str>) {
        let template = NameTemplate::parse(template).unwrap();
        let rendered = template.render(name, &ReleaseName::parse(name));
        assert_eq!(rendered.as_deref(), want, "{name}");
    }

    #[test]
    fn folders_are_named_and_what_is_missing_leaves_nothing_behind() {
        let film = "The.Matrix.1999.1080p.BluRay.x264-GRP";
        check("{title} ({year})", film, Some("The Matrix (1999)"));
        check(
            "{title} ({year}) [{resolution}-{group}]",
            film,
            Some("The Matrix (1999) [1080p-GRP]"),
        );
        check("{title} S{season}E{episode}", film, Some("The Matrix"));
        let season = "The.Show.S01.720p.WEB-DL-GRP";
        check("{title} ({year})", season, Some("The Show"));
        check("{title} S{season}E{episode}", season, Some("The Show S01"));
        check("{title} - S{season}E{episode} - {group}", season, Some("The Show - S01 - GRP"));
        check(
            "{title} S{season}E{episode}",
            "The.Show.S02E03-E04.720p",
            Some("The Show S02E03-04"),
        );
        check("({year})", season, None);
        check("{year} {name}", "a/b\u{7}c", Some("a bc"));
        check("{title}", "...", None);
    }

    #[test]
    fn wrong_templates_are_refused_with_the_reason() {
        for (text, want) in [
            ("", TemplateError::Empty),
            ("Films", TemplateError::Constant),
            ("{titel}", TemplateError::Unknown("titel".to_owned())),
            ("{title", TemplateError::Unbalanced),
            ("{title}}", TemplateError::Unbalanced),
            ("{title}/{year}", TemplateError::Slash),
            ("{title}\n", TemplateError::Control),
        ] {
            assert_eq!(NameTemplate::parse(text), Err(want), "{text}");
        }
        assert!(NameTemplate::parse(&"{title}".repeat(40)).is_err());
    }

    proptest! {
        #[test]
        fn no_name_is_empty_or_has_a_slash(name in "(\\PC|[./ ()\\[\\]\u{1}-]){0,40}") {
            let release = ReleaseName { title: Some(name.clone()), ..ReleaseName::default() };
            for template in ["{title} ({year})", "{name}", "[{group}] {title}"] {
                if let Some(name) = NameTemplate::parse(template).unwrap().render(&name, &release) {
                    prop_assert!(!name.is_empty() && !name.contains('/'), "{name:?}");
                    prop_assert!(!name.contains("()") && !name.chars().any(char::is_control));
                }
            }
        }
    }
}
