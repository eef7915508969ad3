//! One client connection: each request is forwarded over a connection of its own.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::ProxyShared;
use super::fault::{Cut, Fault};
use super::head::Head;

/// The size of the copy buffer; the rest of a body waits at the server.
const COPY_BYTES: usize = 64 * 1024;

/// The longest body of a request: a .torrent file of the tests.
const REQUEST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How long a client has to receive the sent data before the connection is cut.
const LINGER: Duration = Duration::from_secs(5);

/// What follows a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Another request.
    Request,
    /// The end of the connection.
    Close,
    /// The end of this side only.
    HalfClose,
    /// A reset.
    Reset,
    /// Nothing, until the client closes the connection.
    Silence,
}

/// Answers requests until one of them is the last.
///
/// # Errors
/// Those of the connections; they end it.
pub(super) async fn serve(client: TcpStream, shared: &ProxyShared) -> io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let Some(mut request) = Head::read(&mut client).await? else { return Ok(()) };
        let mut body = vec![0; body_len(&request)?];
        client.read_exact(&mut body).await?;
        let _counted = shared.count_stream(request.path());
        let fault = shared.plan().fault(request.path());
        request.set("connection", "close");
        let next = match fault {
            None => pass_on(&mut client, shared, &request, &body, None).await?,
            Some(fault) => {
                let has_range = request.get("range").is_some();
                let next = spoil(&mut client, shared, request, &body, fault).await?;
                if is_felt(&fault, next, has_range) {
                    shared.plan().on_done(&fault);
                }
                next
            }
        };
        match next {
            Next::Request => {}
            Next::Close => {
                client.shutdown().await?;
                drop(timeout(LINGER, gone(&mut client)).await);
                return Ok(());
            }
            Next::HalfClose => {
                client.shutdown().await?;
                gone(&mut client).await;
                return Ok(());
            }
            Next::Reset => return client.get_ref().set_zero_linger(),
            Next::Silence => {
                gone(&mut client).await;
                return Ok(());
            }
        }
    }
}

/// Returns whether a fault had an effect: a body may have ended before the cut.
fn is_felt(fault: &Fault, next: Next, has_range: bool) -> bool {
    match fault {
        Fault::Stall(_) | Fault::Reset(_) | Fault::Truncate(_) | Fault::HalfClose(_) => {
            next != Next::Request
        }
        Fault::IgnoreRange => has_range,
        Fault::Delay(_) | Fault::Drip { .. } | Fault::Status(_) | Fault::Lie(_) => true,
    }
}

fn body_len(request: &Head) -> io::Result<usize> {
    let bytes = request.body_bytes().unwrap_or_default();
    if bytes > REQUEST_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    usize::try_from(bytes).map_err(io::Error::other)
}

/// Answers a request with a fault.
async fn spoil(
    client: &mut BufReader<TcpStream>,
    shared: &ProxyShared,
    mut request: Head,
    body: &[u8],
    fault: Fault,
) -> io::Result<Next> {
    match fault {
        Fault::Stall(Cut::Head) => return Ok(Next::Silence),
        Fault::Reset(Cut::Head) => return Ok(Next::Reset),
        Fault::Status(status) => {
            client.write_all(&Head::empty(status).to_bytes()).await?;
            return Ok(Next::Request);
        }
        Fault::Delay(time) => tokio::select! {
            () = sleep(time) => {}
            () = gone(client) => return Ok(Next::Close),
        },
        Fault::IgnoreRange => request.remove("range"),
        // These apply to the response.
        Fault::Stall(Cut::Body(_))
        | Fault::Reset(Cut::Body(_))
        | Fault::Truncate(_)
        | Fault::HalfClose(_)
        | Fault::Drip { .. }
        | Fault::Lie(_) => {}
    }
    pass_on(client, shared, &request, body, Some(fault)).await
}

/// Forwards a request and its response, and returns what follows.
async fn pass_on(
    client: &mut BufReader<TcpStream>,
    shared: &ProxyShared,
    request: &Head,
    body: &[u8],
    fault: Option<Fault>,
) -> io::Result<Next> {
    // An unavailable server has the effect of a connection reset.
    let Ok(server) = TcpStream::connect(shared.server).await else { return Ok(Next::Reset) };
    let mut server = BufReader::with_capacity(COPY_BYTES, server);
    let asked = async {
        server.write_all(&request.to_bytes()).await?;
        server.write_all(body).await?;
        Head::read(&mut server).await
    };
    let answered = tokio::select! {
        answered = asked => answered,
        () = gone(client) => return Ok(Next::Close),
    };
    let Ok(Some(mut head)) = answered else { return Ok(Next::Reset) };
    head.remove("connection");
    let body_bytes = head.body_bytes();
    if let Some(Fault::Lie(lie)) = fault {
        head.spoil(lie);
    }
    client.write_all(&head.to_bytes()).await?;
    let cut = Limit::of(fault.as_ref());
    let copied = copy(&mut server, client, cut.bytes, Pace::of(fault.as_ref())).await?;
    Ok(match copied {
        Copied::ClientGone => Next::Close,
        Copied::Cut => cut.next,
        Copied::All(_) if matches!(fault, Some(Fault::Lie(_))) => Next::Close,
        // Another response can follow only a body of a known length.
        Copied::All(bytes) if Some(bytes) == body_bytes => Next::Request,
        Copied::All(_) => Next::Close,
        Copied::ServerGone => Next::Reset,
    })
}

/// Where a body is cut, and what follows.
#[derive(Debug, Clone, Copy)]
struct Limit {
    bytes: u64,
    next: Next,
}

impl Limit {
    fn of(fault: Option<&Fault>) -> Self {
        match fault {
            Some(Fault::Stall(Cut::Body(bytes))) => Self { bytes: *bytes, next: Next::Silence },
            Some(Fault::Reset(Cut::Body(bytes))) => Self { bytes: *bytes, next: Next::Reset },
            Some(Fault::Truncate(bytes)) => Self { bytes: *bytes, next: Next::Close },
            Some(Fault::HalfClose(bytes)) => Self { bytes: *bytes, next: Next::HalfClose },
            _ => Self { bytes: u64::MAX, next: Next::Close },
        }
    }
}

/// The pace of a body.
#[derive(Debug, Clone, Copy)]
struct Pace {
    bytes_max: u64,
    pause: Duration,
}

impl Pace {
    fn of(fault: Option<&Fault>) -> Self {
        match fault {
            Some(Fault::Drip { bytes, pause }) => Self { bytes_max: *bytes, pause: *pause },
            _ => Self { bytes_max: u64::MAX, pause: Duration::ZERO },
        }
    }
}

/// How a body ended.
enum Copied {
    /// The server has sent all of it: this many bytes.
    All(u64),
    /// It was cut at the limit.
    Cut,
    ClientGone,
    ServerGone,
}

/// Copies a body to its end or to a limit.
async fn copy(
    server: &mut BufReader<TcpStream>,
    client: &mut BufReader<TcpStream>,
    limit: u64,
    pace: Pace,
) -> io::Result<Copied> {
    let mut copied: u64 = 0;
    loop {
        let read = tokio::select! {
            read = server.fill_buf() => read,
            () = gone(client) => return Ok(Copied::ClientGone),
        };
        let Ok(bytes) = read else { return Ok(Copied::ServerGone) };
        if bytes.is_empty() {
            return Ok(Copied::All(copied));
        }
        let len = pace.bytes_max.min(limit - copied).min(u64::try_from(bytes.len()).unwrap_or(0));
        if len == 0 {
            return Ok(Copied::Cut);
        }
        let part = bytes.get(..usize::try_from(len).unwrap_or(0)).unwrap_or_default();
        if client.write_all(part).await.is_err() {
            return Ok(Copied::ClientGone);
        }
        let taken = part.len();
        server.consume(taken);
        copied += len;
        if !pace.pause.is_zero() {
            tokio::select! {
                () = sleep(pace.pause) => {}
                () = gone(client) => return Ok(Copied::ClientGone),
            }
        }
    }
}

/// Waits until the client has closed its side, or the connection failed. A client that sends more
/// data instead is still connected.
async fn gone(client: &mut BufReader<TcpStream>) {
    if matches!(client.fill_buf().await, Ok([_, ..])) {
        std::future::pending::<()>().await;
    }
}
