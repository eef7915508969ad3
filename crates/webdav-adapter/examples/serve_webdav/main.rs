//! Serves a directory as if it were the torrents of a server, for trials with WebDAV clients.
//!
//! `cargo run -p webdav-adapter --example serve_webdav -- DIR [ADDRESS] [--login USER:PASSWORD]
//! [--device NAME=TOKEN] [--tls PEM] [--print]`. Each entry of the directory is a torrent. `many`
//! in place of a directory makes up 10,000 files. `--print` prints each stream of the source.
#![expect(clippy::print_stdout, reason = "it is an example")]

mod source;

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use vfs_core::{Export, ServerId, TorrentSource as _, Vfs, VfsConfig};
use webdav_adapter::{DeviceTokens, WebdavAuth, WebdavServer, WebdavSettings, WebdavTls};

use source::DirSource;

/// The tokens of the command line, with their names.
#[derive(Default)]
struct Tokens(Vec<(String, String)>);

impl DeviceTokens for Tokens {
    fn device_of(&self, token: &str) -> Option<String> {
        // A real one compares hashes.
        let found = self.0.iter().find(|(_name, known)| known == token);
        found.map(|(name, _token)| name.clone())
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut tokens = Tokens::default();
    let mut settings = WebdavSettings::new(SocketAddr::from(([127, 0, 0, 1], 8080)));
    let (mut dir, mut prints) = (None, false);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or("an option needs a value");
        match argument.as_str() {
            "--login" => {
                let value = value()?;
                let (user, password) = value.split_once(':').ok_or("--login USER:PASSWORD")?;
                let (user, password) = (user.to_owned(), password.to_owned());
                settings.auth = WebdavAuth::Password { user, password };
            }
            "--device" => {
                let value = value()?;
                let (name, token) = value.split_once('=').ok_or("--device NAME=TOKEN")?;
                tokens.0.push((name.to_owned(), token.to_owned()));
            }
            "--tls" => {
                let pem = std::fs::read(value()?)?;
                settings.tls = Some(WebdavTls::from_pem(&pem, &pem)?);
            }
            "--print" => prints = true,
            _ if dir.is_none() => dir = Some(argument),
            address => settings.listen = address.parse()?,
        }
    }
    let mut source = match dir.as_deref() {
        None => return Err("name a directory, or \"many\"".into()),
        Some("many") => DirSource::many(10_000),
        Some(dir) => DirSource::of(Path::new(dir))?,
    };
    source.prints = prints;
    let source = Arc::new(source);
    let vfs = Arc::new(Vfs::new(Arc::clone(&source), VfsConfig::default()));
    let listing = source.list().await?;
    let mut details = Vec::new();
    for torrent in &listing {
        details.push(source.details(torrent.info_hash).await?);
    }
    vfs.apply(ServerId::FIRST, listing, details, 1);
    let server = WebdavServer::start(Export::new(vfs), settings, Arc::new(tokens)).await?;
    println!("http://{}/", server.address());
    std::future::pending::<()>().await;
    Ok(())
}
