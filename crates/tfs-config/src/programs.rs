//! Validation of the patterns of programs that get an error for missing data.

/// Programs that people or servers use to read a file on purpose. A pattern that matches one would
/// make films end with an error.
const READERS: [&str; 38] = [
    "mpv",
    "vlc",
    "mplayer",
    "celluloid",
    "totem",
    "kodi.bin",
    "kodi",
    "haruna",
    "dragon",
    "smplayer",
    "ffmpeg",
    "ffprobe",
    "ffplay",
    "gst-play-1.0",
    "Plex Media Server",
    "Plex Transcoder",
    "Plex Media Scanner",
    "jellyfin",
    "EmbyServer",
    "emby-server",
    "minidlnad",
    "rygel",
    "gerbera",
    "mpd",
    "navidrome",
    "audiobookshelf",
    "smbd",
    "nfsd",
    "rclone",
    "rsync",
    "cp",
    "dd",
    "cat",
    "Sonarr",
    "Radarr",
    "python3",
    "bash",
    "firefox",
];

/// Checks a pattern of the name of a program.
///
/// # Errors
/// A message for users.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    if pattern.contains('/') {
        return Err(format!("{pattern:?}: leave out the directory: only the name is compared"));
    }
    if pattern.trim() != pattern || pattern.chars().any(char::is_control) {
        return Err(format!(
            "{pattern:?}: a name has no spaces around it and no control characters"
        ));
    }
    let lower = pattern.to_lowercase();
    let matches = |name: &&&str| is_match(lower.as_bytes(), name.to_lowercase().as_bytes());
    match READERS.iter().find(matches) {
        None => Ok(()),
        Some(reader) => Err(format!(
            "{pattern:?} matches `{reader}`, which people use to read files; write a narrower \
             pattern"
        )),
    }
}

/// Returns whether a pattern with `*` and `?` covers all of a name.
fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => is_match(rest, name),
        (Some((b'*', rest)), Some((_, after))) => is_match(rest, name) || is_match(pattern, after),
        (Some((wanted, rest)), Some((byte, after))) => {
            (*wanted == b'?' || wanted == byte) && is_match(rest, after)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}
