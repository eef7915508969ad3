//! The properties of nodes (RFC 4918, section 15). There are none of quotas: Finder waits for a
//! minute if they are there.

use std::fmt::Write as _;
use std::time::SystemTime;

use tfs_http::{escaped, push_escaped, type_of};
use vfs_core::{Attr, NodeKind};

use crate::version::modified_at;
use crate::xml::{DAV, PropertyName, PropertyQuery};

/// The lock that each node claims to support.
const SUPPORTED_LOCK: &str = "<D:supportedlock><D:lockentry><D:lockscope><D:exclusive/>\
                              </D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>\
                              </D:supportedlock>";

/// A property that nodes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LiveProperty {
    ResourceType,
    ContentLength,
    LastModified,
    CreationDate,
    Etag,
    ContentType,
    DisplayName,
    SupportedLock,
    LockDiscovery,
}

use LiveProperty::{
    ContentLength, ContentType, CreationDate, DisplayName, Etag, LastModified, LockDiscovery,
    ResourceType, SupportedLock,
};

/// All of them, with their names.
const LIVE: [(LiveProperty, &str); 9] = [
    (ResourceType, "resourcetype"),
    (ContentLength, "getcontentlength"),
    (LastModified, "getlastmodified"),
    (CreationDate, "creationdate"),
    (Etag, "getetag"),
    (ContentType, "getcontenttype"),
    (DisplayName, "displayname"),
    (SupportedLock, "supportedlock"),
    (LockDiscovery, "lockdiscovery"),
];

/// A node with what its properties need.
#[derive(Debug)]
pub(crate) struct PropertySubject<'a> {
    /// Its path as a reference, encoded.
    pub(crate) href: &'a str,
    pub(crate) name: &'a str,
    pub(crate) attr: &'a Attr,
    /// The validator of a file, if the query needs it.
    pub(crate) etag: Option<String>,
}

/// What is written for each node.
#[derive(Debug)]
pub(crate) struct PropertyWriter {
    wanted: Vec<LiveProperty>,
    names_only: bool,
    /// Whether properties that a node does not have are listed: not if all are asked for.
    tells_missing: bool,
    /// The unknown properties, written.
    unknown: String,
}

impl PropertyWriter {
    pub(crate) fn new(query: &PropertyQuery) -> Self {
        let all = || LIVE.iter().map(|&(property, _name)| property).collect();
        let writer = |wanted, names_only, tells_missing| Self {
            wanted,
            names_only,
            tells_missing,
            unknown: String::new(),
        };
        let names = match query {
            PropertyQuery::All => return writer(all(), false, false),
            PropertyQuery::Names => return writer(all(), true, false),
            PropertyQuery::Named(names) => names,
        };
        let mut writer = writer(Vec::new(), false, true);
        for name in names {
            match live(name) {
                Some(property) if writer.wanted.contains(&property) => {}
                Some(property) => writer.wanted.push(property),
                None => push_unknown(name, &mut writer.unknown),
            }
        }
        writer
    }

    /// Returns whether files need a validator.
    pub(crate) fn needs_etag(&self) -> bool {
        !self.names_only && self.wanted.contains(&Etag)
    }

    /// Appends the response of a node.
    pub(crate) fn push(&self, subject: &PropertySubject<'_>, out: &mut String) {
        let slash = if subject.is_dir() { "/" } else { "" };
        out.push_str("<D:response><D:href>");
        push_escaped(subject.href, out);
        out.push_str(slash);
        out.push_str("</D:href><D:propstat><D:prop>");
        let mut missing = Vec::new();
        for &property in &self.wanted {
            if self.names_only {
                if subject.has(property) {
                    push_empty(property, out);
                }
            } else if !subject.push(property, out) {
                missing.push(property);
            }
        }
        out.push_str("</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>");
        if self.tells_missing && !(missing.is_empty() && self.unknown.is_empty()) {
            out.push_str("<D:propstat><D:prop>");
            for property in missing {
                push_empty(property, out);
            }
            out.push_str(&self.unknown);
            out.push_str("</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>");
        }
        out.push_str("</D:response>\n");
    }
}

impl PropertySubject<'_> {
    fn is_dir(&self) -> bool {
        self.attr.kind == NodeKind::Directory
    }

    fn has(&self, property: LiveProperty) -> bool {
        match property {
            ContentLength | Etag | ContentType => !self.is_dir(),
            ResourceType | LastModified | CreationDate | DisplayName | SupportedLock
            | LockDiscovery => true,
        }
    }

    /// Appends a property; returns whether the node has it. Writing to a `String` cannot fail.
    fn push(&self, property: LiveProperty, out: &mut String) -> bool {
        if !self.has(property) {
            return false;
        }
        let _written = match property {
            ResourceType if self.is_dir() => {
                out.push_str("<D:resourcetype><D:collection/></D:resourcetype>");
                Ok(())
            }
            ResourceType => {
                out.push_str("<D:resourcetype/>");
                Ok(())
            }
            ContentLength => {
                let size = self.attr.size;
                write!(out, "<D:getcontentlength>{size}</D:getcontentlength>")
            }
            LastModified => {
                let date = httpdate::HttpDate::from(modified_at(self.attr));
                write!(out, "<D:getlastmodified>{date}</D:getlastmodified>")
            }
            CreationDate => {
                let date: SystemTime = modified_at(self.attr);
                let date = humantime::format_rfc3339_seconds(date);
                write!(out, "<D:creationdate>{date}</D:creationdate>")
            }
            Etag => {
                let Some(etag) = &self.etag else { return false };
                write!(out, "<D:getetag>{}</D:getetag>", escaped(etag))
            }
            ContentType => {
                let kind = type_of(self.name);
                write!(out, "<D:getcontenttype>{kind}</D:getcontenttype>")
            }
            DisplayName => {
                out.push_str("<D:displayname>");
                push_escaped(self.name, out);
                out.push_str("</D:displayname>");
                Ok(())
            }
            SupportedLock => {
                out.push_str(SUPPORTED_LOCK);
                Ok(())
            }
            LockDiscovery => {
                out.push_str("<D:lockdiscovery/>");
                Ok(())
            }
        };
        true
    }
}

fn live(name: &PropertyName) -> Option<LiveProperty> {
    let found = LIVE.iter().find(|(_, known)| *known == name.name)?;
    (name.namespace == DAV).then_some(found.0)
}

fn push_empty(property: LiveProperty, out: &mut String) {
    if let Some((_, name)) = LIVE.iter().find(|(known, _)| *known == property) {
        // Writing to a `String` cannot fail.
        let _written = write!(out, "<D:{name}/>");
    }
}

fn push_unknown(name: &PropertyName, out: &mut String) {
    let PropertyName { namespace, name } = name;
    // The name was checked, and a namespace is escaped. Writing to a `String` cannot fail.
    let _written = match namespace.as_str() {
        "" => write!(out, "<{name} xmlns=\"\"/>"),
        DAV => write!(out, "<D:{name}/>"),
        namespace => write!(out, "<x:{name} xmlns:x=\"{}\"/>", escaped(namespace)),
    };
}
