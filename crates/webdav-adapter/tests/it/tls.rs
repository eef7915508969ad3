//! Certificates, and requests over TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use webdav_adapter::{WebdavAuth, WebdavError, WebdavServer, WebdavTls, WebdavTlsError};

use crate::client::{Reply, request_bytes};
use crate::stage::{FILM_LEN, OneDevice, WebdavStage, settings};

fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["nas.example".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

async fn get(address: SocketAddr, certificate: &str, request: &str) -> Reply {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("nas.example").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut connection = connector.connect(name, connection).await.unwrap();
    connection.write_all(&request_bytes(request, b"")).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    Reply::parse(&answer)
}

#[tokio::test]
async fn files_and_logins_over_tls() {
    let (certificate, key) = certificate();
    let mut settings = settings();
    settings.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    settings.auth = WebdavAuth::Token("0123456789".to_owned());
    settings.tls = Some(WebdavTls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap());
    let stage = WebdavStage::with_settings(settings).await;
    let address = SocketAddr::from(([127, 0, 0, 1], stage.address().port()));
    let login = "Authorization: Bearer 0123456789\nHost: nas.example";
    let film = get(address, &certificate, &format!("GET /film.mkv\n{login}")).await;
    assert_eq!((film.status, film.body == WebdavStage::film(0, FILM_LEN)), (200, true));
    let list = get(address, &certificate, &format!("GET /?m3u\n{login}")).await;
    assert!(list.text().contains("https://nas.example/film.mkv\n"), "{}", list.text());
    assert_eq!(get(address, &certificate, "GET /film.mkv").await.status, 401);
    // A client without TLS gets nothing, and harms no other.
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _read = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    // Neither do those that say nothing.
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert_eq!(get(address, &certificate, &format!("HEAD /\n{login}")).await.status, 200);
}

#[tokio::test]
async fn no_password_crosses_a_network_in_clear_text() {
    let stage = WebdavStage::new().await;
    let mut settings = settings();
    settings.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    settings.auth = WebdavAuth::Token("0123456789".to_owned());
    let export = vfs_core::Export::new(Arc::clone(&stage.vfs));
    let error =
        WebdavServer::start(export, settings, Arc::<OneDevice>::default()).await.unwrap_err();
    let WebdavError::Settings(error) = error else { panic!("{error}") };
    assert!(error.to_string().contains("give a certificate"), "{error}");
}

#[test]
fn faults_of_certificates_are_named() {
    let (certificate, key) = certificate();
    let (_, other) = self::certificate();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (certificate, key, fault) in [
        ("", key.as_str(), WebdavTlsError::NoCertificate),
        (&key, &key, WebdavTlsError::NoCertificate),
        (damaged, &key, WebdavTlsError::Certificate),
        (&certificate, "", WebdavTlsError::NoKey),
        (&certificate, encrypted, WebdavTlsError::EncryptedKey),
        (&certificate, &other, WebdavTlsError::Mismatch),
    ] {
        let found = WebdavTls::from_pem(certificate.as_bytes(), key.as_bytes());
        assert_eq!(found.err(), Some(fault));
    }
    let tls = WebdavTls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(format!("{tls:?}"), "WebdavTls(hidden)");
}
