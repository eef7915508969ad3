//! `https`, with trusted and untrusted certificates.

use std::sync::Arc;

use expect_test::expect;
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd, generate_simple_self_signed};
use rqbit_client::{
    AccessOptions, Client, ClientConfig, RootCertificates, RootCertificatesError, Timeouts,
};
use tfs_testkit::rqbit::{Handshake, RqbitSetup};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::{PATIENT, SOON, Script, ScriptStep, ScriptedServer, run};

/// A self-signed certificate for a name, and a server configuration that uses it.
fn certificate(name: &str) -> (Arc<ServerConfig>, String) {
    let made = generate_simple_self_signed([name.to_owned()]).expect("make a certificate");
    serving(made)
}

/// The same with an expired certificate.
fn expired_certificate(name: &str) -> (Arc<ServerConfig>, String) {
    let signing_key = KeyPair::generate().expect("make a key");
    let mut params = CertificateParams::new([name.to_owned()]).expect("a valid name");
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
    let cert = params.self_signed(&signing_key).expect("sign a certificate");
    serving(CertifiedKey { cert, signing_key })
}

fn serving(made: CertifiedKey<KeyPair>) -> (Arc<ServerConfig>, String) {
    let CertifiedKey { cert, signing_key } = made;
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|it| it.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key))
        .expect("set up a tls server");
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    (Arc::new(tls), cert.pem())
}

fn client(server: &ScriptedServer, roots: RootCertificates, timeouts: Timeouts) -> Client {
    let base_url = server.url("https").parse().expect("a valid address");
    let access = AccessOptions { extra_roots: roots, ..AccessOptions::default() };
    let config = ClientConfig { access, timeouts, ..ClientConfig::new(base_url) };
    Client::new(config).expect("set up a client")
}

/// Lists the torrents, and renders the result.
async fn list(client: &Client) -> String {
    match client.torrents().await {
        Ok(_list) => "done".into(),
        Err(error) => format!("{}, retryable {}", error.kind(), error.is_retryable()),
    }
}

/// Plays scripts after a TLS handshake.
fn encrypted(scripts: Vec<Script>, tls: Arc<ServerConfig>) -> RqbitSetup {
    let acceptor = TlsAcceptor::from(tls);
    let handshake = Handshake::new(move |socket| acceptor.accept(socket));
    RqbitSetup { handshake: Some(handshake), ..scripts.into() }
}

fn answers(count: usize) -> Vec<ScriptStep> {
    vec![vec![ScriptStep::Request, ScriptStep::answer("200 OK", r#"{"torrents":[]}"#)]; count]
        .concat()
}

#[test]
fn trusted_certificate() {
    run(async {
        let (tls, pem) = certificate("127.0.0.1");
        let server = ScriptedServer::start(encrypted(vec![answers(2)], tls));
        let mut roots = RootCertificates::default();
        roots.add_pem(pem.as_bytes()).unwrap();
        let client = client(&server, roots, PATIENT);
        assert_eq!(list(&client).await, "done");
        assert_eq!(list(&client).await, "done");
        drop(client);
        expect![[r#"
            connection 1: GET /torrents
            connection 1: GET /torrents
        "#]]
        .assert_eq(&server.finish().await);
    });
}

#[test]
fn certificates_that_are_not_trusted() {
    run(async {
        let (other, pem) = certificate("other.example");
        let mut roots = RootCertificates::default();
        roots.add_pem(pem.as_bytes()).unwrap();
        // Trusted, but for another host.
        let server = ScriptedServer::start(encrypted(vec![answers(1)], other));
        let result = list(&client(&server, roots.clone(), PATIENT)).await;
        expect!["certificate of the server is not trusted, retryable false"].assert_eq(&result);
        expect![[r#"
            connection 1: tls handshake failed
        "#]]
        .assert_eq(&server.finish().await);
        // For this host, but not trusted.
        let (unknown, _pem) = certificate("127.0.0.1");
        let server = ScriptedServer::start(encrypted(vec![answers(1)], unknown));
        let result = list(&client(&server, roots, PATIENT)).await;
        expect!["certificate of the server is not trusted, retryable false"].assert_eq(&result);
        server.finish().await;
    });
}

#[test]
fn an_expired_certificate_is_final() {
    run(async {
        let (tls, pem) = expired_certificate("127.0.0.1");
        let mut roots = RootCertificates::default();
        roots.add_pem(pem.as_bytes()).unwrap();
        let server = ScriptedServer::start(encrypted(vec![answers(1)], tls));
        let result = list(&client(&server, roots, PATIENT)).await;
        expect!["certificate of the server is not trusted, retryable false"].assert_eq(&result);
        server.finish().await;
    });
}

#[test]
fn servers_that_do_not_speak_tls() {
    run(async {
        let (_tls, pem) = certificate("127.0.0.1");
        let mut roots = RootCertificates::default();
        roots.add_pem(pem.as_bytes()).unwrap();
        let plain = vec![ScriptStep::send("HTTP/1.1 400 Bad Request\r\n\r\n")];
        let silent = vec![ScriptStep::Gate];
        let gone = vec![];
        let server = ScriptedServer::start(vec![plain, gone, silent]);
        let patient = client(&server, roots.clone(), PATIENT);
        expect!["tls handshake failed, retryable false"].assert_eq(&list(&patient).await);
        expect!["connection closed by the server, retryable true"].assert_eq(&list(&patient).await);
        let hasty = client(&server, roots, Timeouts { connect: SOON, ..PATIENT });
        expect!["timed out in the tls handshake, retryable true"].assert_eq(&list(&hasty).await);
        server.open_gate();
        server.finish().await;
    });
}

#[test]
fn roots_that_are_none() {
    let mut roots = RootCertificates::default();
    let key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let torn = "-----BEGIN CERTIFICATE-----\nAA";
    assert_eq!(roots.add_pem(b"text"), Err(RootCertificatesError::Empty));
    assert_eq!(roots.add_pem(key.as_bytes()), Err(RootCertificatesError::Empty));
    assert_eq!(roots.add_pem(torn.as_bytes()), Err(RootCertificatesError::Pem));
    assert_eq!(roots.add_pem(broken.as_bytes()), Err(RootCertificatesError::Certificate));
}
