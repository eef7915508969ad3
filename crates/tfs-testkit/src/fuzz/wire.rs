//! Server responses other than the list: bitfields, JSON of every kind, ranges, `.torrent` files.

use bytes::Bytes;
use rqbit_client::{Bitfield, ContentRange, wire};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::from_slice;

/// Any bitfield: four bytes with the number of pieces, and the bits.
///
/// # Panics
/// If a piece is not the bit at its index, or if the pieces are miscounted.
pub fn bitfield(data: &[u8]) {
    let Some((count, bits)) = data.split_first_chunk() else { return };
    let piece_count = u32::from_le_bytes(*count);
    let bits = Bytes::copy_from_slice(bits);
    let Some(field) = Bitfield::new(bits.clone(), piece_count) else { return };
    assert_eq!(bits.len(), usize::try_from(piece_count.div_ceil(8)).unwrap_or(usize::MAX));
    let mut expected = bits.iter().flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80 != 0));
    let mut have_count = 0;
    for piece_idx in 0..piece_count {
        let has = field.has(piece_idx);
        assert_eq!(Some(has), expected.next(), "piece {piece_idx}");
        have_count += u32::from(has);
    }
    assert_eq!(field.have_count(), have_count);
    for beyond in (piece_count..piece_count.saturating_add(9)).chain([u32::MAX]) {
        assert!(!field.has(beyond), "a piece that there is not");
    }
}

/// A list that is parsed as a whole, as tolerantly as by the client. Unused fields only need the
/// form of JSON, whatever their numbers and bytes are.
#[derive(Deserialize)]
struct Whole {
    torrents: Vec<IgnoredAny>,
}

/// Any JSON, parsed as each type of response. A list of torrents that is parsed in parts must equal
/// the list parsed as a whole.
///
/// # Panics
/// If it does not.
pub fn json(data: &[u8]) {
    drop(from_slice::<wire::TorrentDetails>(data));
    drop(from_slice::<wire::TorrentStats>(data));
    drop(from_slice::<wire::SessionStats>(data));
    drop(from_slice::<wire::ServerInfo>(data));
    drop(from_slice::<wire::AddedTorrent>(data));
    drop(from_slice::<wire::Limits>(data));
    if let Ok(torrent) = from_slice::<wire::TorrentDetails>(data) {
        drop(rqbit_source::to_details(torrent, None));
    }
    let Ok(list) = wire::parse_list(data) else { return };
    let whole: Whole = match from_slice(data) {
        Ok(whole) => whole,
        Err(error) => panic!("a list that is no JSON: {error}"),
    };
    assert_eq!(data.trim_ascii_start().first(), Some(&b'{'), "a list in no object");
    assert_eq!(whole.torrents.len(), list.len());
    list.into_iter().for_each(|torrent| drop(rqbit_source::to_summary(torrent)));
}

/// Any value of the header `Content-Range`.
///
/// # Panics
/// If an invalid range is accepted.
pub fn content_range(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some(range) = ContentRange::parse(&text) else { return };
    let ContentRange { start, end, total } = range;
    assert!(start < end && total.is_none_or(|total| end <= total), "{range:?}");
    let total = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    let again = ContentRange::parse(&format!("bytes {start}-{}/{total}", end - 1));
    assert_eq!(again, Some(range));
}

/// Any `.torrent` file of a torrent with three files.
///
/// # Panics
/// If it adds or removes files.
pub fn metainfo(data: &[u8]) {
    const TORRENT: &[u8] = br#"{"info_hash":"0123456789abcdef0123456789abcdef01234567",
        "name":"t","files":[
        {"name":"a","components":["a"],"length":5,"attributes":{"symlink":true}},
        {"name":"d/b","components":["d","b"],"length":7},
        {"name":"c","components":["c"],"length":18446744073709551615}]}"#;
    let torrent: wire::TorrentDetails = match from_slice(TORRENT) {
        Ok(torrent) => torrent,
        Err(error) => panic!("{error}"),
    };
    let details = rqbit_source::to_details(torrent, Some(data));
    let Some(details) = details else { panic!("the files are known without it") };
    assert_eq!(details.files.len(), 3);
    super::walk(vec![details]);
}
