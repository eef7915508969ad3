//! Records, calls and replies of RPC over TCP (RFC 5531), and XDR (RFC 4506).

mod call;
mod record;
mod reply;
mod xdr;

pub(crate) use self::call::{NfsCallError, RpcCall};
pub(crate) use self::record::{RECORD_BYTES_MAX, RecordDecoder, RecordError};
pub(crate) use self::reply::{NfsRefusal, RpcReply, packed};
pub(crate) use self::xdr::{XdrError, XdrReader};
