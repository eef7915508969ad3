//! One client connection: requests, and responses with their faults.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::client::{ClientConnection, NextStep};
use super::fault::{Cut, Fault};
use super::head::Head;
use super::response::{COPY_BYTES, FakeBody, FakeResponse};
use super::setup::Backend;
use super::stream::OpenStream;
use super::{RqbitShared, answers, lock, play};

/// The most bytes that are sent at a time at a limited speed.
const SLOW_BYTES: usize = 4096;

/// Answers requests until one of them is the last.
///
/// # Errors
/// Those of the connections; they end it.
pub(super) async fn serve(socket: TcpStream, shared: &Arc<RqbitShared>) -> io::Result<()> {
    let mut client = ClientConnection::new(socket, shared).await?;
    let is_proxy = matches!(shared.setup.backend, Backend::Server(_));
    loop {
        let Some(head) = Head::read(&mut client.stream).await? else { return Ok(()) };
        let body = client.read_body(&head).await?;
        if let Some(gate) = &shared.setup.gate
            && !gate.lets_pass(&head)
        {
            client.send(gate.answer.as_bytes()).await?;
            return client.end(NextStep::Close).await;
        }
        lock(&shared.log).add(&head, !is_proxy);
        let fault = lock(&shared.plan).fault(head.path());
        let has_range = head.get("range").is_some();
        let is_last = head.get("connection") == Some("close");
        if let Some(fault @ Fault::Script(_)) = &fault {
            lock(&shared.plan).on_done(fault);
        }
        let next = answer(&mut client, shared, (head, &body), fault.as_ref()).await?;
        if let Some(fault) = fault.filter(|fault| is_felt(fault, next, has_range)) {
            lock(&shared.plan).on_done(&fault);
        }
        if is_last || next != NextStep::Request {
            return client.end(next).await;
        }
    }
}

/// Returns whether a fault had an effect: a body may have ended before the cut. A script counts
/// before it begins.
fn is_felt(fault: &Fault, next: NextStep, has_range: bool) -> bool {
    match fault {
        Fault::Stall(_) | Fault::Reset(_) | Fault::Truncate(_) | Fault::HalfClose(_) => {
            next != NextStep::Request
        }
        Fault::IgnoreRange => has_range,
        Fault::Script(_) => false,
        Fault::Delay(_) | Fault::Drip { .. } | Fault::Status(..) | Fault::Lie(_) => true,
    }
}

/// Answers a request, with a fault if there is one.
async fn answer(
    client: &mut ClientConnection,
    shared: &Arc<RqbitShared>,
    (mut head, body): (Head, &[u8]),
    fault: Option<&Fault>,
) -> io::Result<NextStep> {
    match fault {
        Some(Fault::Stall(Cut::Head)) => return Ok(NextStep::Silence),
        Some(Fault::Reset(Cut::Head)) => return Ok(NextStep::Reset),
        Some(Fault::Truncate(Cut::Head)) => return Ok(NextStep::Close),
        Some(Fault::Script(steps)) => return Ok(play::play(client, steps, shared, 0).await),
        Some(Fault::Delay(time)) => tokio::select! {
            () = sleep(*time) => {}
            () = client.gone() => return Ok(NextStep::Close),
        },
        Some(Fault::IgnoreRange) => head.remove("range"),
        _ => {}
    }
    let response = async {
        match fault {
            Some(Fault::Status(status, body)) => Ok(FakeResponse::whole(*status, *body)),
            _ => respond(shared, head, body).await,
        }
    };
    let response = tokio::select! {
        response = response => response,
        () = client.gone() => return Ok(NextStep::Close),
    };
    match response {
        Ok(response) => write(client, shared, response, fault).await,
        Err(next) => Ok(next),
    }
}

/// Returns the response of the test, of the server behind a proxy, or of the torrents.
async fn respond(
    shared: &Arc<RqbitShared>,
    head: Head,
    body: &[u8],
) -> Result<FakeResponse, NextStep> {
    let overrides = shared.setup.overrides.as_ref();
    match overrides.and_then(|it| it.answer(head.method(), head.path(), body)) {
        Some((0, _)) => return Err(NextStep::Close),
        Some((status, body)) => return Ok(FakeResponse::whole(status, body)),
        None => {}
    }
    let Backend::Server(server) = shared.setup.backend else {
        return answers::respond(shared, &head).await;
    };
    let counted = match head.path().contains("/stream/") {
        true => OpenStream::open(shared).await,
        false => None,
    };
    // An unavailable server has the effect of a connection reset.
    let forwarded = forward(server, head, body, counted).await;
    forwarded.ok().flatten().ok_or(NextStep::Reset)
}

/// Sends a request over a connection of its own.
async fn forward(
    server: std::net::SocketAddr,
    mut request: Head,
    body: &[u8],
    counted: Option<OpenStream>,
) -> io::Result<Option<FakeResponse>> {
    request.set("connection", "close");
    let mut server = BufReader::with_capacity(COPY_BYTES, TcpStream::connect(server).await?);
    server.write_all(request.to_string().as_bytes()).await?;
    server.write_all(body).await?;
    let head = Head::read(&mut server).await?;
    Ok(head.map(|mut head| {
        head.remove("connection");
        FakeResponse { head, body: FakeBody::Forwarded(server, counted) }
    }))
}

/// Writes a response, and returns what follows.
async fn write(
    client: &mut ClientConnection,
    shared: &RqbitShared,
    mut response: FakeResponse,
    fault: Option<&Fault>,
) -> io::Result<NextStep> {
    let body_bytes = response.head.body_bytes();
    if let Some(Fault::Lie(lie)) = fault {
        response.head.spoil(*lie);
    }
    client.send(response.head.to_string().as_bytes()).await?;
    let cut = BodyLimit::of(fault);
    let copied = copy(client, shared, &mut response.body, (cut.bytes, Pace::of(fault))).await;
    Ok(match copied {
        Copied::ClientGone => NextStep::Close,
        Copied::Cut => cut.next,
        Copied::All(_) if matches!(fault, Some(Fault::Lie(_))) => NextStep::Close,
        // Another response can follow only a body of a known length.
        Copied::All(bytes) if Some(bytes) == body_bytes => NextStep::Request,
        Copied::All(_) => NextStep::Close,
        Copied::ServerGone => NextStep::Reset,
    })
}

/// Where a body is cut, and what follows.
#[derive(Debug, Clone, Copy)]
struct BodyLimit {
    bytes: u64,
    next: NextStep,
}

impl BodyLimit {
    fn of(fault: Option<&Fault>) -> Self {
        let (bytes, next) = match fault {
            Some(Fault::Stall(Cut::Body(bytes))) => (*bytes, NextStep::Silence),
            Some(Fault::Reset(Cut::Body(bytes))) => (*bytes, NextStep::Reset),
            Some(Fault::Truncate(Cut::Body(bytes))) => (*bytes, NextStep::Close),
            Some(Fault::HalfClose(bytes)) => (*bytes, NextStep::HalfClose),
            _ => (u64::MAX, NextStep::Close),
        };
        Self { bytes, next }
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
    /// This many bytes were all of it.
    All(u64),
    /// It was cut at the limit.
    Cut,
    ClientGone,
    ServerGone,
}

/// Copies a body to its end or to a limit.
async fn copy(
    client: &mut ClientConnection,
    shared: &RqbitShared,
    body: &mut FakeBody,
    (limit, pace): (u64, Pace),
) -> Copied {
    let mut copied: u64 = 0;
    loop {
        let read = tokio::select! {
            read = body.next() => read,
            () = client.gone() => return Copied::ClientGone,
        };
        let mut bytes = match read {
            Err(_) => return Copied::ServerGone,
            Ok(None) => return Copied::All(copied),
            Ok(Some(bytes)) => bytes,
        };
        while !bytes.is_empty() {
            let len = usize::try_from(pace.bytes_max.min(limit - copied)).unwrap_or(usize::MAX);
            if len == 0 {
                return Copied::Cut;
            }
            let slow = shared.setup.bytes_per_second.map_or(usize::MAX, |_| SLOW_BYTES);
            let part = bytes.split_to(len.min(slow).min(bytes.len()));
            wait_for_the_line(shared, part.len()).await;
            if client.send(&part).await.is_err() {
                return Copied::ClientGone;
            }
            copied += part.len() as u64;
            if !pace.pause.is_zero() {
                tokio::select! {
                    () = sleep(pace.pause) => {}
                    () = client.gone() => return Copied::ClientGone,
                }
            }
        }
    }
}

/// Waits until the connection of the server has transferred this many bytes. All clients share its
/// speed.
async fn wait_for_the_line(shared: &RqbitShared, len: usize) {
    let Some(bytes_per_second) = shared.setup.bytes_per_second else { return };
    let time = Duration::from_micros(len as u64 * 1_000_000 / bytes_per_second);
    let until = {
        let mut free_at = lock(&shared.line_free_at);
        let until = free_at.unwrap_or_else(Instant::now).max(Instant::now()) + time;
        *free_at = Some(until);
        until
    };
    sleep_until(until).await;
}
