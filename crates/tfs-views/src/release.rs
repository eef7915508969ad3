//! Release names: title, year and numbers, as the crate `hunch` finds them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use hunch::{HunchResult, Pipeline, Property};

use crate::marks::normalize;
use crate::media::without_extension;

/// How much of a name is parsed, in characters: the parser is made for file names.
const NAME_CHARS_MAX: usize = 255;

/// What a release name says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseName {
    /// The title of the film, show or work.
    pub title: Option<String>,
    /// The year.
    pub year: Option<i32>,
    /// The first and the last season.
    pub seasons: Option<(u32, u32)>,
    /// The first and the last episode.
    pub episodes: Option<(u32, u32)>,
    /// The resolution, such as `1080p`.
    pub resolution: Option<String>,
    /// The group that made the release.
    pub group: Option<String>,
}

impl ReleaseName {
    /// Parses the name of a torrent. What is not found is `None`.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        static PIPELINE: LazyLock<Pipeline> = LazyLock::new(Pipeline::new);
        // The parser takes slashes as the ends of folders, and needs an extension for nothing.
        let name: String = without_extension(name).replace(['/', '\\'], " ");
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        // Names come from the network, and the parser slices them: a panic in it must not reach the
        // mount. It changes no state that a panic could leave half changed.
        let parsed = catch_unwind(AssertUnwindSafe(|| PIPELINE.run(&name)));
        let mut release = parsed.map(|found| Self::of(&found)).unwrap_or_default();
        if let (Some(title), Some(year)) = (&mut release.title, release.year)
            && let Some(number) = number_before_year(&name, title, year)
        {
            *title = format!("{title} {number}");
        }
        release
    }

    fn of(found: &HunchResult) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned).filter(|text| !text.is_empty());
        Self {
            title: text(found.title()),
            year: found.year(),
            seasons: span(&found.all(Property::Season)),
            episodes: span(&found.all(Property::Episode)),
            resolution: text(found.screen_size()),
            group: text(found.release_group()),
        }
    }
}

/// Returns the number that ends a title and looks like a year, as in `Blade Runner 2049 (2017)`:
/// the parser takes it for one of two years, and drops it.
fn number_before_year(name: &str, title: &str, year: i32) -> Option<String> {
    let name = normalize(name);
    let rest = name.strip_prefix(title)?;
    let is_number =
        |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let mut words = rest.split(|character: char| " .()[]".contains(character));
    let mut numbers = words.by_ref().filter(|word| !word.is_empty());
    let number = numbers.next().filter(is_number).filter(|word| word.len() == 4)?;
    let next = numbers.next().filter(is_number)?;
    (next == year.to_string() && number != next).then(|| number.to_owned())
}

/// Returns the least and the greatest of some numbers.
fn span(numbers: &[&str]) -> Option<(u32, u32)> {
    let numbers = || numbers.iter().filter_map(|number| number.parse().ok());
    Some((numbers().min()?, numbers().max()?))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(name: &str, want: &Expect) {
        let ReleaseName { title, year, seasons, episodes, resolution, group } =
            ReleaseName::parse(name);
        let found = format!("{title:?} {year:?} {seasons:?} {episodes:?} {resolution:?} {group:?}");
        want.assert_eq(&found.replace("Some", "").replace("None", "-"));
    }

    #[test]
    fn parts_of_release_names_are_found() {
        check(
            "The.Matrix.1999.1080p.BluRay.x264-GRP.mkv",
            &expect![[r#"("The Matrix") (1999) - - ("1080p") ("GRP")"#]],
        );
        check(
            "The.Show.S01-S03.720p.WEB-DL-GRP",
            &expect![[r#"("The Show") - ((1, 3)) - ("720p") ("GRP")"#]],
        );
        check(
            "The Show - 02x14-15 - Serving",
            &expect![[r#"("The Show") - ((2, 2)) ((14, 15)) - -"#]],
        );
        check(
            "[Group] Title - 05 [1080p][ABCDEF12].mkv",
            &expect![[r#"("Title") - - ((5, 5)) ("1080p") ("Group")"#]],
        );
        check("a/b 2001", &expect![[r#"("a b") (2001) - - - -"#]]);
    }

    #[test]
    fn a_number_like_a_year_stays_in_the_title() {
        for (name, title, year) in [
            ("Blade Runner 2049 2017 2160p", "Blade Runner 2049", 2017),
            ("Blade.Runner.2049.2017.1080p.BluRay.x264-GRP", "Blade Runner 2049", 2017),
            ("Blade Runner 2049 (2017) [1080p]", "Blade Runner 2049", 2017),
            ("1917 (2019) [1080p]", "1917", 2019),
        ] {
            let release = ReleaseName::parse(name);
            assert_eq!(
                (release.title.as_deref(), release.year),
                (Some(title), Some(year)),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_name_is_parsed_without_a_panic(
            name in "(\\PC|[. _\\[\\]()-]|19|20|S0|E1|x264|1080p|é|第|話|/){0,80}"
        ) {
            // The wrapper is left out, so that a panic shows.
            let cut: String = name.replace('/', " ").chars().take(NAME_CHARS_MAX).collect();
            drop(Pipeline::new().run(&cut));
        }
    }
}
