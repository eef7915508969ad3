//! Bencode writer for the .torrent files of this crate. Keys of a dictionary are sorted.

/// The fields of an info dictionary.
#[derive(Debug)]
pub(crate) struct InfoFields<'a> {
    pub(crate) name: &'a str,
    /// `None` for a torrent that is one file, `total` bytes long.
    pub(crate) file_list: Option<&'a Vec<u8>>,
    pub(crate) total: u64,
    pub(crate) piece_length: u32,
    pub(crate) pieces: &'a [u8],
    pub(crate) is_private: bool,
}

pub(crate) fn info_dict(fields: &InfoFields<'_>) -> Vec<u8> {
    let InfoFields { name, file_list, total, piece_length, pieces, is_private } = *fields;
    let mut info = vec![b'd'];
    if let Some(file_list) = file_list {
        put_str(&mut info, b"files");
        info.extend_from_slice(file_list);
    } else {
        put_str(&mut info, b"length");
        put_int(&mut info, total);
    }
    put_str(&mut info, b"name");
    put_str(&mut info, name.as_bytes());
    put_str(&mut info, b"piece length");
    put_int(&mut info, piece_length.into());
    put_str(&mut info, b"pieces");
    put_str(&mut info, pieces);
    if is_private {
        put_str(&mut info, b"private");
        put_int(&mut info, 1);
    }
    info.push(b'e');
    info
}

pub(crate) fn torrent_dict(
    info: &[u8],
    announce: Option<&str>,
    creation_date: Option<u64>,
) -> Vec<u8> {
    let mut torrent = vec![b'd'];
    if let Some(announce) = announce {
        put_str(&mut torrent, b"announce");
        put_str(&mut torrent, announce.as_bytes());
    }
    if let Some(seconds) = creation_date {
        put_str(&mut torrent, b"creation date");
        put_int(&mut torrent, seconds);
    }
    put_str(&mut torrent, b"encoding");
    put_str(&mut torrent, b"UTF-8");
    put_str(&mut torrent, b"info");
    torrent.extend_from_slice(info);
    torrent.push(b'e');
    torrent
}

pub(crate) fn put_file(out: &mut Vec<u8>, components: &[String], len: u64, is_padding: bool) {
    out.push(b'd');
    if is_padding {
        put_str(out, b"attr");
        put_str(out, b"p");
    }
    put_str(out, b"length");
    put_int(out, len);
    put_str(out, b"path");
    out.push(b'l');
    components.iter().for_each(|name| put_str(out, name.as_bytes()));
    out.extend_from_slice(b"ee");
}

fn put_str(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}

fn put_int(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(format!("i{value}e").as_bytes());
}
