//! Objects as DIDL-Lite (ContentDirectory:1, section 2.8).

use std::fmt::Write as _;

use tfs_http::{encoded, push_escaped, type_of};
use vfs_core::Ino;

use super::entry::{DlnaEntry, DlnaKind};

/// The object id of the root and of its parent, which does not exist.
pub(crate) const ROOT_ID: &str = "0";
const NO_PARENT_ID: &str = "-1";

/// Byte ranges are served, time ranges not; the bytes are the original ones. The flags of the
/// DLNA guidelines, as hexadecimal digits: streaming (bit 24), background transfer (22), a client
/// may pause (21), and version 1.5 (20).
const STREAMING: &str =
    "DLNA.ORG_OP=01;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=01700000000000000000000000000000";

/// The same for images, which are not streamed: interactive transfer (bit 23).
const INTERACTIVE: &str =
    "DLNA.ORG_OP=01;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=00f00000000000000000000000000000";

const START: &str = "<DIDL-Lite xmlns=\"urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/\" \
    xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
    xmlns:upnp=\"urn:schemas-upnp-org:metadata-1-0/upnp/\" \
    xmlns:sec=\"http://www.sec.co.kr/\" \
    xmlns:dlna=\"urn:schemas-dlna-org:metadata-1-0/\">";
const END: &str = "</DIDL-Lite>";

/// A document of objects. It has no line breaks.
#[derive(Debug)]
pub(crate) struct Didl {
    xml: String,
}

impl Didl {
    pub(crate) fn new() -> Self {
        Self { xml: START.to_owned() }
    }

    /// Returns its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.xml.len()
    }

    /// Adds the root.
    pub(crate) fn push_root(&mut self, name: &str, child_count: usize) {
        self.push_folder(ROOT_ID, NO_PARENT_ID, name, Some(child_count));
    }

    /// Adds an entry of a folder. `base` is the URL of the folder, with a slash at its end.
    pub(crate) fn push(&mut self, entry: &DlnaEntry, parent: Ino, base: &str) {
        let (id, parent) = (id_of(entry.ino), id_of(parent));
        if entry.kind == DlnaKind::Folder {
            return self.push_folder(&id, &parent, &entry.name, None);
        }
        self.push_start("item", &id, &parent);
        self.xml.push_str("\">");
        self.push_title(&entry.name, entry.kind);
        let (kind, url) = (type_of(&entry.name), encoded(&entry.name));
        let features = if entry.kind == DlnaKind::Image { INTERACTIVE } else { STREAMING };
        // Writing to a `String` cannot fail.
        let _written = write!(
            self.xml,
            "<res protocolInfo=\"http-get:*:{kind}:{features}\" size=\"{}\">{base}{url}</res>",
            entry.size
        );
        for (position, name) in entry.subtitles.iter().enumerate() {
            let kind = if name.to_ascii_lowercase().ends_with(".vtt") { "vtt" } else { "srt" };
            let url = encoded(name);
            let _written = write!(
                self.xml,
                "<res protocolInfo=\"http-get:*:text/{kind}:*\">{base}{url}</res>"
            );
            if position == 0 {
                // Samsung's own.
                let _written = write!(
                    self.xml,
                    "<sec:CaptionInfoEx sec:type=\"{kind}\">{base}{url}</sec:CaptionInfoEx>"
                );
            }
        }
        self.xml.push_str("</item>");
    }

    /// Returns the document.
    pub(crate) fn into_xml(mut self) -> String {
        self.xml.push_str(END);
        self.xml
    }

    fn push_folder(&mut self, id: &str, parent: &str, name: &str, child_count: Option<usize>) {
        self.push_start("container", id, parent);
        if let Some(count) = child_count {
            let _written = write!(self.xml, "\" childCount=\"{count}");
        }
        self.xml.push_str("\">");
        self.push_title(name, DlnaKind::Folder);
        self.xml.push_str("</container>");
    }

    fn push_start(&mut self, element: &str, id: &str, parent: &str) {
        let _written =
            write!(self.xml, "<{element} id=\"{id}\" parentID=\"{parent}\" restricted=\"1");
    }

    fn push_title(&mut self, name: &str, kind: DlnaKind) {
        self.xml.push_str("<dc:title>");
        push_escaped(name, &mut self.xml);
        self.xml.extend(["</dc:title><upnp:class>", kind.class(), "</upnp:class>"]);
    }
}

/// Returns the features of the bytes of a file, as in `contentFeatures.dlna.org`.
pub(crate) fn features_of(name: &str) -> &'static str {
    match DlnaKind::of_name(name) {
        Some(DlnaKind::Image) => INTERACTIVE,
        Some(_) | None => STREAMING,
    }
}

/// Returns the object id of a node.
pub(crate) fn id_of(ino: Ino) -> String {
    if ino == Ino::ROOT { ROOT_ID.to_owned() } else { ino.0.to_string() }
}

/// Returns the node of an object id.
pub(crate) fn ino_of(id: &str) -> Option<Ino> {
    if id == ROOT_ID {
        return Some(Ino::ROOT);
    }
    let is_plain = id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0');
    let ino = id.parse().ok().filter(|_| is_plain).map(Ino)?;
    (ino != Ino::ROOT).then_some(ino)
}
