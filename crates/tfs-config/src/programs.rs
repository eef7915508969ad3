//! Validation of the patterns of programs that get an error for missing data.

use tfs_sys::mounting::ProgramPatterns;

/// Players, media servers and tools with which people read files. A pattern that matches one would
/// make films end with an error.
const READERS: [&str; 38] = [
    "mpv",
    "vlc",
    "mplayer",
    "smplayer",
    "celluloid",
    "totem",
    "haruna",
    "dragon",
    "kodi",
    "kodi.bin",
    "ffmpeg",
    "ffprobe",
    "ffplay",
    "gst-play-1.0",
    "Plex Media Server",
    "Plex Transcoder",
    "Plex Media Scanner",
    "jellyfin",
    "jellyfin-ffmpeg",
    "EmbyServer",
    "emby-server",
    "minidlnad",
    "rygel",
    "gerbera",
    "mpd",
    "navidrome",
    "audiobookshelf",
    "calibre",
    "Sonarr",
    "Radarr",
    "smbd",
    "nfsd",
    "rclone",
    "rsync",
    "cp",
    "dd",
    "cat",
    "mediainfo",
];

/// Checks a pattern of the name of a program.
///
/// # Errors
/// A message for users.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    if pattern.contains('/') {
        return Err(format!("{pattern:?}: leave out the directory: only the name is compared"));
    }
    if pattern.trim().is_empty() || pattern.chars().any(char::is_control) {
        return Err(format!("{pattern:?} is no name of a program"));
    }
    if pattern.contains(',') {
        return Err(format!(
            "{pattern:?}: write each name in quotes of its own, as in [\"a\", \"b\"]"
        ));
    }
    let patterns = ProgramPatterns::new([pattern]);
    match READERS.iter().find(|name| patterns.match_file(name)) {
        None => Ok(()),
        Some(reader) => Err(format!(
            "{pattern:?} matches `{reader}`, with which people read files; write a narrower pattern"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_media_servers_and_copies_cannot_be_refused() {
        for (pattern, is_allowed) in [
            ("updatedb", true),
            ("clam*", true),
            ("my indexer", true),
            ("mp", true),
            ("*", false),
            ("m*", false),
            ("???", false),
            ("MPV", false),
            ("plex*", false),
            ("jellyfin", false),
            ("ff*", false),
            ("r*c", false),
            (" ", false),
            ("/usr/bin/updatedb", false),
            ("a\tb", false),
            ("updatedb,clam*", false),
        ] {
            assert_eq!(check(pattern).is_ok(), is_allowed, "{pattern:?}: {:?}", check(pattern));
        }
    }
}
