//! The events of a process as a stream of lines.

use futures_util::stream::{self, Stream, StreamExt as _};
use tfs_api::wire::{EventKind, EventLine, FailureBody, FailureKind, LostEvents};
use tfs_hooks::EventHub;

/// Maximum number of receivers for which a further stream is opened. Each holds a thousand events
/// at most, and a connection of those that commands need.
const RECEIVERS_MAX: usize = 32;

/// Returns the events from now on. A client that is too slow gets the number of those that it
/// missed in their place.
///
/// # Errors
/// If there are too many streams.
pub(crate) fn event_lines(
    hub: &EventHub,
) -> Result<impl Stream<Item = EventLine> + Send + use<>, FailureBody> {
    if hub.receiver_count() >= RECEIVERS_MAX {
        let message = format!("{RECEIVERS_MAX} programs and hooks get the events already");
        return Err(FailureBody::new(FailureKind::Busy, message));
    }
    let inbox = hub.subscribe(&EventKind::ALL);
    let batches = stream::unfold(inbox, async |inbox| {
        inbox.ready().await;
        let batch = inbox.take();
        if batch.is_empty() { None } else { Some((batch, inbox)) }
    });
    Ok(batches.flat_map(|batch| {
        let named = batch.named().iter().map(|event| EventLine::Event(Box::new((**event).clone())));
        let lost = batch.unnamed();
        let lost = (lost > 0).then_some(EventLine::Lost(LostEvents { lost }));
        stream::iter(named.chain(lost).collect::<Vec<_>>())
    }))
}
