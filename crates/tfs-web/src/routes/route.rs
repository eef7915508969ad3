//! The table of routes.

use hyper::Method;
use tfs_api::wire::{FailureBody, FailureKind};

/// A request by its method and path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PageRoute {
    /// `/`
    Page,
    /// `/app.js`, for example.
    Asset(String),
    /// `/healthz`
    Health,
    /// `GET /login`
    LoginForm,
    /// `POST /login`
    Login,
    /// `POST /logout`
    Logout,
    /// `/events`
    Events,
    /// `/file/HASH/INDEX/NAME`
    File { info_hash: String, file_index: u32 },
    /// `/m3u/HASH`, `/m3u/HASH/INDEX`
    Playlist { info_hash: String, file_index: Option<u32> },
    /// `GET /api/...`
    Data(DataRoute),
    /// `POST /api/torrents/HASH`
    Act { info_hash: String },
    /// `POST /api/add`
    Add,
}

/// A request for data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DataRoute {
    Overview,
    History,
    Torrents,
    Torrent { info_hash: String },
    Pieces,
    Search,
}

impl PageRoute {
    /// Returns the route of a request. HEAD is GET without a body.
    pub(super) fn of(method: &Method, path: &str) -> Result<Self, FailureBody> {
        let unknown = || FailureBody::new(FailureKind::UnknownPath, "there is no such page");
        let parts: Vec<&str> = path.strip_prefix('/').ok_or_else(unknown)?.split('/').collect();
        let (reads, changes) = match parts.as_slice() {
            [""] => (Some(Self::Page), None),
            ["healthz"] => (Some(Self::Health), None),
            ["login"] => (Some(Self::LoginForm), Some(Self::Login)),
            ["logout"] => (None, Some(Self::Logout)),
            ["events"] => (Some(Self::Events), None),
            ["file", hash, index, ..] if parts.len() <= 4 => {
                let info_hash = info_hash(hash).ok_or_else(unknown)?;
                let file_index = number(index).ok_or_else(unknown)?;
                (Some(Self::File { info_hash, file_index }), None)
            }
            ["m3u", hash, index @ ..] if index.len() <= 1 => {
                let info_hash = info_hash(hash).ok_or_else(unknown)?;
                let file_index = match index.first() {
                    None => None,
                    Some(index) => Some(number(index).ok_or_else(unknown)?),
                };
                (Some(Self::Playlist { info_hash, file_index }), None)
            }
            ["api", "torrents", hash] => {
                let info_hash = info_hash(hash).ok_or_else(unknown)?;
                let act = Self::Act { info_hash: info_hash.clone() };
                (Some(Self::Data(DataRoute::Torrent { info_hash })), Some(act))
            }
            ["api", "add"] => (None, Some(Self::Add)),
            ["api", name] => (Some(Self::Data(DataRoute::of(name).ok_or_else(unknown)?)), None),
            [name] => (Some(Self::Asset((*name).to_owned())), None),
            _ => return Err(unknown()),
        };
        let route = match *method {
            Method::GET | Method::HEAD => reads,
            Method::POST => changes,
            _ => None,
        };
        route.ok_or_else(|| {
            FailureBody::new(FailureKind::WrongMethod, "this page needs another method")
        })
    }

    /// Returns whether failures are JSON.
    pub(super) fn is_api(path: &str) -> bool {
        path.starts_with("/api/")
    }
}

impl DataRoute {
    fn of(name: &str) -> Option<Self> {
        match name {
            "overview" => Some(Self::Overview),
            "history" => Some(Self::History),
            "torrents" => Some(Self::Torrents),
            "pieces" => Some(Self::Pieces),
            "search" => Some(Self::Search),
            _ => None,
        }
    }
}

/// Returns an info hash in lower case.
pub(super) fn info_hash(text: &str) -> Option<String> {
    let is_hash = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}

/// Returns a number of digits only.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789ABCDEF01234567";

    #[track_caller]
    fn check(method: &Method, path: &str, expected: &str) {
        let path = path.replace("HASH", HASH);
        let found = match PageRoute::of(method, &path) {
            Ok(route) => format!("{route:?}").replace(&HASH.to_lowercase(), "hash"),
            Err(failure) => format!("{:?}", failure.kind),
        };
        assert_eq!(found, expected, "{method} {path}");
    }

    #[test]
    fn routes_are_found() {
        let file = "File { info_hash: \"hash\", file_index: 7 }";
        for (path, expected) in [
            ("/", "Page"),
            ("/app.js", "Asset(\"app.js\")"),
            ("/login", "LoginForm"),
            ("/api/overview", "Data(Overview)"),
            ("/api/torrents", "Data(Torrents)"),
            ("/api/torrents/HASH", "Data(Torrent { info_hash: \"hash\" })"),
            ("/file/HASH/7/film.mkv", file),
            ("/file/HASH/007/%2e%2e", file),
            ("/file/HASH/7", file),
            ("/m3u/HASH", "Playlist { info_hash: \"hash\", file_index: None }"),
            ("/m3u/HASH/1", "Playlist { info_hash: \"hash\", file_index: Some(1) }"),
            ("/logout", "WrongMethod"),
            ("/api/add", "WrongMethod"),
            ("/api/nothing", "UnknownPath"),
            ("/api/torrents/HASH0", "UnknownPath"),
            ("/api/torrents/../../x", "UnknownPath"),
            ("/file/HASH/-1/x", "UnknownPath"),
            ("/file/HASH/4294967296/x", "UnknownPath"),
            ("/file/HASH/+1/x", "UnknownPath"),
            ("/file/HASH/7/a/b", "UnknownPath"),
            ("/file//7/a", "UnknownPath"),
            ("/m3u/HASH/", "UnknownPath"),
            ("//", "UnknownPath"),
            ("/x/../app.js", "UnknownPath"),
            ("*", "UnknownPath"),
            ("", "UnknownPath"),
        ] {
            check(&Method::GET, path, expected);
        }
        check(&Method::HEAD, "/file/HASH/7/x", file);
        check(&Method::POST, "/login", "Login");
        check(&Method::POST, "/api/torrents/HASH", "Act { info_hash: \"hash\" }");
        check(&Method::POST, "/api/add", "Add");
        check(&Method::POST, "/", "WrongMethod");
        check(&Method::PUT, "/api/add", "WrongMethod");
        check(&Method::OPTIONS, "/api/overview", "WrongMethod");
        check(&Method::DELETE, "/api/torrents/HASH", "WrongMethod");
    }
}
