//! Checks a server: whether it answers, its version, and whether its files are local.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use rqbit_client::wire::TorrentProgress;
use rqbit_client::{BaseUrl, Client};
use rqbit_source::{LocalPaths, RqbitSource, TORRENT_TTL_DEFAULT, USES_LOCAL_FILES, to_summary};
use tfs_config::ServerSettings;
use tfs_types::{InfoHash, chain};
use tokio::time::timeout;

use super::machine::clock;
use super::permits::{assess as assess_permits, permits_at, shares};
use super::torrents::assess_listing;
use super::{CHECK_TIME_MAX, CheckResult, DoctorServer, on_demand};
use crate::on_demand::{OnDemandRecord, modes_of};
use crate::server::rqbit_version;
use crate::{ConnectError, RqbitServer, ServerFailure};

/// Number of torrents whose local files are probed: enough for a result, few enough to be cheap.
const TORRENTS_LOOKED_FOR: usize = 8;

/// Stall timeout of a byte stream; the doctor opens none.
const NO_STREAM: Duration = Duration::from_secs(1);

/// Runs the checks that query the server.
pub(super) async fn examine(server: &DoctorServer) -> Vec<CheckResult> {
    let url = &server.connection.url;
    let answer = match timeout(CHECK_TIME_MAX, ask(&server.connection)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return vec![assess_error(&error), clock(SystemTime::now(), None)],
        Err(_elapsed) => return vec![assess_silence(url), clock(SystemTime::now(), None)],
    };
    let ServerReply { version, time, client } = answer;
    let mut findings = vec![assess_version(url, &version)];
    findings.push(assess_permits(&permits_at(url).await, server.streams_max));
    // An embedded server has one mount, so its streams are not shared.
    if !server.is_embedded {
        findings.extend(shares(url, server.streams_max).await);
    }
    let listing = list(&client).await;
    findings.extend(assess_listing(listing.as_deref().unwrap_or_default(), server.flag.as_deref()));
    let records = records(&server.connection).await;
    findings.extend(on_demand::assess(
        records.as_ref().map_err(String::as_str),
        listing.as_deref().unwrap_or_default(),
        server.flag.as_deref(),
    ));
    let is_own = client.is_on_this_machine().unwrap_or(false);
    let is_expected = is_own || matches!(server.local_paths, LocalPaths::Mapped(_));
    let tried = timeout(CHECK_TIME_MAX, try_local(client, &server.local_paths, listing)).await;
    findings.push(assess_local(tried.ok(), is_expected));
    findings.push(clock(SystemTime::now(), time));
    findings
}

/// Answers of a server.
#[derive(Debug)]
struct ServerReply {
    version: String,
    time: Option<SystemTime>,
    client: Client,
}

async fn ask(settings: &ServerSettings) -> Result<ServerReply, ConnectError> {
    let failed = |source| ConnectError { url: settings.url.clone(), source };
    let server = RqbitServer::connect(settings, NO_STREAM).await?;
    let client = server.client();
    let (info, time) = client.server_info_with_time().await.map_err(failed)?;
    Ok(ServerReply { version: info.version, time, client: client.clone() })
}

/// Result of the search for the server's files on this machine.
#[derive(Debug)]
enum Tried {
    /// Local files are disabled.
    Off,
    /// The paths of a remote server are skipped.
    Elsewhere,
    /// Number of torrents probed, number verified, and why the first one failed.
    Torrents { count: usize, proven: usize, cause: Option<String> },
}

/// Returns the torrents of a server, or why they cannot be listed.
async fn list(client: &Client) -> Result<Vec<TorrentProgress>, String> {
    match timeout(CHECK_TIME_MAX, client.torrents_with_progress()).await {
        Ok(listing) => listing.map_err(|error| format!("cannot {error}")),
        Err(_elapsed) => {
            let seconds = CHECK_TIME_MAX.as_secs();
            Err(format!("the torrents were not listed within {seconds} s"))
        }
    }
}

/// Returns the records of on-demand torrents of a server, or why they cannot be read.
async fn records(settings: &ServerSettings) -> Result<BTreeMap<InfoHash, OnDemandRecord>, String> {
    let server = RqbitServer::new(settings, NO_STREAM).map_err(|error| error.to_string())?;
    modes_of(&server).await.map_err(|error| chain(&error))
}

async fn try_local(
    client: Client,
    paths: &LocalPaths,
    listing: Result<Vec<TorrentProgress>, String>,
) -> Tried {
    if *paths == LocalPaths::Off || !USES_LOCAL_FILES {
        return Tried::Off;
    }
    if *paths == LocalPaths::Auto && client.is_on_this_machine() == Some(false) {
        return Tried::Elsewhere;
    }
    let source = RqbitSource::new(client, 1).with_local_paths(paths.clone(), TORRENT_TTL_DEFAULT);
    let (mut count, mut proven, mut cause) = (0, 0, None);
    let torrents = listing.unwrap_or_else(|error| {
        cause = Some(error);
        Vec::new()
    });
    for torrent in torrents.into_iter().map(to_summary) {
        match source.try_local(&torrent).await {
            None => continue,
            Some(Ok(())) => proven += 1,
            Some(Err(error)) => {
                cause.get_or_insert_with(|| error.to_string());
            }
        }
        count += 1;
        if count == TORRENTS_LOOKED_FOR {
            break;
        }
    }
    Tried::Torrents { count, proven, cause }
}

fn assess_silence(url: &BaseUrl) -> CheckResult {
    let seconds = CHECK_TIME_MAX.as_secs();
    CheckResult::fault("server", format!("rqbit at {url} does not answer in {seconds} s"))
        .fix(format!("curl -m 20 -sS {url}   # find out whether the server or the network is slow"))
}

fn assess_error(error: &ConnectError) -> CheckResult {
    let finding = CheckResult::fault("server", error.to_string());
    let url = &error.url;
    if let Some(start) = error.start_command() {
        return finding
            .fix(format!("{start} ~/Downloads"))
            .fix("tfs doctor --server http://HOST:3030   # if it is elsewhere");
    }
    match error.fault() {
        ServerFailure::Unreachable if error.is_closed_by_program() => finding
            .fix(format!("ss -ltnp \"sport = :{}\"   # which program listens there?", url.port())),
        ServerFailure::Unreachable => finding.fix(format!(
            "curl -sS {url}   # check that it runs and this machine can reach \
                                 it"
        )),
        ServerFailure::TimedOut | ServerFailure::Failed => finding.fix(format!("curl -sS {url}")),
        ServerFailure::Proxy => finding.fix("check `proxy` in the configuration, or --proxy"),
        ServerFailure::ProxyUnauthorized => finding.fix(
            "put user name and password into the address of the proxy: \
             proxy = \"http://USER:PASSWORD@HOST:3128\"",
        ),
        ServerFailure::ClientCertificate => {
            finding.fix(format!("tfs doctor --server {url} --client-cert FILE --client-key FILE"))
        }
        ServerFailure::LoginPage => finding.fix(format!(
            "tfs doctor --server {url} --header 'NAME: file:PATH'   # of a service token"
        )),
        ServerFailure::Tls => {
            finding.fix(format!("curl -v {url}   # shows the problem with the certificate"))
        }
        ServerFailure::Unauthorized => {
            finding.fix(format!("tfs doctor --server {url} --username NAME --password-file FILE"))
        }
        ServerFailure::Forbidden => {
            finding.fix(format!("curl -v {url}   # which server or proxy forbids it?"))
        }
        ServerFailure::Busy => {
            finding.fix(format!("curl -v {url}   # which server or proxy limits the requests?"))
        }
        ServerFailure::NotRqbit => {
            finding.fix("tfs doctor --server http://HOST:3030   # behind a proxy, with its path")
        }
    }
}

fn assess_version(url: &BaseUrl, version: &str) -> CheckResult {
    const CHECK: &str = "server";
    let found = format!("rqbit {} answers at {url}", rqbit_version::shown(version));
    if let Some(untested) = rqbit_version::untested(version) {
        return CheckResult::warning(CHECK, format!("{found}; {untested}"))
            .fix("cargo install rqbit");
    }
    if rqbit_version::lacks_metadata(version) {
        let lacks = "before version 9 it gives no .torrent files: no dates, no links, and no reads \
                     from this machine's disk";
        return CheckResult::warning(CHECK, format!("{found}; {lacks}")).fix("cargo install rqbit");
    }
    CheckResult::ok(CHECK, found)
}

/// Evaluates the search for local files; `None` means that it timed out. `is_expected` means that
/// the files should be found.
fn assess_local(tried: Option<Tried>, is_expected: bool) -> CheckResult {
    const CHECK: &str = "local-paths";
    let Some(tried) = tried else {
        return CheckResult::warning(
            CHECK,
            "the server, or the disk with its files, was too slow to check it",
        )
        .fix("dmesg | tail -n 20   # look for a lost disk or network share");
    };
    let (count, proven, cause) = match tried {
        Tried::Off => return CheckResult::ok(CHECK, "off: all files are read over HTTP"),
        Tried::Elsewhere => {
            let found = "the server is not at an address of this machine: all files are read over \
                         HTTP";
            return CheckResult::ok(CHECK, found)
                .fix("tfs mount --local-paths /downloads=/mnt/nas ...   # if its folder is here");
        }
        Tried::Torrents { count, proven, cause } => (count, proven, cause),
    };
    let cause: String = cause.unwrap_or_default().chars().filter(|it| !it.is_control()).collect();
    if count == 0 {
        let because = if cause.is_empty() { cause } else { format!(": {cause}") };
        return CheckResult::ok(CHECK, format!("no finished file to check it with{because}"));
    }
    if proven == count {
        return CheckResult::ok(
            CHECK,
            "the server's files are on this machine and are read from disk",
        );
    }
    let found = format!(
        "{proven} of {count} torrents are read from this machine's disk, the rest over HTTP: \
         {cause}"
    );
    if is_expected {
        CheckResult::warning(CHECK, found)
            .fix("tfs mount --local-paths /downloads=/srv/torrents ...   # rqbit's path = ours")
            .fix("docker run -v /srv/torrents:/srv/torrents ...   # or the same path inside")
    } else {
        CheckResult::ok(CHECK, found)
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
            Warning server: rqbit 10.0.0-beta.1 answers at http://h:3030/; rqbit 10.0.0-beta.1 is not tested; tested: 8.1, 9.1
                $ cargo install rqbit
            Warning server: rqbit 8.1.1 answers at http://h:3030/; before version 9 it gives no .torrent files: no dates, no links, and no reads from this machine's disk
                $ cargo install rqbit
            Warning server: rqbit  answers at http://h:3030/; rqbit  is not tested; tested: 8.1, 9.1
                $ cargo install rqbit
            Warning server: rqbit 9[31m.1 answers at http://h:3030/; rqbit 9[31m.1 is not tested; tested: 8.1, 9.1
                $ cargo install rqbit
        "#]]
        .assert_eq(&render(&versions.map(|version| assess_version(&url, version))));
    }

    #[test]
    fn files_on_this_machine() {
        let tried = |count, proven, cause: &str| {
            let cause = Some(cause.to_owned()).filter(|cause| !cause.is_empty());
            Some(Tried::Torrents { count, proven, cause })
        };
        let absent = "\"/downloads\" cannot be opened: No such file or directory";
        expect![[r#"
            Ok local-paths: off: all files are read over HTTP
            Ok local-paths: the server is not at an address of this machine: all files are read over HTTP
                $ tfs mount --local-paths /downloads=/mnt/nas ...   # if its folder is here
            Ok local-paths: no finished file to check it with
            Ok local-paths: no finished file to check it with: cannot list the torrents
            Ok local-paths: the server's files are on this machine and are read from disk
            Warning local-paths: 1 of 3 torrents are read from this machine's disk, the rest over HTTP: "/downloads" cannot be opened: No such file or directory
                $ tfs mount --local-paths /downloads=/srv/torrents ...   # rqbit's path = ours
                $ docker run -v /srv/torrents:/srv/torrents ...   # or the same path inside
            Ok local-paths: 0 of 3 torrents are read from this machine's disk, the rest over HTTP: "/downloads" cannot be opened: No such file or directory
            Warning local-paths: the server, or the disk with its files, was too slow to check it
                $ dmesg | tail -n 20   # look for a lost disk or network share
        "#]].assert_eq(&render(&[
            assess_local(Some(Tried::Off), true),
            assess_local(Some(Tried::Elsewhere), false),
            assess_local(tried(0, 0, ""), true),
            assess_local(tried(0, 0, "cannot list the torrents"), true),
            assess_local(tried(3, 3, ""), true),
            assess_local(tried(3, 1, absent), true),
            assess_local(tried(3, 0, absent), false),
            assess_local(None, true),
        ]));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there() {
        let server = |name: &str, port| DoctorServer {
            name: name.to_owned(),
            connection: ServerSettings::new(url(&format!("http://127.0.0.1:{port}"))),
            streams_max: 4,
            is_embedded: false,
            local_paths: LocalPaths::Auto,
            flag: None,
        };
        let findings = examine(&server("home", 1)).await;
        expect![[r#"
            Fault server: cannot reach rqbit at http://127.0.0.1:1/: connection refused
                $ rqbit --http-api-listen-addr 127.0.0.1:1 server start ~/Downloads
                $ tfs doctor --server http://HOST:3030   # if it is elsewhere
            Ok clock: plausible; no server to compare it with
        "#]]
        .assert_eq(&render(&findings));
        let several = [server("home", 1), server("away", 2)];
        let findings = crate::doctor::of_servers(&several).await;
        let about: Vec<_> = findings.iter().map(|it| (it.server.as_deref(), it.check)).collect();
        let [home, away] = [Some("home"), Some("away")];
        let want = [(home, "server"), (home, "clock"), (away, "server"), (away, "clock")];
        assert_eq!(about, want);
    }
}
