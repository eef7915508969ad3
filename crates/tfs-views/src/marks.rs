//! Marks in names: what a release name says about its kind, as regular expressions.
//!
//! The expressions are matched against normalized names, see [`normalize`].

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// A set of alternatives, in any case of letters.
pub(crate) struct Mark(LazyLock<Regex>);

impl Mark {
    pub(crate) fn is_in(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// Declares marks. The alternatives of each are separate words: no letter or digit is next to them.
macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident = [$($part:literal),+ $(,)?];)+) => {
        $($(#[$doc])* pub(crate) static $name: Mark = Mark(LazyLock::new(|| {
            let parts = [$($part),+].join("|");
            let text = format!(r"(?:^|[^\p{{L}}\p{{N}}])(?:{parts})(?:$|[^\p{{L}}\p{{N}}])");
            let built = RegexBuilder::new(&text).case_insensitive(true).build();
            built.expect("a test compiles each")
        }));)+

        #[cfg(test)]
        const ALL: &[(&str, &Mark)] = &[$((stringify!($name), &$name)),+];
    };
}

marks! {
    /// Numbers of seasons and episodes that occur in no other names.
    EPISODE = [
        r"s\d{1,4} ?\.?-? ?(?:e|ep|x) ?#?\d{1,4}[a-c]?(?:.?-? ?(?:e|ep|x)? ?\d{1,4})*",
        r"s\d{2}e\d.*",
        r"\d{1,2}[x×х]\d{2,3}(?:.?-? ?(?:\d{1,2}[x×х])?\d{2,3})*",
        r"s\d{1,2}(?: ?-{1,2} ?s?\d{1,2}|s\d{1,2}|d\d{1,2}|dvd\d*|sm?)*",
        r"s ?\d{2}",
        r"s20\d\d|s\d{4}",
        r"(?:season|saison|series|temporada|temp|stagione|stagioni|staffel|seizoen|sezon|säsong)s? ?s?[o0]?\d{1,2}.*",
        r"(?:сезоны?|сезон) ?[№:]? ?\d{1,2}.*",
        r"sn ?\d{1,2} ?ep ?\d{1,3}",
        r"t\d{1,2}e\d{1,3}",
        r"\d{1,2} ?(?:st|nd|rd|th|ª|º|a\.?|da|°)? ?(?:season|temporada|stagione|сезон|sezon)",
        r"(?:first|second|third|fourth|fifth|final) season",
        r"(?:complete|full|all) (?:tv )?(?:series|seasons?)",
        r"(?:complete|full) (?:box ?set|season)",
        r"(?:series|show|seasons?) complete",
        r"(?:серии|серия|серий|серії|seriya|seria|серія) ?[№:]? ?\d{1,4}",
        r"\d{1,4} ?(?:серия|серии|серий|seriya|seria|seriy)",
        r"\d{1,3}(?: ?- ?\d{1,3})? ?(?:of|из|iz|de) ?\d{1,3}",
        r"e\d{2,4}(?:-?e?\d{2,4})*",
        r"(?:eps|odc|afl|folge|capitulo|capítulo|caa?p|epizod) ?\d{1,4}(?: ?- ?\d{1,4})?",
        r"mini ?series",
        r".* - \d{1,2}\.\d{2} - .*",
        r"\d{1,4} ?sery[ai]",
    ];
    /// Numbers of episodes that names of films have too: `Star Wars Episode 4 (1977)`.
    WEAK_EPISODE = [
        r"(?:episode|episodes|episodio|ep|tv)[ -]{0,2}\d{1,4}(?: ?- ?\d{1,4})?",
        r"^\[?\d{1,2}[.-]\d{2}\]? .*",
    ];
    /// The date of a daily show.
    DATE = [r"(?:19|20)\d\d[ .-](?:0\d|1[0-2])[ .-](?:[0-2]\d|3[01])"];
    /// The number of an episode without a season, after a dash, a hash or in brackets.
    ABSOLUTE = [
        r".* ?- ?\d{1,4}(?:\.5)?(?:v\d)?(?: end)?(?: ?[-~] ?\d{1,4})?(?: ?[\[(].*| ?- .*)?$",
        r"#\d{1,4}(?:-\d{1,4})?",
        r"[\[【]\d{2,3}(?:v\d)?(?: ?[-~] ?\d{2,3})?(?: (?:end|fin))?[\]】].*",
        r"第 ?[\d一二三四五六七八九十]+ ?[話话集回期季].*",
        r"\d{1,3}[話话集回].*",
        r"(?:ep|episode) ?\d{1,4}(?:v\d)?",
    ];
    /// A number at the start of a file's name, or before its end.
    NUMBERED = [
        r"^(?:episode |ep |e)?\d{1,3}(?: .*|\..*|-.*|_.*)?$",
        r".*[ -]\d{2,3}(?: ?v\d)?$",
    ];
    /// A CRC32 in brackets, as groups for anime add it. Eight digits may be a catalogue number.
CHECKSUM = [
        r"[\[(][a-f][0-9a-f]{7}[\])].*$",
        r"[\[(][0-9]{1}[a-f][0-9a-f]{6}[\])].*$",
        r"[\[(][0-9]{2}[a-f][0-9a-f]{5}[\])].*$",
        r"[\[(][0-9]{3}[a-f][0-9a-f]{4}[\])].*$",
        r"[\[(][0-9]{4}[a-f][0-9a-f]{3}[\])].*$",
        r"[\[(][0-9]{5}[a-f][0-9a-f]{2}[\])].*$",
        r"[\[(][0-9]{6}[a-f][0-9a-f]{1}[\])].*$",
        r"[\[(][0-9]{7}[a-f][\])].*$",
    ];
    /// Words and groups of anime only.
    ANIME = [
        "anime", "horriblesubs", "subsplease", "erai-raws", "ember", "judas", "asw", "nyaa",
        "ohys-raws", "leopard-raws", "animerg", "toonshub", "varyg", "commie", "doki", "coalgirls",
        "uranime", "central anime", "dual audio anime", "ova", "oav", "oad",
        "ncop", "nced", "fansub", "fansubs", "fansubfrench", "hi10p?", "hentai",
        "shippu+den", r"[a-z0-9]+-raws",
    ];
    /// What only videos have.
    VIDEO = [
        r"\d{3,4}[pi]\d{0,2}", r"\d{3,4}x\d{3,4}p?", "4k", "uhd", "hdr", "hdr10", "x26[45]",
        r"h ?26[45]", "hevc", "avc", "av1", "xvid", "divx", "blu-?ray", "bd-?rip", "br-?rip",
        "bd-?mux", "bd-?remux", "dvd-?rip", r"dvd-?r\d?", "dvd[59]?", r"\dxdvd[59]?", "hd-?tv",
        "hdtv-?rip", "pdtv", "dsr", "ds-?rip", "sat-?rip", "tv-?rip", "web-?dl", "web-?dl-?rip",
        "web-?rip", "web-?cap", "web-?mux", "web-?hd", "hd-?rip", "hd-?ts", "hd-?cam", "cam",
        "cam-?rip", "telesync", "telecine", "remux", "dvd-?scr", "screener", "workprint", "vhs-?rip",
        "ppv", "ppv-?rip", "svcd", "vcd", "m-?hd", "micro-?hd", "hdlight", "bdmv", "video_ts",
        "pal", "ntsc", "vostfr", "truefrench", "lektor", "subforced", "amazonhd", "netflixhd",
        "laserdisc", "vod-?rip", "scr", "bd", "r5", "ts-?rip",
    ];
    /// What films are offered as.
    FILM = [
        "movie", "film", "trilogy", "trilogie", "tetralogie", "quadrilogy", "duology", "pentalogy",
        "director'?s cut", "extended cut", "theatrical cut", "imax", "filmography",
    ];
    /// What only books have.
    BOOK = [
        "e-?books?", "epub", "mobi", "azw3?", "pdf", "cbz", "djvu", "fb2", "audio ?books?",
        "a-?books?", "h[öo]e?rbuch", "h[öo]e?rspiel", "livre audio", "audiolivre", "audiolibro",
        "magazine", "magazines", "comics? e-?books?", "unabridged", "light novels?", "manga",
        "graphic novels?", r"read by .*", "presseheft", "paperback", "hardcover",
        r"\(digital\).*", "[a-z]+-empire", "novels?", "textbook", "(?:[0-9]+(?:st|nd|rd|th) edition)",
        "isbn", "scan comic", r"\(cbr\)",
    ];
    /// What only software and games have.
    SOFTWARE = [
        "keygen", "keymaker", "keygenerator", "cracked", "crackfix", "no-?cd", "nodvd",
        r"incl (?:keygen|keymaker|crack|patch|serial|update|dlc).*", "winall", "winnt2k", "win(?:32|64|dows)",
        r"win ?\d+", "mac ?os ?x?", "macosx", "osx", "linux", "freebsd", "android", "symbianos",
        "multios", "nsw", "ps[1-5]", "psvita", "psp", "xbox", "xbox360", "xbla", "wii", "wiiu",
        "gamecube", "ngage", "nds", "3ds", "switch nsp", "eshop", "amd64", "arm64", "i[36]86",
        "x86", "x86_64", "aarch64", "x64", "desktop-amd64", "netinst", "live-?cd", "live-?dvd", "portable",
        "patch", "trainer", "update v?\\d+.*", r"dlcs?", "multilingual", "multilanguage",
        "codex", "reloaded", "skidrow", "fitgirl", "fitgirl repack", "dodi repack", "rune",
        "darksiders", "tenoke", "simplex", "cpy", "razor1911", "empress", "goldberg", "hoodlum", "plaza", "prophet",
        "gog", "elamigos", "m0nkrus", "flt", "tinyiso", "chronos", "suxxors", "venom", "lightforce",
        "bigbluebox", "repack me", "kaos", "tnt", "pre-?activated", "activator", "setup", "installer",
        "ubuntu", "debian", "fedora", "archlinux", "opensuse", "linuxmint", "centos", "manjaro",
        "kali", "tails", "proxmox", "libreoffice", "raspios", "software", "enterprise edition",
        "pro edition", "vst", "vst3", "vsti", "aax", "rtas", "plugin", "office 20\\d\\d",
        "microsoft office", "microsoft windows", "service pack",
    ];
    /// The version of a program.
    VERSION = [
        r"v ?\d+(?:[ ._]\d+[a-z]?)+", r"v\d+", r"\d+\.\d+\.\d+(?:\.\d+)*",
        r"\d+ \d+ \d+ \d+",
    ];
    /// What only music has.
    MUSIC = [
        "flac", "mp3", "m4a", "alac", r"\d{2,3} ?kbps", "vbr", "v0", "320", "discography",
        "discografia", "discographie", "vinyl", r"\d*x?lp", r"\d*x?cds?", "cdm", "cdr", r"cds\d?",
        "ep", "ost", "soundtrack", "album", "single", "lossless", "mixtape", r"24bit.*", r"16bit.*",
        "24-(?:44|48|88|96|176|192)", "eac", "hi-?res", "va", "compilation", "greatest hits", "bootleg",
        "remixes", r"\d+x?vinyl", r"(?:7|10|12) ?inch", "vls", "2vls1998", "ogg", "promo", "wav", "dvbs", "cable",
        "(?:sat|line|fm)-[0-9-]+", "siriusxm", "ost-cd", "gramophone", "dsd", "sacd", "qobuz", "tidal",
        "remastered album", "full album", "singles",
    ];
    /// The names that groups give to music: `Artist-Title-WEB-2022-GROUP`.
    MUSIC_SCENE = [r".*-(?:19|20)(?:\d\d|\dx|xx)-[a-z0-9 ]+$"];
    /// A year.
    YEAR = [r"(?:19[1-9]\d|20[0-4]\d)"];
    /// A sample of a video.
    SAMPLE = ["samples?", "samplefile"];
}

/// Returns a name with `.`, `_` and `+` as spaces, and without the address of a web site before it.
/// Dots between digits stay.
pub(crate) fn normalize(name: &str) -> String {
    static SITE: LazyLock<Regex> = LazyLock::new(|| {
        let domain = r"[a-z0-9*-]\.(?:[a-z*]{2,6}|xn--[a-z0-9]+)";
        let bracketed = format!(r"[\[({{][^\])}}]*?{domain}[^\])}}\pL]{{0,8}}[\])}}]");
        let text = format!(r"(?i)^\s*(?:{bracketed}|www\.\S*?{domain}\s)[\s-]*");
        Regex::new(&text).expect("a test compiles it")
    });
    let name = match SITE.find(name) {
        Some(site) if site.end() < name.len() => name.get(site.end()..).unwrap_or(name),
        _ => name,
    };
    let characters: Vec<char> = name.chars().collect();
    let is_digit = |idx: Option<usize>| {
        idx.and_then(|idx| characters.get(idx)).is_some_and(char::is_ascii_digit)
    };
    let mut normal = String::with_capacity(name.len());
    for (idx, &character) in characters.iter().enumerate() {
        normal.push(match character {
            '.' if is_digit(idx.checked_sub(1)) && is_digit(Some(idx + 1)) => '.',
            '.' | '_' | '+' => ' ',
            other => other,
        });
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_compiles_and_matches_no_empty_name() {
        for (name, mark) in ALL {
            assert!(!mark.is_in(""), "{name}");
            assert!(!mark.is_in("plain"), "{name}");
        }
    }

    #[test]
    fn separators_become_spaces_and_sites_are_left_out() {
        for (name, want) in [
            ("A.Film_2010.5.1", "A Film 2010.5.1"),
            ("[ www.example.com ] A.Film", "A Film"),
            ("[Group] A - 01", "[Group] A - 01"),
            ("www.example.com - A.Film", "A Film"),
        ] {
            assert_eq!(normalize(name), want);
        }
    }
}
