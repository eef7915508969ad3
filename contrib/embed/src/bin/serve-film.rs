//! Serves the files of a server over HTTP with axum: `serve-film http://nas:3030 127.0.0.1:8080`.
//! Then `mpv "http://127.0.0.1:8080/A film/film.mkv"` plays a film, and seeks in it by ranges.

use std::{env, error::Error, io::SeekFrom, ops::Range};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tfs_library::{Library, LibraryError, LibraryErrorKind};
use tokio::{
    io::{AsyncReadExt as _, AsyncSeekExt as _, BufReader},
    net::TcpListener,
};
use tokio_util::io::ReaderStream;

/// Bytes of a chunk of an answer.
const CHUNK_BYTES: usize = 128 << 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: serve-film SERVER ADDRESS";
    let mut arguments = env::args().skip(1);
    let (server, address) = arguments.next().zip(arguments.next()).ok_or(usage)?;
    let library = Library::connect(&server).await?;
    let app = Router::new().route("/{*path}", get(film)).with_state(library.clone());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/", listener.local_addr()?);
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    library.shutdown().await;
    Ok(())
}

/// Answers a request for a file. axum drops the body when the client goes, which ends the read.
async fn film(
    State(library): State<Library>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, FilmRefusal> {
    let mut file = library.open(&path)?;
    let len = file.len();
    let wanted = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let (status, range) = match wanted.and_then(|text| range_of(text, len)) {
        Some(range) if range.start >= len => {
            let all = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, all).into_response());
        }
        Some(range) => (StatusCode::PARTIAL_CONTENT, range),
        None => (StatusCode::OK, 0..len),
    };
    // An error of the first byte has a status. Later ones break the connection.
    file.read_at(range.start, 1).await?;
    let sought = file.seek(SeekFrom::Start(range.start)).await;
    sought.map_err(|_| FilmRefusal(StatusCode::BAD_REQUEST))?;
    let count = range.end - range.start;
    let body = ReaderStream::with_capacity(
        BufReader::with_capacity(CHUNK_BYTES, file.take(count)),
        CHUNK_BYTES,
    );
    let mut answer = (status, Body::from_stream(body)).into_response();
    answer.headers_mut().insert(header::CONTENT_LENGTH, count.into());
    answer.headers_mut().insert(header::ACCEPT_RANGES, header::HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{len}", range.start, range.end - 1);
        if let Ok(value) = text.parse() {
            answer.headers_mut().insert(header::CONTENT_RANGE, value);
        }
    }
    Ok(answer)
}

/// Returns the range that a header asks for: `bytes=A-B`, `bytes=A-` or `bytes=-N`. `None` for
/// other forms, which get the whole file.
fn range_of(text: &str, len: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    match (first, last) {
        ("", count) => Some(len.saturating_sub(count.parse().ok()?)..len),
        (first, "") => Some(first.parse().ok()?..len),
        (first, last) => {
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then(|| first..last.saturating_add(1).min(len))
        }
    }
}

/// The status of an answer without a file.
struct FilmRefusal(StatusCode);

impl From<LibraryError> for FilmRefusal {
    fn from(error: LibraryError) -> Self {
        eprintln!("failed to {error}");
        Self(match error.kind() {
            LibraryErrorKind::NotFound
            | LibraryErrorKind::NotDirectory
            | LibraryErrorKind::IsDirectory => StatusCode::NOT_FOUND,
            LibraryErrorKind::Removed => StatusCode::GONE,
            LibraryErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            LibraryErrorKind::Missing | LibraryErrorKind::NotListed => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::BAD_GATEWAY,
        })
    }
}

impl IntoResponse for FilmRefusal {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
