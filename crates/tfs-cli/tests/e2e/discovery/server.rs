//! A server of films whose responses a test can replace.

use tfs_testkit::content::Content;
use tfs_testkit::rqbit::{Cut, FakeRqbit, FakeTorrent, Fault, RqbitSetup, Target};

/// A response that is not the right one, by name.
pub(super) fn spoiled() -> [(&'static str, Fault); 5] {
    [
        ("closed", Fault::Truncate(Cut::Head)),
        ("500", Fault::Status(500, "boom")),
        ("413", Fault::Status(413, "")),
        ("garbage", Fault::Status(200, "<html>")),
        ("stall", SILENT),
    ]
}

/// No response, while the connection stays open.
pub(super) const SILENT: Fault = Fault::Stall(Cut::Head);

/// Returns the responses to the list.
pub(super) fn list() -> Target {
    Target::Path("/torrents".to_owned())
}

/// Starts a server with this many films.
pub(super) fn start(film_count: u8) -> FakeRqbit {
    behind_a_line(film_count, 20, None)
}

/// Starts a server behind a connection of limited speed. `hash_bytes` is the length of the piece
/// hashes of each film.
pub(super) fn behind_a_line(
    film_count: u8,
    hash_bytes: usize,
    bytes_per_second: Option<u64>,
) -> FakeRqbit {
    let films = (0..film_count).map(|number| {
        let file = ("f", Content::new(1, 100_000));
        FakeTorrent {
            state: "paused",
            created: Some(1_500_000_000),
            hash_bytes: Some(hash_bytes),
            ..FakeTorrent::folder(number + 1, &format!("film {number}"), 1 << 17, &[file])
        }
    });
    let films: Vec<_> = films.collect();
    FakeRqbit::start(RqbitSetup { bytes_per_second, ..films.into() }).unwrap()
}

/// Returns the path of a film.
pub(super) fn film(number: u8) -> String {
    format!("/torrents/{}", format!("{:02x}", number + 1).repeat(20))
}
