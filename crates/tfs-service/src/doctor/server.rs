//! The server: whether it answers, what it is, and whether its files are on this machine.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rqbit_client::BaseUrl;
use tokio::time::timeout;

use super::machine::clock;
use super::permits::{judge as judge_permits, permits_of_local_rqbits};
use super::{CHECK_TIME_MAX, DoctorSettings, Finding, in_thread};
use crate::{Server, ServerError, ServerFault, ServerSettings};

/// The first version that has every call that tfs makes, and with which it is tested.
const VERSION_LEAST: u64 = 9;

/// How many torrents are looked for on this machine: enough to tell, too few to notice.
const TORRENTS_LOOKED_FOR: usize = 32;

/// How long a byte stream may be silent; the doctor opens none.
const NO_STREAM: Duration = Duration::from_secs(1);

/// Runs the checks that ask the server.
pub(super) async fn examine(settings: &DoctorSettings) -> Vec<Finding> {
    let url = &settings.server.url;
    let answer = match timeout(CHECK_TIME_MAX, ask(&settings.server)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return vec![judge_error(&error), clock(SystemTime::now(), None)],
        Err(_elapsed) => return vec![judge_silence(url), clock(SystemTime::now(), None)],
    };
    let is_loopback = url.is_loopback();
    let Answer { version, time, folders } = answer;
    let mut findings = vec![judge_version(url, &version)];
    let permits =
        in_thread(move || if is_loopback { permits_of_local_rqbits() } else { Vec::new() });
    let permits = timeout(CHECK_TIME_MAX, permits).await.ok().flatten().unwrap_or_default();
    findings.push(judge_permits(&permits, settings.streams_max));
    let count = folders.len();
    let seen = in_thread(move || folders.iter().filter(|folder| folder.is_dir()).count());
    let seen = timeout(CHECK_TIME_MAX, seen).await.ok().flatten();
    findings.push(judge_folders(count, seen, is_loopback));
    findings.push(clock(SystemTime::now(), time));
    findings
}

/// What a server that is there says.
#[derive(Debug)]
struct Answer {
    version: String,
    time: Option<SystemTime>,
    /// Where its torrents are on its disk.
    folders: Vec<PathBuf>,
}

async fn ask(settings: &ServerSettings) -> Result<Answer, ServerError> {
    let failed = |source| ServerError { url: settings.url.clone(), source };
    let server = Server::connect(settings, NO_STREAM).await?;
    let client = server.client();
    let (info, time) = client.server_info_with_time().await.map_err(failed)?;
    let torrents = client.torrents().await.map_err(failed)?;
    let folders = torrents.into_iter().map(|torrent| PathBuf::from(torrent.output_folder));
    let folders = folders.filter(|folder| folder.is_absolute()).take(TORRENTS_LOOKED_FOR);
    Ok(Answer { version: info.version, time, folders: folders.collect() })
}

fn judge_silence(url: &BaseUrl) -> Finding {
    let seconds = CHECK_TIME_MAX.as_secs();
    Finding::fault("server", format!("rqbit at {url} does not answer in {seconds} s"))
        .fix(format!("curl -m 20 -sS {url}   # see who is slow: the server or the way to it"))
}

fn judge_error(error: &ServerError) -> Finding {
    let finding = Finding::fault("server", error.to_string());
    let url = &error.url;
    match error.fault() {
        ServerFault::Unreachable if url.is_loopback() => finding
            .fix("rqbit server start ~/Downloads")
            .fix("tfs doctor --server http://HOST:3030   # if it is elsewhere"),
        ServerFault::Unreachable => {
            finding.fix(format!("curl -sS {url}   # is it up, and may this machine reach it?"))
        }
        ServerFault::TimedOut | ServerFault::Failed => finding.fix(format!("curl -sS {url}")),
        ServerFault::Tls => {
            finding.fix(format!("curl -v {url}   # says what the certificate lacks"))
        }
        ServerFault::Unauthorized => {
            finding.fix(format!("tfs doctor --server {url} --username NAME --password-file FILE"))
        }
        ServerFault::NotRqbit => {
            finding.fix("tfs doctor --server http://HOST:3030   # behind a proxy, with its path")
        }
    }
}

fn judge_version(url: &BaseUrl, version: &str) -> Finding {
    const CHECK: &str = "server";
    // What a server says of itself ends up on a terminal.
    let version: String = version.chars().filter(|it| !it.is_control()).take(32).collect();
    let major = version.split('.').next().and_then(|major| major.parse::<u64>().ok());
    let found = format!("rqbit {version} answers at {url}");
    match major {
        Some(VERSION_LEAST..) => Finding::ok(CHECK, found),
        _ => Finding::warning(CHECK, format!("{found}; tfs is made for {VERSION_LEAST} and later"))
            .fix("cargo install rqbit"),
    }
}

/// `seen` is how many of the folders are here, if the disk said so in time.
fn judge_folders(count: usize, seen: Option<usize>, is_loopback: bool) -> Finding {
    const CHECK: &str = "local-paths";
    match (count, seen) {
        (0, _) => Finding::ok(CHECK, "the server has no torrents yet"),
        (_, None) => Finding::warning(CHECK, "the disk of the server's files does not answer")
            .fix("dmesg | tail -n 20   # a disk or a network share that is gone"),
        (_, Some(seen)) if seen == count => {
            Finding::ok(CHECK, "the server's files are on this machine")
        }
        (_, Some(seen)) if !is_loopback => {
            let found = format!("{seen} of {count} folders of the server are on this machine");
            Finding::ok(CHECK, format!("{found}; the rest is read over HTTP"))
        }
        (_, Some(seen)) => Finding::warning(
            CHECK,
            format!(
                "{seen} of {count} folders of the server are seen at its address, this machine: it \
                 runs in a container, behind a tunnel, or keeps them from this user"
            ),
        )
        .fix("docker run -v /srv/torrents:/srv/torrents ...   # rqbit with the same path inside"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::finding::render;
    use super::*;

    fn url(text: &str) -> BaseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn versions() {
        let url = url("http://h:3030");
        let versions = ["9.1.0", "10.0.0-beta.1", "8.1.1", "", "9\u{1b}[31m.1"];
        expect![[r#"
            Ok server: rqbit 9.1.0 answers at http://h:3030/
            Ok server: rqbit 10.0.0-beta.1 answers at http://h:3030/
            Warning server: rqbit 8.1.1 answers at http://h:3030/; tfs is made for 9 and later
                $ cargo install rqbit
            Warning server: rqbit  answers at http://h:3030/; tfs is made for 9 and later
                $ cargo install rqbit
            Warning server: rqbit 9[31m.1 answers at http://h:3030/; tfs is made for 9 and later
                $ cargo install rqbit
        "#]]
        .assert_eq(&render(&versions.map(|version| judge_version(&url, version))));
    }

    #[test]
    fn folders() {
        expect![[r#"
            Ok local-paths: the server has no torrents yet
            Ok local-paths: the server's files are on this machine
            Warning local-paths: 1 of 3 folders of the server are seen at its address, this machine: it runs in a container, behind a tunnel, or keeps them from this user
                $ docker run -v /srv/torrents:/srv/torrents ...   # rqbit with the same path inside
            Ok local-paths: 0 of 3 folders of the server are on this machine; the rest is read over HTTP
            Warning local-paths: the disk of the server's files does not answer
                $ dmesg | tail -n 20   # a disk or a network share that is gone
        "#]].assert_eq(&render(&[
            judge_folders(0, Some(0), true),
            judge_folders(3, Some(3), true),
            judge_folders(3, Some(1), true),
            judge_folders(3, Some(0), false),
            judge_folders(3, None, true),
        ]));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there() {
        let server = ServerSettings { url: url("http://127.0.0.1:1"), credentials: None };
        let settings = DoctorSettings { server, mountpoint: None, streams_max: 4 };
        let findings = examine(&settings).await;
        expect![[r#"
            Fault server: cannot reach rqbit at http://127.0.0.1:1/: connection refused
                $ rqbit server start ~/Downloads
                $ tfs doctor --server http://HOST:3030   # if it is elsewhere
            Ok clock: plausible; no server to compare it with
        "#]]
        .assert_eq(&render(&findings));
    }
}
