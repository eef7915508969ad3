//! Makes a picture of a film with ffmpeg:
//! `thumbnail http://nas:3030 "A film/film.mkv" picture.jpg`.
//!
//! ffmpeg reads from a pipe and stops as soon as it has a frame, so the server downloads only the
//! start of the film. A pipe cannot seek: an MP4 whose index is at its end needs `serve-film`.

use std::{env, error::Error, io::ErrorKind, process::Stdio, time::Duration};

use tfs_library::Library;
use tokio::{io, process::Command};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [server, path, picture] = arguments.as_slice() else {
        return Err("usage: thumbnail SERVER PATH PICTURE".into());
    };
    let library =
        Library::builder().server(server.as_str()).read_timeout(Duration::from_secs(30));
    let library = library.connect().await?;
    let mut film = library.open(path)?;
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i", "pipe:0", "-frames:v", "1"])
        .arg(picture)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut pipe = ffmpeg.stdin.take().ok_or("ffmpeg has no standard input")?;
    let copied = io::copy(&mut film, &mut pipe).await;
    drop(pipe);
    let status = ffmpeg.wait().await?;
    match copied {
        // ffmpeg has enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
        Ok(_) | Err(_) if !status.success() => return Err(format!("ffmpeg: {status}").into()),
        Ok(_) | Err(_) => {}
    }
    library.shutdown().await;
    Ok(())
}
