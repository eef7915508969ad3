//! Markdown: links lead to files and headings that exist.

use std::collections::BTreeMap;

use super::{TidyFile, Violation};

/// Every relative link leads to a file or directory. `exists` gets paths relative to the root.
pub(super) fn links(source: &TidyFile<'_>, exists: &dyn Fn(&str) -> bool) -> Vec<Violation> {
    if !is_markdown(source) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (line, text) in prose(source) {
        for target in targets(&without_code(text)) {
            let path = target.split(['#', '?']).next().unwrap_or_default();
            let is_relative = !path.is_empty() && !target.contains(':') && !path.starts_with('/');
            let lost = is_relative
                && !resolve(source.path, path).is_some_and(|path| path.is_empty() || exists(&path));
            if lost || path.starts_with('/') {
                let message = format!("the link `{target}` leads nowhere: put its path right");
                findings.push(source.finding(line, message));
            }
        }
    }
    findings
}

/// Every link to a heading leads to one. `text_of` returns the text of a page by its path relative
/// to the root.
pub(super) fn anchors<'a>(
    source: &TidyFile<'_>,
    text_of: &dyn Fn(&str) -> Option<&'a str>,
) -> Vec<Violation> {
    if !is_markdown(source) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (line, text) in prose(source) {
        for target in targets(&without_code(text)) {
            let Some((path, anchor)) = target.split_once('#').filter(|_| !target.contains(':'))
            else {
                continue;
            };
            let headings = if path.is_empty() {
                headings(source.text)
            } else {
                let page = resolve(source.path, path).filter(|page| page.ends_with(".md"));
                // `links` checks whether the page exists.
                let Some(text) = page.and_then(|page| text_of(&page)) else { continue };
                headings(text)
            };
            if !headings.iter().any(|heading| heading == anchor) {
                let message = format!("no heading for `{target}`: put the part after `#` right");
                findings.push(source.finding(line, message));
            }
        }
    }
    findings
}

/// Returns the anchors of all headings, in GitHub's form.
fn headings(text: &str) -> Vec<String> {
    let page = TidyFile { path: "", text };
    let mut headings: Vec<String> = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, line) in prose(&page) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
        let anchor: String = title.trim().to_lowercase().chars().filter(kept).collect();
        let anchor = anchor.replace(' ', "-");
        let count = counts.entry(anchor.clone()).or_default();
        headings.push(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        *count += 1;
    }
    headings
}

/// Resolves a path relative to a file to a path relative to the root.
///
/// Returns `None` for a path that leaves the root.
pub(crate) fn resolve(file: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Returns the pages that a page links to, relative to the root, with the numbers of the lines.
pub(super) fn pages_linked(source: &TidyFile<'_>) -> Vec<(usize, String)> {
    let mut pages = Vec::new();
    for (line, text) in prose(source) {
        let text = without_code(text);
        let paths = targets(&text).into_iter().filter_map(|it| resolve(source.path, it));
        pages.extend(paths.map(|path| (line, path)));
    }
    pages
}

/// Returns a page with other targets of its links: `map` returns the new one, or `None` to keep it.
pub(crate) fn map_targets(text: &str, map: impl Fn(&str) -> Option<String>) -> String {
    let mut mapped = String::new();
    let mut in_code = false;
    for line in text.split_inclusive('\n') {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        if in_code || is_fence {
            mapped.push_str(line);
            continue;
        }
        // Every second part is a code span, which may look like a link but for its text.
        for (idx, part) in line.split('`').enumerate() {
            mapped.push_str(if idx == 0 { "" } else { "`" });
            let mut links = part.split("](");
            mapped.push_str(links.next().unwrap_or_default());
            for link in links {
                let target = link.split(')').next().unwrap_or_default();
                let other = (idx % 2 == 0).then(|| map(target)).flatten();
                mapped.push_str("](");
                mapped.push_str(other.as_deref().unwrap_or(target));
                mapped.push_str(link.get(target.len()..).unwrap_or_default());
            }
        }
    }
    mapped
}

fn is_markdown(source: &TidyFile<'_>) -> bool {
    source.path.ends_with(".md")
}

/// Returns the lines outside code blocks.
fn prose<'a>(source: &TidyFile<'a>) -> impl Iterator<Item = (usize, &'a str)> {
    let mut in_code = false;
    source.lines().filter(move |(_, text)| {
        let is_fence = text.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

/// Returns the targets of `[text](target)` and of `[name]: target`.
fn targets(text: &str) -> Vec<&str> {
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let mut targets: Vec<&str> = inline.map(|(target, _)| target).collect();
    if text.starts_with('[') {
        targets.extend(text.split_once("]: ").map(|(_, target)| target));
    }
    // A title may follow the target.
    targets.iter().filter_map(|target| target.split_whitespace().next()).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;
    use super::{anchors, links, map_targets};

    #[test]
    fn relative_links_resolve() {
        let there = ["LICENSE", "docs/USING.md", "docs"];
        check(
            |source| links(source, &|path| there.contains(&path)),
            &[
                ("README.md", "[a](LICENSE), [b](docs/USING.md#mount \"how\"), [c](docs/)\n"),
                ("README.md", "text\n[a](docs/LOST.md)\n"),
                ("docs/A.md", "[a](../LICENSE) [b](USING.md) [c](..) [d](./USING.md)\n"),
                ("docs/A.md", "[a](../../OUT.md) [b](/LICENSE)\n"),
                ("docs/A.md", "[a](https://example.org/x) [b](mailto:a@example.org) [c](#b)\n"),
                ("docs/A.md", "[name]: LOST.md\n"),
                ("docs/A.md", "`[a](LOST.md)`\n```\n[a](LOST.md)\n```\n"),
            ],
            &expect![[r#"
                README.md: fine
                README.md:2: the link `docs/LOST.md` leads nowhere: put its path right
                docs/A.md: fine
                docs/A.md:1: the link `../../OUT.md` leads nowhere: put its path right
                docs/A.md:1: the link `/LICENSE` leads nowhere: put its path right
                docs/A.md: fine
                docs/A.md:1: the link `LOST.md` leads nowhere: put its path right
                docs/A.md: fine"#]],
        );
    }

    #[test]
    fn targets_are_mapped_outside_code() {
        let page = "[a](A.md#x) and [`b`](B.md) `[c](A.md)`\n```\n[d](A.md)\n```\n![e](e.svg)\n";
        let mapped = map_targets(page, |target| target.strip_suffix(".md").map(str::to_owned));
        let wanted = "[a](A.md#x) and [`b`](B) `[c](A.md)`\n```\n[d](A.md)\n```\n![e](e.svg)\n";
        assert_eq!(mapped, wanted);
    }

    #[test]
    fn links_to_headings_resolve() {
        let page = "# Top\n## Reads: the way of `Vfs::read`\n### Cost\n\
                    ```sh\n# no heading\n```\n## Cost\n";
        check(
            |source| anchors(source, &|path| (path == "docs/A.md").then_some(page)),
            &[
                ("README.md", "[a](docs/A.md#top) [b](docs/A.md#reads-the-way-of-vfsread)\n"),
                ("docs/B.md", "[a](A.md#cost) [b](A.md#cost-1) [c](LOST.md#x) [d](A.md)\n"),
                ("docs/B.md", "[a](A.md#no-heading)\n[b](A.md#cost-2)\n"),
                ("docs/B.md", "# One\n[a](#one)\n[b](#two)\n"),
                ("docs/B.md", "[a](https://example.org/x#y)\n"),
            ],
            &expect![[r#"
                README.md: fine
                docs/B.md: fine
                docs/B.md:1: no heading for `A.md#no-heading`: put the part after `#` right
                docs/B.md:2: no heading for `A.md#cost-2`: put the part after `#` right
                docs/B.md:3: no heading for `#two`: put the part after `#` right
                docs/B.md: fine"#]],
        );
    }
}
