//! The state directory that version 0.1.0 wrote for some unusual torrents, the responses of its
//! servers, and the output of `find` in the mounts.
//!
//! The state contains the addresses of its servers, so only these test servers have fixed ports: on
//! loopback addresses that nothing else uses.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::rqbit::{FakeRqbit, Override, RqbitSetup};

/// A server of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleasedServer {
    /// The server with most of the torrents.
    A,
    /// A server that shares one torrent, and some names, with the other.
    B,
}

impl ReleasedServer {
    fn address(self) -> SocketAddr {
        match self {
            Self::A => ([127, 16, 0, 1], 16161).into(),
            Self::B => ([127, 16, 0, 2], 16161).into(),
        }
    }

    /// Returns its address in the state.
    #[must_use]
    pub fn url(self) -> String {
        format!("http://{}", self.address())
    }

    /// Serves the recorded responses until the returned value is dropped.
    ///
    /// # Errors
    /// If its address is in use, or the recorded responses cannot be read.
    pub fn start(self) -> io::Result<FakeRqbit> {
        let name = match self {
            Self::A => "a.json",
            Self::B => "b.json",
        };
        let answers: HashMap<String, Value> =
            serde_json::from_slice(&fs::read(data().join(name))?)?;
        let answers = answers.into_iter().map(|(path, answer)| (path, to_body(answer)));
        let answers: HashMap<String, Vec<u8>> = answers.collect();
        let overrides = Override::new(move |_method, path, _body| {
            Some(answers.get(path).map_or((404, b"{}".to_vec()), |body| (200, body.clone())))
        });
        FakeRqbit::start(RqbitSetup { address: self.address(), ..overrides.into() })
    }
}

/// Copies the state directory to `dir`, which must not exist.
///
/// # Errors
/// Those of the file system.
pub fn copy_state(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    copy(&data().join("servers"), &dir.join("servers"))
}

/// Returns the output of `find . -printf '%i %T@ %y %s %p -> %l\n'` in a mount, by the name of the
/// record: `a-down`, `a-up`, `b-down`, `both-down`, `both-up`.
///
/// # Errors
/// If there is no such record.
pub fn listing(name: &str) -> io::Result<String> {
    fs::read_to_string(data().join(format!("{name}.find")))
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/state-0.1.0")
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// Returns the body of a response: JSON without changes, or a string of hexadecimal digits decoded
/// to bytes.
fn to_body(answer: Value) -> Vec<u8> {
    let Value::String(digits) = answer else { return answer.to_string().into_bytes() };
    let pairs = digits.as_bytes().chunks(2).filter_map(|pair| str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
