//! What polls request from a server.

use std::sync::Arc;

use rqbit_client::{Client, ClientConfig};
use rqbit_source::RqbitSource;
use tfs_testkit::content::Content;
use tfs_testkit::rqbit::{FakeRqbit, FakeTorrent, PermitStep};
use vfs_core::{Freshness, InfoHash, ListAnswer, ListRequest, TorrentSource as _};

const PIECE_BYTES: u32 = 1000;

fn torrent(nth: u8, is_complete: bool) -> FakeTorrent {
    let content = Content::new(u64::from(nth), 2 * u64::from(PIECE_BYTES));
    let name = format!("t{nth}");
    FakeTorrent { is_complete, ..FakeTorrent::folder(nth, &name, PIECE_BYTES, &[("a", content)]) }
}

fn hash(nth: u8) -> InfoHash {
    InfoHash::from_bytes([nth; 20])
}

struct Fixture {
    server: FakeRqbit,
    source: Arc<RqbitSource>,
    seen: usize,
}

impl Fixture {
    fn new(torrents: Vec<FakeTorrent>) -> Self {
        let server = FakeRqbit::start(torrents).unwrap();
        let client = Client::new(ClientConfig::new(server.url().parse().unwrap())).unwrap();
        Self { server, source: Arc::new(RqbitSource::new(client, 4)), seen: 0 }
    }

    /// Polls, and returns the paths of the requests, and the torrents of the listing.
    async fn poll(&mut self, request: ListRequest) -> (Vec<String>, ListAnswer) {
        let listing = self.source.poll(request).await.unwrap();
        let heads = self.server.heads();
        let new = heads.iter().skip(self.seen).filter_map(|head| head.split(' ').nth(1));
        let paths = new.map(|path| path.replace(&hash(2).to_string(), "2")).collect();
        self.seen = heads.len();
        (paths, listing)
    }
}

fn changes() -> ListRequest {
    ListRequest { accepts_changes: true, ..ListRequest::default() }
}

fn changed(listing: &ListAnswer) -> Vec<(InfoHash, u64)> {
    let ListAnswer::Changed(torrents) = listing else { panic!("{listing:?}") };
    let bytes = |it: &Option<Arc<[u64]>>| it.iter().flat_map(|it| it.iter()).sum();
    torrents.iter().map(|it| (it.info_hash, bytes(&it.file_progress))).collect()
}

#[tokio::test]
async fn a_poll_requests_all_stats_only_if_the_server_fetches_something() {
    let mut f = Fixture::new(vec![torrent(1, true), torrent(2, false)]);
    let all = ["/stats", "/torrents?with_stats=true"];
    let few = ["/stats", "/torrents", "/torrents/2/stats/v1"];
    let (paths, listing) = f.poll(changes()).await;
    assert_eq!(paths, all);
    assert!(matches!(listing, ListAnswer::All(torrents) if torrents.len() == 2));
    // There is nothing to compare the first report of the server with.
    let (paths, listing) = f.poll(changes()).await;
    assert_eq!((paths.as_slice(), changed(&listing)), (&all.map(str::to_owned)[..], vec![]));
    for _ in 0..3 {
        let (paths, listing) = f.poll(changes()).await;
        assert_eq!((paths.as_slice(), changed(&listing)), (&few.map(str::to_owned)[..], vec![]));
    }
    assert!(matches!(f.server.step(), PermitStep::Wrote { .. }));
    let (paths, listing) = f.poll(changes()).await;
    assert_eq!(
        (paths.as_slice(), changed(&listing)),
        (&all.map(str::to_owned)[..], vec![(hash(2), 1000)])
    );
    // The piece may have been written after it was fetched.
    assert_eq!(f.poll(changes()).await.0, all);
    assert_eq!(f.poll(changes()).await.0, few);

    let current = ListRequest { freshness: Freshness::Current, ..changes() };
    assert_eq!(f.poll(current).await.0, all);
    // All torrents, without a request for more.
    let (paths, listing) = f.poll(ListRequest::default()).await;
    assert_eq!(paths, few);
    assert!(matches!(listing, ListAnswer::All(torrents) if torrents.len() == 2));
    f.server.restart(false, 3);
    assert_eq!(f.poll(changes()).await.0, all);
}

#[tokio::test]
async fn a_poll_requests_the_stats_of_what_is_new_or_open() {
    let mut f = Fixture::new(vec![torrent(1, true), torrent(2, true)]);
    f.poll(changes()).await;
    f.poll(changes()).await;
    let plain = ["/stats", "/torrents"];
    assert_eq!(f.poll(changes()).await.0, plain);
    let in_use = ListRequest { in_use: vec![hash(2), hash(9)], ..changes() };
    assert_eq!(f.poll(in_use).await.0, ["/stats", "/torrents", "/torrents/2/stats/v1"]);
    f.server.add(torrent(3, true));
    let (paths, listing) = f.poll(changes()).await;
    assert_eq!(paths, ["/stats", "/torrents", &format!("/torrents/{}/stats/v1", hash(3))]);
    let ListAnswer::All(torrents) = listing else { panic!("{listing:?}") };
    assert_eq!(torrents.iter().map(|it| it.info_hash).collect::<Vec<_>>(), [1, 2, 3].map(hash));
    assert!(torrents.iter().all(|it| it.file_progress.as_deref() == Some(&[2000])));
    assert_eq!(f.poll(changes()).await.0, plain);
    // Too many to be asked one by one.
    (4..=40).for_each(|nth| f.server.add(torrent(nth, true)));
    let (paths, _) = f.poll(changes()).await;
    assert_eq!(paths, ["/stats", "/torrents", "/torrents?with_stats=true"]);
    assert_eq!(f.poll(changes()).await.0, plain);
    assert_eq!(f.server.violations(), [] as [&str; 0]);
}
