//! Playlists, and the keys in their links.

use super::fake::{PageSetup, TestPage, bearer};
use super::library::hash_of;

/// Returns the links of a playlist.
fn links(list: &str) -> Vec<String> {
    list.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Returns the path of a link to the page.
fn path_of(page: &TestPage, link: &str) -> String {
    let start = format!("http://{}", page.address);
    link.strip_prefix(start.as_str()).unwrap_or_else(|| panic!("{link}")).to_owned()
}

#[tokio::test]
async fn a_playlist_has_links_that_need_no_login() {
    let page = PageSetup::default().start().await;
    let answer = page.get(&format!("/m3u/{}/0", hash_of(0))).await;
    assert_eq!(answer.header("content-type"), "audio/x-mpegurl; charset=utf-8");
    let disposition = "attachment; filename=\"film.mkv.m3u\"";
    assert_eq!(answer.header("content-disposition"), disposition);
    let list = answer.text();
    assert!(list.starts_with("#EXTM3U\n#EXTINF:-1,film.mkv\nhttp://"), "{list}");
    let path = path_of(&page, &links(&list)[0]);
    assert_eq!(page.send("HEAD", &path, &[]).await.status, 200);
    // A player in a page of another site may use it as well: it has the key.
    let cross = ["sec-fetch-site: cross-site"];
    assert_eq!(page.send("HEAD", &path, &cross).await.status, 200);
    let (start, key) = path.split_once("&key=").unwrap();
    assert_eq!(page.send("HEAD", start, &[]).await.status, 401);
    for wrong in [
        format!("{start}&key="),
        format!("{start}&key={}", "0".repeat(32)),
        path.replace("/0/", "/1/"),
        path.replace(&hash_of(0), &hash_of(1)),
        path.replace("%2Fmnt", "%2Fsrv"),
        format!("/api/overview?key={key}"),
        format!("/?key={key}"),
        format!("/m3u/{}/0?key={key}", hash_of(0)),
    ] {
        assert_eq!(page.send("HEAD", &wrong, &[]).await.status, 401, "{wrong}");
    }
    // The name is for players only.
    assert_eq!(page.send("HEAD", &path.replace("film.mkv", "x"), &[]).await.status, 200);
    // Keys are those of the token, whatever process makes them.
    let again = PageSetup::default().start().await;
    assert_eq!(again.send("HEAD", &path, &[]).await.status, 200);
    let other = PageSetup { token: Some("another horse"), ..PageSetup::default() }.start().await;
    assert_eq!(other.send("HEAD", &path, &[]).await.status, 401);
}

#[tokio::test]
async fn a_playlist_of_a_torrent_has_its_selected_films_in_order() {
    let page = PageSetup::open().start().await;
    let answer = page.send("GET", &format!("/m3u/{}", hash_of(1)), &[]).await;
    let list = answer.text();
    assert!(list.lines().filter(|line| line.starts_with("#EXTINF")).is_sorted(), "{list}");
    let links = links(&list);
    // Of twelve, two are not selected.
    assert_eq!(links.len(), 10, "{links:?}");
    assert!(links.iter().all(|link| !link.contains("key=")), "{links:?}");
    assert_eq!(page.send("HEAD", &path_of(&page, &links[9]), &[]).await.status, 200);
}

#[tokio::test]
async fn links_have_the_host_and_scheme_of_the_request() {
    let page = PageSetup { hosts: &["tfs.example.org"], ..PageSetup::default() }.start().await;
    let path = format!("/m3u/{}/0", hash_of(0));
    let lines = [bearer(), "host: tfs.example.org".into(), "x-forwarded-proto: https".into()];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let list = page.send("GET", &path, &lines).await.text();
    assert!(links(&list)[0].starts_with("https://tfs.example.org/file/"), "{list}");
    let answer = page.send("GET", &path, &[&bearer(), "host: evil.example"]).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn odd_names_stay_in_their_line() {
    let page = PageSetup::default().start().await;
    // Indexes of the names with markup, controls and long names.
    for index in [4, 5, 6, 7, 8, 9, 10, 12] {
        let answer = page.get(&format!("/m3u/{}", hash_of(index))).await;
        assert_eq!(answer.status, 200, "{index}: {answer:?}");
        let list = answer.text();
        let count = links(&list).len();
        assert_eq!(list.lines().count(), 1 + 2 * count, "{list}");
        assert!(!list.contains('\t') && !list.contains('\u{1}'), "{list:?}");
        for link in links(&list) {
            assert!(link.is_ascii() && !link.contains(['<', ' ', '"']), "{link}");
            assert_eq!(page.send("HEAD", &path_of(&page, &link), &[]).await.status, 200, "{link}");
        }
    }
}

#[tokio::test]
async fn unknown_playlists_are_refused() {
    let page = PageSetup { mounts: 2, ..PageSetup::default() }.start().await;
    let hash = hash_of(0);
    for (path, status) in [
        (format!("/m3u/{hash}"), 409),
        (format!("/m3u/{hash}?mountpoint=/x"), 404),
        (format!("/m3u/{hash}/77?mountpoint=/mnt/torrents"), 404),
        (format!("/m3u/{}?mountpoint=/mnt/torrents", "0".repeat(40)), 404),
    ] {
        assert_eq!(page.get(&path).await.status, status, "{path}");
    }
    let path = format!("/m3u/{hash}?mountpoint=/srv/media/%3Cb%3Esecond%3C/b%3E");
    let list = page.get(&path).await.text();
    assert_eq!(page.send("HEAD", &path_of(&page, &links(&list)[0]), &[]).await.status, 200);
}
