//! Programs that look at media files, as scanners and players run them.

use std::path::Path;

/// One program, for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaTool {
    Ffprobe,
    /// With the arguments of Jellyfin.
    JellyfinProbe,
    Mediainfo,
    Mkvmerge,
    File,
    Exiftool,
    /// One frame at a tenth of the film.
    Thumbnail,
    /// Start and 20 seeks.
    Mpv,
}

pub(crate) const TOOLS: [MediaTool; 8] = [
    MediaTool::Ffprobe,
    MediaTool::JellyfinProbe,
    MediaTool::Mediainfo,
    MediaTool::Mkvmerge,
    MediaTool::File,
    MediaTool::Exiftool,
    MediaTool::Thumbnail,
    MediaTool::Mpv,
];

/// The seeks of mpv, in percent of the film.
const SEEKS: [u32; 20] =
    [5, 50, 12, 80, 33, 61, 92, 20, 44, 71, 8, 55, 86, 27, 38, 66, 97, 16, 75, 48];

impl MediaTool {
    /// Returns the name of the figures, and of torrents.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ffprobe => "ffprobe",
            Self::JellyfinProbe => "ffprobe-jellyfin",
            Self::Mediainfo => "mediainfo",
            Self::Mkvmerge => "mkvmerge",
            Self::File => "file",
            Self::Exiftool => "exiftool",
            Self::Thumbnail => "thumbnail",
            Self::Mpv => "mpv",
        }
    }

    /// Returns the program that must be installed.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::JellyfinProbe => "ffprobe",
            Self::Thumbnail => "ffmpeg",
            Self::Ffprobe
            | Self::Mediainfo
            | Self::Mkvmerge
            | Self::File
            | Self::Exiftool
            | Self::Mpv => self.name(),
        }
    }

    /// Returns the command line for a film of some seconds. `script` is a file that mpv may use.
    pub(crate) fn command(self, film: &Path, seconds: u32, script: &Path) -> Vec<String> {
        let film = film.display();
        let line = match self {
            Self::Ffprobe => format!("ffprobe -v error -show_format -show_streams {film}"),
            Self::JellyfinProbe => format!(
                "ffprobe -analyzeduration 200M -probesize 1G -i file:{film} -threads 0 -v error \
                 -print_format json -show_streams -show_chapters -show_format"
            ),
            Self::Mediainfo => format!("mediainfo {film}"),
            Self::Mkvmerge => format!("mkvmerge -J {film}"),
            Self::File => format!("file {film}"),
            Self::Exiftool => format!("exiftool {film}"),
            Self::Thumbnail => {
                let at = seconds / 10;
                format!("ffmpeg -v quiet -ss {at} -i {film} -frames:v 1 -f null -")
            }
            Self::Mpv => {
                std::fs::write(script, seeking()).unwrap();
                let script = script.display();
                format!(
                    "mpv --no-config --really-quiet --vo=null --ao=null --script={script} {film}"
                )
            }
        };
        line.split_whitespace().map(str::to_owned).collect()
    }
}

/// Returns a script of mpv that seeks whenever a frame is shown, and then ends mpv.
fn seeking() -> String {
    let places: Vec<_> = SEEKS.iter().map(ToString::to_string).collect();
    format!(
        "local places = {{ {} }}\nlocal at = 0\n\
         mp.register_event('playback-restart', function()\n  at = at + 1\n  \
         if places[at] then mp.commandv('seek', places[at], 'absolute-percent+keyframes')\n  \
         else mp.command('quit') end\nend)\n",
        places.join(", ")
    )
}
