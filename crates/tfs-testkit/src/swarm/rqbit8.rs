//! rqbit 8.1.1, the last version before 9, as a server in its own process.

use std::net::{Ipv4Addr, SocketAddr};

use librqbit_8::http_api::HttpApi;
use librqbit_8::limits::LimitsConfig;
use librqbit_8::{Api, Session, SessionOptions, SessionPersistenceConfig};
use rqbit_embedded::EmbeddedConfig;
use tokio::net::TcpListener;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Starts a server on the runtime of the caller, which must have several threads, since rqbit
/// blocks them. It ends with the runtime. Returns the address of its API.
///
/// It does not listen for peers, and has neither permits nor a DHT.
pub(super) async fn start(config: &EmbeddedConfig) -> Result<SocketAddr, Error> {
    let options = SessionOptions {
        disable_dht: true,
        disable_dht_persistence: true,
        fastresume: config.session_dir.is_some(),
        persistence: config
            .session_dir
            .clone()
            .map(|folder| SessionPersistenceConfig::Json { folder: Some(folder) }),
        ratelimits: LimitsConfig {
            upload_bps: config.upload_bps,
            download_bps: config.download_bps,
        },
        ..SessionOptions::default()
    };
    let session = Session::new_with_opts(config.dir.clone(), options).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.api_port)).await?;
    let address = listener.local_addr()?;
    let http = HttpApi::new(Api::new(session, None, None), None);
    tokio::spawn(http.make_http_api_and_run(listener, None));
    Ok(address)
}
