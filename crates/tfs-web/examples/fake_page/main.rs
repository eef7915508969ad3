//! The page over mounts that do not exist, for work on the page.
//!
//! `cargo run -p tfs-web --example fake_page -- [PORT] [ASSETS_DIR] [--mounts N] [--token TOKEN]
//! [--host NAME] [--no-control]`. Files of the page are read from `ASSETS_DIR` at each request.
//! Controls need a token, which is `fake-page` unless it is given; `--token ""` is a page without
//! one.
#![expect(clippy::print_stdout, reason = "it is an example")]
#![expect(clippy::cast_possible_truncation, reason = "the numbers are made up, and small")]

mod backend;
mod library;
mod mount;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tfs_web::{AccessToken, WebOptions, WebServer, WebSettings};

use backend::FakeBackend;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut port, mut dir, mut mounts) = (None, None, 1);
    let (mut token, mut control, mut hosts) = ("fake-page".to_owned(), true, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--mounts" => mounts = arguments.next().ok_or("--mounts needs a number")?.parse()?,
            "--token" => token = arguments.next().ok_or("--token needs a token")?,
            "--host" => hosts.push(arguments.next().ok_or("--host needs a name")?),
            "--control" => control = true,
            "--no-control" => control = false,
            _ if port.is_none() => port = Some(argument.parse::<u16>()?),
            _ => dir = Some(PathBuf::from(argument)),
        }
    }
    let options = WebOptions {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(9132))),
        token: if token.is_empty() { None } else { Some(AccessToken::new(&token)?) },
        control: control && !token.is_empty(),
        hosts,
    };
    let mut settings = WebSettings::new(options)?;
    if let Some(dir) = dir {
        settings = settings.with_files_dir(dir);
    }
    let server = WebServer::start(settings, Arc::new(FakeBackend::new(mounts))).await?;
    println!("http://{}/ with the token {token:?}", server.address());
    tokio::signal::ctrl_c().await?;
    server.end().await;
    Ok(())
}
