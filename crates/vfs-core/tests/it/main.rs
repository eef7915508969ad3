//! The filesystem without a kernel, over a source whose completion the test triggers.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod by_id;
mod control_dir;
mod edge_cases;
mod engine;
mod export;
mod failover;
mod invalidation;
mod labels;
mod late;
mod links;
mod listing;
mod local;
mod model;
mod names;
mod preload;
mod read;
mod seek;
mod servers;
mod support;
mod times;
mod tree;
mod views;
