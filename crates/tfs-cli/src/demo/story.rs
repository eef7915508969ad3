//! The output of the demo.

use std::io;
use std::time::Instant;

use crate::exit;
use crate::output::{self, visible};

/// Prints each step with the time since the start, and counts the checks.
#[derive(Debug)]
pub(super) struct Story {
    start: Instant,
    passed_count: usize,
    failed_count: usize,
}

impl Story {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), passed_count: 0, failed_count: 0 }
    }

    /// Begins a step.
    pub(super) fn step(&self, text: &str) -> io::Result<()> {
        output::line(&format!("[{:5.2} s] {text}", self.start.elapsed().as_secs_f64()))
    }

    /// Adds a line to a step.
    pub(super) fn detail(&self, text: &str) -> io::Result<()> {
        output::line(&format!("            {}", visible(text)))
    }

    /// Prints the output of a program, indented.
    pub(super) fn quote(&self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| output::line(&format!("          | {}", visible(line))))
    }

    /// Prints whether a check passed, and counts it.
    pub(super) fn check(&mut self, passed: bool, text: &str) -> io::Result<()> {
        let verdict = if passed {
            self.passed_count += 1;
            "ok  "
        } else {
            self.failed_count += 1;
            "FAIL"
        };
        output::line(&format!("      {verdict}  {}", visible(text)))
    }

    /// Prints the summary, and returns the exit code.
    pub(super) fn end(&self) -> eyre::Result<u8> {
        let Self { passed_count, failed_count, .. } = self;
        self.step(&format!("Done: {passed_count} checks passed, {failed_count} failed"))?;
        Ok(if *failed_count == 0 { exit::SUCCESS } else { exit::DEMO_FAILED })
    }
}
