//! The pages of the site, from those of the checkout.

use std::collections::BTreeMap;

use crate::tidy::{map_targets, resolve};

/// The directory whose files are the root of the site.
const DOCS: &str = "docs/";

/// The table of contents, whose links name the files that mdbook reads.
const CONTENTS: &str = "docs/SUMMARY.md";

/// Pages outside that directory that are in the root of the site too.
const PAGES_OF_ROOT: [&str; 3] = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"];

/// Returns the address of the repository in the manifest of the workspace.
pub(super) fn repository(manifest: &str) -> Option<&str> {
    let value = manifest.lines().find_map(|line| line.strip_prefix("repository = "))?;
    Some(value.trim().trim_matches('"').trim_end_matches('/'))
}

/// Returns the files of the site by their paths in it. Links to other files of the checkout lead to
/// the repository.
pub(super) fn of_site(
    files: &BTreeMap<String, String>,
    repository: &str,
) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    for (path, text) in files {
        let Some(place) = place_of(path) else { continue };
        let text = match path.ends_with(".md") {
            true => map_targets(text, |target| target_in_site(path, target, files, repository)),
            false => text.clone(),
        };
        pages.insert(place.to_owned(), text);
    }
    pages
}

/// Returns the path of a file in the site, or `None` if it is not there.
fn place_of(path: &str) -> Option<&str> {
    let of_root = PAGES_OF_ROOT.contains(&path).then_some(path);
    of_root.or_else(|| path.strip_prefix(DOCS))
}

/// Returns the target of a link of the site, or `None` for a link that stays as it is.
fn target_in_site(
    path: &str,
    target: &str,
    files: &BTreeMap<String, String>,
    repository: &str,
) -> Option<String> {
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, format!("#{anchor}")),
        None => (target, String::new()),
    };
    if file.is_empty() || file.contains(':') {
        return None;
    }
    let file = resolve(path, file)?;
    let Some(place) = place_of(&file).filter(|_| files.contains_key(&file)) else {
        let kind = if files.contains_key(&file) { "blob" } else { "tree" };
        return Some(format!("{repository}/{kind}/HEAD/{file}{anchor}"));
    };
    let up = "../".repeat(place_of(path)?.matches('/').count());
    let place = if path == CONTENTS { place.to_owned() } else { built(place) };
    Some(format!("{up}{place}{anchor}"))
}

/// Returns the name for a link to a page: mdbook builds `index.html` of a README, but leaves links
/// to it. The contents stand beside every page, so the first one will do for them.
fn built(place: &str) -> String {
    match place {
        "SUMMARY.md" => "index.md".to_owned(),
        place => match place.strip_suffix("README.md") {
            Some(dir) => format!("{dir}index.md"),
            None => place.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{of_site, repository};

    #[test]
    fn links_lead_to_pages_of_the_site_or_to_the_repository() {
        let files: BTreeMap<String, String> = [
            ("README.md", "[a](docs/guide/a.md#x) [b](LICENSE) [c](https://h/y)\n"),
            ("LICENSE", ""),
            ("contrib/docker/Dockerfile", ""),
            ("docs/guide/a.md", "[r](../../README.md) [d](../../contrib/docker) [e](../b.md)\n"),
            ("docs/b.md", "[a](guide/a.md) [s](#s)\n"),
            ("docs/SUMMARY.md", "[r](../README.md)\n"),
            ("docs/pictures/p.svg", "<svg/>"),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
        let site: Vec<String> = of_site(&files, "https://h/r")
            .iter()
            .map(|(path, text)| format!("{path}: {}", text.trim()))
            .collect();
        let wanted = [
            "README.md: [a](guide/a.md#x) [b](https://h/r/blob/HEAD/LICENSE) [c](https://h/y)",
            "SUMMARY.md: [r](README.md)",
            "b.md: [a](guide/a.md) [s](#s)",
            "guide/a.md: [r](../index.md) [d](https://h/r/tree/HEAD/contrib/docker) [e](../b.md)",
            "pictures/p.svg: <svg/>",
        ];
        assert_eq!(site, wanted);
    }

    #[test]
    fn the_repository_is_that_of_the_manifest() {
        let manifest = "[workspace.package]\nrepository = \"https://h/r/\"\n";
        assert_eq!(repository(manifest), Some("https://h/r"));
        assert_eq!(repository("name = \"a\"\n"), None);
    }
}
