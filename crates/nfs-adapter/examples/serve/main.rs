//! A server over made-up torrents, for trials with the NFS client of a kernel or of libnfs.
//!
//! `serve ADDRESS ARRIVAL [MANY] [JUKEBOX_MILLIS]`: `films/film.txt`, `films/late.txt`, whose
//! second half is missing until the file ARRIVAL exists, and MANY small files in `many`. Line N of
//! each file is N with 15 digits, from 0: `seq -f %015.0f 0 N`.
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
    let source = vfs.source(ServerId::FIRST).ok_or("no such server")?;
    let listing = source.list().await?;
    let mut details = Vec::new();
    for torrent in vfs.unknown_torrents(ServerId::FIRST, &listing) {
        details.push(source.details(torrent).await?);
    }
    vfs.apply(ServerId::FIRST, listing, details, 1_700_000_000);

    // A real server keeps its key.
    let mut settings = NfsSettings::new(address, [7; 32]);
    if let Some(millis) = jukebox {
        settings.waits = NfsWaits::Jukebox { after: Duration::from_millis(millis) };
    }
    let server = NfsServer::start(Export::new(vfs), settings).await?;
    println!("{}", server.address());
    loop {
        tokio::time::sleep(Duration::from_secs(10)).await;
        println!("{:?}", server.counts());
    }
}
