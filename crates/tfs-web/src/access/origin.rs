//! Where a request comes from: refuses those that pages of other sites make a browser send.

use hyper::header::{HeaderMap, HeaderName, ORIGIN};
use hyper::http::uri::{Authority, Scheme, Uri};

use tfs_http::{Hosts, host_name_of};

/// Sent by browsers, for addresses that they trust: the relation of the page to the address.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Sent by browsers with it: what the request is for.
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// A request of a page of another site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForeignPage;

/// What a request says about the page that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OriginClaim {
    /// It comes from a page of this site, or from the address bar.
    SameSite,
    /// It says nothing, as programs that are not browsers do.
    Nothing,
}

/// Checks a request that reads. Links of other pages may lead here if `takes_links`.
pub(crate) fn check_read(headers: &HeaderMap, takes_links: bool) -> Result<(), ForeignPage> {
    let is_link = headers.get(FETCH_MODE).is_some_and(|mode| mode == "navigate");
    if takes_links && is_link {
        return Ok(());
    }
    check_site(headers).map(drop)
}

/// Checks a request that changes something. `host` is the one that the request names.
pub(crate) fn check_change(
    headers: &HeaderMap,
    host: Option<&Authority>,
    hosts: &Hosts,
) -> Result<OriginClaim, ForeignPage> {
    let site = check_site(headers)?;
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(site) };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let origin = origin.filter(|_| origins.next().is_none()).ok_or(ForeignPage)?;
    // `null`, of a page in a sandbox, has no scheme.
    let (Some(scheme), Some(authority)) = (origin.scheme(), origin.authority()) else {
        return Err(ForeignPage);
    };
    let is_web = *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
    let is_same = host.is_some_and(|host| is_same_host(scheme, authority, host));
    match is_web && (is_same || hosts.names(authority)) {
        true => Ok(OriginClaim::SameSite),
        false => Err(ForeignPage),
    }
}

/// Other ports of the same name are other sites.
fn check_site(headers: &HeaderMap) -> Result<OriginClaim, ForeignPage> {
    match headers.get(FETCH_SITE).map(|site| site.as_bytes()) {
        None => Ok(OriginClaim::Nothing),
        Some(b"same-origin" | b"none") => Ok(OriginClaim::SameSite),
        Some(_) => Err(ForeignPage),
    }
}

/// Returns whether an origin is the host that the request names. The request does not tell its
/// scheme, so that a host without a port has the default of the origin's.
fn is_same_host(scheme: &Scheme, origin: &Authority, host: &Authority) -> bool {
    let default = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
    host_name_of(origin) == host_name_of(host) && port(origin) == port(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[(&str, &str)], expected: Result<OriginClaim, ForeignPage>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let host = "127.0.0.1:9132".parse().unwrap();
        let hosts = Hosts::new(&["tfs.example.org".to_owned()]);
        assert_eq!(check_change(&headers, Some(&host), &hosts), expected, "{lines:?}");
    }

    #[test]
    fn changes_come_from_this_page_or_no_page() {
        check(&[], Ok(OriginClaim::Nothing));
        check(&[("origin", "http://127.0.0.1:9132")], Ok(OriginClaim::SameSite));
        check(&[("origin", "https://tfs.example.org")], Ok(OriginClaim::SameSite));
        check(&[("sec-fetch-site", "same-origin")], Ok(OriginClaim::SameSite));
        check(&[("sec-fetch-site", "none")], Ok(OriginClaim::SameSite));
        for origin in [
            "null",
            "",
            "http://127.0.0.1",
            "http://127.0.0.1:3000",
            "https://127.0.0.1",
            "http://localhost:9132",
            "http://evil.example",
            "file://",
            "chrome-extension://127.0.0.1:9132",
            "http://tfs.example.org.evil.example",
        ] {
            check(&[("origin", origin)], Err(ForeignPage));
        }
        let mine = ("origin", "http://127.0.0.1:9132");
        check(&[mine, ("origin", "http://evil.example")], Err(ForeignPage));
        for site in ["cross-site", "same-site", "", "SAME-ORIGIN, cross-site"] {
            check(&[mine, ("sec-fetch-site", site)], Err(ForeignPage));
        }
    }

    #[test]
    fn a_host_without_port_is_that_of_the_scheme() {
        let hosts = Hosts::new(&[]);
        let host: Authority = "10.0.0.2".parse().unwrap();
        for (origin, expected) in [
            ("https://10.0.0.2", true),
            ("https://10.0.0.2:443", true),
            ("http://10.0.0.2:80", true),
            ("https://10.0.0.2:8443", false),
        ] {
            let headers = HeaderMap::from_iter([(ORIGIN, origin.parse().unwrap())]);
            assert_eq!(check_change(&headers, Some(&host), &hosts).is_ok(), expected, "{origin}");
            assert_eq!(check_change(&headers, None, &hosts), Err(ForeignPage));
        }
    }

    #[test]
    fn links_of_other_pages_lead_to_pages_only() {
        let cross = |mode: &str| {
            HeaderMap::from_iter([
                (FETCH_SITE, "cross-site".parse().unwrap()),
                (FETCH_MODE, mode.parse().unwrap()),
            ])
        };
        assert_eq!(check_read(&cross("navigate"), true), Ok(()));
        assert_eq!(check_read(&cross("navigate"), false), Err(ForeignPage));
        assert_eq!(check_read(&cross("no-cors"), true), Err(ForeignPage));
        assert_eq!(check_read(&HeaderMap::new(), false), Ok(()));
    }
}
