//! Remedies for a torrent in state `error`.

use std::path::Path;

use tfs_sys::shell::quoted;

/// Remedies, each with the lower-case substrings that identify its reasons: names and numbers of
/// errno(3), as rqbit's libraries write them.
const REMEDIES: [(&str, &[&str]); 6] = [
    ("make room on the disk of the server", &["enospc", "(os error 28)", "no space left"]),
    ("raise the quota of rqbit's user on the disk of the server", &["edquot", "(os error 122)"]),
    ("let rqbit's user write to the folder of the torrent", &["eacces", "(os error 13)"]),
    ("make the disk of the server writable", &["erofs", "(os error 30)"]),
    ("check that the disk of the server is mounted", &["enoent", "(os error 2)"]),
    ("check the disk of the server", &["eio:", "(os error 5)"]),
];

/// The remedy for any other reason.
const REMEDY_OTHER: &str = "check the log of rqbit";

/// Returns what the user should do about a reason before starting the torrent again, as a clause in
/// the imperative.
#[must_use]
pub fn remedy(reason: Option<&str>) -> &'static str {
    let reason = reason.unwrap_or_default().to_lowercase();
    let mut known = REMEDIES.iter();
    let known = known.find(|(_, parts)| parts.iter().any(|part| reason.contains(part)));
    known.map_or(REMEDY_OTHER, |(remedy, _)| remedy)
}

/// Returns the command that starts torrents again, ready for a shell. `server` is the value of
/// `--server`, if the command needs one. A torrent is named by its info hash if its name is blank,
/// begins with `-` or contains control characters.
#[must_use]
pub fn start_command<'a>(
    torrents: impl IntoIterator<Item = (Option<&'a str>, &'a str)>,
    server: Option<&str>,
) -> String {
    let mut command = "tfs start".to_owned();
    for (name, info_hash) in torrents {
        let is_plain = |name: &&str| {
            !name.trim().is_empty() && !name.starts_with('-') && !name.contains(char::is_control)
        };
        command.push(' ');
        command.push_str(&quoted(Path::new(name.filter(is_plain).unwrap_or(info_hash))));
    }
    if let Some(server) = server {
        command.push_str(" --server ");
        command.push_str(server);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_remedy() {
        let check = |reason: &str, want: &str| assert_eq!(remedy(Some(reason)), want, "{reason}");
        check("write: No space left on device (os error 28)", REMEDIES[0].0);
        check("error calling pwritev: ENOSPC: No space left on device", REMEDIES[0].0);
        check("open: Permission denied (os error 13)", REMEDIES[2].0);
        // The number 2 does not match here.
        check("quota (os error 122)", REMEDIES[1].0);
        check("the moon", REMEDY_OTHER);
        assert_eq!(remedy(None), REMEDY_OTHER);
    }

    #[test]
    fn the_command_can_be_pasted() {
        let command = |name: Option<&str>| start_command([(name, "aa")], None);
        assert_eq!(command(Some("film.mkv")), "tfs start film.mkv");
        assert_eq!(command(Some("it's a film")), r"tfs start 'it'\''s a film'");
        for odd in [None, Some(""), Some(" "), Some("--server"), Some("a\nb")] {
            assert_eq!(command(odd), "tfs start aa");
        }
        let both = start_command([(Some("a"), "1"), (Some("b"), "2")], Some("http://h:1/"));
        assert_eq!(both, "tfs start a b --server http://h:1/");
    }
}
