//! Replies and faults.

use tfs_http::push_escaped;

/// Why an action fails, by the codes of UPnP Device Architecture 1.0 and ContentDirectory:1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SoapFault {
    pub(crate) code: u16,
    pub(crate) text: &'static str,
}

impl SoapFault {
    pub(crate) const INVALID_ACTION: Self = Self { code: 401, text: "Invalid Action" };
    pub(crate) const INVALID_ARGS: Self = Self { code: 402, text: "Invalid Args" };
    pub(crate) const ACTION_FAILED: Self = Self { code: 501, text: "Action Failed" };
    pub(crate) const NO_SUCH_OBJECT: Self = Self { code: 701, text: "No such object" };
    pub(crate) const NO_SUCH_CONNECTION: Self =
        Self { code: 706, text: "Invalid connection reference" };
    pub(crate) const NO_SUCH_CONTAINER: Self = Self { code: 710, text: "No such container" };
}

const START: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
    <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
    s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>";
const END: &str = "</s:Body></s:Envelope>\n";

/// Returns the reply of an action.
pub(crate) fn reply(service: &str, action: &str, results: &[(&str, &str)]) -> String {
    let mut xml = format!("{START}<u:{action}Response xmlns:u=\"{service}\">");
    for (name, text) in results {
        xml.extend(["<", name, ">"]);
        push_escaped(text, &mut xml);
        xml.extend(["</", name, ">"]);
    }
    xml.extend(["</u:", action, "Response>", END]);
    xml
}

/// Returns the reply of an action that failed.
pub(crate) fn fault(SoapFault { code, text }: SoapFault) -> String {
    format!(
        "{START}<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>\
         <detail><UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\">\
         <errorCode>{code}</errorCode><errorDescription>{text}</errorDescription>\
         </UPnPError></detail></s:Fault>{END}"
    )
}
