use std::time::Duration;

use opsmith_sandbox::{OutputChunk, Stream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::event::ActEvent;
use super::report::Report;
use super::workflow::Workflow;
use crate::ci::EXCERPT_CHARS;
use crate::ci::place::Place;

/// A longer line of act's is left out.
const MAX_LINE_BYTES: usize = 1024 * 1024;

/// What was heard of one run of act.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) report: Report,
    /// What was complained of last, beside all events.
    pub(super) complaint: Complaint,
    /// No job had begun when its time for that was over.
    pub(super) never_began: bool,
}

impl Heard {
    /// Takes a line in; gives what is to be said of it in the task's log.
    pub(super) fn take(&mut self, workflow: &Workflow, line: String) -> Option<String> {
        let line = without_workspaces(line);
        if let Ok(event) = serde_json::from_str::<ActEvent>(&line) {
            return self.report.take(workflow, &event);
        }
        self.complaint.take(&line);
        None
    }
}

/// What is said before act ends badly: its own error, which may have several lines, or else the last line of anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    text: String,
    of_act: bool,
}

impl Complaint {
    /// Words that act ends with.
    pub(super) fn of_act(&self) -> Option<&str> {
        self.of_act.then_some(&self.text)
    }

    /// Anybody's words.
    pub(super) fn text(&self) -> Option<&str> {
        Some(self.text.as_str()).filter(|text| !text.is_empty())
    }

    #[cfg(test)]
    pub(super) fn told(line: &str) -> Self {
        let mut complaint = Self::default();
        complaint.take(line);
        complaint
    }

    fn take(&mut self, line: &str) {
        let line = line.trim_end();
        match line.strip_prefix("Error: ") {
            Some(error) => *self = Self { text: error.to_owned(), of_act: true },
            None if !self.of_act => line.trim().clone_into(&mut self.text),
            None if self.text.len() < EXCERPT_CHARS => self.text.extend(["\n", line]),
            None => {}
        }
    }
}

/// Reads act's lines as they come; ends a run that tells of no job in time.
pub(super) async fn listen(
    workflow: &Workflow,
    place: &Place,
    mut output: mpsc::Receiver<OutputChunk>,
    said: mpsc::Sender<OutputChunk>,
    most_start: Duration,
    end: &CancellationToken,
) -> Heard {
    let mut heard = Heard::default();
    let (mut lines, mut errors) = (Lines::default(), Lines::default());
    let start = Instant::now() + most_start;
    loop {
        let next = if heard.never_began || heard.report.has_jobs() {
            Ok(output.recv().await)
        } else {
            timeout_at(start, output.recv()).await
        };
        let chunk = match next {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return heard,
            Err(_) => {
                heard.never_began = true;
                end.cancel();
                continue;
            }
        };
        let whole = match chunk.stream {
            Stream::Stdout => lines.push(&chunk.bytes),
            Stream::Stderr => errors.push(&chunk.bytes),
        };
        for line in whole {
            let Some(text) = heard.take(workflow, place.without_paths(&line)) else { continue };
            // Nobody listens any more after a cancel alone.
            let _ = said.send(OutputChunk { stream: Stream::Stdout, bytes: text.into_bytes() }).await;
        }
    }
}

/// A job's copy of the repository lies in a folder with a name by chance: `~/.cache/act/<16 hex digits>/hostexecutor`.
fn without_workspaces(mut line: String) -> String {
    const BEFORE: &str = "~/.cache/act/";
    const AFTER: &str = "/hostexecutor";
    let mut from = 0;
    while let Some(at) = line[from..].find(BEFORE).map(|at| from + at) {
        let name = at + BEFORE.len();
        let end = line[name..].find(|c: char| !c.is_ascii_hexdigit()).map_or(line.len(), |end| name + end);
        if line[end..].starts_with(AFTER) {
            line.replace_range(at..end + AFTER.len(), ".");
        }
        from = at + 1;
    }
    line
}

/// Lines out of pieces.
#[derive(Debug, Default)]
pub(super) struct Lines {
    open: Vec<u8>,
    too_long: bool,
}

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.too_long |= self.open.len() + piece.len() > MAX_LINE_BYTES;
            if !self.too_long {
                self.open.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.open);
                if !std::mem::take(&mut self.too_long) {
                    whole.push(line);
                }
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_complains_is_told_apart() {
        let mut complaint = Complaint::default();
        complaint.take("bwrap: no such file");
        assert_eq!((complaint.text(), complaint.of_act()), (Some("bwrap: no such file"), None));
        complaint.take("Error: first");
        (0..10_000).for_each(|_| complaint.take("more"));
        assert!(complaint.of_act().is_some_and(|text| text.starts_with("first\nmore\n") && text.len() < 4100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_begins_no_job_in_time_is_ended_and_heard_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::make(&folder.path().join("ci")).await.unwrap();
        let workflow = Workflow::parse("ci.yml", "on: push\njobs:\n  a: {}\n").unwrap();
        let (sender, receiver) = mpsc::channel(1);
        let (said, _heard) = mpsc::channel(1);
        let end = CancellationToken::new();
        let ended = async {
            end.cancelled().await;
            let bytes = b"noise\nError: interrupted\nby somebody\n".to_vec();
            sender.send(OutputChunk { stream: Stream::Stderr, bytes }).await.unwrap();
            drop(sender);
        };
        let most_start = Duration::from_secs(120);
        let (heard, ()) = tokio::join!(listen(&workflow, &place, receiver, said, most_start, &end), ended);
        assert!(heard.never_began);
        assert_eq!(heard.complaint.of_act(), Some("interrupted\nby somebody"));
    }
}
