//! Calls of actions.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

use super::SoapFault;

/// Maximum depth of elements. Envelope, body, action and argument are four.
const DEPTH_MAX: usize = 8;

/// Maximum number of arguments. Browse has six.
const ARGUMENTS_MAX: usize = 16;

/// Maximum length of the texts of all arguments in bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// Depths of the action and of its arguments, below envelope and body.
const ACTION_DEPTH: usize = 3;
const ARGUMENT_DEPTH: usize = 4;

/// A call of an action with its arguments.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct SoapCall {
    /// The name of the action, without its namespace.
    pub(crate) action: String,
    arguments: Vec<(String, String)>,
}

impl SoapCall {
    /// Parses an envelope.
    ///
    /// # Errors
    /// `INVALID_ARGS` if it is not XML, has a document type or entities of its own, is too deep,
    /// has too many arguments or too long ones, or no action.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, SoapFault> {
        let invalid = |_| SoapFault::INVALID_ARGS;
        let body = str::from_utf8(body).map_err(|_not_utf8| SoapFault::INVALID_ARGS)?;
        let mut reader = Reader::from_str(body.trim_start_matches('\u{feff}'));
        let (mut call, mut depth, mut text_bytes) = (Self::default(), 0_usize, 0_usize);
        loop {
            match reader.read_event().map_err(invalid)? {
                Event::Start(element) => {
                    depth += 1;
                    call.enter(element.local_name().into_inner(), depth)?;
                }
                Event::Empty(element) => {
                    call.enter(element.local_name().into_inner(), depth + 1)?;
                }
                Event::End(_) => depth = depth.saturating_sub(1),
                Event::Text(text) => {
                    call.add_text(&text.xml10_content(), depth, &mut text_bytes)?;
                }
                Event::CData(text) => {
                    call.add_text(&text.xml10_content(), depth, &mut text_bytes)?;
                }
                Event::GeneralRef(entity) => {
                    call.add_text(&resolve(&entity)?, depth, &mut text_bytes)?;
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::DocType(_) => return Err(SoapFault::INVALID_ARGS),
                Event::Eof => break,
            }
        }
        if depth != 0 || call.action.is_empty() {
            return Err(SoapFault::INVALID_ARGS);
        }
        Ok(call)
    }

    /// Returns the text of an argument.
    ///
    /// # Errors
    /// `INVALID_ARGS` if it is not there.
    pub(crate) fn argument(&self, name: &str) -> Result<&str, SoapFault> {
        let found = self.arguments.iter().find(|(own, _)| own == name);
        found.map(|(_, text)| text.trim()).ok_or(SoapFault::INVALID_ARGS)
    }

    /// Returns an argument that is a number; 0 if it is not there: some televisions leave it out.
    ///
    /// # Errors
    /// `INVALID_ARGS` if it is not a number.
    pub(crate) fn number(&self, name: &str) -> Result<usize, SoapFault> {
        match self.argument(name) {
            Err(_) | Ok("") => Ok(0),
            // The largest number of UPnP's `ui4` is 32 bits.
            Ok(text) => {
                let number: u32 = text.parse().map_err(|_not_a_number| SoapFault::INVALID_ARGS)?;
                usize::try_from(number).map_err(|_too_large| SoapFault::INVALID_ARGS)
            }
        }
    }

    fn enter(&mut self, name: &str, depth: usize) -> Result<(), SoapFault> {
        if depth > DEPTH_MAX || self.arguments.len() >= ARGUMENTS_MAX {
            return Err(SoapFault::INVALID_ARGS);
        }
        match depth {
            // A second action, or one after a header, takes the place of the first.
            ACTION_DEPTH => *self = Self { action: name.to_owned(), arguments: Vec::new() },
            ARGUMENT_DEPTH => self.arguments.push((name.to_owned(), String::new())),
            _ => {}
        }
        Ok(())
    }

    fn add_text(
        &mut self,
        text: &str,
        depth: usize,
        text_bytes: &mut usize,
    ) -> Result<(), SoapFault> {
        if depth != ARGUMENT_DEPTH {
            return Ok(());
        }
        *text_bytes += text.len();
        if *text_bytes > TEXT_BYTES_MAX {
            return Err(SoapFault::INVALID_ARGS);
        }
        if let Some((_, argument)) = self.arguments.last_mut() {
            argument.push_str(text);
        }
        Ok(())
    }
}

/// Returns the text of a predefined entity or of a character.
fn resolve(entity: &BytesRef<'_>) -> Result<String, SoapFault> {
    let invalid = |_| SoapFault::INVALID_ARGS;
    if let Some(character) = entity.resolve_char_ref().map_err(invalid)? {
        return Ok(character.to_string());
    }
    let known = resolve_predefined_entity(&entity.xml10_content()).map(str::to_owned);
    known.ok_or(SoapFault::INVALID_ARGS)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn envelope(inner: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"x\"><s:Body>{inner}</s:Body></s:Envelope>"
        )
    }

    #[test]
    fn arguments_are_texts() {
        let browse = "<u:Browse xmlns:u=\"y\"><ObjectID>1&amp;&#50;<![CDATA[<3>]]></ObjectID>\
                      <StartingIndex> 7\n</StartingIndex><Filter/></u:Browse>";
        let call = SoapCall::parse(envelope(browse).as_bytes()).unwrap();
        assert_eq!(call.action, "Browse");
        assert_eq!(call.argument("ObjectID"), Ok("1&2<3>"));
        assert_eq!(call.number("StartingIndex"), Ok(7));
        assert_eq!(call.number("RequestedCount"), Ok(0));
        assert_eq!(call.argument("Filter"), Ok(""));
        assert_eq!(call.argument("Other"), Err(SoapFault::INVALID_ARGS));
    }

    #[test]
    fn hostile_bodies_are_refused() {
        let mut many = String::from("<Browse>");
        for n in 0..100 {
            write!(many, "<A{n}/>").unwrap();
        }
        many.push_str("</Browse>");
        for body in [
            String::new(),
            "no xml".to_owned(),
            envelope(""),
            envelope(&many),
            envelope(&format!("<a>{}", "<b>".repeat(9000))),
            envelope(&format!("<a><b>{}</b></a>", "x".repeat(5000))),
            envelope("<a><b>&undefined;</b></a>"),
            "<!DOCTYPE a [<!ENTITY b \"c\">]><s><s><a><b>&b;</b></a></s></s>".to_owned(),
            "<s><s><a><b>".to_owned(),
            "</a></a></a>".to_owned(),
            envelope("<a><b>&#0;</b></a>"),
            envelope("<a><b>&#x110000;</b></a>"),
        ] {
            assert!(SoapCall::parse(body.as_bytes()).is_err(), "{body:.80}");
        }
        assert!(SoapCall::parse(&[0xff, 0xfe, b'<']).is_err());
        let number = envelope("<a><N>4294967296</N><M>-1</M></a>");
        let call = SoapCall::parse(number.as_bytes()).unwrap();
        assert!(call.number("N").is_err() && call.number("M").is_err());
    }
}
