//! Tests of the settings of servers behind something.

use std::fs;
use std::path::Path;

use expect_test::{Expect, expect};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::*;

/// Files that settings name.
fn files() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    for name in ["a", "b"] {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([name.to_owned()]).unwrap();
        write(&format!("{name}.pem"), &cert.pem());
        write(&format!("{name}.key"), &signing_key.serialize_pem());
        write(&format!("{name}.both"), &(cert.pem() + &signing_key.serialize_pem()));
    }
    write("text", "secret\nmore\n");
    write("evil", "secret\tsecret\u{1}\n");
    write("empty", "\n");
    write("proxy", "http://user:secret@proxy:3128\n");
    write(
        "encrypted.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    dir
}

/// Loads a server with these keys, and chooses it. `DIR` stands for the directory of the files.
fn choose(dir: &Path, keys: &str, flags: &[(&'static str, &str)]) -> Result<ChosenServer, String> {
    let named = |text: &str| text.replace("DIR", dir.to_str().unwrap());
    let path = dir.join("tfs.toml");
    fs::write(&path, format!("[[server]]\nurl = \"https://h\"\n{}", named(keys))).unwrap();
    let flags = flags.iter().map(|(key, value)| Flag { key, value: named(value) });
    let variables = [("TOKEN", "secret"), ("NOTHING", ""), ("PROXY", "http://u:secret@p:1")];
    let sources = Sources {
        named_file: Some(path.clone()),
        variables: variables.map(|(name, value)| (name.into(), value.into())).into(),
        flags: flags.collect(),
        ..Sources::default()
    };
    let text = |problem: &Problem| {
        let hint = problem.hint.as_ref().map(|hint| format!("\n    {hint}"));
        format!("{problem}{}", hint.unwrap_or_default())
            .replace(path.to_str().unwrap(), "FILE")
            .replace(dir.to_str().unwrap(), "DIR")
    };
    let loaded = sources.load().map_err(|error| text(&error.problems[0]))?;
    loaded.choose_server(&[]).map_err(|problem| text(&problem))
}

/// Chooses a server with each list of keys and flags, and renders the result.
#[track_caller]
fn check(cases: &[(&str, &[(&'static str, &str)])], want: &Expect) {
    let dir = files();
    let rows = cases.iter().map(|(keys, flags)| {
        let result = match choose(dir.path(), keys, flags) {
            Ok(chosen) => format!("{:?}", chosen.connection.access),
            Err(problem) => problem,
        };
        // A certificate is long and differs in each run.
        let result = match (result.split_once("(0x"), result.rsplit_once("] }")) {
            (Some((before, _)), Some((_, after))) => format!("{before}...{after}"),
            _ => result,
        };
        assert!(!result.contains("secret"), "{result}");
        format!("{} {flags:?}\n  {}\n", keys.replace('\n', " "), result.replace('\n', "\n  "))
    });
    want.assert_eq(&rows.collect::<String>());
}

#[test]
fn headers_and_proxies_come_from_text_files_and_variables() {
    check(
        &[
            ("headers = [\"X-A: secret\", \"X-B: file:DIR/text\", \"X-C: env:TOKEN\"]", &[]),
            (
                "headers = [\"X-A: secret\"]",
                &[("server.headers", "X-B:env:TOKEN"), ("server.headers", "X-C: secret")],
            ),
            ("proxy = \"http://user:secret@proxy:3128\"", &[]),
            ("proxy = \"file:DIR/proxy\"", &[]),
            ("proxy = \"env:PROXY\"", &[]),
        ],
        &expect![[r#"
            headers = ["X-A: secret", "X-B: file:DIR/text", "X-C: env:TOKEN"] []
              AccessOptions { headers: [ExtraHeader(x-a, redacted), ExtraHeader(x-b, redacted), ExtraHeader(x-c, redacted)], proxy: None, extra_roots: RootCertificates { certificates: [] }, identity: None }
            headers = ["X-A: secret"] [("server.headers", "X-B:env:TOKEN"), ("server.headers", "X-C: secret")]
              AccessOptions { headers: [ExtraHeader(x-b, redacted), ExtraHeader(x-c, redacted)], proxy: None, extra_roots: RootCertificates { certificates: [] }, identity: None }
            proxy = "http://user:secret@proxy:3128" []
              AccessOptions { headers: [], proxy: Some(Proxy(http://proxy:3128)), extra_roots: RootCertificates { certificates: [] }, identity: None }
            proxy = "file:DIR/proxy" []
              AccessOptions { headers: [], proxy: Some(Proxy(http://proxy:3128)), extra_roots: RootCertificates { certificates: [] }, identity: None }
            proxy = "env:PROXY" []
              AccessOptions { headers: [], proxy: Some(Proxy(http://p:1)), extra_roots: RootCertificates { certificates: [] }, identity: None }
        "#]],
    );
}

#[test]
fn headers_that_cannot_be_used() {
    check(
        &[
            ("headers = [\"secret\"]", &[]),
            ("headers = [\"X Y: secret\"]", &[]),
            ("headers = [\"Range: secret\"]", &[]),
            ("headers = [\"X-A: secret\\nX-Evil: 1\"]", &[]),
            ("headers = \"X-A: secret\"", &[]),
            ("headers = [7]", &[]),
            ("headers = [\"X-A: file:secret\"]", &[]),
            ("headers = [\"X-A: file:\"]", &[]),
            ("headers = [\"X-A: env:\"]", &[]),
            ("headers = [\"X-A: file:DIR/none\"]", &[]),
            ("headers = [\"X-A: file:DIR/empty\"]", &[]),
            ("headers = [\"X-A: file:DIR/evil\"]", &[]),
            ("headers = [\"X-A: env:NONE\"]", &[]),
            ("headers = [\"X-A: env:NOTHING\"]", &[]),
            ("headers = [\"X-A: secret\", \"x-a: secret\"]", &[]),
            (
                "headers = [\"Authorization: Bearer secret\"]\nusername = \"u\"\n\
                 password_file = \"DIR/text\"",
                &[],
            ),
            ("", &[("server.headers", "secret")]),
        ],
        &expect![[r#"
            headers = ["secret"] []
              FILE:3:11: `server.headers`: a header has the form Name: value
            headers = ["X Y: secret"] []
              FILE:3:11: `server.headers`: the header: invalid name
            headers = ["Range: secret"] []
              FILE:3:11: `server.headers`: the header range: tfs sets it itself
            headers = ["X-A: secret\nX-Evil: 1"] []
              FILE:3:11: `server.headers`: the header x-a: a line end or another invalid character in its value
            headers = "X-A: secret" []
              FILE:3:11: `server.headers`: it must be a list of headers, as in ["Name: value"]
            headers = [7] []
              FILE:3:11: `server.headers`: it must be a list of headers, as in ["Name: value"]
            headers = ["X-A: file:secret"] []
              FILE:3:11: `server.headers`: the path after file: must begin with /
            headers = ["X-A: file:"] []
              FILE:3:11: `server.headers`: a path must follow file:
            headers = ["X-A: env:"] []
              FILE:3:11: `server.headers`: the name of a variable must follow env:
            headers = ["X-A: file:DIR/none"] []
              no value for the header X-A: cannot read DIR/none: No such file or directory (os error 2)
                  set the variable, or write the value to the file's first line
            headers = ["X-A: file:DIR/empty"] []
              no value for the header X-A: cannot use DIR/empty: its first line is empty
                  set the variable, or write the value to the file's first line
            headers = ["X-A: file:DIR/evil"] []
              cannot use the header x-a: a line end or another invalid character in its value
            headers = ["X-A: env:NONE"] []
              no value for the header X-A: cannot use the variable NONE: it is not set
                  set the variable, or write the value to the file's first line
            headers = ["X-A: env:NOTHING"] []
              no value for the header X-A: cannot use the variable NOTHING: it is empty
                  set the variable, or write the value to the file's first line
            headers = ["X-A: secret", "x-a: secret"] []
              the header x-a is given twice
                  remove one
            headers = ["Authorization: Bearer secret"] username = "u" password_file = "DIR/text" []
              the header Authorization and a user name exclude each other
                  remove one of them
             [("server.headers", "secret")]
              --header: a header has the form Name: value
        "#]],
    );
}

#[test]
fn proxies_that_cannot_be_used() {
    check(
        &[
            ("proxy = \"socks5://secret@proxy\"", &[]),
            ("proxy = \"http://secret@proxy/path\"", &[]),
            ("proxy = \"file:DIR/none\"", &[]),
            ("proxy = \"file:DIR/text\"", &[]),
            ("proxy = \"env:NONE\"", &[]),
            ("", &[("server.proxy", "secret")]),
        ],
        &expect![[r#"
            proxy = "socks5://secret@proxy" []
              FILE:3:9: `server.proxy`: its address does not begin with http://; a proxy has the form http://host:3128
            proxy = "http://secret@proxy/path" []
              FILE:3:9: `server.proxy`: its address has more than a host and a port; a proxy has the form http://host:3128
            proxy = "file:DIR/none" []
              no address of the proxy: cannot read DIR/none: No such file or directory (os error 2)
                  set the variable, or write the address to the file's first line
            proxy = "file:DIR/text" []
              cannot use the proxy: its address does not begin with http://
                  a proxy has the form http://host:3128
            proxy = "env:NONE" []
              no address of the proxy: cannot use the variable NONE: it is not set
                  set the variable, or write the address to the file's first line
             [("server.proxy", "secret")]
              --proxy: its address does not begin with http://; a proxy has the form http://host:3128
        "#]],
    );
}

#[test]
fn certificates_are_read_and_checked() {
    check(
        &[
            ("ca_file = \"DIR/a.pem\"", &[]),
            ("client_cert = \"DIR/a.pem\"\nclient_key = \"DIR/a.key\"", &[]),
            ("client_cert = \"DIR/a.both\"", &[]),
            ("ca_file = \"DIR/none\"", &[]),
            ("ca_file = \"DIR\"", &[]),
            ("ca_file = \"DIR/text\"", &[]),
            ("ca_file = \"a.pem\"", &[]),
            ("client_cert = \"DIR/none\"", &[]),
            ("client_cert = \"DIR/text\"\nclient_key = \"DIR/a.key\"", &[]),
            ("client_cert = \"DIR/a.pem\"", &[]),
            ("client_cert = \"DIR/a.pem\"\nclient_key = \"DIR/none\"", &[]),
            ("client_cert = \"DIR/a.pem\"\nclient_key = \"DIR/text\"", &[]),
            ("client_cert = \"DIR/a.pem\"\nclient_key = \"DIR/b.key\"", &[]),
            ("client_cert = \"DIR/a.pem\"\nclient_key = \"DIR/encrypted.key\"", &[]),
            ("client_key = \"DIR/a.key\"", &[]),
        ],
        &expect![[r#"
            ca_file = "DIR/a.pem" []
              AccessOptions { headers: [], proxy: None, extra_roots: RootCertificates { certificates: [CertificateDer..., identity: None }
            client_cert = "DIR/a.pem" client_key = "DIR/a.key" []
              AccessOptions { headers: [], proxy: None, extra_roots: RootCertificates { certificates: [] }, identity: Some(ClientIdentity(redacted)) }
            client_cert = "DIR/a.both" []
              AccessOptions { headers: [], proxy: None, extra_roots: RootCertificates { certificates: [] }, identity: Some(ClientIdentity(redacted)) }
            ca_file = "DIR/none" []
              cannot read the CA certificates in DIR/none: No such file or directory (os error 2)
                  the file must exist and be readable by this user
            ca_file = "DIR" []
              cannot read the CA certificates in DIR: Is a directory (os error 21)
                  the file must exist and be readable by this user
            ca_file = "DIR/text" []
              cannot use the CA certificates in DIR/text: the file has none
                  the file must have certificates in PEM form, which begin with -----BEGIN CERTIFICATE-----
            ca_file = "a.pem" []
              FILE:3:11: `server.ca_file`: the path must begin with /
            client_cert = "DIR/none" []
              cannot read the client certificate in DIR/none: No such file or directory (os error 2)
                  the file must exist and be readable by this user
            client_cert = "DIR/text" client_key = "DIR/a.key" []
              cannot use the client certificate in DIR/text: no certificate in PEM form
                  the file must have a certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----
            client_cert = "DIR/a.pem" []
              no usable private key in DIR/a.pem: no private key in PEM form
                  name the file of the key with `client_key` or --client-key
            client_cert = "DIR/a.pem" client_key = "DIR/none" []
              cannot read the client key in DIR/none: No such file or directory (os error 2)
                  the file must exist and be readable by this user
            client_cert = "DIR/a.pem" client_key = "DIR/text" []
              cannot use the client key in DIR/text: no private key in PEM form
                  the file must have a private key in PEM form, which begins with -----BEGIN PRIVATE KEY-----
            client_cert = "DIR/a.pem" client_key = "DIR/b.key" []
              cannot use the client key in DIR/b.key: it does not belong to the certificate
                  use the key that the certificate was made with; both commands print the same then: openssl x509 -noout -pubkey -in CERT, openssl pkey -pubout -in KEY
            client_cert = "DIR/a.pem" client_key = "DIR/encrypted.key" []
              cannot use the client key in DIR/encrypted.key: it is encrypted with a passphrase
                  decrypt it into a file that only this user can read: openssl pkey -in KEY -out DECRYPTED
            client_key = "DIR/a.key" []
              a client key without a client certificate
                  name the certificate with `client_cert` or --client-cert
        "#]],
    );
}

#[test]
fn files_that_changed_make_other_settings() {
    let dir = files();
    let keys = "headers = [\"X-A: file:DIR/text\"]\nca_file = \"DIR/a.pem\"";
    let connection = || choose(dir.path(), keys, &[]).unwrap().connection;
    let before = connection();
    assert_eq!(before, connection());
    fs::write(dir.path().join("text"), "other\n").unwrap();
    let other = connection();
    assert_ne!(before, other);
    fs::copy(dir.path().join("b.pem"), dir.path().join("a.pem")).unwrap();
    assert_ne!(other, connection());
}

#[test]
fn secrets_are_not_shown() {
    let text = "[[server]]\nurl = \"https://h\"\nproxy = \"http://user:secret@proxy:3128\"\n\
        headers = [\"X-A: secret\", \"X-B: file:/f\", \"X-C: env:NAME\"]";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tfs.toml");
    fs::write(&path, text).unwrap();
    let loaded = Sources { named_file: Some(path), ..Sources::default() }.load().unwrap();
    let shown = loaded
        .values()
        .into_iter()
        .filter(|value| ["server[0].headers", "server[0].proxy"].contains(&value.key.as_str()));
    let rows = shown.map(|value| format!("{} = {}\n", value.key, value.toml().unwrap()));
    expect![[r#"
        server[0].headers = ["X-A: (not shown)", "X-B: file:/f", "X-C: env:NAME"]
        server[0].proxy = "http://proxy:3128"
    "#]]
    .assert_eq(&rows.collect::<String>());
    let debug = format!("{:?}", loaded.settings);
    assert!(!debug.contains("secret"), "{debug}");
}

#[test]
fn what_is_for_one_server_is_not_sent_to_several() {
    let dir = files();
    let keys = "name = \"a\"\n[[server]]\nname = \"b\"\nurl = \"https://other\"";
    let path = dir.path().join("tfs.toml");
    fs::write(&path, format!("[[server]]\nurl = \"https://h\"\n{keys}")).unwrap();
    let choose = |key: &'static str, value: &str| {
        let value = value.replace("DIR", dir.path().to_str().unwrap());
        let flags = vec![Flag { key, value }];
        let sources = Sources { named_file: Some(path.clone()), flags, ..Sources::default() };
        match sources.load().unwrap().choose_servers(&[]) {
            Ok(servers) => format!("{} servers\n", servers.len()),
            Err(problem) => format!("{problem}\n"),
        }
    };
    let rows = [
        choose("server.headers", "X-A: secret"),
        choose("server.client_cert", "DIR/a.both"),
        choose("server.ca_file", "DIR/a.pem"),
        choose("server.proxy", "http://proxy:3128"),
    ];
    expect![[r#"
        --header is for one server, but several are selected
        --client-cert is for one server, but several are selected
        2 servers
        2 servers
    "#]]
    .assert_eq(&rows.concat());
}
