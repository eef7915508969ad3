//! Host names of requests.

use std::net::IpAddr;

/// Returns whether a host, with or without a port, is an IP address or the name of this machine.
#[must_use]
pub fn is_this_machine(host: &str) -> bool {
    let without_port = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    [host, without_port].iter().any(|name| {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
    })
}

/// Returns whether a text is a host name or an IP address, without anything else.
#[must_use]
pub fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(is_letter)
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_for_by_its_name() {
        for host in
            ["localhost", "LOCALHOST:3031", "127.0.0.1", "127.0.0.1:3031", "[::1]:80", "::1"]
        {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "evil.example", "evil.example:3031", "localhost.evil.example:1", ":80"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
