//! Lookups and listings. They run on any thread.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::time::Duration;

use fuser::{Generation, INodeNo, ReplyDirectory, ReplyDirectoryPlus, ReplyEntry};
use vfs_core::{Ino, TorrentSource, Vfs, VfsError};

use super::Listings;
use crate::attr::{Ownership, file_type, no_attr};
use crate::notices::Generations;
use crate::reply::{ReplyGuard, respond};
use crate::ttl::Ttls;

/// State that lookups and listings read.
#[derive(Debug)]
pub(crate) struct Entries<S> {
    pub(crate) vfs: Arc<Vfs<S>>,
    pub(crate) ownership: Ownership,
    pub(crate) ttls: Arc<Ttls>,
    pub(crate) generations: Arc<Generations>,
    pub(crate) listings: Arc<Listings>,
}

impl<S> Clone for Entries<S> {
    fn clone(&self) -> Self {
        let Self { vfs, ownership, ttls, generations, listings } = self;
        Self {
            vfs: Arc::clone(vfs),
            ownership: *ownership,
            ttls: Arc::clone(ttls),
            generations: Arc::clone(generations),
            listings: Arc::clone(listings),
        }
    }
}

impl<S: TorrentSource> Entries<S> {
    pub(super) fn lookup(&self, guard: ReplyGuard<ReplyEntry>, parent: INodeNo, name: &OsStr) {
        respond(
            guard,
            |_| match self.vfs.lookup(Ino(parent.0), name.as_bytes()) {
                Err(VfsError::NotFound) => Ok(None),
                found => found.map(Some),
            },
            |reply, found| match found {
                Some(entry) => reply.entry_with_ttls(
                    &self.ttls.attr(&entry.attr),
                    &self.ttls.entry(entry.name_validity),
                    &self.ownership.file_attr(&entry.attr),
                    self.generations.of(&entry.attr),
                ),
                None => {
                    let ttl = self.ttls.absent(self.vfs.names_validity(Ino(parent.0)));
                    reply.entry_with_ttls(&Duration::ZERO, &ttl, &no_attr(), Generation(0));
                }
            },
        );
    }

    pub(super) fn list(&self, guard: ReplyGuard<ReplyDirectory>, dir: INodeNo, cookie: u64) {
        respond(
            guard,
            |reply| {
                self.vfs.read_dir(Ino(dir.0), cookie, |entry| {
                    let number = INodeNo(entry.attr.ino.0);
                    !reply.add(number, entry.cookie, file_type(entry.attr.kind), entry.name)
                })
            },
            |reply, ()| {
                reply.ok();
                self.on_listed(dir);
            },
        );
    }

    pub(super) fn list_plus(
        &self,
        guard: ReplyGuard<ReplyDirectoryPlus>,
        dir: INodeNo,
        cookie: u64,
    ) {
        respond(
            guard,
            |reply| {
                self.vfs.read_dir_plus(Ino(dir.0), cookie, |entry| {
                    let attr = self.ownership.file_attr(&entry.attr);
                    // fuser has one TTL for both the name and the attributes.
                    let ttl = self.ttls.entry(entry.name_validity);
                    let ttl = ttl.min(self.ttls.attr(&entry.attr));
                    let generation = self.generations.of(&entry.attr);
                    !reply.add(attr.ino, entry.cookie, entry.name, &ttl, &attr, generation)
                })
            },
            |reply, ()| {
                reply.ok();
                self.on_listed(dir);
            },
        );
    }

    /// Records that a listing was answered, in whole or in part.
    fn on_listed(&self, dir: INodeNo) {
        self.listings.on_listed(Ino(dir.0), self.vfs.names_validity(Ino(dir.0)));
    }
}
