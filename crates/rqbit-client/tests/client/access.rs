//! Servers behind something: extra headers, client certificates, proxies, login pages.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests")]

use std::net::TcpListener;
use std::sync::Arc;

use expect_test::{Expect, expect};
use rqbit_client::{
    AccessOptions, Client, ClientConfig, ClientIdentity, ClientIdentityError, Credentials,
    ExtraHeader, FilePosition, RequestedRange, RootCertificates, TorrentRef,
};
use tfs_testkit::content::Content;
use tfs_testkit::rqbit::{
    ClientCertificates, FakeRqbit, FakeTorrent, ForwardProxy, Gate, RqbitSetup, TestAuthority,
};

use crate::support::{PATIENT, run};

/// Length of the only file of the server.
const FILE_BYTES: u64 = 1000;

/// What stands in front of a server.
#[derive(Default)]
struct Front {
    clients: Option<ClientCertificates>,
    gate: Option<Gate>,
}

fn start(front: Front, authority: &TestAuthority) -> FakeRqbit {
    let content = Content::new(7, FILE_BYTES);
    let torrent =
        FakeTorrent { is_complete: true, ..FakeTorrent::folder(1, "t", 100, &[("f", content)]) };
    let handshake = front.clients.map(|clients| authority.handshake(clients).unwrap());
    let setup = RqbitSetup { gate: front.gate, handshake, ..vec![torrent].into() };
    FakeRqbit::start(setup).unwrap()
}

/// Makes a call of each kind, and renders the results.
async fn calls(client: Client) -> String {
    let client = Arc::new(client);
    let torrent = match client.torrents().await {
        Ok(torrents) => TorrentRef::from(torrents[0].info_hash),
        Err(error) => {
            return format!("{}, retryable {}\n", error.kind(), error.is_retryable());
        }
    };
    let range = RequestedRange::new(10, 20);
    let mut stream = client.stream(torrent, 0, range, Some(FILE_BYTES)).await.unwrap();
    let streamed = stream.next_chunk().await.unwrap().unwrap();
    let reader = Arc::clone(&client);
    let of = torrent;
    let inline = tokio::task::spawn_blocking(move || {
        let mut buffer = [0; 10];
        let position = FilePosition { start: 10, file_len: FILE_BYTES };
        let read = reader.read_direct(of, 0, position, &mut buffer, PATIENT.total);
        read.map(|()| buffer == *streamed).map_err(|error| error.to_string())
    });
    let inline = inline.await.unwrap();
    let haves = client.torrent_haves(torrent).await.map(|haves| haves.have_count());
    let here = client.is_on_this_machine();
    format!("listed, streamed, inline {inline:?}, {:?} pieces, here {here:?}\n", haves.unwrap())
}

/// Starts a server, and makes calls of it with several accesses. Returns the server and the
/// rendered results.
fn try_accesses(
    front: Front,
    accesses: impl FnOnce(&TestAuthority) -> Vec<(&'static str, AccessOptions)>,
) -> (FakeRqbit, String) {
    let authority = TestAuthority::new().unwrap();
    let has_tls = front.clients.is_some();
    let server = start(front, &authority);
    let url = if has_tls { server.url().replace("http", "https") } else { server.url() };
    let text = run(async {
        let mut text = String::new();
        for (name, access) in accesses(&authority) {
            let config = ClientConfig {
                access,
                timeouts: PATIENT,
                ..ClientConfig::new(url.parse().unwrap())
            };
            text.extend([name, ": ", &calls(Client::new(config).unwrap()).await]);
        }
        text
    });
    (server, text)
}

/// Compares the results of [`try_accesses`], of which none may break a rule of the server.
#[track_caller]
fn check(
    front: Front,
    accesses: impl FnOnce(&TestAuthority) -> Vec<(&'static str, AccessOptions)>,
    want: &Expect,
) {
    let (server, text) = try_accesses(front, accesses);
    assert_eq!(server.violations(), Vec::<String>::new());
    want.assert_eq(&text);
}

fn headers(headers: &[(&str, &str)]) -> AccessOptions {
    let headers = headers.iter().map(|(name, value)| ExtraHeader::new(name, value).unwrap());
    AccessOptions { headers: headers.collect(), ..AccessOptions::default() }
}

fn trusting(authority: &TestAuthority) -> AccessOptions {
    let mut extra_roots = RootCertificates::default();
    extra_roots.add_pem(authority.pem().as_bytes()).unwrap();
    AccessOptions { extra_roots, ..AccessOptions::default() }
}

fn identified(authority: &TestAuthority, issuer: &TestAuthority) -> AccessOptions {
    let issued = issuer.client().unwrap();
    let identity =
        ClientIdentity::from_pem(issued.certificate.as_bytes(), issued.key.as_bytes()).unwrap();
    AccessOptions { identity: Some(identity), ..trusting(authority) }
}

#[test]
fn every_request_has_the_extra_headers() {
    let required = [("cf-access-client-id", "id"), ("cf-access-client-secret", "secret")];
    let location = "https://team.cloudflareaccess.com/cdn-cgi/access/login/h?token=secret";
    check(
        Front { gate: Some(Gate::redirecting(&required, location)), ..Front::default() },
        |_| {
            vec![
                ("none", AccessOptions::default()),
                ("one", headers(&[("CF-Access-Client-Id", "id")])),
                (
                    "wrong",
                    headers(&[("cf-access-client-id", "id"), ("cf-access-client-secret", "")]),
                ),
                ("both", headers(&required)),
            ]
        },
        &expect![[r#"
            none: server answered with a login page at https://team.cloudflareaccess.com/cdn-cgi/access/login/h, retryable false
            one: server answered with a login page at https://team.cloudflareaccess.com/cdn-cgi/access/login/h, retryable false
            wrong: server answered with a login page at https://team.cloudflareaccess.com/cdn-cgi/access/login/h, retryable false
            both: listed, streamed, inline Ok(true), 10 pieces, here Some(true)
        "#]],
    );
}

#[test]
fn private_authority_and_client_certificates() {
    check(
        Front { clients: Some(ClientCertificates::Required), ..Front::default() },
        |authority| {
            let other = TestAuthority::new().unwrap();
            vec![
                ("not trusted", AccessOptions::default()),
                ("no certificate", trusting(authority)),
                ("of another authority", identified(authority, &other)),
                ("of this authority", identified(authority, authority)),
            ]
        },
        &expect![[r#"
            not trusted: certificate of the server is not trusted, retryable false
            no certificate: server requires a client certificate, retryable false
            of another authority: server does not accept the client certificate, retryable false
            of this authority: listed, streamed, inline Err("no direct way to the server"), 10 pieces, here Some(true)
        "#]],
    );
    check(
        Front { clients: Some(ClientCertificates::Unused), ..Front::default() },
        |authority| vec![("not requested", identified(authority, authority))],
        &expect![[r#"
            not requested: listed, streamed, inline Err("no direct way to the server"), 10 pieces, here Some(true)
        "#]],
    );
}

fn via(proxy: &str, access: AccessOptions) -> AccessOptions {
    AccessOptions { proxy: Some(proxy.parse().unwrap()), ..access }
}

#[test]
fn every_request_goes_through_the_proxy() {
    let proxy = ForwardProxy::start(Some("Basic dXNlcjpwQHNz")).unwrap();
    let address = proxy.address();
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let accesses = |access: &AccessOptions| {
        vec![
            ("proxy down", via(&format!("http://{nowhere}"), access.clone())),
            ("no credentials", via(&format!("http://{address}"), access.clone())),
            ("wrong", via(&format!("http://user:x@{address}"), access.clone())),
            ("right", via(&format!("http://user:p%40ss@{address}"), access.clone())),
        ]
    };
    // The port of a proxy that is down differs in each run.
    let check = |front: Front, want: Expect| {
        let (_server, text) = try_accesses(front, |authority| accesses(&trusting(authority)));
        let text =
            text.replace(&nowhere.to_string(), "DOWN").replace(&address.to_string(), "PROXY");
        want.assert_eq(&text);
    };
    check(
        Front::default(),
        expect![[r#"
        proxy down: proxy http://DOWN: connection refused, retryable true
        no credentials: proxy http://PROXY: requires other credentials, retryable false
        wrong: proxy http://PROXY: requires other credentials, retryable false
        right: listed, streamed, inline Ok(true), 10 pieces, here Some(false)
    "#]],
    );
    let absolute = proxy.requests();
    assert!(absolute.iter().all(|line| line.contains(" http://127.0.0.1:")), "{absolute:?}");
    check(
        Front { clients: Some(ClientCertificates::Unused), ..Front::default() },
        expect![[r#"
            proxy down: proxy http://DOWN: connection refused, retryable true
            no credentials: proxy http://PROXY: requires other credentials, retryable false
            wrong: proxy http://PROXY: requires other credentials, retryable false
            right: listed, streamed, inline Err("no direct way to the server"), 10 pieces, here Some(false)
        "#]],
    );
    let tunnels = &proxy.requests()[absolute.len()..];
    assert!(tunnels.iter().all(|line| line.starts_with("CONNECT 127.0.0.1:")), "{tunnels:?}");
    assert!(!tunnels.is_empty());
}

/// The server closes the connection while the client still writes. The alert must not be lost.
#[test]
fn a_missing_client_certificate_is_reported_through_a_proxy_too() {
    let authority = TestAuthority::new().unwrap();
    let proxy = ForwardProxy::start(None).unwrap();
    let front = Front { clients: Some(ClientCertificates::Required), ..Front::default() };
    let server = start(front, &authority);
    let url = server.url().replace("http", "https");
    for _ in 0..20 {
        let access = via(&format!("http://{}", proxy.address()), trusting(&authority));
        let base_url = url.parse().unwrap();
        let config = ClientConfig { access, timeouts: PATIENT, ..ClientConfig::new(base_url) };
        let said = run(calls(Client::new(config).unwrap()));
        assert_eq!(said, "server requires a client certificate, retryable false\n");
    }
}

#[test]
fn a_server_that_the_proxy_cannot_reach() {
    let proxy = ForwardProxy::start(None).unwrap();
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rows = ["http", "https"].map(|scheme| {
        let access = via(&format!("http://{}", proxy.address()), AccessOptions::default());
        let base_url = format!("{scheme}://{nowhere}").parse().unwrap();
        let config = ClientConfig { access, timeouts: PATIENT, ..ClientConfig::new(base_url) };
        run(calls(Client::new(config).unwrap())).replace(&proxy.address().to_string(), "PROXY")
    });
    expect![[r#"
        server answered 502, retryable true
        proxy http://PROXY: refused to connect to the server (status 502), retryable true
    "#]]
    .assert_eq(&rows.concat());
}

#[test]
fn credentials_replace_a_header_of_the_access() {
    let gate = Gate::redirecting(&[("authorization", "Basic dXNlcjpwYXNz")], "/login?a=secret");
    let server =
        start(Front { gate: Some(gate), ..Front::default() }, &TestAuthority::new().unwrap());
    let rows = [None, Some(Credentials::new("user", "pass").unwrap())].map(|credentials| {
        let access = headers(&[("Authorization", "Bearer other")]);
        let base_url = server.url().parse().unwrap();
        let config = ClientConfig { credentials, access, ..ClientConfig::new(base_url) };
        run(calls(Client::new(config).unwrap()))
    });
    expect![[r#"
        server answered with a login page at /login, retryable false
        listed, streamed, inline Ok(true), 10 pieces, here Some(true)
    "#]]
    .assert_eq(&rows.concat());
}

#[test]
fn certificates_and_keys_that_cannot_be_used() {
    let authority = TestAuthority::new().unwrap();
    let (one, other) = (authority.client().unwrap(), authority.client().unwrap());
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let damaged = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let both = one.certificate.clone() + &one.key;
    let made = |certificate: &str, key: &str| {
        ClientIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).err()
    };
    assert_eq!(made(&one.certificate, &one.key), None);
    assert_eq!(made(&both, &both), None);
    assert_eq!(made("text", &one.key), Some(ClientIdentityError::NoCertificate));
    assert_eq!(made(&one.key, &one.key), Some(ClientIdentityError::NoCertificate));
    assert_eq!(made(empty, &one.key), Some(ClientIdentityError::Certificate));
    assert_eq!(made(&one.certificate, "text"), Some(ClientIdentityError::NoKey));
    assert_eq!(made(&one.certificate, &one.certificate), Some(ClientIdentityError::NoKey));
    assert_eq!(made(&one.certificate, encrypted), Some(ClientIdentityError::EncryptedKey));
    assert_eq!(made(&one.certificate, damaged), Some(ClientIdentityError::UnusableKey));
    assert_eq!(made(&one.certificate, &other.key), Some(ClientIdentityError::Mismatch));
}
