//! A writer that keeps log output in memory, for tests.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// The output of all clones.
#[derive(Clone, Default)]
pub(super) struct MemoryWriter(Arc<Mutex<Vec<u8>>>);

impl MemoryWriter {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for MemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
