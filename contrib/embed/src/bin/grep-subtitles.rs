//! Searches the subtitles of all torrents: `grep-subtitles http://nas:3030 "the end"`. Prints the
//! lines that contain the text, each with the path of its file.

use std::{env, error::Error};

use tfs_library::Library;
use tokio::io::AsyncReadExt as _;

/// Maximum number of files that are searched.
const FILES_MAX: usize = 100_000;

/// Maximum length of a file in bytes: a longer one is no subtitle.
const FILE_BYTES_MAX: u64 = 16 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: grep-subtitles SERVER TEXT";
    let mut arguments = env::args().skip(1);
    let (server, text) = arguments.next().zip(arguments.next()).ok_or(usage)?;
    let text = text.to_lowercase();
    let library = Library::connect(&server).await?;
    for hit in library.glob("*.srt", FILES_MAX)? {
        // A read of a file that is not downloaded yet would wait for it.
        if hit.have_bytes < hit.len || hit.len > FILE_BYTES_MAX {
            eprintln!("{}: left out", hit.path);
            continue;
        }
        let mut bytes = Vec::new();
        library.open(&hit.path)?.read_to_end(&mut bytes).await?;
        for line in String::from_utf8_lossy(&bytes).lines() {
            if line.to_lowercase().contains(&text) {
                println!("{}: {line}", hit.path);
            }
        }
    }
    library.shutdown().await;
    Ok(())
}
