//! NFS 3 and MOUNT (RFC 1813) over TCP, as far as reads need them.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const MOUNT: (u32, u32) = (100_005, 3);
const NFS: (u32, u32) = (100_003, 3);
const MNT: u32 = 1;
const LOOKUP: u32 = 3;
const READ: u32 = 6;

/// Length of `fattr3` in bytes.
const ATTRIBUTES_BYTES: usize = 84;

/// Larger than any reply to a read of a megabyte.
const RECORD_BYTES_MAX: usize = 2 << 20;

/// A connection, with one call at a time.
#[derive(Debug)]
pub(crate) struct NfsFileClient {
    stream: TcpStream,
    xid: u32,
}

/// The handle of a file or directory.
pub(crate) type NfsHandle = Vec<u8>;

/// What is left of a reply.
struct XdrReply {
    bytes: Vec<u8>,
    at: usize,
}

impl NfsFileClient {
    /// Connects. A call fails after `call_max`.
    pub(crate) fn open(address: SocketAddr, call_max: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(call_max))?;
        Ok(Self { stream, xid: 0 })
    }

    /// Mounts `/`, and returns the handle of a path in it.
    pub(crate) fn find(&mut self, path: &str) -> io::Result<NfsHandle> {
        let mut reply = self.call(MOUNT, MNT, &opaque(b"/"))?;
        reply.status("MNT")?;
        let mut handle = reply.opaque()?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let arguments = [opaque(&handle), opaque(name.as_bytes())].concat();
            let mut reply = self.call(NFS, LOOKUP, &arguments)?;
            reply.status("LOOKUP")?;
            handle = reply.opaque()?;
        }
        Ok(handle)
    }

    /// Reads, and returns the number of bytes.
    pub(crate) fn read(
        &mut self,
        file: &NfsHandle,
        offset: u64,
        block: &mut [u8],
    ) -> io::Result<usize> {
        let count = u32::try_from(block.len()).unwrap();
        let arguments = [&opaque(file)[..], &offset.to_be_bytes(), &count.to_be_bytes()].concat();
        let mut reply = self.call(NFS, READ, &arguments)?;
        reply.status("READ")?;
        if reply.number()? != 0 {
            reply.take(ATTRIBUTES_BYTES)?;
        }
        let (_count, _is_end) = (reply.number()?, reply.number()?);
        let data = reply.opaque()?;
        block.get_mut(..data.len()).ok_or(io::ErrorKind::InvalidData)?.copy_from_slice(&data);
        Ok(data.len())
    }

    fn call(&mut self, program: (u32, u32), procedure: u32, args: &[u8]) -> io::Result<XdrReply> {
        self.xid += 1;
        // A call of RPC version 2, without credentials.
        let head = [self.xid, 0, 2, program.0, program.1, procedure, 0, 0, 0, 0];
        let head: Vec<u8> = head.iter().flat_map(|number| number.to_be_bytes()).collect();
        let mark = 1 << 31 | u32::try_from(head.len() + args.len()).unwrap();
        self.stream.write_all(&[&mark.to_be_bytes()[..], &head, args].concat())?;
        let mut bytes = Vec::new();
        loop {
            let mut mark = [0; 4];
            self.stream.read_exact(&mut mark)?;
            let mark = u32::from_be_bytes(mark);
            let (begun, len) = (bytes.len(), usize::try_from(mark & 0x7fff_ffff).unwrap());
            if begun + len > RECORD_BYTES_MAX {
                return Err(io::Error::other("a reply is too long"));
            }
            bytes.resize(begun + len, 0);
            self.stream.read_exact(&mut bytes[begun..])?;
            if mark >> 31 == 1 {
                break;
            }
        }
        let mut reply = XdrReply { bytes, at: 0 };
        let head = [reply.number()?, reply.number()?, reply.number()?];
        let _verifier = (reply.number()?, reply.opaque()?);
        match (head, reply.number()?) {
            ([xid, 1, 0], 0) if xid == self.xid => Ok(reply),
            (head, status) => Err(io::Error::other(format!("a reply {head:?} {status}"))),
        }
    }
}

impl XdrReply {
    fn take(&mut self, len: usize) -> io::Result<&[u8]> {
        let taken = self.bytes.get(self.at..self.at + len).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.at += len;
        Ok(taken)
    }

    fn number(&mut self) -> io::Result<u32> {
        Ok(u32::from_be_bytes(self.take(4)?.try_into().unwrap()))
    }

    fn opaque(&mut self) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.number()?).unwrap();
        let bytes = self.take(len)?.to_vec();
        self.take(len.next_multiple_of(4) - len)?;
        Ok(bytes)
    }

    /// Fails with the name of the status, unless it is that of success.
    fn status(&mut self, call: &str) -> io::Result<()> {
        let name = match self.number()? {
            0 => return Ok(()),
            2 => "ENOENT",
            5 => "EIO",
            70 => "ESTALE",
            10_008 => "EAGAIN",
            other => return Err(io::Error::other(format!("{call} {other}"))),
        };
        Err(io::Error::other(name))
    }
}

/// Returns bytes with their length, filled up to four.
fn opaque(bytes: &[u8]) -> Vec<u8> {
    let mut packed = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    packed.extend_from_slice(bytes);
    packed.resize(packed.len().next_multiple_of(4), 0);
    packed
}
