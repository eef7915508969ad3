//! The servers that a command addresses: those that are named, else those of the configuration and
//! the embedded ones of this user's processes.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use tfs_api::status::EMBEDDED_NAME;
use tfs_api::{ControlClient, clients, statuses};
use tfs_config::{ChosenServer, Loaded, Problem, ServerArg};
use tokio::time::timeout;

use crate::embedded_servers::{FoundServer, embedded_servers};
use crate::{BaseUrl, RqbitServer};

/// How long to wait for an answer of the default server. If it is not running, this machine refuses
/// the connection at once.
const DEFAULT_TIME_MAX: Duration = Duration::from_secs(2);

/// Returns all servers that a command addresses, at least one.
///
/// Servers that the command line or the environment names are used alone. `embedded` names the only
/// embedded server of this user; its URL names it too. Otherwise the servers of the configuration
/// and all embedded ones are used. If the configuration names none, the default server is added to
/// embedded ones only if it answers.
///
/// # Errors
/// As for [`Loaded::choose_servers`], and if `embedded` names none or several.
pub async fn target_servers(loaded: &Loaded) -> Result<Vec<ChosenServer>, Problem> {
    let named = loaded.named_servers()?;
    if named.is_empty() {
        let configured = loaded.choose_servers(&[])?;
        // Credentials on the command line belong to a server that is not embedded.
        if loaded.names_credentials() {
            return Ok(configured);
        }
        let found = embedded_servers().await;
        return all_of(loaded, configured, found).await;
    }
    if !named.iter().any(|server| may_be_embedded(loaded, server)) {
        return loaded.choose_servers(&[]);
    }
    let found = embedded_servers().await;
    let mut chosen = Vec::new();
    let mut others = Vec::new();
    for server in named {
        match embedded_for(loaded, &server, &found)? {
            Some(found) => chosen.push(section_of(loaded, found)?),
            None => others.push(server),
        }
    }
    if !others.is_empty() {
        chosen.extend(loaded.choose_of(&others)?);
    }
    Ok(chosen)
}

/// Returns the servers to examine: those of [`target_servers`], or, if nothing names a
/// server, those of the mount at `mountpoint`, or of all running mounts of this user.
///
/// # Errors
/// As for [`target_servers`].
pub async fn examined_servers(
    loaded: &Loaded,
    mountpoint: Option<&Path>,
) -> Result<Vec<ChosenServer>, Problem> {
    let mut chosen = target_servers(loaded).await?;
    let is_named = !loaded.named_servers()?.is_empty()
        || loaded.has_configured_servers()
        || loaded.names_credentials();
    if is_named {
        return Ok(chosen);
    }
    let found = embedded_servers().await;
    let is_embedded =
        mountpoint.is_some_and(|path| found.iter().any(|it| Path::new(&it.mountpoint) == path));
    let mounted = mounted_servers(mountpoint).await;
    match (is_embedded, mountpoint) {
        (true, Some(path)) => return servers_of_mount(loaded, &path.to_string_lossy()).await,
        _ if mounted.is_empty() => {}
        (_, Some(_)) => chosen = loaded.choose_of(&mounted)?,
        (_, None) => {
            chosen.retain(|server| server.is_embedded);
            chosen.extend(loaded.choose_of(&mounted)?);
        }
    }
    Ok(chosen)
}

/// Returns the servers of the running mount at `mountpoint`, which is absolute, without links.
///
/// # Errors
/// As for [`Loaded::choose_servers`].
pub async fn servers_of_mount(
    loaded: &Loaded,
    mountpoint: &str,
) -> Result<Vec<ChosenServer>, Problem> {
    let found = embedded_servers().await;
    let own = found.iter().filter(|server| server.mountpoint == mountpoint);
    let own: Vec<_> = own.map(|server| section_of(loaded, server)).collect::<Result<_, _>>()?;
    if !own.is_empty() {
        return Ok(own);
    }
    loaded.choose_of(&mounted_servers(Some(Path::new(mountpoint))).await)
}

/// Returns the servers of running mounts, each address once, without embedded ones.
async fn mounted_servers(mountpoint: Option<&Path>) -> Vec<ServerArg> {
    let mounts = match mountpoint {
        Some(path) => statuses(Some(path)).await.map(|found| found.mounts).unwrap_or_default(),
        None => {
            let clients = clients().await.unwrap_or_default();
            let replies = join_all(clients.iter().map(ControlClient::status)).await;
            replies.into_iter().flatten().flat_map(|reply| reply.mounts).collect()
        }
    };
    let servers = mounts.into_iter().flat_map(|mount| mount.status.servers);
    let urls: BTreeSet<String> = servers.filter_map(|it| it.flag().map(str::to_owned)).collect();
    let urls: Vec<BaseUrl> = urls.iter().filter_map(|url| url.parse().ok()).collect();
    match <[BaseUrl; 1]>::try_from(urls) {
        Ok([url]) => vec![ServerArg::Url(url)],
        // Several need different names.
        Err(urls) => (1..)
            .zip(urls)
            .map(|(number, url)| ServerArg::Named { name: format!("mounted-{number}"), url })
            .collect(),
    }
}

/// Returns the only server that a command addresses.
///
/// # Errors
/// As for [`target_servers`], and if there are several.
pub async fn target_server(loaded: &Loaded) -> Result<ChosenServer, Problem> {
    let mut servers = target_servers(loaded).await?;
    match servers.pop() {
        Some(server) if servers.is_empty() => Ok(server),
        last => {
            servers.extend(last);
            let named: Vec<_> = servers.iter().map(described).collect();
            let message = format!("there are several servers: {}", named.join(", "));
            Err(Problem { place: None, message, hint: Some(SEVERAL_HINT.to_owned()) })
        }
    }
}

/// Hint for a command that accepts one server only.
const SEVERAL_HINT: &str = "choose one with --server";

/// Formats a server for a list of several.
fn described(server: &ChosenServer) -> String {
    format!("{} ({})", server.section.name, server.connection.url)
}

/// Appends the embedded servers to those of the configuration.
async fn all_of(
    loaded: &Loaded,
    configured: Vec<ChosenServer>,
    found: Vec<FoundServer>,
) -> Result<Vec<ChosenServer>, Problem> {
    let mut all = Vec::new();
    for server in configured {
        // The default server was not named: it may be down.
        if found.is_empty() || loaded.has_configured_servers() || answers(&server).await {
            all.push(server);
        }
    }
    for found in &found {
        all.push(section_of(loaded, found)?);
    }
    Ok(all)
}

async fn answers(server: &ChosenServer) -> bool {
    let connected = RqbitServer::connect(&server.connection, DEFAULT_TIME_MAX);
    matches!(timeout(DEFAULT_TIME_MAX, connected).await, Ok(Ok(_server)))
}

/// Returns whether this argument may name an embedded server.
fn may_be_embedded(loaded: &Loaded, server: &ServerArg) -> bool {
    let servers = &loaded.settings.servers;
    match server {
        ServerArg::Name(name) => {
            name == EMBEDDED_NAME && servers.iter().all(|server| server.name != *name)
        }
        ServerArg::Url(url) | ServerArg::Named { url, .. } => {
            url.is_loopback() && servers.iter().all(|server| server.url != *url)
        }
    }
}

/// Returns the embedded server that the argument names, if any.
fn embedded_for<'a>(
    loaded: &Loaded,
    server: &ServerArg,
    found: &'a [FoundServer],
) -> Result<Option<&'a FoundServer>, Problem> {
    if !may_be_embedded(loaded, server) {
        return Ok(None);
    }
    match (server, found) {
        (ServerArg::Url(url) | ServerArg::Named { url, .. }, _) => {
            Ok(found.iter().find(|found| found.connection.url == *url))
        }
        (ServerArg::Name(_), [only]) => Ok(Some(only)),
        (ServerArg::Name(_), []) => Err(Problem {
            place: None,
            message: "no mount of this user has an embedded server".to_owned(),
            hint: Some("start one with: tfs mount --embedded <DIR> <MOUNTPOINT>".to_owned()),
        }),
        (ServerArg::Name(_), several) => {
            let several = several
                .iter()
                .map(|found| format!("{} ({})", found.connection.url, found.mountpoint));
            let several: Vec<_> = several.collect();
            let message = format!("there are several embedded servers: {}", several.join(", "));
            let hint = "choose one with --server and its address".to_owned();
            Err(Problem { place: None, message, hint: Some(hint) })
        }
    }
}

/// Converts an embedded server to a chosen server.
fn section_of(loaded: &Loaded, found: &FoundServer) -> Result<ChosenServer, Problem> {
    let mut section = loaded.unlisted_server()?;
    EMBEDDED_NAME.clone_into(&mut section.name);
    section.url = found.connection.url.clone();
    Ok(ChosenServer { section, connection: found.connection.clone(), is_embedded: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfs_config::ServerSettings;
    use tfs_config::Sources;

    fn loaded(servers: &[&str], file: &str) -> Loaded {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, file).unwrap();
        let servers = servers.iter().map(|text| text.parse().unwrap()).collect();
        Sources { named_file: Some(path), servers, ..Sources::default() }.load().unwrap()
    }

    fn found(port: u16, mountpoint: &str) -> FoundServer {
        let url = format!("http://127.0.0.1:{port}").parse().unwrap();
        let connection = ServerSettings::new(url);
        FoundServer { mountpoint: mountpoint.to_owned(), connection, record_key: None }
    }

    #[track_caller]
    fn check_named(named: &str, file: &str, servers: &[FoundServer], want: &str) {
        let loaded = loaded(&[], file);
        let got = match embedded_for(&loaded, &named.parse().unwrap(), servers) {
            Ok(Some(found)) => found.mountpoint.clone(),
            Ok(None) => "another".to_owned(),
            Err(problem) => problem.message,
        };
        assert_eq!(got, want, "{named}");
    }

    #[test]
    fn an_embedded_server_is_named_by_its_name_or_its_address() {
        let (a, b) = (found(1, "/a"), found(2, "/b"));
        let one = std::slice::from_ref(&a);
        check_named("embedded", "", one, "/a");
        check_named("http://127.0.0.1:1/", "", one, "/a");
        check_named("x=http://127.0.0.1:1", "", one, "/a");
        check_named("http://127.0.0.1:3", "", one, "another");
        check_named("http://nas:1", "", one, "another");
        check_named("embedded", "", &[], "no mount of this user has an embedded server");
        let several = "there are several embedded servers: http://127.0.0.1:1/ (/a), \
            http://127.0.0.1:2/ (/b)";
        check_named("embedded", "", &[a.clone(), b.clone()], several);
        check_named("http://127.0.0.1:2", "", &[a.clone(), b], "/b");
        // A name or URL in the configuration takes precedence.
        let file = "[[server]]\nname = \"embedded\"\nurl = \"http://127.0.0.1:1\"\n";
        check_named("embedded", file, one, "another");
        check_named("http://127.0.0.1:1", file, one, "another");
    }

    #[tokio::test]
    async fn the_default_server_counts_beside_others_only_if_it_is_there() {
        let names = async |file: &str, servers: Vec<FoundServer>| {
            let loaded = loaded(&[], file);
            let configured = loaded.choose_servers(&[]).unwrap();
            let all = all_of(&loaded, configured, servers).await.unwrap();
            all.into_iter().map(|server| server.section.name).collect::<Vec<_>>()
        };
        // Port 1 has no listener.
        let file = "[[server]]\nname = \"home\"\nurl = \"http://127.0.0.1:1\"\n";
        assert_eq!(names(file, vec![]).await, ["home"]);
        assert_eq!(names(file, vec![found(2, "/a")]).await, ["home", "embedded"]);
        let loaded = loaded(&[], "");
        assert!(!loaded.has_configured_servers());
        let mut configured = loaded.choose_servers(&[]).unwrap();
        configured[0].connection.url = "http://127.0.0.1:1".parse().unwrap();
        let all = all_of(&loaded, configured, vec![found(2, "/a")]).await.unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].section.name, EMBEDDED_NAME);
    }
}
