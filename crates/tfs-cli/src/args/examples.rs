//! Texts below the flags in the help of a command: its manner, and examples.

pub(super) const DAEMON: &str = "\
Each [[mount]] starts, fails and is retried on its own. Ctrl-C and SIGTERM unmount
all. SIGHUP and \"tfs config reload\" apply a changed configuration.
The daemon stays in the foreground, as service managers expect.

Examples:
  tfs daemon                               mount all [[mount]] sections
  tfs doctor --systemd                     print a systemd unit that runs it";

pub(super) const UNMOUNT: &str = "\
A mount in use is refused with the names of the programs that use it.

Examples:
  tfs unmount /mnt/t
  tfs unmount --all
  tfs unmount --lazy /mnt/t                let programs finish";

pub(super) const LIST: &str = "\
Examples:
  tfs list
  tfs list 'debian*'                       by name
  tfs list --filter state=downloading      also: paused, seeding, checking, failed
  tfs list --sort size --columns size,name
  tfs list --json | jq -r '.[].name'";

pub(super) const STATUS: &str = "\
Examples:
  tfs status                               all mounts of this user
  tfs status --watch /mnt/t                who reads what, each second
  tfs status --json | jq '.[0].reads'";

pub(super) const EVENTS: &str = "\
Hooks get the same events: see [[hook]] in the configuration.

Examples:
  tfs events --follow
  tfs events --follow --json | jq -r 'select(.event == \"torrent_added\") | .path'";

pub(super) const HEALTHY: &str = "\
Prints a line for each mount: \"ok\" or the problem. Exit codes: 0 for healthy, 62
for a problem, 43 for a process that does not answer, 40 without a mount.
It asks the process behind the mount, so it never hangs.

Examples:
  tfs healthy
  tfs healthy /mnt/t || systemctl restart tfs-t";

pub(super) const SERVICE: &str = "\
Examples:
  sudo tfs service install /mnt/t
  tfs service status";

pub(super) const SEARCH: &str = "\
Examples:
  tfs search big buck                      all words, in any order and case
  tfs search --glob '*.mkv'
  mpv \"$(tfs search --limit 1 big buck)\"
  tfs search -0 --glob '*.srt' | xargs -0 grep -l hello";

pub(super) const CACHE: &str = "\
Examples:
  tfs cache stats
  tfs cache clear --metadata /mnt/t";

pub(super) const REFRESH: &str = "\
Without it, a mount polls its servers every few seconds (--poll-interval).

Examples:
  tfs refresh
  tfs refresh --accept-removals /mnt/t";

pub(super) const PRELOAD: &str = "\
Reads have priority: while one waits for data, preloading pauses.
Ctrl-C stops the preload; the same command resumes it.

Examples:
  tfs preload /mnt/t/Film                   all files of a torrent
  tfs preload --head 8MiB --tail 1MiB FILE  what players read first";

pub(super) const ADD: &str = "\
Examples:
  tfs add debian-13.torrent
  tfs add 'magnet:?xt=urn:btih:...'
  tfs add --on-demand debian-13.torrent    only what programs read
  curl -sL URL | tfs add -                 a .torrent file from a pipe";

pub(super) const PAUSE: &str = "\
Examples:
  tfs pause debian
  tfs pause 3 7                            by id, as \"tfs list\" shows it";

pub(super) const START: &str = "\
Examples:
  tfs start debian
  tfs start 3 7                            by id, as \"tfs list\" shows it";

pub(super) const FORGET: &str = "\
Examples:
  tfs forget debian
  tfs forget c9e15763                      by the first digits of the info hash";

pub(super) const TAG: &str = "\
Examples:
  tfs tag debian iso linux                 two tags
  tfs tag \"*1080p*\" hd                    all that match
  tfs tag debian linux --remove
  tfs tag                                  all tags
  tfs list --filter tag=iso";

pub(super) const ON_DEMAND: &str = "\
\"on\" deselects all files of the torrents: downloads stop, and what is there stays.
\"off\" selects all files, so that the server downloads them.

Examples:
  tfs on-demand                            all on-demand torrents
  tfs on-demand debian on
  tfs on-demand \"*S02*\" on --mode file     whole episodes, when they are played
  tfs on-demand debian off
  tfs add --on-demand debian-13.torrent";

pub(super) const DELETE: &str = "\
Examples:
  tfs delete --dry-run debian              which files that would be
  tfs delete debian                        asks first
  tfs delete --yes 3 7                     by id, without a question";

pub(super) const CONFIG: &str = "\
Examples:
  tfs config show                          the settings in effect
  tfs config set read.timeout 30s
  tfs config edit";

pub(super) const VIEWS: &str = "\
Examples:
  tfs views test                           where every torrent would be
  tfs views test --recommended             with the recommended views";

pub(super) const VIEWS_TEST: &str = "\
Views are [[view]] sections of the configuration: tfs config edit.

Examples:
  tfs views test                           the torrents of all servers
  tfs views test matrix                    those with this in their name
  tfs views test --mount /mnt/t            those of a mount
  ls /srv/torrents | tfs views test --names - --recommended";

pub(super) const DOCTOR: &str = "\
Examples:
  tfs doctor                               this machine and the servers
  tfs doctor /mnt/t                        also this mount point
  tfs doctor --systemd /mnt/t              print a systemd unit";

#[cfg(feature = "embedded")]
pub(super) const DEMO: &str = "\
Examples:
  tfs demo
  tfs demo --keep                          leave it mounted to look around";

pub(super) const COMPLETIONS: &str = "\
Examples:
  tfs completions bash > ~/.local/share/bash-completion/completions/tfs
  tfs completions fish > ~/.config/fish/completions/tfs.fish
  tfs completions zsh > DIR/_tfs           with DIR a directory in $fpath";

pub(super) const MAN: &str = "\
Examples:
  tfs man | man -l -
  tfs man --dir ~/.local/share/man/man1";

pub(super) const VERSION: &str = "\
Examples:
  tfs version
  tfs version --json | jq -r .commit";
