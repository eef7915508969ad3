//! Checks the servers for other programs.

use std::net::SocketAddr;

use super::check_tools::{best_place, repeats, unknown_server};
use super::{Loaded, Problem, ServeKind, ServeSection};

/// A problem of a section on its own: the key, the message and the hint.
pub(super) type ServeProblem = (&'static str, String, String);

/// The hint for NFS of a mount at an address of other machines.
pub(super) const OPEN_NFS_HINT: &str =
    "use 127.0.0.1, or add a [[serve]] section with `mount` and `auth_token_file`";

/// Checks all sections, on their own and together.
pub(super) fn check(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let serves = &loaded.settings.serves;
    for (idx, serve) in serves.iter().enumerate() {
        let place = |key: &str| {
            let short = key.rsplit('.').next().unwrap_or(key);
            best_place(loaded, &format!("serve[{idx}]"), short)
        };
        for (key, message, hint) in problems_of(serve) {
            problems.push(Problem::at(place(key), message).hint(hint));
        }
        for name in &serve.servers {
            problems.extend(unknown_server(loaded, Some(name), &format!("serve[{idx}].servers")));
        }
        if let Some(path) = &serve.mount
            && !loaded.settings.mounts.iter().any(|mount| mount.path == *path)
        {
            let message = format!("no [[mount]] has the path {}", path.display());
            let hint = "add one, or remove `mount` for a library without a mount";
            problems.push(Problem::at(place("mount"), message).hint(hint));
        }
        if serve.mount.is_some() && !serve.servers.is_empty() {
            let problem = Problem::at(place("servers"), "`servers` beside `mount`");
            problems.push(problem.hint("remove it: the files are those of the mount"));
        }
    }
    for (idx, first, name) in repeats(serves.iter().filter_map(|serve| serve.name.as_ref())) {
        let message = format!("two servers for clients are named `{name}`");
        let first = loaded.place(&format!("serve[{first}]"));
        let place = best_place(loaded, &format!("serve[{idx}]"), "name");
        problems.push(Problem::at(place, message).hint(format!("the first is at {first}")));
    }
    for (idx, mount) in loaded.settings.mounts.iter().enumerate() {
        if let Some(address) = mount.nfs
            && !address.ip().to_canonical().is_loopback()
        {
            let place = best_place(loaded, &format!("mount[{idx}]"), "nfs");
            let message = format!("other machines can reach {address}, and there is no token");
            problems.push(Problem::at(place, message).hint(OPEN_NFS_HINT));
        }
    }
    addresses(loaded, problems);
}

/// Checks that no two listen at one address. Port 0 is another one each time.
fn addresses(loaded: &Loaded, problems: &mut Vec<Problem>) {
    let settings = &loaded.settings;
    let of_serves = settings.serves.iter().enumerate();
    let of_serves = of_serves.map(|(idx, serve)| {
        let item = format!("serve[{idx}]");
        (serve.address(), best_place(loaded, &item, "listen"))
    });
    let of_mounts = settings.mounts.iter().enumerate().flat_map(|(idx, mount)| {
        [("webdav", mount.webdav), ("nfs", mount.nfs)].into_iter().filter_map(move |(key, at)| {
            Some((at?, best_place(loaded, &format!("mount[{idx}]"), key)))
        })
    });
    let others = [
        ("monitoring.listen", settings.monitoring.listen),
        ("web.listen", settings.web.listen),
        ("arr.listen", settings.arr.listen),
    ];
    let others = others.into_iter().filter_map(|(key, at)| Some((at?, loaded.place(key))));
    let mut seen: Vec<(SocketAddr, super::Provenance)> = others.collect();
    for (address, place) in of_mounts.chain(of_serves) {
        if address.port() == 0 {
            continue;
        }
        match seen.iter().find(|(other, _)| is_same(*other, address)) {
            Some((_, first)) => {
                let message = format!("another listener has the address {address}");
                let hint = format!("choose another port; the first is at {first}");
                problems.push(Problem::at(place, message).hint(hint));
            }
            None => seen.push((address, place)),
        }
    }
}

/// Returns whether two listeners cannot both exist: all addresses of the machine include each one.
pub(super) fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    let is_one_family = one.is_ipv4() == other.is_ipv4();
    one == other || (one.port() == other.port() && is_any && is_one_family)
}

/// Returns what is wrong with the keys of one section.
pub(super) fn problems_of(serve: &ServeSection) -> Vec<ServeProblem> {
    [login(serve), tls(serve), kind(serve), reach(serve)].into_iter().flatten().collect()
}

fn problem(key: &'static str, message: &str, hint: &str) -> Option<ServeProblem> {
    Some((key, message.to_owned(), hint.to_owned()))
}

/// Checks that a login is whole, and the only one.
fn login(serve: &ServeSection) -> Option<ServeProblem> {
    let has_user = serve.auth_user.is_some();
    match (has_user, serve.auth_password_file.is_some(), serve.auth_token_file.is_some()) {
        (true, false, _) => problem(
            "serve.auth_user",
            "a user name without a password",
            "name its file with `auth_password_file`",
        ),
        (false, true, _) => {
            problem("serve.auth_password_file", "a password without a user name", "add `auth_user`")
        }
        (true, true, true) => problem(
            "serve.auth_token_file",
            "a token beside a user name and a password",
            "remove one of them",
        ),
        (_, _, has_token) if serve.no_auth && (has_user || has_token) => problem(
            "serve.no_auth",
            "no login is wanted, and one is set",
            "remove `no_auth`, or the login",
        ),
        (true, true, false) | (false, false, _) => None,
    }
}

fn tls(serve: &ServeSection) -> Option<ServeProblem> {
    match (serve.tls_cert.is_some(), serve.tls_key.is_some()) {
        (true, false) => problem(
            "serve.tls_cert",
            "a certificate without its private key",
            "name the file of the key with `tls_key`",
        ),
        (false, true) => problem(
            "serve.tls_key",
            "a private key without its certificate",
            "name the file of the certificate with `tls_cert`",
        ),
        (true, true) | (false, false) => None,
    }
}

/// Checks that the protocol has what is asked of it.
fn kind(serve: &ServeSection) -> Option<ServeProblem> {
    let word = serve.kind.word();
    let has = |key, is_set: bool, hint| {
        is_set.then(|| (key, format!("{word} has no such setting"), String::from(hint)))
    };
    match serve.kind {
        ServeKind::Webdav => None,
        ServeKind::Nfs => {
            let hint = "NFS has no logins; use `auth_token_file`, a secret in the path";
            has("serve.auth_user", serve.auth_user.is_some(), hint)
                .or_else(|| has("serve.tls_cert", serve.tls_cert.is_some(), "remove it"))
                .or_else(|| has("serve.hosts", !serve.hosts.is_empty(), "remove it"))
        }
        ServeKind::Dlna => {
            let hint = "TVs do not log in; remove it";
            has("serve.auth_user", serve.auth_user.is_some(), hint)
                .or_else(|| has("serve.auth_token_file", serve.auth_token_file.is_some(), hint))
                .or_else(|| has("serve.tls_cert", serve.tls_cert.is_some(), hint))
        }
    }
}

/// Checks what other machines can reach: a password needs TLS, and NFS a token.
fn reach(serve: &ServeSection) -> Option<ServeProblem> {
    if !serve.is_open() {
        return None;
    }
    let address = serve.address();
    let is_plain = serve.tls_cert.is_none();
    let has_login = serve.auth_user.is_some() || serve.auth_token_file.is_some();
    match serve.kind {
        ServeKind::Webdav if has_login && is_plain => Some((
            "serve.listen",
            format!("a login over plain HTTP at {address} can be read on the way"),
            "add `tls_cert` and `tls_key`, or listen on 127.0.0.1 behind a proxy with TLS; devices \
             can use a token in the URL: tfs serve token new"
                .to_owned(),
        )),
        // Without a login other machines get only the paths of device tokens.
        ServeKind::Webdav | ServeKind::Dlna => None,
        ServeKind::Nfs if has_login || serve.no_auth => None,
        ServeKind::Nfs => Some((
            "serve.listen",
            format!("other machines can reach {address}, and there is no token"),
            "set `auth_token_file`, listen on 127.0.0.1, or set `no_auth`".to_owned(),
        )),
    }
}
