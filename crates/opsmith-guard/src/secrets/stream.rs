use super::progress::Progress;
use super::{Finding, Scanner};

/// From here on what is held back is looked at again only when it grew by an eighth, so that chunks of one byte cost no
/// more than their sum.
const PATIENCE: usize = 1024;

/// Scans a text that comes in chunks: the findings are those of the whole text, wherever it is cut.
///
/// It holds back what may be the beginning of a secret, at most what the longest secret takes.
#[derive(Debug)]
pub struct ScanStream {
    scanner: Scanner,
    held: Vec<u8>,
    progress: Progress,
    look_at: usize,
}

impl ScanStream {
    pub(super) fn new(scanner: Scanner) -> Self {
        Self { scanner, held: Vec::new(), progress: Progress::default(), look_at: 0 }
    }

    /// Takes the next chunk and gives the findings that stand by now; spans count from the first byte of all.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Finding> {
        self.held.extend_from_slice(chunk);
        let mut found = Vec::new();
        if self.held.len() >= self.look_at {
            let settled = self.progress.advance(&self.scanner, &self.held, false, &mut found);
            // One byte stays, as the context of what comes next.
            let done = settled.saturating_sub(1);
            self.progress.forget(&self.held, done);
            self.held.drain(..done);
            self.look_at = next_look(self.held.len());
        }
        found
    }

    /// Gives the findings that the end of the text decides.
    pub fn finish(self) -> Vec<Finding> {
        let Self { scanner, held, mut progress, .. } = self;
        let mut found = Vec::new();
        progress.advance(&scanner, &held, true, &mut found);
        found
    }
}

/// How long the held text has to be before it is looked at again.
pub(super) fn next_look(held: usize) -> usize {
    if held < PATIENCE { 0 } else { held + held / 8 }
}
