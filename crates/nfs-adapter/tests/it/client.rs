//! A client of RPC, MOUNT and NFS.

use std::net::SocketAddr;

use nfs3_types::mount::{self, dirpath, mountres3, mountstat3};
use nfs3_types::nfs3::{
    self, GETATTR3args, GETATTR3res, LOOKUP3args, LOOKUP3res, NFS_PROGRAM, Nfs3Result, READ3args,
    READ3res, diropargs3, fattr3, nfs_fh3, nfsstat3,
};
use nfs3_types::rpc::{RPC_VERSION_2, auth_unix, call_body, msg_body, opaque_auth, rpc_msg};
use nfs3_types::xdr_codec::{Opaque, Pack, Unpack, Void};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection.
pub(crate) struct RawNfsClient {
    pub(crate) stream: TcpStream,
    pub(crate) credentials: opaque_auth<'static>,
    xid: u32,
}

/// A call, with the program and its version.
pub(crate) struct NfsTestCall<'a> {
    pub(crate) program: (u32, u32),
    pub(crate) procedure: u32,
    pub(crate) args: &'a [u8],
}

impl RawNfsClient {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let machine = auth_unix { machinename: Opaque::borrowed(b"laptop"), ..Default::default() };
        Self { stream, credentials: opaque_auth::auth_unix(&machine), xid: 0 }
    }

    /// Sends calls as this user from now on; `None` is AUTH_NONE.
    pub(crate) fn claim_uid(&mut self, uid: Option<u32>) {
        self.credentials = uid.map_or_else(opaque_auth::default, |uid| {
            let machinename = Opaque::borrowed(b"laptop".as_slice());
            opaque_auth::auth_unix(&auth_unix { machinename, uid, ..Default::default() })
        });
    }

    /// Sends a call in one fragment, and returns its number.
    pub(crate) async fn send(&mut self, call: &NfsTestCall<'_>) -> u32 {
        self.xid += 1;
        let body = msg_body::CALL(call_body {
            rpcvers: RPC_VERSION_2,
            prog: call.program.0,
            vers: call.program.1,
            proc: call.procedure,
            cred: self.credentials.clone(),
            verf: opaque_auth::default(),
        });
        let record = [packed(&rpc_msg { xid: self.xid, body }), call.args.to_vec()].concat();
        self.send_record(&record).await;
        self.xid
    }

    pub(crate) async fn send_record(&mut self, record: &[u8]) {
        let mark = (1 << 31) | u32::try_from(record.len()).unwrap();
        let bytes = [&mark.to_be_bytes(), record].concat();
        self.stream.write_all(&bytes).await.unwrap();
    }

    pub(crate) async fn send_nfs(&mut self, procedure: NFS_PROGRAM, args: &impl Pack) -> u32 {
        let program = (nfs3::PROGRAM, nfs3::VERSION);
        let args = &packed(args);
        self.send(&NfsTestCall { program, procedure: procedure as u32, args }).await
    }

    /// Returns the next reply: its number, and all after it. `None` at the end of the connection.
    pub(crate) async fn next_reply(&mut self) -> Option<(u32, Vec<u8>)> {
        let mark = self.stream.read_u32().await.ok()?;
        assert_eq!(mark >> 31, 1, "a reply in one fragment");
        let mut record = vec![0; usize::try_from(mark & 0x7fff_ffff).unwrap()];
        self.stream.read_exact(&mut record).await.unwrap();
        let results = record.split_off(4);
        Some((u32::from_be_bytes(record.try_into().unwrap()), results))
    }

    /// Calls, and returns all after the number of the reply.
    pub(crate) async fn call_raw(&mut self, call: &NfsTestCall<'_>) -> Vec<u8> {
        let xid = self.send(call).await;
        let (of, reply) = self.next_reply().await.expect("a reply");
        assert_eq!(of, xid);
        reply
    }

    pub(crate) async fn nfs<R: Unpack>(&mut self, procedure: NFS_PROGRAM, args: &impl Pack) -> R {
        self.send_nfs(procedure, args).await;
        let (_, reply) = self.next_reply().await.expect("a reply");
        results(&reply)
    }

    pub(crate) async fn mnt(&mut self, path: &str) -> Result<nfs_fh3, mountstat3> {
        let args = &packed(&dirpath(Opaque::borrowed(path.as_bytes())));
        let program = (mount::PROGRAM, mount::VERSION);
        let reply = self.call_raw(&NfsTestCall { program, procedure: 1, args }).await;
        match results(&reply) {
            mountres3::Ok(ok) => Ok(nfs_fh3 { data: Opaque::owned(ok.fhandle.0.to_vec()) }),
            mountres3::Err(status) => Err(status),
        }
    }

    pub(crate) async fn attr(&mut self, object: &nfs_fh3) -> Result<fattr3, nfsstat3> {
        let args = GETATTR3args { object: object.clone() };
        match self.nfs(NFS_PROGRAM::NFSPROC3_GETATTR, &args).await {
            GETATTR3res::Ok(ok) => Ok(ok.obj_attributes),
            GETATTR3res::Err((status, Void)) => Err(status),
        }
    }

    pub(crate) async fn lookup(&mut self, dir: &nfs_fh3, name: &str) -> Result<nfs_fh3, nfsstat3> {
        let what = diropargs3 { dir: dir.clone(), name: name.as_bytes().into() };
        match self.nfs(NFS_PROGRAM::NFSPROC3_LOOKUP, &LOOKUP3args { what }).await {
            LOOKUP3res::Ok(ok) => Ok(ok.object),
            LOOKUP3res::Err((status, _)) => Err(status),
        }
    }

    /// Mounts `/`, and returns the handle at a path.
    pub(crate) async fn find(&mut self, path: &str) -> nfs_fh3 {
        let mut handle = self.mnt("/").await.unwrap();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            handle = self.lookup(&handle, name).await.unwrap();
        }
        handle
    }

    pub(crate) async fn send_read(&mut self, file: &nfs_fh3, offset: u64, count: u32) -> u32 {
        let args = READ3args { file: file.clone(), offset, count };
        self.send_nfs(NFS_PROGRAM::NFSPROC3_READ, &args).await
    }

    /// Reads, and returns the bytes and whether the file ends with them.
    pub(crate) async fn read(
        &mut self,
        file: &nfs_fh3,
        offset: u64,
        count: u32,
    ) -> Result<(Vec<u8>, bool), nfsstat3> {
        self.send_read(file, offset, count).await;
        let (_, reply) = self.next_reply().await.expect("a reply");
        read_results(&reply)
    }
}

/// Returns the results of a READ.
pub(crate) fn read_results(reply: &[u8]) -> Result<(Vec<u8>, bool), nfsstat3> {
    match results(reply) {
        READ3res::Ok(ok) => {
            assert_eq!(ok.count as usize, ok.data.len());
            Ok((ok.data.into_owned(), ok.eof))
        }
        Nfs3Result::Err((status, _)) => Err(status),
    }
}

/// Returns the results of an accepted reply.
#[track_caller]
pub(crate) fn results<R: Unpack>(reply: &[u8]) -> R {
    let results = reply.strip_prefix(&ACCEPTED).expect("an accepted call");
    let (value, len) = R::unpack(&mut &*results).expect("results of this type");
    assert_eq!(len, results.len(), "all bytes of the results");
    value
}

/// A reply, accepted, with an empty verifier, successful.
pub(crate) const ACCEPTED: [u8; 20] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

pub(crate) fn packed(value: &impl Pack) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.pack(&mut bytes).unwrap();
    bytes
}
