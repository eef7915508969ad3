//! Indexes, playlists, and large directories.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use tfs_testkit::fake::directory;

use crate::stage::{TOKEN, WebdavStage, settings};

/// Returns the addresses and texts of the links of an index, each of one line.
fn links(html: &str) -> Vec<(String, String)> {
    let lines = html.lines().filter_map(|line| line.split_once("<a href=\""));
    let link = |(_, rest): (&str, &str)| {
        let (href, rest) = rest.split_once("\">").unwrap();
        (href.to_owned(), rest.split_once("</a>").unwrap().0.to_owned())
    };
    lines.map(link).collect()
}

fn without_entities(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[tokio::test]
async fn links_of_an_index_are_relative_and_say_their_names() {
    let stage = WebdavStage::new().await;
    let moved = stage.check("GET /Series%20%26%20more?m3u", 301).await;
    assert_eq!(moved.header("location"), Some("/Series%20%26%20more/?m3u"));
    let index = stage.check("GET /Series%20%26%20more/", 200).await;
    assert_eq!(index.header("content-type"), Some("text/html; charset=utf-8"));
    let mut links = links(index.text());
    assert_eq!(links.remove(0).0, "?m3u");
    assert_eq!(links.remove(0).0, "../");
    for (href, text) in &links {
        let decoded = percent_decode_str(href).decode_utf8().unwrap();
        assert_eq!(decoded, without_entities(text));
    }
    let names: Vec<_> = links.iter().map(|(_, text)| without_entities(text)).collect();
    let expected = ["Season 1/", "100% <real>?#.mp3", "empty.bin", "link.mkv", "notes.txt"];
    assert_eq!(names, expected);
    let head = stage.check("HEAD /", 200).await;
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn an_index_links_to_a_playlist_if_there_is_something_to_play() {
    let texts = directory(3, "texts", &[("a.txt", 3), ("b.txt", 1024), ("empty.txt", 0)]);
    let films = directory(4, "films", &[("a.mkv", 1), ("b.txt", 1)]);
    let nested = directory(5, "nested", &[("c/a.mkv", 1)]);
    let stage = WebdavStage::with(settings(), vec![texts, films, nested]).await;
    for (path, has_link) in [("texts", false), ("films", true), ("nested", true)] {
        let index = stage.check(&format!("GET /{path}/"), 200).await;
        assert_eq!(index.text().contains("?m3u"), has_link, "{path}");
    }
    let index = stage.check("GET /texts/", 200).await;
    for size in ["<td>3 B</td>", "<td>1 KiB</td>", "<td>0 B</td>"] {
        assert!(index.text().contains(size), "{size}: {}", index.text());
    }
}

#[tokio::test]
async fn a_directory_has_a_playlist() {
    let stage = WebdavStage::new().await;
    for path in ["/Series%20%26%20more/?m3u", "/Series%20%26%20more/folder.m3u8"] {
        let list = stage.check(&format!("GET {path}\nHost: 127.0.0.1:99"), 200).await;
        assert_eq!(list.header("content-type"), Some("audio/x-mpegurl; charset=utf-8"));
        let base = "http://127.0.0.1:99/Series%20%26%20more";
        let expected = format!(
            "#EXTM3U\n\
             #EXTINF:-1,100% <real>?#.mp3\n{base}/100%25%20%3Creal%3E%3F%23.mp3\n\
             #EXTINF:-1,link.mkv\n{base}/link.mkv\n\
             #EXTINF:-1,e1.mkv\n{base}/Season%201/e1.mkv\n\
             #EXTINF:-1,e2.mkv\n{base}/Season%201/e2.mkv\n"
        );
        assert_eq!(list.text(), expected);
    }
    stage.check("GET /none/folder.m3u8", 404).await;
    let request = format!("GET /k/{TOKEN}/?m3u\nHost: nas.example\nX-Forwarded-Proto: https");
    let list = stage.check(&request, 200).await;
    let url = format!("https://nas.example/k/{TOKEN}/film.mkv\n");
    assert!(list.text().contains(&url), "{}", list.text());
}

#[tokio::test]
async fn a_large_directory_is_listed_in_pages() {
    let names: Vec<_> = (0..10_000).map(|number| format!("file {number:05}.mkv")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let stage = WebdavStage::with(settings(), vec![directory(3, "large", &files)]).await;
    let listed = stage.check("PROPFIND /large/\nDepth: 1", 207).await;
    assert_eq!(listed.text().matches("<D:response>").count(), 10_001);
    let found: BTreeSet<_> = listed.text().split("<D:displayname>").skip(2).collect();
    assert_eq!(found.len(), 10_000);
    assert!(listed.text().ends_with("</D:multistatus>\n"));
    let index = stage.check("GET /large/", 200).await;
    assert_eq!(links(index.text()).len(), 10_002);
    assert_eq!(stage.vfs.known_count(), 0, "nothing was looked up for the kernel");
}

#[tokio::test]
async fn names_that_no_markup_can_say() {
    let files = [("a<b>&\"'\u{fffe}\u{85}.mkv", 1), ("bell\u{7}", 1)];
    let stage = WebdavStage::with(settings(), vec![directory(4, "odd", &files)]).await;
    let listed = stage.check("PROPFIND /odd\nDepth: 1", 207).await;
    let mut reader = quick_xml::Reader::from_str(listed.text());
    while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
    assert!(!listed.text().contains(['\u{fffe}', '\u{85}', '\u{7}']), "{}", listed.text());
    for href in listed.text().split("<D:href>").skip(1).map(|it| it.split('<').next().unwrap()) {
        assert!(href.bytes().all(|byte| byte.is_ascii_graphic()), "{href}");
        stage.check(&format!("PROPFIND {href}\nDepth: 0"), 207).await;
    }
}
