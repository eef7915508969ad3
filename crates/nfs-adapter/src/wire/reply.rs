//! Replies: their header, and refusals (RFC 5531, 9).

use bytes::{Buf, Bytes};
use nfs3_types::rpc::{
    RPC_VERSION_2, accept_stat_data, accepted_reply, auth_stat, msg_body, opaque_auth,
    rejected_reply, reply_body, rpc_msg,
};
use nfs3_types::xdr_codec::Pack;

/// The bit of a record mark for the only fragment of a record.
const LAST_FRAGMENT: u32 = 1 << 31;

/// Why RPC refuses a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NfsRefusal {
    /// Another version of RPC.
    RpcVersion,
    /// Credentials or verifier are not accepted.
    Auth(auth_stat),
    /// No such program.
    Program,
    /// Not this version of the program: the only one is in it.
    ProgramVersion(u32),
    /// No such procedure.
    Procedure,
    /// Malformed arguments.
    Arguments,
    /// A bug of the server.
    Internal,
}

impl NfsRefusal {
    fn body(self) -> reply_body<'static> {
        let data = match self {
            Self::RpcVersion => {
                let rejected = rejected_reply::rpc_mismatch(RPC_VERSION_2, RPC_VERSION_2);
                return reply_body::MSG_DENIED(rejected);
            }
            Self::Auth(stat) => return reply_body::MSG_DENIED(rejected_reply::auth_error(stat)),
            Self::Program => accept_stat_data::PROG_UNAVAIL,
            Self::ProgramVersion(only) => accept_stat_data::PROG_MISMATCH { low: only, high: only },
            Self::Procedure => accept_stat_data::PROC_UNAVAIL,
            Self::Arguments => accept_stat_data::GARBAGE_ARGS,
            Self::Internal => accept_stat_data::SYSTEM_ERR,
        };
        accepted(data)
    }
}

/// A reply as it is sent.
#[derive(Debug)]
pub(crate) struct RpcReply {
    /// The record mark, the header, and the results up to the data.
    head: Vec<u8>,
    /// Data of a READ, at the end of the results; otherwise empty.
    data: Bytes,
}

impl RpcReply {
    /// Returns the reply with the results of a procedure.
    pub(crate) fn of_results(xid: u32, results: &[u8]) -> Self {
        Self::with_data(xid, results, Bytes::new())
    }

    /// Returns the reply with results that end with `data`, whose length they contain.
    pub(crate) fn with_data(xid: u32, results: &[u8], data: Bytes) -> Self {
        Self::new(xid, accepted(accept_stat_data::SUCCESS), results, data)
    }

    pub(crate) fn refused(xid: u32, refusal: NfsRefusal) -> Self {
        Self::new(xid, refusal.body(), &[], Bytes::new())
    }

    fn new(xid: u32, body: reply_body<'static>, results: &[u8], data: Bytes) -> Self {
        let header = packed(&rpc_msg { xid, body: msg_body::REPLY(body) });
        let len = header.len() + results.len() + data.len() + padding(&data).len();
        let mark = LAST_FRAGMENT | u32::try_from(len).unwrap_or(u32::MAX);
        let head = [&mark.to_be_bytes(), header.as_slice(), results].concat();
        Self { head, data }
    }

    /// Returns the length of the data of a READ.
    pub(crate) fn data_len(&self) -> usize {
        self.data.len()
    }

    /// Returns all bytes of the reply.
    pub(crate) fn bytes(&self) -> impl Buf {
        self.head.chain(self.data.as_ref()).chain(padding(&self.data))
    }
}

fn accepted(reply_data: accept_stat_data) -> reply_body<'static> {
    reply_body::MSG_ACCEPTED(accepted_reply { verf: opaque_auth::default(), reply_data })
}

/// Returns the zeros that complete data to a multiple of 4 bytes.
fn padding(data: &[u8]) -> &'static [u8] {
    match data.len() % 4 {
        1 => &[0; 3],
        2 => &[0; 2],
        3 => &[0; 1],
        _ => &[],
    }
}

/// Returns a value in XDR.
pub(crate) fn packed(value: &impl Pack) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.packed_size());
    let result = value.pack(&mut bytes);
    debug_assert!(result.is_ok(), "an answer has less than 4 GiB, and memory takes it");
    bytes
}
