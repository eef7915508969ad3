//! Prints the length and the first bytes of each file of a server: `first-bytes http://nas:3030`.

use std::{env, error::Error};

use rqbit_client::{Client, ClientConfig, RequestedRange};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = env::args().nth(1).ok_or("usage: first-bytes SERVER")?;
    let client = Client::new(ClientConfig::new(server.parse()?))?;
    for torrent in client.torrents().await? {
        let details = client.torrent_details(torrent.info_hash.into()).await?;
        for (index, file) in details.files.iter().flatten().enumerate() {
            let range = RequestedRange::new(0, file.length.min(8));
            let mut bytes = Vec::new();
            if file.length > 0 {
                let mut stream = client
                    .stream(torrent.info_hash.into(), index, range, Some(file.length))
                    .await?;
                while let Some(chunk) = stream.next_chunk().await? {
                    bytes.extend_from_slice(&chunk);
                }
            }
            let start = format!("{bytes:02x?}");
            println!("{} {index} {} bytes: {start}", torrent.info_hash, file.length);
        }
    }
    Ok(())
}
