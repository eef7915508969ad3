//! The programs of libnfs: clients that were written elsewhere.

use std::process::Stdio;

use nfs_adapter::NfsServer;
use tfs_testkit::fake::{FakeSource, directory, file_id};
use tokio::process::Command;

use crate::support::{FILM_LEN, Fixture, serve, settings, update};

/// Runs a program of libnfs with a path of the server. Returns its output and errors, or `None` if
/// it is not installed.
async fn run(
    program: &str,
    args: &[&str],
    server: &NfsServer,
    path: &str,
) -> Option<(Vec<u8>, String)> {
    let port = server.address().port();
    let url = format!("nfs://127.0.0.1{path}?nfsport={port}&mountport={port}");
    let mut command = Command::new(program);
    command.args(args).arg(url).stdin(Stdio::null()).kill_on_drop(true);
    match command.output().await {
        Ok(output) => Some((output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())),
        Err(_not_installed) => {
            tfs_testkit::skip::for_lack_of(program, "libnfs");
            None
        }
    }
}

async fn secret() -> Fixture {
    let mut settings = settings();
    settings.export_path = "/k/0123456789abcdef".to_owned();
    let fixture = serve(settings).await;
    let names: Vec<String> = (0..10_000).map(|number| format!("{number} of many")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    fixture.source.add(directory(3, "many", &files));
    update(&fixture.source, &fixture.vfs);
    fixture
}

#[tokio::test]
async fn libnfs_lists_and_reads_below_a_secret_path() {
    let fixture = secret().await;
    let server = &fixture.server;
    let Some((listed, _)) = run("nfs-ls", &[], server, "/k/0123456789abcdef/many").await else {
        return;
    };
    assert_eq!(String::from_utf8_lossy(&listed).lines().count(), 10_000);
    let film = "/k/0123456789abcdef/film/film.mkv";
    let Some((bytes, errors)) = run("nfs-cat", &[], server, film).await else { return };
    assert_eq!(bytes.len() as u64, FILM_LEN, "{errors}");
    FakeSource::content(file_id(1, 0), FILM_LEN).check(0, &bytes).unwrap();
    for path in ["/", "/k", "/k/0123456789abcdee/film"] {
        let Some((listed, errors)) = run("nfs-ls", &[], server, path).await else { return };
        assert!(listed.is_empty() && errors.contains("MNT3ERR_NOENT"), "{path}: {errors}");
    }
}

#[tokio::test]
async fn libnfs_cannot_write() {
    let fixture = secret().await;
    let target = "/k/0123456789abcdef/film/new";
    let Some((_, errors)) = run("nfs-cp", &["/proc/version"], &fixture.server, target).await else {
        return;
    };
    assert!(errors.contains("NFS3ERR_ROFS"), "{errors}");
}
