//! What `tfs serve` refuses at its start.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use expect_test::{Expect, expect};
use tfs_testkit::isolate;

use super::LIMIT;
use crate::support::{describe, tfs};

/// Runs a command that fails at once, and compares what it says.
#[track_caller]
fn check(dir: &Path, arguments: &[&str], want: &Expect) {
    let output = tfs(dir).arg("serve").args(arguments).output().unwrap();
    let text = describe(&output).replace(dir.to_str().unwrap(), "DIR");
    want.assert_eq(&text);
}

#[test]
fn an_address_that_cannot_be_used_is_named() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = taken.local_addr().unwrap().to_string();
        let output = tfs(dir).args(["serve", "webdav", "--listen", &taken]).output().unwrap();
        let text = describe(&output).replace(&taken, "ADDRESS");
        let text = text.replace(taken.split(':').next_back().unwrap(), "PORT");
        expect![[r#"
            exit 64
            error: cannot serve webdav at ADDRESS: Address already in use (os error 98)
            hint: another program listens there: choose another port with --listen, or name it with: ss -ltnp "sport = :PORT"
        "#]].assert_eq(&text);
    });
}

#[test]
fn a_login_that_cannot_be_used_is_named() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let missing = dir.join("missing").display().to_string();
        let login = ["webdav", "--auth-user", "me", "--auth-password-file", &missing];
        check(
            dir,
            &login,
            &expect![[r#"
            exit 3
            error: cannot read the password in DIR/missing: No such file or directory (os error 2)
            hint: the file must exist and be readable by this user
        "#]],
        );
        let short = dir.join("short");
        fs::write(&short, "1234\n").unwrap();
        let short = short.to_str().unwrap();
        check(
            dir,
            &["nfs", "--auth-token-file", short],
            &expect![[r#"
            exit 3
            error: the token in DIR/short must have 8 to 255 characters
            hint: make one with: head -c 16 /dev/urandom | base32
        "#]],
        );
    });
}

#[test]
fn what_other_machines_could_read_needs_a_secret() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        check(
            dir,
            &["nfs", "--listen", ":0"],
            &expect![[r#"
            exit 3
            error: --listen: other machines can reach 0.0.0.0:0, and there is no token
            hint: set --auth-token-file, listen on 127.0.0.1, or set --no-auth
        "#]],
        );
        let short = dir.join("short");
        fs::write(&short, "1234\n").unwrap();
        let short = short.to_str().unwrap();
        let open = ["webdav", "--listen", ":0", "--auth-token-file", short];
        check(
            dir,
            &open,
            &expect![[r#"
            exit 3
            error: --listen: a login over plain HTTP at 0.0.0.0:0 can be read on the way
            hint: add --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy with TLS; devices can use a token in the URL: tfs serve token new
        "#]],
        );
    });
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        let short = dir.join("short");
        fs::write(&short, "1234\n").unwrap();
        let short = short.to_str().unwrap();
        let missing = dir.join("missing").display().to_string();
        check(
            dir,
            &["webdav", "--tls-cert", short],
            &expect![[r#"
            exit 3
            error: --tls-cert: a certificate without its private key
            hint: name the file of the key with --tls-key
        "#]],
        );
        let tls = ["webdav", "--tls-cert", short, "--tls-key", short, "--listen", "127.0.0.1:0"];
        check(
            dir,
            &tls,
            &expect![[r#"
            exit 64
            error: cannot serve webdav: cannot use DIR/short: no certificate in PEM form
        "#]],
        );
        let tls = ["webdav", "--tls-cert", short, "--tls-key", &missing];
        check(
            dir,
            &tls,
            &expect![[r#"
            exit 64
            error: cannot serve webdav: cannot read DIR/missing: No such file or directory (os error 2)
            hint: the file must exist and be readable by this user
        "#]],
        );
    });
}

#[test]
fn servers_views_and_tokens_are_checked() {
    isolate::run(tfs_testkit::test_name!(), LIMIT, |dir| {
        check(
            dir,
            &["webdav", "--root", "views"],
            &expect![[r#"
            exit 3
            error: the root would be empty: there are no views
            hint: add [[view]] sections with: tfs config edit
        "#]],
        );
        check(
            dir,
            &["webdav", "nowhere"],
            &expect![[r#"
            exit 3
            error: no server is named `nowhere`
            hint: no server is configured: use an address such as http://nowhere:3030, or add it with: tfs config set server.nowhere.url URL
        "#]],
        );
        let offline = ["webdav", "--require-server", "http://127.0.0.1:1"];
        check(
            dir,
            &offline,
            &expect![[r#"
            exit 20
            error: cannot reach rqbit at http://127.0.0.1:1/: connection refused
            hint: start it with "rqbit --http-api-listen-addr 127.0.0.1:1 server start <DIR>", or use --embedded <DIR>
        "#]],
        );
        check(
            dir,
            &["token", "new", "../tv"],
            &expect![[r#"
            exit 65
            error: cannot use "../tv" as the name of a device: a name has 1 to 64 letters, digits, `-`, `_` or `.`, and begins with a letter or digit
        "#]],
        );
        check(
            dir,
            &["token", "revoke", "tv"],
            &expect![[r#"
            exit 65
            error: cannot revoke the token of tv: there is none
            hint: list the devices with: tfs serve token list
        "#]],
        );
    });
}
