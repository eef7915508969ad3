//! Tests of the settings of servers for other programs.

use std::fs;

use expect_test::{Expect, expect};

use super::*;

/// Loads a file with flags.
fn load(file: &str, flags: &[(&'static str, &str)]) -> Result<Loaded, SettingsError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.toml");
    fs::write(&path, file).unwrap();
    let flags = flags.iter().map(|(key, value)| Flag { key, value: (*value).to_owned() });
    Sources { named_file: Some(path), flags: flags.collect(), ..Sources::default() }.load()
}

/// Compares the problems of a file, with the line and the hint of each.
#[track_caller]
fn check(file: &str, want: &Expect) {
    let problems = load(file, &[]).err().map(|error| error.problems).unwrap_or_default();
    let text = problems.iter().map(|problem| {
        let line = problem.place.as_ref().and_then(|place| place.line).unwrap_or_default();
        let hint = problem.hint.clone().unwrap_or_default();
        let hint = hint.rsplit_once("/f.toml").map_or(hint.clone(), |(_, rest)| rest.to_owned());
        let hint = if hint.is_empty() { hint } else { format!("; {hint}") };
        format!("{line}: {}{hint}\n", problem.message)
    });
    want.assert_eq(&text.collect::<String>());
}

#[test]
fn a_section_has_defaults_and_a_name() {
    let loaded = load(
        "[[serve]]\nkind = \"webdav\"\n[[serve]]\nkind = \"nfs\"\nname = \"tv\"\n\
         listen = \"localhost:0\"\n[[serve]]\nkind = \"dlna\"\n",
        &[],
    );
    let loaded = loaded.unwrap();
    let serves = loaded.own_serves().map(|(name, serve)| format!("{name} {}", serve.address()));
    assert_eq!(
        serves.collect::<Vec<_>>(),
        ["serve-1 127.0.0.1:8080", "tv 127.0.0.1:0", "serve-3 0.0.0.0:8200"]
    );
    let [webdav, ..] = loaded.settings.serves.as_slice() else { panic!("three") };
    assert_eq!(webdav.first_byte_timeout.as_secs(), 20);
    assert!(!webdav.no_auth && !webdav.is_open());
    assert_eq!(loaded.serve_auth(webdav).unwrap(), None);
}

#[test]
fn combinations_are_checked() {
    check(
        "[[serve]]\nkind = \"webdav\"\nauth_user = \"me\"\n\
         [[serve]]\nkind = \"webdab\"\n",
        &expect![[r#"
            5: `serve.kind`: it must be "webdav", "nfs" or "dlna"; did you mean `webdav`?
        "#]],
    );
    check(
        "[[serve]]\nkind = \"webdav\"\nauth_user = \"me\"\n\
         [[serve]]\nkind = \"webdav\"\nmount = \"/nowhere\"\n\
         [[serve]]\nkind = \"nfs\"\nauth_user = \"me\"\nauth_password_file = \"/p\"\n\
         [[serve]]\nkind = \"webdav\"\ntls_cert = \"/c\"\nlisten = \":0\"\nservers = [\"nas\"]\n\
         [[serve]]\nkind = \"nfs\"\nlisten = \":2051\"\n\
         [[serve]]\nkind = \"webdav\"\nlisten = \":443\"\nauth_token_file = \"/t\"\n\
         [[serve]]\nkind = \"webdav\"\nlisten = \"127.0.0.1:1\"\nauth_token_file = \"/t\"\n\
         no_auth = true\n",
        &expect![[r#"
            3: a user name without a password; name its file with `auth_password_file`
            6: no [[mount]] has the path /nowhere; add one, or remove `mount` for a library without a mount
            9: nfs has no such setting; NFS has no logins; use `auth_token_file`, a secret in the path
            13: a certificate without its private key; name the file of the key with `tls_key`
            15: no server is named `nas`; the servers are: default, embedded
            18: other machines can reach 0.0.0.0:2051, and there is no token; set `auth_token_file`, listen on 127.0.0.1, or set `no_auth`
            21: a login over plain HTTP at 0.0.0.0:443 can be read on the way; add `tls_cert` and `tls_key`, or listen on 127.0.0.1 behind a proxy with TLS; devices can use a token in the URL: tfs serve token new
            27: no login is wanted, and one is set; remove `no_auth`, or the login
            4: another listener has the address 127.0.0.1:8080; :1:1
        "#]],
    );
    check(
        "[web]\nlisten = \"127.0.0.1:80\"\n[[mount]]\npath = \"/m\"\nwebdav = \"127.0.0.1:80\"\n\
         nfs = \"0.0.0.0:1\"\n[[serve]]\nkind = \"nfs\"\nlisten = \"127.0.0.1:1\"\n\
         name = \"a\"\nmount = \"/m\"\nservers = [\"default\"]\n\
         [[serve]]\nkind = \"nfs\"\nname = \"a\"\nlisten = \"2050\"\n",
        &expect![[r#"
            16: `serve.listen`: it must be an IP address and a port, as in 127.0.0.1:2050, or :2050 for all addresses of this machine
        "#]],
    );
    check(
        "[web]\nlisten = \"127.0.0.1:80\"\n[[mount]]\npath = \"/m\"\nwebdav = \"127.0.0.1:80\"\n\
         nfs = \"0.0.0.0:1\"\n[[serve]]\nkind = \"nfs\"\nlisten = \"127.0.0.1:1\"\n\
         name = \"a\"\nmount = \"/m\"\nservers = [\"default\"]\n\
         [[serve]]\nkind = \"nfs\"\nname = \"a\"\n",
        &expect![[r#"
            12: `servers` beside `mount`; remove it: the files are those of the mount
            15: two servers for clients are named `a`; :7:1
            6: other machines can reach 0.0.0.0:1, and there is no token; use 127.0.0.1, or add a [[serve]] section with `mount` and `auth_token_file`
            5: another listener has the address 127.0.0.1:80; :2:1
            9: another listener has the address 127.0.0.1:1; :6:1
        "#]],
    );
}

#[test]
fn entering_a_directory_serves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tfs.toml");
    for text in ["[[serve]]\nkind = \"webdav\"\n", "[[mount]]\npath = \"/m\"\nnfs = \"[::1]:1\"\n"]
    {
        fs::write(&path, text).unwrap();
        let sources = Sources { file_here: Some(path.clone()), ..Sources::default() };
        let error = sources.load().unwrap_err().to_string();
        assert!(error.contains("is not allowed in a file of the current directory"), "{error}");
    }
}

#[test]
fn a_command_takes_the_section_of_its_address() {
    let file = "[[mount]]\npath = \"/m\"\n[[serve]]\nkind = \"webdav\"\nname = \"lan\"\n\
                listen = \"127.0.0.1:81\"\nhosts = [\"nas\"]\n\
                [[serve]]\nkind = \"webdav\"\nmount = \"/m\"\nlisten = \"127.0.0.1:82\"\n";
    let of = |flags: &[(&'static str, &str)]| {
        let loaded = load(file, flags).unwrap();
        let serve = loaded.serve_at(ServeKind::Webdav);
        serve.map(|serve| (serve.name.clone(), serve.address().port(), serve.hosts))
    };
    let host = |name: &str| vec![name.to_owned()];
    // The only one of its kind that has no mount.
    assert_eq!(of(&[]).unwrap(), (Some("lan".to_owned()), 81, host("nas")));
    let flags = [("serve.listen", "localhost:81"), ("serve.hosts", "a"), ("serve.hosts", "b")];
    assert_eq!(of(&flags).unwrap().2, ["a", "b"]);
    for address in ["127.0.0.1:82", "127.0.0.1:83"] {
        let (name, _, hosts) = of(&[("serve.listen", address)]).unwrap();
        assert_eq!((name, hosts), (None, Vec::new()));
    }
    let error = of(&[("serve.auth_user", "me")]).unwrap_err();
    assert_eq!(error.message, "--auth-user: a user name without a password");
    assert_eq!(error.hint.unwrap(), "name its file with --auth-password-file");
    let loaded = load(file, &[("mount.layout", "by-server")]).unwrap();
    let serve = loaded.serve_at(ServeKind::Nfs).unwrap();
    let tree = loaded.tree_of_serve(&serve).unwrap();
    assert_eq!((tree.layout, serve.layout), (MountLayout::ByServer, MountLayout::Union));
}

#[test]
fn a_mount_has_its_sections_and_its_short_keys() {
    let file = "[[mount]]\npath = \"/m\"\nwebdav = \"127.0.0.1:81\"\n\
                [[serve]]\nkind = \"nfs\"\nmount = \"/m\"\n[[serve]]\nkind = \"dlna\"\n";
    let of = |flags: &[(&'static str, &str)], path: &str| {
        let loaded = load(file, flags).unwrap();
        let mount = loaded.mount_at(path.as_ref()).unwrap();
        let serves = loaded.serves_of(&mount);
        serves.map(|serves| {
            let text = |it: &ServeSection| format!("{} {}", it.kind.word(), it.address());
            serves.iter().map(text).collect::<Vec<_>>()
        })
    };
    assert_eq!(of(&[], "/m").unwrap(), ["webdav 127.0.0.1:81", "nfs 127.0.0.1:2050"]);
    let webdav = load(file, &[]).unwrap().webdav_addresses();
    assert_eq!(webdav, [("127.0.0.1:81".parse().unwrap(), false)]);
    let flag = [("mount.webdav", ":0")];
    assert_eq!(of(&flag, "/other").unwrap(), ["webdav 0.0.0.0:0"]);
    let error = of(&[("mount.nfs", ":2049")], "/other").unwrap_err();
    assert!(error.message.starts_with("--nfs: other machines can reach"), "{}", error.message);
}

#[test]
fn a_login_comes_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let of = |content: Option<&str>, keys: &str| {
        let file = dir.path().join("secret");
        match content {
            Some(content) => fs::write(&file, content).unwrap(),
            None => drop(fs::remove_file(&file)),
        }
        let file = file.to_string_lossy().into_owned();
        let keys = keys.replace("FILE", &format!("{file:?}"));
        let loaded = load(&format!("[[serve]]\nkind = \"webdav\"\n{keys}\n"), &[]).unwrap();
        let [serve] = loaded.settings.serves.as_slice() else { panic!("one") };
        let auth = loaded.serve_auth(serve);
        auth.map_err(|problem| problem.message.replace(&file, "FILE"))
    };
    let password = "auth_user = \"me\"\nauth_password_file = FILE";
    let token = "auth_token_file = FILE";
    let auth = of(Some("correct horse\n"), password).unwrap().unwrap();
    assert_eq!(format!("{auth:?}"), r#"Password { user: "me", password: Secret(redacted) }"#);
    assert!(of(None, password).unwrap_err().starts_with("cannot read the password in FILE: No"));
    assert_eq!(of(Some("\nx"), password).unwrap_err(), "the password in FILE is empty");
    assert!(matches!(of(Some("0123456789"), token), Ok(Some(ServeAuth::Token(_)))));
    assert!(of(Some("1234567"), token).unwrap_err().ends_with("must have 8 to 255 characters"));
    assert!(of(Some("0123/56789"), token).unwrap_err().contains("must consist of letters"));
}
