//! Procedures that change something: all fail with `NFS3ERR_ROFS`, before their arguments are
//! decoded.

use nfs3_types::nfs3::{NFS_PROGRAM, nfsstat3, post_op_attr, wcc_data};

use super::NfsAnswer;
use super::outcome::AnswerQuality;
use crate::wire::packed;

/// Returns the answer of a procedure that changes something. It says nothing about any node.
pub(super) fn refused(procedure: NFS_PROGRAM) -> NfsAnswer {
    let changes = packed(&wcc_data::default());
    let failed = if procedure == NFS_PROGRAM::NFSPROC3_RENAME {
        [changes.as_slice(), &changes].concat()
    } else if procedure == NFS_PROGRAM::NFSPROC3_LINK {
        [packed(&post_op_attr::None), changes].concat()
    } else {
        changes
    };
    let results = [packed(&nfsstat3::NFS3ERR_ROFS), failed].concat();
    NfsAnswer { results, quality: AnswerQuality::Final }
}
