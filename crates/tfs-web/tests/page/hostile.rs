//! Clients that send what no client should.

use super::client::{exchange, request};
use super::fake::{PageSetup, bearer};

#[tokio::test(start_paused = true)]
async fn endless_heads_are_closed() {
    let page = PageSetup::default().start().await;
    let start = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n".to_vec();
    for rest in [
        b"a: ".to_vec(),
        [b"a: ".to_vec(), vec![b'x'; 64 << 10]].concat(),
        b"a: b\r\n".repeat(20_000),
        b"a: b\r\n".repeat(150),
        vec![b'\0'; 1000],
    ] {
        let answer = exchange(page.address, &[start.clone(), rest.clone()].concat()).await;
        // A head that does not end gets 408 or nothing, a large one 431, garbage 400.
        let expected = [0, 400, 408, 431];
        assert!(expected.contains(&answer.status), "{} bytes: {answer:?}", rest.len());
        assert!(answer.body.is_empty(), "{answer:?}");
    }
    let long = [b"GET /".to_vec(), vec![b'x'; 64 << 10], b" HTTP/1.1\r\n\r\n".to_vec()].concat();
    let status = exchange(page.address, &long).await.status;
    assert!([0, 414, 431].contains(&status), "{status}");
    assert_eq!(page.get("/").await.status, 200);
}

#[tokio::test]
async fn odd_addresses_are_no_pages() {
    let page = PageSetup::default().start().await;
    for path in [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/app.js",
        "//app.js",
        "/app.js/",
        "/app.js%00",
        "/api/../app.js",
        "/api",
        "/api/",
        "/file/",
        "/file/0123456789abcdef0123456789abcdef01234567/0/../../app.js",
        "/m3u",
        "/%",
        "/%zz",
        "/\\app.js",
        "/;/app.js",
    ] {
        let answer = page.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    let query = format!("/api/search?q={}", "%41".repeat(4000));
    assert_eq!(page.get(&query).await.status, 400, "too many characters");
    let many = (0..2000).map(|at| format!("a{at}&")).collect::<String>();
    assert_eq!(page.get(&format!("/api/overview?{many}")).await.status, 200);
}

#[tokio::test]
async fn odd_requests_harm_nothing() {
    let page = PageSetup::default().start().await;
    let mut garbage = [0_u8; 4096];
    let mut state = 7_u32;
    for byte in &mut garbage {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    for bytes in [
        &b"\r\n\r\n\r\n"[..],
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /login HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: \xff\xfe\r\nconnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: \xff\r\nconnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
        &garbage,
    ] {
        let answer = exchange(page.address, bytes).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        assert!(answer.status == 0 || answer.status >= 400, "{shown}: {answer:?}");
    }
    // Names and texts of requests do not come back as markup.
    for path in ["/%3Cscript%3E", "/api/search?q=%3Cscript%3E&limit=%3Cscript%3E"] {
        let text = page.get(path).await.text();
        assert!(!text.contains("<script"), "{text}");
    }
    let bytes = request(page.address, "POST", "/login", &[], b"token=%3Cscript%3E");
    let text = exchange(page.address, &bytes).await.text();
    // The form has one script of its own.
    let others = text.replacen("<script src=\"/login.js\" defer></script>", "", 1);
    assert!(others != text && !others.contains("script"), "{text}");
    assert_eq!(page.send("GET", "/", &[&bearer()]).await.status, 200);
}
