//! A real rqbit behind TLS with a private authority and client certificates, behind an identity
//! provider that requires headers, and behind a proxy.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use expect_test::expect;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::{
    Backend, ClientCertificates, FakeRqbit, ForwardProxy, Gate, RqbitSetup, TestAuthority,
};
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Mounted, Rqbits, check_file, describe, tfs};

const LIMIT: Duration = Duration::from_secs(120);

/// No output contains them.
const TOKEN: &str = "token-x9q";
const PROXY_PASSWORD: &str = "proxy-x9q";

/// `me:proxy-x9q` in base64.
const PROXY_AUTHORIZATION: &str = "Basic bWU6cHJveHkteDlx";

/// A server and what stands in front of it.
struct FrontedServer {
    rqbits: Rqbits,
    front: FakeRqbit,
    proxy: ForwardProxy,
    dir: PathBuf,
}

impl FrontedServer {
    fn start(dir: &Path) -> Self {
        let film = TorrentSpec::file("film.mkv", Content::new(1, 3_000_000));
        let rqbits = Rqbits::start(Swarm::builder().torrent(film));
        for torrent in rqbits.swarm.torrents() {
            rqbits.wait_finished(torrent);
        }
        let authority = TestAuthority::new().unwrap();
        let client = authority.client().unwrap();
        let other = TestAuthority::new().unwrap().client().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
        write("ca.pem", &authority.pem());
        write("client.pem", &client.certificate);
        write("client.key", &client.key);
        write("other.pem", &(other.certificate + &other.key));
        write("token", &format!("{TOKEN}\n"));
        let address = rqbits.swarm.api_url().replace("http://", "");
        let backend: SocketAddr = address.trim_end_matches('/').parse().unwrap();
        let front = FakeRqbit::start(RqbitSetup {
            handshake: Some(authority.handshake(ClientCertificates::Required).unwrap()),
            gate: Some(Gate::redirecting(&[("x-token", TOKEN)], "https://auth.example/?x=secret")),
            ..Backend::Server(backend).into()
        })
        .unwrap();
        let proxy = ForwardProxy::start(Some(PROXY_AUTHORIZATION)).unwrap();
        write("proxy", &format!("http://me:{PROXY_PASSWORD}@{}\n", proxy.address()));
        Self { rqbits, front, proxy, dir: dir.to_owned() }
    }

    fn url(&self) -> String {
        self.front.url().replace("http", "https")
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    /// Returns flags that work, except those of the header and the proxy.
    fn tls_flags(&self) -> Vec<String> {
        let files = [("--ca-file", "ca.pem"), ("--client-cert", "client.pem")];
        let files = files.into_iter().chain([("--client-key", "client.key")]);
        files.flat_map(|(flag, name)| [flag.to_owned(), self.path(name)]).collect()
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = self.tls_flags();
        flags.extend(["--header".to_owned(), format!("X-Token: file:{}", self.path("token"))]);
        flags.extend(["--proxy".to_owned(), format!("file:{}", self.path("proxy"))]);
        flags
    }

    /// Runs a command at the server, and returns its exit code and output.
    fn said(&self, args: &[&str], flags: &[String]) -> String {
        let url = self.url();
        let output = tfs(&self.dir).args(args).args(["--server", &url]).args(flags).output();
        let text = describe(&output.unwrap());
        check_silent("the output", &text);
        let address = self.proxy.address().to_string();
        text.replace(&url, "URL")
            .replace(&address, "PROXY")
            .replace(self.dir.to_str().unwrap(), "DIR")
    }
}

#[track_caller]
fn check_silent(what: &str, text: &str) {
    for secret in [TOKEN, PROXY_PASSWORD, "bWU6cHJveHkteDlx"] {
        assert!(!text.contains(secret), "{what} has a secret: {text}");
    }
}

#[test]
fn a_server_behind_everything_is_mounted_and_controlled() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let server = FrontedServer::start(dir);
        let flags = server.flags();
        let listed = server.said(&["list", "--json"], &flags);
        assert!(listed.starts_with("exit 0\n") && listed.contains("film.mkv"), "{listed}");
        let torrent_file = dir.join("more.torrent");
        let torrent = server.rqbits.swarm.torrents()[0].torrent_file.clone();
        fs::write(&torrent_file, torrent).unwrap();
        for args in [
            &["pause", "film"][..],
            &["start", "film"],
            &["add", torrent_file.to_str().unwrap()],
            &["search", "film"],
        ] {
            let said = server.said(args, &flags);
            assert!(said.starts_with("exit 0\n"), "{args:?}: {said}");
        }
        let log = dir.join("log");
        // Values on the command line, which a process in the background does not have on its own.
        let mut flags = server.tls_flags();
        flags.extend(["--header".to_owned(), format!("X-Token: {TOKEN}")]);
        flags.push(format!("--proxy=http://me:{PROXY_PASSWORD}@{}", server.proxy.address()));
        flags.extend(["-vvv".to_owned(), "--log-file".to_owned(), server.path("log")]);
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let mounted = Mounted::with(dir, &server.url(), &flags);
        check_file(&mounted.path.join("film.mkv"), Content::new(1, 3_000_000), 100_000);
        for command in [&["status", "--json"][..], &["status"], &["cache", "stats"]] {
            check_silent(&command.join(" "), &describe(&tfs(dir).args(command).output().unwrap()));
        }
        let pid = mounted.pid().unwrap();
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        check_silent("the command line", &String::from_utf8_lossy(&command_line));
        for name in ["status.json", "metrics", "healthy"] {
            check_silent(name, &fs::read_to_string(mounted.path.join(".tfs").join(name)).unwrap());
        }
        mounted.unmount();
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("TRACE"), "the log says too little to be looked at");
        check_silent("the log", &log);
        let requests = server.proxy.requests();
        assert!(requests.iter().all(|line| line.starts_with("CONNECT 127.0.0.1:")), "{requests:?}");
        drop(server.rqbits);
    });
}

#[test]
fn what_is_missing_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let server = FrontedServer::start(dir.path());
    let flags = server.flags();
    // The position of each flag, with its value after it.
    let without = |flag: &str| {
        let at = flags.iter().position(|known| known == flag).unwrap();
        [&flags[..at], &flags[at + 2..]].concat()
    };
    let with = |flag: &str, value: &str| {
        let value = value.replace("DIR", dir.path().to_str().unwrap());
        [without(flag), vec![flag.to_owned(), value]].concat()
    };
    let identity = without("--client-key");
    let identity = identity.iter().map(|it| it.replace("client.pem", "other.pem")).collect();
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let open = format!("http://{}", server.proxy.address());
    let tls_flags = server.tls_flags();
    let anonymous = [&tls_flags[..2], &flags[tls_flags.len()..]].concat();
    let cases = [
        ("no authority", without("--ca-file")),
        ("no client certificate", anonymous),
        ("another client certificate", identity),
        ("no header", without("--header")),
        ("no credentials of the proxy", with("--proxy", &open)),
        ("a proxy that is down", with("--proxy", &format!("http://{closed}"))),
        ("no file", with("--ca-file", "DIR/none.pem")),
        ("not PEM", with("--ca-file", "DIR/token")),
        ("the key of another", with("--client-key", "DIR/other.pem")),
        ("a header with a line end", with("--header", "X-Token: a\nX-Evil: 1")),
        ("a reserved header", with("--header", "Host: elsewhere")),
    ];
    let rows = cases.map(|(name, flags)| {
        let said = server.said(&["list"], &flags).replace(&closed.to_string(), "DOWN");
        format!("{name}: {said}")
    });
    expect![[r#"
        no authority: exit 24
        error: cannot reach rqbit at URL/: certificate of the server is not trusted: invalid peer certificate: UnknownIssuer
        hint: check whether the address needs http instead of https, and whether the system trusts the certificate; for a private authority pass its certificate with --ca-file
        no client certificate: exit 24
        error: cannot use rqbit at URL/: server requires a client certificate
        hint: pass --client-cert and --client-key with a certificate of the server's authority
        another client certificate: exit 24
        error: cannot use rqbit at URL/: server does not accept the client certificate
        hint: pass --client-cert and --client-key with a certificate of the server's authority
        no header: exit 22
        error: cannot use rqbit at URL/: server answered with a login page at https://auth.example/
        hint: pass the header that lets programs in, such as a service token: --header 'NAME: file:PATH'; or exempt the path of rqbit's API from the login
        no credentials of the proxy: exit 22
        error: cannot reach rqbit at URL/: proxy http://PROXY: requires other credentials
        hint: put user name and password into its address, as in http://user:password@proxy:3128, in a file: --proxy file:PATH
        a proxy that is down: exit 20
        error: cannot reach rqbit at URL/: proxy http://DOWN: connection refused
        hint: check the address of the proxy, and that it allows connections to the port of the server
        no file: exit 3
        error: cannot read the CA certificates in DIR/none.pem: No such file or directory (os error 2)
        hint: the file must exist and be readable by this user
        not PEM: exit 3
        error: cannot use the CA certificates in DIR/token: the file has none
        hint: the file must have certificates in PEM form, which begin with -----BEGIN CERTIFICATE-----
        the key of another: exit 3
        error: cannot use the client key in DIR/other.pem: it does not belong to the certificate
        hint: use the key that the certificate was made with; both commands print the same then: openssl x509 -noout -pubkey -in CERT, openssl pkey -pubout -in KEY
        a header with a line end: exit 2
        error: invalid value for '--header <NAME: VALUE>': the header x-token: a line end or another invalid character in its value
        a reserved header: exit 2
        error: invalid value for '--header <NAME: VALUE>': the header host: tfs sets it itself
    "#]].assert_eq(&rows.concat());
}
