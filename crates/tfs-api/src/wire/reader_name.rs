//! What readers are called in tables: programs of this machine, and clients on the network.

use super::ReaderStatus;

/// Maximum length of what a client calls itself, in characters.
const PRODUCT_CHARS_MAX: usize = 40;

/// Names of browsers in their `User-Agent`, which all begin with `Mozilla/`. Those that also name
/// another one come first.
const BROWSERS: [&str; 5] = ["Edg/", "OPR/", "Firefox/", "Chrome/", "Safari/"];

/// The beginning of the agent of a client with a device token; the name of the device follows, and
/// the rest after a comma.
const DEVICE: &str = "device ";

impl ReaderStatus {
    /// Returns who reads, for people: `ffmpeg[4711]`, `192.168.1.20 Infuse/8.1`, or
    /// `192.168.1.20 tv VLC/3.0.18` for a client with the token of the device `tv`. `None` if that
    /// is not known.
    #[must_use]
    pub fn who(&self) -> Option<String> {
        if self.front.is_none() {
            let command = self.command.as_ref()?;
            return Some(match self.pid {
                Some(pid) => format!("{command}[{pid}]"),
                None => command.clone(),
            });
        }
        client_name(self.peer.as_deref(), self.agent.as_deref())
    }
}

/// Returns a client on the network, for people: its address and what it calls itself, as in
/// [`ReaderStatus::who`]. `None` if neither is known.
#[must_use]
pub fn client_name(peer: Option<&str>, agent: Option<&str>) -> Option<String> {
    let (device, agent) = device_and_agent(agent.unwrap_or_default());
    let names = [peer, device, product(agent)];
    let names: Vec<String> = names
        .into_iter()
        .flatten()
        .map(|name| name.chars().take(PRODUCT_CHARS_MAX).collect())
        .collect();
    (!names.is_empty()).then(|| names.join(" "))
}

fn device_and_agent(agent: &str) -> (Option<&str>, &str) {
    match agent.strip_prefix(DEVICE).map(|rest| rest.split_once(", ").unwrap_or((rest, ""))) {
        Some((device, agent)) => (Some(device), agent),
        None => (None, agent),
    }
}

/// Returns the product of a `User-Agent` (RFC 9110, section 10.1.5).
fn product(agent: &str) -> Option<&str> {
    let mut words = agent.split_whitespace();
    if !agent.starts_with("Mozilla/") {
        return words.next();
    }
    let find = |browser: &&str| agent.split_whitespace().find(|word| word.starts_with(*browser));
    BROWSERS.iter().find_map(find).or(Some("browser"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(front: Option<&str>, peer: Option<&str>, agent: Option<&str>, want: Option<&str>) {
        let reader = ReaderStatus {
            front: front.map(str::to_owned),
            peer: peer.map(str::to_owned),
            agent: agent.map(str::to_owned),
            pid: front.is_none().then_some(4711),
            command: front.is_none().then(|| "ffmpeg".to_owned()),
            ..ReaderStatus::default()
        };
        assert_eq!(reader.who().as_deref(), want);
    }

    #[test]
    fn readers_have_short_names() {
        let peer = Some("192.168.1.20");
        check(None, None, None, Some("ffmpeg[4711]"));
        check(Some("webdav"), peer, Some("Infuse/8.1"), Some("192.168.1.20 Infuse/8.1"));
        check(Some("webdav"), peer, None, Some("192.168.1.20"));
        check(
            Some("webdav"),
            peer,
            Some("device tv, VLC/3.0.18 LibVLC/3.0.18"),
            Some("192.168.1.20 tv VLC/3.0.18"),
        );
        check(Some("webdav"), peer, Some("device tv"), Some("192.168.1.20 tv"));
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        check(Some("page"), Some("::1"), Some(firefox), Some("::1 Firefox/128.0"));
        let edge = "Mozilla/5.0 (Windows NT 10.0) Chrome/1 Safari/2 Edg/3";
        check(Some("page"), None, Some(edge), Some("Edg/3"));
        check(Some("page"), None, Some("Mozilla/5.0"), Some("browser"));
        check(Some("nfs"), Some("10.0.0.2"), Some("nas"), Some("10.0.0.2 nas"));
        check(Some("nfs"), None, None, None);
    }
}
