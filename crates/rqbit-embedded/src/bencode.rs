//! Bencode writer for the .torrent files of this crate. Keys of a dictionary are sorted.

/// `file_list` is `None` for a torrent that is one file, `total` bytes long.
pub(crate) fn info_dict(
    name: &str,
    file_list: Option<&Vec<u8>>,
    total: u64,
    piece_length: u32,
    pieces: &[u8],
) -> Vec<u8> {
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
    info.push(b'e');
    info
}

pub(crate) fn torrent_dict(info: &[u8], creation_date: Option<u64>) -> Vec<u8> {
    let mut torrent = vec![b'd'];
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
