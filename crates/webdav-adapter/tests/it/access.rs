//! Who may read.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use webdav_adapter::WebdavAuth;

use crate::stage::{TOKEN, WebdavStage, settings};

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

async fn stage_of(auth: WebdavAuth) -> WebdavStage {
    let mut settings = settings();
    settings.auth = auth;
    WebdavStage::with_settings(settings).await
}

fn login(password: &str) -> WebdavAuth {
    WebdavAuth::Password { user: "ann".to_owned(), password: password.to_owned() }
}

#[tokio::test]
async fn a_login_is_asked_for() {
    let stage = stage_of(login("correct horse")).await;
    let reply = stage.check("GET /film.mkv", 401).await;
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Basic realm=\"tfs\""), "{challenge}");
    stage.check(&format!("GET /film.mkv\n{}", basic("ann", "correct horse")), 200).await;
    stage.check(&format!("PROPFIND /\nDepth: 1\n{}", basic("bob", "correct horse")), 401).await;
    stage.check("DELETE /film.mkv", 401).await;
    // Without one, and for device tokens.
    stage.check("OPTIONS /", 200).await;
    stage.check(&format!("GET /k/{TOKEN}/film.mkv"), 200).await;
    let refused = stage.server.counts().refused;
    assert_eq!(refused, 3);
}

#[tokio::test]
async fn a_token_is_a_login_too() {
    let stage = stage_of(WebdavAuth::Token("0123456789".to_owned())).await;
    stage.check("GET /film.mkv\nAuthorization: Bearer 0123456789", 200).await;
    stage.check(&format!("GET /film.mkv\n{}", basic("any", "0123456789")), 200).await;
    stage.check("GET /film.mkv\nAuthorization: Bearer 012345678", 401).await;
}

#[tokio::test]
async fn guesses_are_slowed_down() {
    let stage = stage_of(login("correct horse")).await;
    for _ in 0..10 {
        stage.check(&format!("HEAD /\n{}", basic("ann", "wrong")), 401).await;
    }
    let reply = stage.check(&format!("GET /\n{}", basic("ann", "wrong")), 429).await;
    assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() <= 60);
    // A device token of the same address works, and so does a request without a guess.
    stage.check(&format!("HEAD /k/{TOKEN}/"), 200).await;
    stage.check("HEAD /", 401).await;
    // Wrong tokens count too, and lock no right one out.
    let wrong = TOKEN.replace('0', "1");
    stage.check(&format!("HEAD /k/{wrong}/"), 429).await;
    let wrong_login = basic("ann", "wrong");
    stage.check(&format!("GET /k/{TOKEN}/film.mkv\n{wrong_login}"), 200).await;
    stage.check(&format!("PROPFIND /k/{TOKEN}/\nDepth: 1"), 207).await;
    let long = stage_of(login("correct horse battery staple")).await;
    for _ in 0..20 {
        long.send(&format!("HEAD /\n{}", basic("ann", "wrong"))).await;
    }
    long.check(&format!("HEAD /\n{}", basic("ann", "correct horse battery staple")), 200).await;
}

#[tokio::test]
async fn on_a_network_only_devices_are_served_without_a_login() {
    let mut settings = settings();
    settings.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let stage = WebdavStage::with_settings(settings).await;
    let address = SocketAddr::from(([127, 0, 0, 1], stage.address().port()));
    let get = async |path: &str| crate::client::send(address, &format!("GET {path}"), b"").await;
    assert_eq!(get("/film.mkv").await.status, 404);
    let refused = get("/").await;
    assert_eq!(refused.status, 404);
    assert!(refused.text().contains("tfs serve token new"), "{}", refused.text());
    assert_eq!(get(&format!("/k/{TOKEN}/film.mkv")).await.status, 200);
    let origin = stage.vfs.readers().remove(0).origin.unwrap();
    assert_eq!(origin.agent.as_deref(), Some("device tv"));
    let wrong = TOKEN.replace('0', "1");
    for _ in 0..10 {
        assert_eq!(get(&format!("/k/{wrong}/film.mkv")).await.status, 404);
    }
    assert_eq!(get(&format!("/k/{wrong}/film.mkv")).await.status, 429);
    assert_eq!(get(&format!("/k/{TOKEN}/film.mkv")).await.status, 200, "it is not locked out");
}

#[tokio::test]
async fn a_network_can_be_let_in() {
    let mut settings = settings();
    settings.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    settings.auth = WebdavAuth::OpenToAll;
    let stage = WebdavStage::with_settings(settings).await;
    let address = SocketAddr::from(([127, 0, 0, 1], stage.address().port()));
    let get = async |request: &str| crate::client::send(address, request, b"").await;
    assert_eq!(get("GET /film.mkv").await.status, 200);
    assert_eq!(get("GET /film.mkv\nHost: evil.example").await.status, 403);
}

#[tokio::test]
async fn references_keep_the_device_token() {
    let stage = WebdavStage::new().await;
    let listed = stage.check(&format!("PROPFIND /k/{TOKEN}\nDepth: 1"), 207).await;
    let prefix = format!("<D:href>/k/{TOKEN}/");
    assert_eq!(listed.text().matches(&prefix).count(), 3, "{}", listed.text());
    let moved = stage.check(&format!("GET /k/{TOKEN}/Series%20%26%20more"), 301).await;
    let location = format!("/k/{TOKEN}/Series%20%26%20more/");
    assert_eq!(moved.header("location"), Some(&*location));
    let moved = stage.check(&format!("GET /k/{TOKEN}"), 301).await;
    assert_eq!(moved.header("location"), Some(&*format!("/k/{TOKEN}/")));
    let index = stage.check(&format!("GET /k/{TOKEN}/"), 200).await;
    assert!(!index.text().contains(TOKEN), "links are relative");
}

#[tokio::test]
async fn foreign_host_names_are_refused_without_a_login() {
    let mut settings = settings();
    settings.hosts = vec!["Nas.example".to_owned()];
    let stage = WebdavStage::with_settings(settings).await;
    for (host, status) in [
        ("127.0.0.1:1", 200),
        ("localhost", 200),
        ("nas.example:80", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
    ] {
        stage.check(&format!("HEAD /film.mkv\nHost: {host}"), status).await;
    }
    let refused = stage.check("GET /\nHost: evil.example", 403).await;
    let text = refused.text();
    assert!(text.contains("`--allow-host`") && text.contains("`hosts`"), "{text}");
    stage.check(&format!("HEAD /k/{TOKEN}/film.mkv\nHost: any.example"), 200).await;
}

#[tokio::test]
async fn guesses_through_a_proxy_are_those_of_its_clients() {
    let stage = stage_of(login("correct horse")).await;
    let wrong = basic("ann", "wrong");
    for _ in 0..10 {
        stage.check(&format!("HEAD /\nX-Forwarded-For: 10.0.0.9\n{wrong}"), 401).await;
    }
    stage.check(&format!("HEAD /\nX-Forwarded-For: 10.0.0.9\n{wrong}"), 429).await;
    let right = basic("ann", "correct horse");
    stage.check(&format!("HEAD /\nX-Forwarded-For: 10.0.0.8\n{right}"), 200).await;
    stage.check(&format!("HEAD /\n{right}"), 200).await;
    let request = format!("GET /film.mkv\nX-Forwarded-For: 1.1.1.1, 10.0.0.8\n{right}");
    stage.check(&request, 200).await;
    assert_eq!(stage.vfs.readers().remove(0).origin.unwrap().peer, "10.0.0.8");
}
