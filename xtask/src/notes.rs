//! `cargo xtask notes`: the text of a release, from the changelog.

use std::fs;

use crate::{Result, dist, workspace};

/// Prints the section of a version. `tag` is the tag of the release, such as `v1.2.3`; without it,
/// the version is that of the workspace.
///
/// # Errors
/// If the tag is not that of the workspace's version, or the changelog is not that of a release.
pub(crate) fn run(tag: Option<&str>) -> Result<bool> {
    let version = dist::version()?;
    if let Some(tag) = tag.filter(|tag| tag.strip_prefix('v') != Some(version.as_str())) {
        return Err(format!("the tag {tag} is not v{version}, the version of the workspace").into());
    }
    let changelog = fs::read_to_string(workspace::root().join("CHANGELOG.md"))?;
    println!("{}", section(&changelog, &version)?);
    Ok(true)
}

/// Returns the section of a version without its heading, which is `## VERSION - DATE`.
fn section<'a>(changelog: &'a str, version: &str) -> std::result::Result<&'a str, String> {
    let body_of =
        |text: &'a str| text.find("\n## ").and_then(|end| text.get(..end)).unwrap_or(text);
    let (_, unreleased) = changelog
        .split_once("\n## Unreleased\n")
        .ok_or("the changelog has no section Unreleased")?;
    if !body_of(unreleased).trim().is_empty() {
        return Err("the section Unreleased has lines: move them to the version".to_owned());
    }
    let heading = format!("\n## {version} - ");
    let (_, rest) = unreleased
        .split_once(&heading)
        .ok_or_else(|| format!("the changelog has no heading `{}DATE`", heading.trim_start()))?;
    let (date, text) = rest.split_once('\n').unwrap_or((rest, ""));
    if !is_date(date) {
        return Err(format!("`{date}` is no date such as 2026-11-30"));
    }
    match body_of(text).trim() {
        "" => Err(format!("the section of {version} is empty")),
        text => Ok(text),
    }
}

fn is_date(text: &str) -> bool {
    let is_form = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(is_form)
}

#[cfg(test)]
mod tests {
    use super::section;

    #[track_caller]
    fn check(sections: &str, want: Result<&str, &str>) {
        let changelog = format!("# Changelog\n\n{sections}");
        assert_eq!(
            section(&changelog, "0.2.0").map_err(|error| error.to_string()).as_deref(),
            want.map_err(str::to_owned).as_deref()
        );
    }

    #[test]
    fn the_text_is_the_section_of_the_version() {
        let old = "\n## 0.1.0 - 2025-01-02\n- c\n";
        let own = "\n## 0.2.0 - 2026-11-30\n\n### Added\n- b\n";
        check(&format!("## Unreleased\n{own}{old}"), Ok("### Added\n- b"));
        check(&format!("## Unreleased\n{own}"), Ok("### Added\n- b"));
        check(own, Err("the changelog has no section Unreleased"));
        check(
            &format!("## Unreleased\n- a\n{own}"),
            Err("the section Unreleased has lines: move them to the version"),
        );
        check(
            &format!("## Unreleased\n{old}"),
            Err("the changelog has no heading `## 0.2.0 - DATE`"),
        );
        check(
            "## Unreleased\n\n## 0.2.0 - soon\n- b\n",
            Err("`soon` is no date such as 2026-11-30"),
        );
        check(
            &format!("## Unreleased\n\n## 0.2.0 - 2026-11-30\n{old}"),
            Err("the section of 0.2.0 is empty"),
        );
    }
}
