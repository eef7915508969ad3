//! The links of built pages lead to files and headings of the site. Others are not looked at: the
//! check needs no network.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::resolve;

/// The page for addresses that do not exist. Its links are relative to any address.
const NOT_FOUND: &str = "404.html";

/// Returns the links that lead nowhere, as text for people. `files` has the text of HTML files
/// only.
pub(super) fn lost(files: &BTreeMap<String, String>) -> Vec<String> {
    let ids: BTreeMap<&str, BTreeSet<&str>> =
        files.iter().map(|(path, text)| (path.as_str(), values(text, "id"))).collect();
    let mut lost = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| *path != NOT_FOUND) {
        for link in values(text, "href").into_iter().chain(values(text, "src")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if file.contains(':') || file.starts_with("//") {
                continue;
            }
            let page = match file {
                "" => Some(path.clone()),
                file => resolve(path, file),
            };
            let found = page.as_deref().and_then(|page| ids.get(page));
            if !found.is_some_and(|ids| anchor.is_empty() || ids.contains(anchor)) {
                lost.push(format!("{path}: the link `{link}` leads nowhere"));
            }
        }
    }
    lost
}

/// Returns the values of an attribute.
fn values<'a>(html: &'a str, name: &str) -> BTreeSet<&'a str> {
    let start = format!(" {name}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn links_of_built_pages() {
    let files: BTreeMap<String, String> = [
        ("index.html", "<a href=\"a/b.html#x\"> <a href=\"a/b.html#y\"> <img src=\"p.svg\">"),
        ("a/b.html", "<h1 id=\"x\"><a href=\"#x\"> <a href=\"../index.html\"> <a href=\"c.html\">"),
        ("p.svg", ""),
        ("404.html", "<a href=\"/lost.html\">"),
        ("d.html", "<a href=\"https://h/\"> <a href=\"#\"> <a href=\"mailto:a@b\">"),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into();
    let wanted = [
        "a/b.html: the link `c.html` leads nowhere",
        "index.html: the link `a/b.html#y` leads nowhere",
    ];
    assert_eq!(lost(&files), wanted);
}
