//! A server over a fake source.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use nfs_adapter::{NfsServer, NfsSettings};
use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::{Export, ServerId, Vfs, VfsConfig};

use crate::client::RawNfsClient;

/// Length of `film/film.mkv`.
pub(crate) const FILM_LEN: u64 = 3_000_000;

pub(crate) struct Fixture {
    pub(crate) source: FakeSource,
    pub(crate) vfs: Arc<Vfs<FakeSource>>,
    pub(crate) server: NfsServer,
}

pub(crate) fn settings() -> NfsSettings {
    NfsSettings::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), [7; 32])
}

/// Returns a source with `film/`, which has a film and a folder, and a file `single`.
pub(crate) fn source() -> FakeSource {
    let source = FakeSource::new(4);
    source.add(directory(1, "film", &[("film.mkv", FILM_LEN), ("sub/de.srt", 100)]));
    source.add(single_file(2, "single", 10));
    source
}

pub(crate) fn vfs_of(source: &FakeSource) -> Arc<Vfs<FakeSource>> {
    let vfs = Arc::new(Vfs::new(Arc::new(source.clone()), VfsConfig::default()));
    update(source, &vfs);
    vfs
}

/// Tells the filesystem what the source lists now.
pub(crate) fn update(source: &FakeSource, vfs: &Vfs<FakeSource>) {
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1_700_000_000);
}

pub(crate) async fn serve(settings: NfsSettings) -> Fixture {
    let source = source();
    let vfs = vfs_of(&source);
    let server = NfsServer::start(Export::new(Arc::clone(&vfs)), settings).await.unwrap();
    Fixture { source, vfs, server }
}

impl Fixture {
    pub(crate) async fn client(&self) -> RawNfsClient {
        RawNfsClient::connect(self.server.address()).await
    }
}
