//! The events of one call.

use std::sync::Arc;

use tfs_api::wire::{EventKind, ServiceEvent};

/// Maximum number of events of a call that are kept; further ones are counted. A thousand take half
/// a megabyte.
pub const EVENTS_NAMED_MAX: usize = 1000;

/// Maximum number of lines of a text: some services refuse messages of more than 4 KiB.
const TEXT_LINES_MAX: usize = 10;

/// Maximum length of a name in a text, in characters.
const TEXT_NAME_CHARS_MAX: usize = 200;

/// Events that came together, in their order. Several changes of one mount's tree are one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventBatch {
    named: Vec<Arc<ServiceEvent>>,
    unnamed: u64,
}

impl EventBatch {
    /// Adds an event.
    pub fn push(&mut self, event: &Arc<ServiceEvent>) {
        let is_same = |other: &Arc<ServiceEvent>| {
            other.event == EventKind::TreeChanged && other.mountpoint == event.mountpoint
        };
        if event.event == EventKind::TreeChanged && self.named.iter().any(is_same) {
            return;
        }
        if self.named.len() < EVENTS_NAMED_MAX {
            self.named.push(Arc::clone(event));
        } else {
            self.unnamed = self.unnamed.saturating_add(1);
        }
    }

    /// Returns the events that are kept.
    #[must_use]
    pub fn named(&self) -> &[Arc<ServiceEvent>] {
        &self.named
    }

    /// Returns the number of events that are only counted.
    #[must_use]
    pub fn unnamed(&self) -> u64 {
        self.unnamed
    }

    /// Returns the number of all events.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.unnamed.saturating_add(u64::try_from(self.named.len()).unwrap_or(u64::MAX))
    }

    /// Returns whether there is no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// Returns the kept events as a JSON list.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let events: Vec<&ServiceEvent> = self.named.iter().map(|event| &**event).collect();
        // Strings and numbers always serialize.
        serde_json::to_vec(&events).unwrap_or_default()
    }

    /// Returns the events as a message for people: a line for each of the first ten.
    #[must_use]
    pub fn to_text(&self) -> String {
        let shown = self.named.iter().take(TEXT_LINES_MAX);
        let mut lines: Vec<String> = shown.map(|event| sentence(event)).collect();
        let shown = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        match self.count().saturating_sub(shown) {
            0 => {}
            more => lines.push(format!("and {more} more")),
        }
        lines.join("\n")
    }
}

/// Returns an event in words.
fn sentence(event: &ServiceEvent) -> String {
    let name = event.name.as_deref().or(event.info_hash.as_deref()).unwrap_or("a torrent");
    let server = event.server.as_deref().unwrap_or("a server");
    match event.event {
        EventKind::TorrentAdded => format!("Added: {}", plain(name)),
        EventKind::TorrentFinished => format!("Finished: {}", plain(name)),
        EventKind::TorrentRemoved => format!("Removed: {}", plain(name)),
        EventKind::TreeChanged => format!("Changed: {}", plain(&event.mountpoint)),
        EventKind::ServerDown => match &event.error {
            Some(error) => format!("Server {} is down: {}", plain(server), plain(error)),
            None => format!("Server {} is down", plain(server)),
        },
        EventKind::ServerUp => format!("Server {} is up again", plain(server)),
        EventKind::Unknown => "An event of an unknown kind".to_owned(),
    }
}

/// Returns a text in one line of a bounded length.
fn plain(text: &str) -> String {
    let mut chars = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    let mut plain: String = chars.by_ref().take(TEXT_NAME_CHARS_MAX).collect();
    if chars.next().is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, name: Option<&str>) -> Arc<ServiceEvent> {
        Arc::new(ServiceEvent {
            event: kind,
            at: 1,
            mountpoint: "/mnt/t".to_owned(),
            server: Some("home".to_owned()),
            info_hash: None,
            name: name.map(str::to_owned),
            path: None,
            error: None,
        })
    }

    #[test]
    fn events_beyond_the_limit_are_counted() {
        let mut batch = EventBatch::default();
        for number in 0..EVENTS_NAMED_MAX + 7 {
            batch.push(&event(EventKind::TorrentAdded, Some(&number.to_string())));
        }
        assert_eq!((batch.named().len(), batch.unnamed()), (EVENTS_NAMED_MAX, 7));
        assert_eq!(batch.count(), 1007);
        let list: Vec<ServiceEvent> = serde_json::from_slice(&batch.to_json()).unwrap();
        assert_eq!(list.len(), EVENTS_NAMED_MAX);
        assert!(batch.to_text().ends_with("Added: 9\nand 997 more"));
    }

    #[test]
    fn changes_of_one_tree_are_one_event() {
        let mut batch = EventBatch::default();
        let elsewhere = ServiceEvent {
            mountpoint: "/mnt/u".to_owned(),
            ..(*event(EventKind::TreeChanged, None)).clone()
        };
        for _ in 0..3 {
            batch.push(&event(EventKind::TreeChanged, None));
            batch.push(&Arc::new(elsewhere.clone()));
        }
        assert_eq!(batch.count(), 2);
    }

    #[test]
    fn a_text_has_a_line_for_each_event_whatever_names_contain() {
        let mut batch = EventBatch::default();
        batch.push(&event(EventKind::TorrentFinished, Some("two\nlines \u{1b}[31m \"quoted\"")));
        batch.push(&event(EventKind::TorrentAdded, Some(&"x".repeat(300))));
        batch.push(&event(EventKind::TorrentRemoved, None));
        batch.push(&event(EventKind::ServerDown, None));
        batch.push(&event(EventKind::ServerUp, None));
        let long = "x".repeat(200);
        let want = format!(
            "Finished: two lines  [31m \"quoted\"\nAdded: {long}…\nRemoved: a torrent\n\
             Server home is down\nServer home is up again"
        );
        assert_eq!(batch.to_text(), want);
    }
}
