//! Words of other programs, and what they are for tfs.
//!
//! clap suggests only similar words, such as `preload` for `reload`.

/// Commands of other programs, and those of tfs. A subcommand is among them too.
const COMMANDS: &[(&str, &str)] = &[
    ("rm", "'tfs forget' keeps the files on disk; 'tfs delete' deletes them"),
    ("remove", "'tfs forget' keeps the files on disk; 'tfs delete' deletes them"),
    ("del", "'tfs forget' keeps the files on disk; 'tfs delete' deletes them"),
    ("stop", "'tfs pause' pauses a torrent; 'tfs unmount' ends a mount"),
    ("kill", "'tfs pause' pauses a torrent; 'tfs unmount' ends a mount"),
    ("down", "'tfs pause' pauses a torrent; 'tfs unmount' ends a mount"),
    ("resume", "use 'tfs start'"),
    ("unpause", "use 'tfs start'"),
    ("restart", "'tfs start' starts a torrent; 'tfs unmount' and 'tfs mount' restart a mount"),
    ("up", "'tfs start' starts a torrent; 'tfs mount' mounts a server"),
    ("reload", "'tfs config reload' applies a changed configuration; 'tfs refresh' fetches lists"),
    ("update", "'tfs refresh' fetches the torrent lists"),
    ("sync", "'tfs refresh' fetches the torrent lists"),
    ("info", "'tfs list NAME' shows a torrent; 'tfs status' shows the mounts"),
    ("show", "'tfs list NAME' shows a torrent; 'tfs status' and 'tfs cache stats' show the mounts"),
    ("ps", "'tfs list' shows the torrents; 'tfs status' shows the mounts"),
    ("top", "'tfs list --watch' shows the torrents; 'tfs status --watch' shows the mounts"),
    ("mounts", "use 'tfs status'"),
    ("stats", "'tfs status' shows the mounts; 'tfs cache stats' shows a cache"),
    ("find", "use 'tfs search'"),
    ("grep", "use 'tfs search'"),
    ("fetch", "use 'tfs preload'"),
    ("download", "'tfs add' adds a torrent; 'tfs preload' downloads files of one"),
    ("ondemand", "use 'tfs on-demand'"),
    ("on_demand", "use 'tfs on-demand'"),
    ("demand", "use 'tfs on-demand'"),
    ("stream", "'tfs on-demand NAME on' downloads only what programs read"),
    ("lazy", "'tfs on-demand NAME on' downloads only what programs read"),
    ("select", "'tfs on-demand NAME on' selects no file; 'off' selects all"),
    ("deselect", "'tfs on-demand NAME on' selects no file; 'off' selects all"),
    ("webdav", "use 'tfs serve webdav'"),
    ("nfs", "use 'tfs serve nfs'"),
    ("dlna", "use 'tfs serve dlna'"),
    ("play", "mount the server with 'tfs mount', and open the file with a player"),
    ("drop", "use 'tfs cache clear'"),
    ("flush", "use 'tfs cache clear'"),
    ("check", "use 'tfs doctor'"),
];

/// Flags of rclone, mount(8) and others, and what they are for tfs. A name that ends with a hyphen
/// is the beginning of several.
const FLAGS: &[(&str, &str)] = &[
    ("--daemon", "leave it out: tfs goes to the background unless it has --foreground"),
    ("--daemon-wait", "use --daemon-timeout"),
    ("--allow-root", "use --allow-other"),
    ("--vfs-cache-", "leave it out: tfs has no cache on disk; --memory sets the one in memory"),
    ("--cache-dir", "leave it out: tfs has no cache on disk; --memory sets the one in memory"),
    ("--buffer-size", "leave it out: tfs adapts to the reader; --memory sets the limit of all"),
    ("--vfs-read-", "leave it out: tfs adapts to the reader; --memory sets the limit of all"),
    ("--max-read-ahead", "leave it out: the setting is `read.readahead`"),
    ("--multi-thread-", "leave it out: --max-streams sets how many streams tfs opens"),
    ("--transfers", "leave it out: --max-streams sets how many streams tfs opens"),
    ("--vfs-refresh", "leave it out: tfs lists all torrents when it starts"),
    ("--vfs-", "leave it out: it has no meaning for tfs"),
    ("--no-modtime", "leave it out: times cost no request"),
    ("--no-checksum", "leave it out: rqbit verifies all data"),
    ("--rc", "leave it out: a mount always has a control socket"),
    ("--rc-", "leave it out: a mount always has a control socket; see `monitoring.listen`"),
    ("--volname", "leave it out: it is for other systems"),
    ("--network-mode", "leave it out: it is for other systems"),
    ("--url", "use --server"),
    ("--host", "use --server, as in --server http://127.0.0.1:3030"),
    ("--address", "use --server, as in --server http://127.0.0.1:3030"),
    ("--port", "use --server, as in --server http://127.0.0.1:3030"),
    ("--password", "other users can see it there: use --password-file, or set TFS_PASSWORD"),
    ("--pass", "other users can see it there: use --password-file, or set TFS_PASSWORD"),
    ("--read-write", "leave it out: mounts are always read-only"),
    ("--rw", "leave it out: mounts are always read-only"),
    ("--debug", "use -vv, and -f to see the log of a mount"),
    ("-d", "use -vv, and -f to see the log of a mount"),
    ("-t", "leave it out: it is an option of mount(8)"),
    ("--all", "'tfs list' shows all torrents; other commands need the name of each"),
    ("--fix", "run the commands that 'tfs doctor' prints"),
];

/// Words behind `tfs serve`, and what they are for tfs.
const SERVED: &[(&str, &str)] = &[
    ("http", "use 'tfs serve webdav', which also serves browsers and players"),
    ("https", "use 'tfs serve webdav' with --tls-cert and --tls-key"),
    ("dav", "use 'tfs serve webdav'"),
    ("davs", "use 'tfs serve webdav' with --tls-cert and --tls-key"),
    ("upnp", "use 'tfs serve dlna'"),
    ("nfs4", "use 'tfs serve nfs', which is version 3"),
    ("ftp", "tfs serves webdav, nfs and dlna"),
    ("sftp", "tfs serves webdav, nfs and dlna"),
    ("s3", "tfs serves webdav, nfs and dlna"),
    ("smb", "tfs serves webdav, nfs and dlna"),
    ("tokens", "use 'tfs serve token list'"),
    ("add", "use 'tfs serve token new DEVICE'"),
    ("create", "use 'tfs serve token new DEVICE'"),
    ("rm", "use 'tfs serve token revoke DEVICE'"),
    ("remove", "use 'tfs serve token revoke DEVICE'"),
    ("delete", "use 'tfs serve token revoke DEVICE'"),
    ("ls", "use 'tfs serve token list'"),
    ("show", "use 'tfs serve token list'"),
];

/// Flags of `rclone serve` and others behind `tfs serve`.
const FLAGS_OF_SERVE: &[(&str, &str)] = &[
    ("--user", "use --auth-user and --auth-password-file; --username is that of rqbit"),
    ("--pass", "other users can see it there: use --auth-user and --auth-password-file"),
    ("--password", "other users can see it there: use --auth-user and --auth-password-file"),
    ("--htpasswd", "use --auth-user and --auth-password-file, for one user"),
    ("--token", "other users can see it there: use --auth-token-file"),
    ("--cert", "use --tls-cert"),
    ("--key", "use --tls-key"),
    ("--port", "use --listen, as in --listen 127.0.0.1:8080"),
    ("--host", "use --listen, as in --listen 127.0.0.1:8080"),
    ("--address", "use --listen, as in --listen 127.0.0.1:8080"),
    ("--auth-user", "NFS and DLNA have no logins; NFS has --auth-token-file, a secret in the path"),
    ("--auth-password-file", "NFS and DLNA have no logins; NFS has --auth-token-file"),
    ("--auth-token-file", "DLNA has no logins: every device in the network can read everything"),
    ("--no-auth", "leave it out: DLNA has no logins"),
    ("--bind", "use --listen, as in --listen 127.0.0.1:8080"),
    ("--baseurl", "leave it out: links in listings are relative"),
    ("--disable-dir-list", "leave it out: it has no meaning for tfs"),
    ("--foreground", "leave it out: tfs serve stays in the foreground"),
    ("-f", "leave it out: tfs serve stays in the foreground"),
    ("--daemon", "for a service, use [[serve]] in the configuration and 'tfs daemon'"),
    ("--allow-other", "use --no-auth, or a login: see 'tfs help serve webdav'"),
    ("--drop", "leave it out: what is served is read-only; 'tfs add' adds torrents"),
    ("--vfs-read-", "leave it out: tfs adapts to the reader; --memory sets the limit of all"),
];

/// Returns the tip for a word that cannot follow `tfs serve`.
pub(crate) fn of_served(word: &str) -> Option<&'static str> {
    find(SERVED, word)
}

/// Returns the tip for a flag that `tfs serve` does not have.
pub(crate) fn of_serve_flag(word: &str) -> Option<&'static str> {
    find(FLAGS_OF_SERVE, word).or_else(|| of_flag(word))
}

/// Returns the tip for a command that tfs does not have.
pub(crate) fn of_command(word: &str) -> Option<&'static str> {
    find(COMMANDS, word)
}

/// Returns the tip for a flag that the command does not have.
pub(crate) fn of_flag(word: &str) -> Option<&'static str> {
    find(FLAGS, word)
}

fn find(table: &[(&str, &'static str)], word: &str) -> Option<&'static str> {
    let is_meant = |name: &str| word == name || (name.ends_with('-') && word.starts_with(name));
    table.iter().find(|(name, _)| is_meant(name)).map(|(_, tip)| *tip)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn every_tip_is_for_a_word_that_tfs_does_not_have() {
        let cli = Cli::command();
        for (name, _) in COMMANDS {
            assert!(cli.find_subcommand(name).is_none(), "{name}");
        }
        let mount = cli.find_subcommand("mount").unwrap();
        for (flag, _) in FLAGS {
            let has = |arg: &clap::Arg| {
                arg.get_long().is_some_and(|long| format!("--{long}") == *flag)
                    || arg.get_short().is_some_and(|short| format!("-{short}") == *flag)
            };
            assert!(!mount.get_arguments().chain(cli.get_arguments()).any(has), "{flag}");
        }
        let serve = cli.find_subcommand("serve").unwrap();
        let below = || serve.get_subcommands();
        for (name, _) in SERVED {
            assert!(serve.find_subcommand(name).is_none(), "{name}");
        }
        for (flag, _) in FLAGS_OF_SERVE {
            let has = |arg: &clap::Arg| {
                arg.get_long().is_some_and(|long| format!("--{long}") == *flag)
                    || arg.get_short().is_some_and(|short| format!("-{short}") == *flag)
            };
            // WebDAV has the logins that NFS and DLNA lack.
            assert!(!below().all(|it| it.get_arguments().any(has)), "{flag}");
        }
    }
}
