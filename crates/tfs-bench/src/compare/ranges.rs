//! Range requests to rqbit over one keep-alive connection: the upper limit for random reads over
//! HTTP.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use tfs_testkit::random::Random;

pub(crate) const NAME: &str = "ranges, kept-alive connection";

/// Requests random blocks, with a connection for each job, and returns the rate in blocks a second.
pub(crate) fn random(
    api_url: &str,
    path: &str,
    file_bytes: u64,
    block_bytes: usize,
    (jobs, time): (usize, Duration),
) -> f64 {
    let address = api_url.trim_start_matches("http://");
    let count: u32 = thread::scope(|scope| {
        let jobs: Vec<_> = (0..jobs)
            .map(|seed| {
                scope.spawn(move || {
                    let mut connection = RangeConnection::open(address).unwrap();
                    let blocks = file_bytes / block_bytes as u64;
                    let mut random = Random::new(seed as u64 + 1);
                    let start = Instant::now();
                    let mut count = 0;
                    while start.elapsed() < time {
                        let offset = random.number() % blocks * block_bytes as u64;
                        connection.get(path, offset, block_bytes).unwrap();
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        jobs.into_iter().map(|job| job.join().unwrap()).sum()
    });
    f64::from(count) / time.as_secs_f64()
}

/// A keep-alive connection.
pub(crate) struct RangeConnection {
    reader: BufReader<TcpStream>,
    block: Vec<u8>,
}

impl RangeConnection {
    pub(crate) fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream), block: Vec::new() })
    }

    /// Gets a range completely.
    pub(crate) fn get(&mut self, path: &str, offset: u64, len: usize) -> io::Result<()> {
        let last = offset + len as u64 - 1;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nRange: bytes={offset}-{last}\r\n\r\n"
        );
        self.reader.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        assert!(line.starts_with("HTTP/1.1 206"), "{line}");
        while line != "\r\n" {
            line.clear();
            self.reader.read_line(&mut line)?;
            let lower = line.to_ascii_lowercase();
            assert!(!lower.starts_with("transfer-encoding"), "a body of unknown length");
        }
        self.block.resize(len, 0);
        self.reader.read_exact(&mut self.block)
    }
}
