//! The keys of servers for other programs and machines: WebDAV, NFS and DLNA.

use super::DefaultValue::{Is, Required, Unset};
use super::{Key, key};
use crate::ValueKind;

pub(super) const SERVE: [Key; 14] = [
    key(
        "serve.kind",
        ValueKind::Choice(&["webdav", "nfs", "dlna"]),
        Required("\"webdav\""),
        None,
        "The protocol. `webdav`: WebDAV, and pages for browsers. `nfs`: NFS 3. `dlna`: for TVs.",
    ),
    key(
        "serve.listen",
        ValueKind::Listen,
        Unset {
            means: "`127.0.0.1:8080` for WebDAV, `127.0.0.1:2050` for NFS, `0.0.0.0:8200` for DLNA",
            example: "\"127.0.0.1:8080\"",
        },
        Some("--listen"),
        "The address and port. `:8080` is the port at all addresses of this machine.",
    ),
    key(
        "serve.name",
        ValueKind::Name,
        Unset { means: "\"tfs on\" and the name of this machine", example: "\"living-room\"" },
        None,
        "With DLNA the name on the TV. In messages it names the section.",
    ),
    key(
        "serve.mount",
        ValueKind::Path,
        Unset { means: "a library of its own", example: "\"/mnt/t\"" },
        None,
        "The path of a `[[mount]]`, whose files are served. Both then share their caches and the \
         limit of streams.",
    ),
    key(
        "serve.servers",
        ValueKind::Names,
        Is("[]"),
        None,
        "The names of the servers whose torrents are served, if there is no `mount`. Empty: all \
         servers.",
    ),
    key(
        "serve.auth_user",
        ValueKind::User,
        Unset { means: "no login", example: "\"me\"" },
        Some("--auth-user"),
        "The user name that WebDAV clients log in with. Needs `auth_password_file`, and TLS except \
         on 127.0.0.1.",
    ),
    key(
        "serve.auth_password_file",
        ValueKind::Path,
        Unset { means: "no login", example: "\"/run/secrets/tfs-webdav\"" },
        Some("--auth-password-file"),
        "A file whose first line is the password of `auth_user`, with at least 8 characters.",
    ),
    key(
        "serve.auth_token_file",
        ValueKind::Path,
        Unset { means: "no token", example: "\"/run/secrets/tfs-serve\"" },
        Some("--auth-token-file"),
        "A file whose first line is a token of at least 8 characters. WebDAV clients send it as a \
         bearer token or as the password. NFS clients mount `/k/TOKEN`.",
    ),
    key(
        "serve.no_auth",
        ValueKind::Switch,
        Is("false"),
        Some("--no-auth"),
        "Serve other machines without a login. Every client that reaches the address can read \
         everything.",
    ),
    key(
        "serve.tls_cert",
        ValueKind::Path,
        Unset { means: "no TLS", example: "\"/etc/tfs/cert.pem\"" },
        Some("--tls-cert"),
        "A PEM file with the certificate for HTTPS, and its chain. Only with WebDAV. It is read at \
         the start: restart tfs after a renewal.",
    ),
    key(
        "serve.tls_key",
        ValueKind::Path,
        Unset { means: "no TLS", example: "\"/etc/tfs/key.pem\"" },
        Some("--tls-key"),
        "A PEM file with the private key of `tls_cert`, without a passphrase.",
    ),
    key(
        "serve.hosts",
        ValueKind::Hosts,
        Is("[]"),
        Some("--allow-host"),
        "Host names by which WebDAV clients reach tfs, such as that of a proxy in front of it. IP \
         addresses and `localhost` are always allowed. The flag may be repeated.",
    ),
    key(
        "serve.first_byte_timeout",
        ValueKind::Time,
        Is("\"20s\""),
        Some("--first-byte-timeout"),
        "How long a WebDAV request waits for the first bytes of a file. Then the answer is 503 \
         with `Retry-After`.",
    ),
    key(
        "serve.layout",
        ValueKind::Choice(&["union", "by-server"]),
        Is("\"union\""),
        None,
        "How to show the torrents of several servers, as `mount.layout`.",
    ),
];
