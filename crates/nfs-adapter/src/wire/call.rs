//! Calls: their header and credentials (RFC 5531, 9 and its appendix A).

use nfs3_types::rpc::{RPC_VERSION_2, auth_flavor, auth_stat, msg_type};

use super::reply::NfsRefusal;
use super::xdr::{XdrError, XdrReader};

/// Maximum size of credentials: `opaque_auth` of RFC 5531, 8.2.
const AUTH_BYTES_MAX: usize = 400;

/// Maximum length of a machine name in AUTH_SYS.
const MACHINE_BYTES_MAX: usize = 255;

/// Maximum number of groups in AUTH_SYS.
const GROUPS_MAX: u32 = 16;

/// A call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RpcCall<'a> {
    pub(crate) xid: u32,
    pub(crate) program: u32,
    pub(crate) version: u32,
    pub(crate) procedure: u32,
    /// The name of the client's machine in AUTH_SYS, of any bytes.
    pub(crate) machine: Option<&'a [u8]>,
    /// The user in AUTH_SYS.
    pub(crate) uid: Option<u32>,
    pub(crate) args: XdrReader<'a>,
}

/// Why a record is not a call that can be served.
#[derive(Debug)]
pub(crate) enum NfsCallError {
    /// It is no call: the connection cannot go on.
    NoCall,
    /// The call is answered with a refusal.
    Refused(u32, NfsRefusal),
}

impl<'a> RpcCall<'a> {
    pub(crate) fn decode(record: &'a [u8]) -> Result<Self, NfsCallError> {
        let mut reader = XdrReader::new(record);
        let no_call = |XdrError| NfsCallError::NoCall;
        let xid = reader.u32().map_err(no_call)?;
        if reader.u32().map_err(no_call)? != msg_type::CALL as u32 {
            return Err(NfsCallError::NoCall);
        }
        let version = reader.u32().map_err(no_call)?;
        if version != RPC_VERSION_2 {
            return Err(NfsCallError::Refused(xid, NfsRefusal::RpcVersion));
        }
        let mut header = || Ok([reader.u32()?, reader.u32()?, reader.u32()?]);
        let [program, version, procedure] = header().map_err(no_call)?;
        let refused = |stat| move |XdrError| NfsCallError::Refused(xid, NfsRefusal::Auth(stat));
        let sys = credentials(&mut reader).map_err(refused(auth_stat::AUTH_BADCRED))?;
        // The verifier has no meaning for these credentials.
        verifier(&mut reader).map_err(refused(auth_stat::AUTH_BADVERF))?;
        let (machine, uid) = sys.unzip();
        Ok(Self { xid, program, version, procedure, machine, uid, args: reader })
    }
}

/// Reads credentials of AUTH_NONE or AUTH_SYS, and returns the name of the machine and the user.
fn credentials<'a>(reader: &mut XdrReader<'a>) -> Result<Option<(&'a [u8], u32)>, XdrError> {
    let flavor = reader.u32()?;
    let body = reader.opaque(AUTH_BYTES_MAX)?;
    if flavor == auth_flavor::AUTH_NULL as u32 {
        return Ok(None);
    }
    if flavor != auth_flavor::AUTH_UNIX as u32 {
        return Err(XdrError);
    }
    let mut body = XdrReader::new(body);
    let _stamp = body.u32()?;
    let machine = body.opaque(MACHINE_BYTES_MAX)?;
    let (uid, _gid) = (body.u32()?, body.u32()?);
    let groups = body.u32()?;
    if groups > GROUPS_MAX {
        return Err(XdrError);
    }
    for _ in 0..groups {
        body.u32()?;
    }
    Ok(Some((machine, uid)))
}

fn verifier(reader: &mut XdrReader<'_>) -> Result<(), XdrError> {
    let _flavor = reader.u32()?;
    reader.opaque(AUTH_BYTES_MAX)?;
    Ok(())
}
