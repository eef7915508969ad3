//! The listener for the rqbit client of Sonarr and Radarr: five routes of rqbit, which tell the
//! truth about torrents whose files are not all there.
//!
//! rqbit calls a torrent finished when its selected files are complete, so one without selected
//! files is finished at once, and Sonarr imports files that are holes. Here a torrent is finished
//! when all bytes of all files are there.
//!
//! # Invariants
//! - The address is one of this machine only. Requests of web pages are refused.
//! - No other route reaches the server.
//! - A delete removes no files, unless the configuration allows it.
//! - Every wait and every size is limited.

mod answer;
mod list;
mod routes;
mod settings;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tfs_api::status::ArrStatus;
use tfs_http::Listening;
use tokio::net::TcpListener;

use self::routes::ArrRoutes;
pub use self::settings::ArrSettings;
use crate::control::MountRegistry;
use crate::intake::Intake;

/// Why the listener does not work. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
#[error("listen for Sonarr and Radarr at {address}")]
pub struct ArrError {
    /// The address.
    pub address: SocketAddr,
    /// The error of the system.
    pub source: io::Error,
}

/// Serves Sonarr and Radarr until it is dropped.
#[derive(Debug)]
pub struct ArrServer {
    listening: Listening,
    intake: Intake,
}

impl ArrServer {
    /// Listens at the configured address.
    ///
    /// # Errors
    /// [`ArrError`]; a mount works without the listener, and its status names the error.
    pub async fn start(settings: ArrSettings, mounts: &MountRegistry) -> Result<Self, ArrError> {
        let intake = mounts.intake().clone();
        let address = settings.address;
        let server = settings.server_name.clone();
        let opened = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = opened.await.map_err(|source: io::Error| {
            let trouble = Some(format!("cannot listen at {address}: {source}"));
            intake.set_arr(Some(ArrStatus { address: None, server: server.clone(), trouble }));
            ArrError { address, source }
        })?;
        tracing::info!(%address, server, "listening for Sonarr and Radarr");
        let address = Some(address.to_string());
        let trouble = settings.server.trouble();
        intake.set_arr(Some(ArrStatus { address, server, trouble }));
        let routes = Arc::new(ArrRoutes::new(settings, mounts.clone()));
        let listening = Listening::start(listener, move |request| {
            let routes = Arc::clone(&routes);
            async move { routes.answer(request).await }
        });
        Ok(Self { listening, intake })
    }

    /// Ends it. Pending responses are completed if that is quick.
    pub async fn end(self) {
        self.intake.set_arr(None);
        self.listening.end().await;
    }
}
