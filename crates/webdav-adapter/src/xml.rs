//! The bodies of `PROPFIND` and `LOCK`. They come from the network: their depth and the number and
//! length of names are limited, and entities are refused.

use quick_xml::escape::unescape;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// Namespace of WebDAV.
pub(crate) const DAV: &str = "DAV:";

/// Maximum depth of elements: clients nest three, and four in the owner of a lock.
const DEPTH_MAX: usize = 16;

/// Maximum number of properties that a request may name; clients name about twenty.
const PROPERTIES_MAX: usize = 64;

/// Maximum length of the name of a property, and of its namespace, in bytes: each entry of a
/// listing repeats it if it is unknown.
const NAME_BYTES_MAX: usize = 256;

/// What a `PROPFIND` asks for (RFC 4918, section 14.20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PropertyQuery {
    /// All properties.
    All,
    /// The names of all properties.
    Names,
    /// These properties.
    Named(Vec<PropertyName>),
}

/// The name of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PropertyName {
    /// The namespace; empty for none.
    pub(crate) namespace: String,
    /// The name without prefix.
    pub(crate) name: String,
}

/// The scope of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockScope {
    Exclusive,
    Shared,
}

/// Why a body is refused. The message names the fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadXml {
    /// It is not well-formed.
    #[error("the body is not well-formed XML")]
    Malformed,
    /// It declares or uses entities.
    #[error("the body has a document type or an entity, which is not accepted")]
    Entity,
    /// It is nested too deeply.
    #[error("the body nests more than {DEPTH_MAX} elements")]
    Deep,
    /// It names too many properties, or one of them is too long.
    #[error(
        "the body names more than {PROPERTIES_MAX} properties, or one of more than \
         {NAME_BYTES_MAX} bytes"
    )]
    TooMany,
    /// Its root element is another one.
    #[error("the body is not a DAV: {0}")]
    OtherRoot(&'static str),
}

/// Parses the body of a `PROPFIND`. An empty one asks for all properties.
pub(crate) fn property_query(body: &[u8]) -> Result<PropertyQuery, BadXml> {
    if body.is_empty() {
        return Ok(PropertyQuery::All);
    }
    let mut query = PropertyQuery::All;
    walk(body, "propfind", |depth, namespace, name| {
        match (depth, namespace, name) {
            (1, DAV, "prop") => query = PropertyQuery::Named(Vec::new()),
            (1, DAV, "propname") => query = PropertyQuery::Names,
            (2, ..) => {
                if let PropertyQuery::Named(names) = &mut query {
                    let is_long = name.len().max(namespace.len()) > NAME_BYTES_MAX;
                    if is_long || names.len() == PROPERTIES_MAX {
                        return Err(BadXml::TooMany);
                    }
                    let (namespace, name) = (namespace.to_owned(), name.to_owned());
                    names.push(PropertyName { namespace, name });
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(query)
}

/// Parses the body of a `LOCK`.
pub(crate) fn lock_scope(body: &[u8]) -> Result<LockScope, BadXml> {
    let mut scope = LockScope::Exclusive;
    walk(body, "lockinfo", |depth, namespace, name| {
        if (depth, namespace, name) == (2, DAV, "shared") {
            scope = LockScope::Shared;
        }
        Ok(())
    })?;
    Ok(scope)
}

/// Calls `visit` with the depth, namespace and name of each element below the root, which has depth
/// 0 and must be `root`.
fn walk(
    body: &[u8],
    root: &'static str,
    mut visit: impl FnMut(usize, &str, &str) -> Result<(), BadXml>,
) -> Result<(), BadXml> {
    let text = str::from_utf8(body).map_err(|_not_utf8| BadXml::Malformed)?;
    let mut reader = NsReader::from_str(text);
    let (mut depth, mut has_root) = (0, false);
    loop {
        let (namespace, event) =
            reader.read_resolved_event().map_err(|_error| BadXml::Malformed)?;
        let (element, is_empty) = match event {
            Event::Start(element) => (element, false),
            Event::Empty(element) => (element, true),
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            Event::DocType(_) => return Err(BadXml::Entity),
            Event::GeneralRef(entity) => {
                let is_predefined = matches!(&*entity, "amp" | "lt" | "gt" | "apos" | "quot");
                if !is_predefined && !entity.is_char_ref() {
                    return Err(BadXml::Entity);
                }
                continue;
            }
            Event::Eof if depth == 0 && has_root => return Ok(()),
            Event::Eof => return Err(BadXml::Malformed),
            Event::Text(text) if depth == 0 && !text.trim_ascii().is_empty() => {
                return Err(BadXml::Malformed);
            }
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_) => {
                continue;
            }
        };
        let namespace = match &namespace {
            ResolveResult::Bound(namespace) => unescape(namespace.as_ref()),
            ResolveResult::Unbound => Ok("".into()),
            // A prefix without a declaration.
            ResolveResult::Unknown(_) => return Err(BadXml::Malformed),
        };
        let namespace = namespace.map_err(|_error| BadXml::Entity)?;
        let local = element.local_name();
        let name = local.as_ref();
        if !is_name(name) || undeclares_prefix(&element) {
            return Err(BadXml::Malformed);
        }
        if depth == 0 {
            if has_root || &*namespace != DAV || name != root {
                return Err(BadXml::OtherRoot(root));
            }
            has_root = true;
        } else {
            visit(depth, &namespace, name)?;
        }
        if !is_empty {
            depth += 1;
            if depth > DEPTH_MAX {
                return Err(BadXml::Deep);
            }
        }
    }
}

/// Returns whether an element has `xmlns:x=""`, which namespaces in XML 1.0 do not allow.
fn undeclares_prefix(element: &quick_xml::events::BytesStart<'_>) -> bool {
    let mut attributes = element.attributes();
    let is_fault = |attribute: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
        attribute.is_ok_and(|it| it.key.as_ref().starts_with("xmlns:") && it.value.is_empty())
    };
    // Without a search for duplicates, which takes quadratic time.
    attributes.with_checks(false).any(is_fault)
}

/// Returns whether a text is a name without a prefix, as far as it matters for repeating it.
fn is_name(text: &str) -> bool {
    let is_first = |character: char| character == '_' || character.is_alphabetic();
    text.starts_with(is_first)
        && text.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &Result<PropertyQuery, BadXml>) {
        assert_eq!(&property_query(body.as_bytes()), expected, "{body}");
    }

    fn named(names: &[(&str, &str)]) -> Result<PropertyQuery, BadXml> {
        let name = |(namespace, name): &(&str, &str)| PropertyName {
            namespace: (*namespace).to_owned(),
            name: (*name).to_owned(),
        };
        Ok(PropertyQuery::Named(names.iter().map(name).collect()))
    }

    #[test]
    fn queries_are_parsed() {
        check("", &Ok(PropertyQuery::All));
        check("<propfind xmlns='DAV:'><allprop/></propfind>", &Ok(PropertyQuery::All));
        check("<propfind xmlns='DAV:'><x/><allprop/></propfind>", &Ok(PropertyQuery::All));
        check("<D:propfind xmlns:D=\"DAV:\"><D:propname/></D:propfind>", &Ok(PropertyQuery::Names));
        check(
            "<?xml version='1.0'?>\n<!-- c --><a:propfind xmlns:a='DAV:'><a:prop><a:getetag/>\
             <b:x xmlns:b='urn:b'>&#65;&amp;</b:x><y xmlns=''/><deep xmlns='u'><er/></deep>\
             </a:prop></a:propfind>\n",
            &named(&[(DAV, "getetag"), ("urn:b", "x"), ("", "y"), ("u", "deep")]),
        );
    }

    #[test]
    fn hostile_bodies_are_refused() {
        use BadXml::{Deep, Entity, Malformed, OtherRoot, TooMany};
        let find = |inner: &str| format!("<propfind xmlns='DAV:'>{inner}</propfind>");
        for (body, bad) in [
            (" ".to_owned(), Malformed),
            ("x".to_owned(), Malformed),
            ("<propfind xmlns='DAV:'>".to_owned(), Malformed),
            ("<propfind xmlns='DAV:'></other>".to_owned(), Malformed),
            ("</propfind>".to_owned(), Malformed),
            ("<D:propfind/>".to_owned(), Malformed),
            ("<propfind/>".to_owned(), OtherRoot("propfind")),
            ("<propfind xmlns='DAV:'/><propfind xmlns='DAV:'/>".to_owned(), OtherRoot("propfind")),
            ("<lockinfo xmlns='DAV:'/>".to_owned(), OtherRoot("propfind")),
            (find("<prop><a:b xmlns:a=''/></prop>"), Malformed),
            (find("<prop><c:b/></prop>"), Malformed),
            (find("<prop><a\"b/></prop>"), Malformed),
            (find("<prop>&bomb;</prop>"), Entity),
            (format!("<!DOCTYPE x [<!ENTITY a 'b'>]>{}", find("")), Entity),
            (find(&"<a>".repeat(9000)), Deep),
            (find(&format!("<prop>{}</prop>", "<a/>".repeat(65))), TooMany),
            (find(&format!("<prop><{}/></prop>", "a".repeat(257))), TooMany),
            (find(&format!("<prop><a xmlns='{}'/></prop>", "a".repeat(257))), TooMany),
        ] {
            check(&body, &Err(bad));
        }
        assert_eq!(property_query(b"<propfind xmlns='DAV:'>\xff</propfind>"), Err(Malformed));
    }

    #[test]
    fn locks_have_a_scope() {
        let lock = |scope: &str| {
            format!(
                "<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:{scope}/></D:lockscope><D:locktype>\
                 <D:write/></D:locktype><D:owner><D:href>a</D:href></D:owner></D:lockinfo>"
            )
        };
        assert_eq!(lock_scope(lock("shared").as_bytes()), Ok(LockScope::Shared));
        assert_eq!(lock_scope(lock("exclusive").as_bytes()), Ok(LockScope::Exclusive));
        assert_eq!(lock_scope(b""), Err(BadXml::Malformed));
        assert_eq!(lock_scope(b"<propfind xmlns='DAV:'/>"), Err(BadXml::OtherRoot("lockinfo")));
    }
}
