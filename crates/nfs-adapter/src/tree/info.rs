//! The filesystem: FSSTAT, FSINFO and PATHCONF.

use nfs3_types::nfs3::{
    FSF3_HOMOGENEOUS, FSF3_SYMLINK, FSINFO3resfail, FSINFO3resok, FSSTAT3resfail, FSSTAT3resok,
    PATHCONF3resfail, PATHCONF3resok, nfstime3,
};
use vfs_core::{NAME_BYTES_MAX, TorrentSource};

use super::listing::LISTING_BYTES_PREFERRED;
use super::{NfsAnswer, NfsTree};
use crate::READ_BYTES_MAX;
use crate::wire::{XdrError, XdrReader};

/// Maximum size of a WRITE in bytes. All are refused, but a client must not announce a larger one
/// than a record may have.
const WRITE_BYTES_MAX: u32 = 32 << 10;

/// The unit of READ in bytes: a page.
const READ_UNIT_BYTES: u32 = 4096;

/// Maximum size of a file in bytes, as Linux has it.
const FILE_BYTES_MAX: u64 = i64::MAX.unsigned_abs();

impl<S: TorrentSource> NfsTree<S> {
    pub(super) fn fsstat(&self, args: &mut XdrReader<'_>) -> Result<NfsAnswer, XdrError> {
        let node = self.node(args)?;
        let stats = self.export.vfs().stats();
        let results = node.map(|_| FSSTAT3resok {
            obj_attributes: self.attr_of(&node),
            tbytes: stats.total_bytes,
            fbytes: 0,
            abytes: 0,
            tfiles: stats.inode_count,
            ffiles: 0,
            afiles: 0,
            invarsec: 0,
        });
        Ok(NfsAnswer::of::<_, FSSTAT3resfail>(results))
    }

    pub(super) fn fsinfo(&self, args: &mut XdrReader<'_>) -> Result<NfsAnswer, XdrError> {
        let node = self.node(args)?;
        let results = node.map(|_| FSINFO3resok {
            obj_attributes: self.attr_of(&node),
            rtmax: READ_BYTES_MAX,
            rtpref: READ_BYTES_MAX,
            rtmult: READ_UNIT_BYTES,
            wtmax: WRITE_BYTES_MAX,
            wtpref: WRITE_BYTES_MAX,
            wtmult: READ_UNIT_BYTES,
            dtpref: LISTING_BYTES_PREFERRED,
            maxfilesize: FILE_BYTES_MAX,
            time_delta: nfstime3 { seconds: 0, nseconds: 1 },
            properties: FSF3_SYMLINK | FSF3_HOMOGENEOUS,
        });
        Ok(NfsAnswer::of::<_, FSINFO3resfail>(results))
    }

    pub(super) fn pathconf(&self, args: &mut XdrReader<'_>) -> Result<NfsAnswer, XdrError> {
        let node = self.node(args)?;
        let results = node.map(|_| PATHCONF3resok {
            obj_attributes: self.attr_of(&node),
            linkmax: 1,
            name_max: u32::try_from(NAME_BYTES_MAX).unwrap_or(u32::MAX),
            no_trunc: true,
            chown_restricted: true,
            case_insensitive: false,
            case_preserving: true,
        });
        Ok(NfsAnswer::of::<_, PATHCONF3resfail>(results))
    }
}
