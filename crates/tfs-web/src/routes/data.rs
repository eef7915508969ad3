//! What the page shows, as JSON.

use hyper::StatusCode;
use tfs_http::{json, text};

use super::route::info_hash;
use super::{Answered, DataRoute, PageCall};
use crate::model::{BUCKETS_MAX, FilePlace};
use crate::refusal::Refusal;
use tfs_api::wire::{FailureBody, FailureKind};

/// Maximum number of characters of a search.
const WORDS_CHARS_MAX: usize = 1000;

/// Number of hits of a search, unless the request says another.
const HITS_DEFAULT: usize = 100;

/// Maximum number of hits of a search.
const HITS_MAX: usize = 1000;

/// `GET /api/...`
pub(super) async fn data(call: &PageCall, route: DataRoute) -> Answered {
    let _visitor = call.check_reader().await?;
    let PageCall { site, query, .. } = call;
    let backend = &site.backend;
    match route {
        DataRoute::Overview => {
            let snapshot = site.snapshot().await?;
            return Ok(text(StatusCode::OK, "application/json", snapshot.json.clone()));
        }
        DataRoute::History => return Ok(json(&Ok(backend.history()))),
        DataRoute::Torrents | DataRoute::Torrent { .. } | DataRoute::Pieces | DataRoute::Search => {
        }
    }
    let place = site.request_places.acquire().await;
    let _place = place.map_err(|_closed| Refusal::too_many("the page ends"))?;
    match route {
        DataRoute::Overview | DataRoute::History => Err(bad("it has no such data").into()),
        DataRoute::Torrents => Ok(json(&Ok(backend.torrents(query.mount()).await?))),
        DataRoute::Torrent { info_hash } => {
            Ok(json(&Ok(backend.torrent(query.mount(), info_hash).await?)))
        }
        DataRoute::Pieces => {
            let hash = info_hash(query.needed("info_hash")?);
            let place = FilePlace {
                info_hash: hash.ok_or_else(|| bad("\"info_hash\" has 40 hexadecimal digits"))?,
                file_index: query.value("file_index", 0)?,
                mountpoint: site.mountpoint(query.mount().mountpoint).await?,
            };
            let buckets = query.value("buckets", BUCKETS_MAX)?.clamp(1, BUCKETS_MAX);
            Ok(json(&Ok(backend.pieces(place, buckets).await?)))
        }
        DataRoute::Search => {
            let words = query.needed("q")?;
            if words.chars().count() > WORDS_CHARS_MAX {
                return Err(bad("a search has at most 1000 characters").into());
            }
            let limit = query.value("limit", HITS_DEFAULT)?.min(HITS_MAX);
            let hits = backend.search(query.mount(), words.to_owned(), limit).await?;
            Ok(json(&Ok(hits)))
        }
    }
}

fn bad(message: &str) -> FailureBody {
    FailureBody::new(FailureKind::BadRequest, message)
}
