//! Prints the root of the filesystem over a server: `tree http://nas:3030`; or the first bytes of a
//! file in it: `tree http://nas:3030 "A film/film.mkv"`.

use std::{
    env,
    error::Error,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rqbit_client::{Client, ClientConfig};
use rqbit_source::{RqbitSource, STREAMS_MAX_DEFAULT};
use vfs_core::{Ino, ServerId, TorrentSource as _, Vfs, VfsConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let server = arguments.next().ok_or("usage: tree SERVER [PATH]")?;
    let client = Client::new(ClientConfig::new(server.parse()?))?;
    let source = RqbitSource::new(client, STREAMS_MAX_DEFAULT);
    let vfs = Vfs::new(Arc::new(source), VfsConfig::default());
    update(&vfs).await?;
    match arguments.next() {
        None => print_root(&vfs)?,
        Some(path) => print_file(&vfs, &path).await?,
    }
    vfs.shut_down();
    Ok(())
}

/// Passes the torrents of the server to the filesystem. A program that keeps running does this
/// every few seconds.
async fn update(vfs: &Vfs<RqbitSource>) -> Result<(), Box<dyn Error>> {
    let source = vfs.source(ServerId::FIRST).ok_or("no such server")?;
    let listing = source.list().await?;
    let mut details = Vec::new();
    for torrent in vfs.unknown_torrents(ServerId::FIRST, &listing) {
        details.push(source.details(torrent).await?);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().try_into()?;
    vfs.apply(ServerId::FIRST, listing, details, now);
    Ok(())
}

fn print_root(vfs: &Vfs<RqbitSource>) -> Result<(), Box<dyn Error>> {
    vfs.read_dir(Ino::ROOT, 0, |entry| {
        println!("{:>12} {}", entry.attr.size, entry.name);
        true
    })?;
    Ok(())
}

/// Prints the first bytes of a file. The read waits for the server to download them, up to the
/// deadline in the settings.
async fn print_file(vfs: &Vfs<RqbitSource>, path: &str) -> Result<(), Box<dyn Error>> {
    let mut ino = Ino::ROOT;
    for name in path.split('/') {
        ino = vfs.lookup(ino, name.as_bytes())?.attr.ino;
    }
    let handle = vfs.open(ino)?;
    let bytes = vfs.read(handle, 0, 16).await?;
    println!("{path} starts with {:02x?}", &bytes[..]);
    vfs.release(handle);
    Ok(())
}
