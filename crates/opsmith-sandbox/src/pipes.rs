use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{OutputChunk, Stream};

const CHUNK_BYTES: usize = 64 * 1024;

/// How long a pipe is waited for after the command's end, in all. What was written before is there at once, so only a
/// process that got away and holds the pipe makes us wait.
const WAIT_AFTER_END: Duration = Duration::from_millis(100);

/// The most the kernel keeps of what was written before the end (its limit on a pipe's size for ordinary users).
const PIPE_MAX_BYTES: usize = 1024 * 1024;

/// What the two output pipes of one command share: one budget, one count.
#[derive(Debug)]
pub(crate) struct Meter {
    budget: AtomicU64,
    read: AtomicU64,
    passed_on: AtomicU64,
}

impl Meter {
    pub fn new(budget_bytes: u64) -> Self {
        Self { budget: AtomicU64::new(budget_bytes), read: AtomicU64::new(0), passed_on: AtomicU64::new(0) }
    }

    /// Bytes that reached the receiver.
    pub fn passed_on(&self) -> u64 {
        self.passed_on.load(Ordering::Relaxed)
    }

    /// Bytes that were read and did not.
    pub fn dropped(&self) -> u64 {
        self.read.load(Ordering::Relaxed).saturating_sub(self.passed_on())
    }

    /// Passes on what the budget allows of `bytes`, in pieces of the size that [`OutputChunk`] promises.
    pub async fn pass_on(&self, stream: Stream, bytes: &[u8], output: &mpsc::Sender<OutputChunk>) {
        self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let granted = self.take(bytes.len());
        for piece in bytes[..granted].chunks(CHUNK_BYTES) {
            if output.send(OutputChunk { stream, bytes: piece.to_vec() }).await.is_ok() {
                self.passed_on.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        }
    }

    /// Takes up to `wanted` bytes from the budget.
    fn take(&self, wanted: usize) -> usize {
        let wanted = wanted as u64;
        let spend = |left: u64| Some(left.saturating_sub(wanted));
        let left = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).unwrap_or_else(|left| left);
        usize::try_from(left.min(wanted)).unwrap_or(usize::MAX)
    }
}

/// Passes a pipe's bytes on until its end, at the receiver's pace; over the budget, or without a receiver, it only
/// reads, so that the writer is never stuck. Once `ended`, it takes what is left and does not wait for more.
pub(crate) async fn drain(
    mut pipe: impl AsyncRead + Unpin,
    stream: Stream,
    meter: Arc<Meter>,
    output: mpsc::Sender<OutputChunk>,
    ended: CancellationToken,
) {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut wait_left = WAIT_AFTER_END;
    let mut bytes_left = PIPE_MAX_BYTES;
    while bytes_left > 0 {
        let read = if ended.is_cancelled() {
            let asked = Instant::now();
            let Ok(read) = tokio::time::timeout(wait_left, pipe.read(&mut buffer)).await else { return };
            wait_left = wait_left.saturating_sub(asked.elapsed());
            read
        } else {
            tokio::select! {
                biased;
                read = pipe.read(&mut buffer) => read,
                () = ended.cancelled() => continue,
            }
        };
        let length = match read {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) => {
                tracing::warn!(error = %error, "failed to read the output of a command");
                return;
            }
        };
        if ended.is_cancelled() {
            bytes_left = bytes_left.saturating_sub(length);
        }
        meter.pass_on(stream, &buffer[..length], &output).await;
    }
}

/// Writes all of `bytes` and closes the pipe. A command that does not read to the end is within its rights.
pub(crate) async fn feed(mut pipe: impl AsyncWrite + Unpin, bytes: Vec<u8>) {
    let fed = async {
        pipe.write_all(&bytes).await?;
        pipe.shutdown().await
    };
    match fed.await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => tracing::warn!(error = %error, "failed to write the input of a command"),
    }
}
