use std::time::Duration;

use opsmith_sandbox::{OutputChunk, Stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::ci::TailBuffer;

/// How much of the log's end is kept for the report: enough for an excerpt, however coloured.
pub(super) const TAIL_BYTES: usize = 64 * 1024;

/// How long a log that is not received any more holds the command up.
const LOG_PATIENCE: Duration = Duration::from_secs(30);

/// Hands the output on to the log: its beginning, up to `limit` bytes, and after the end what is kept of the end.
pub(super) async fn pass_on(
    mut output: mpsc::Receiver<OutputChunk>,
    log: mpsc::Sender<OutputChunk>,
    limit: u64,
    cancel: &CancellationToken,
) -> TailBuffer {
    let send = async |bytes: Vec<u8>| {
        let sent = tokio::time::timeout(LOG_PATIENCE, log.send(OutputChunk { stream: Stream::Stdout, bytes }));
        tokio::select! { biased; sent = sent => matches!(sent, Ok(Ok(()))), () = cancel.cancelled() => false }
    };
    let (mut tail, mut surplus) = (TailBuffer::new(TAIL_BYTES), TailBuffer::new(TAIL_BYTES));
    let (mut left, mut surplus_bytes, mut heard) = (limit, 0, true);
    while let Some(mut chunk) = output.recv().await {
        tail.push(&chunk.bytes);
        let fits = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.bytes.len());
        surplus.push(&chunk.bytes[fits..]);
        surplus_bytes += (chunk.bytes.len() - fits) as u64;
        left -= fits as u64;
        chunk.bytes.truncate(fits);
        if heard && !chunk.bytes.is_empty() {
            heard = send(chunk.bytes).await;
        }
    }
    let end = surplus.into_bytes();
    let left_out = surplus_bytes - end.len() as u64;
    if heard && left_out > 0 {
        heard = send(format!("\n[{left_out} bytes left out]\n").into_bytes()).await;
    }
    if heard && !end.is_empty() {
        send(end).await;
    }
    tail
}
