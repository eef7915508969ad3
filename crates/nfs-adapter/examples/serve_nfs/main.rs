//! A server over made-up torrents, for trials with the NFS client of a kernel or of libnfs.
//!
//! `serve ADDRESS ARRIVAL [MANY] [JUKEBOX_MILLIS]` has `films/film.txt`, `films/late.txt` and MANY
//! small files in `many`. When the file ARRIVAL exists, there is a torrent `new`, and the second
//! half of `late.txt` is no longer missing. Line N of each file is N with 15 digits, from 0:
//! `seq -f %015.0f 0 N`.
#![expect(clippy::print_stdout, reason = "it is an example")]

mod numbers;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use nfs_adapter::{NfsServer, NfsSettings, NfsWaits};
use vfs_core::{Export, ServerId, TorrentSource as _, Vfs, VfsConfig};

use self::numbers::NumberedFiles;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().ok_or("no address")?.parse()?;
    let arrival = args.next().ok_or("no path of the file that tells of the arrival")?.into();
    let many = args.next().map_or(Ok(100), |it| it.parse())?;
    let jukebox: Option<u64> = args.next().map(|it| it.parse()).transpose()?;

    let vfs = Arc::new(Vfs::new(Arc::new(NumberedFiles { many, arrival }), VfsConfig::default()));
    update(&vfs).await?;

    // A real server keeps its key.
    let mut settings = NfsSettings::new(address, [7; 32]);
    if let Some(millis) = jukebox {
        settings.waits = NfsWaits::Jukebox { after: Duration::from_millis(millis) };
    }
    let server = NfsServer::start(Export::new(Arc::clone(&vfs)), settings).await?;
    println!("{}", server.address());
    let mut counts = server.counts();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        update(&vfs).await?;
        if counts != server.counts() {
            counts = server.counts();
            println!("{counts:?}");
        }
    }
}

/// Tells the filesystem what is listed now.
async fn update(vfs: &Vfs<NumberedFiles>) -> Result<(), Box<dyn Error>> {
    let source = vfs.source(ServerId::FIRST).ok_or("no such server")?;
    let listing = source.list().await?;
    let mut details = Vec::new();
    for torrent in vfs.unknown_torrents(ServerId::FIRST, &listing) {
        details.push(source.details(torrent).await?);
    }
    vfs.apply(ServerId::FIRST, listing, details, 1_700_000_000);
    Ok(())
}
