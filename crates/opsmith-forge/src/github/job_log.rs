use chrono::{DateTime, Duration, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use tokio::time::timeout;

use super::call::{Auth, Call};
use super::exchange::{Failure, location};
use super::jobs::StepWire;
use super::{GitHub, GitHubError};
use crate::ci::TailBuffer;

/// A log is larger than other answers, and may come slower by this much.
const SLOWER: u32 = 4;
/// More of a log is not read, even to find its end.
const MAX_READ_BYTES: u64 = 512 * 1024 * 1024;

impl GitHub {
    /// The last bytes of a file that a call redirects to; the token stays with the API's own origin.
    pub(super) async fn tail(&self, call: &Call, bytes: usize) -> Result<Vec<u8>, Failure> {
        let token = match &call.auth {
            Auth::App(jwt) => jwt.clone(),
            Auth::Repository { owner, name } => self.token(owner, name).await.map_err(Failure::Error)?,
        };
        let astray = || Failure::Error(GitHubError::LedAstray { subject: call.subject.clone() });
        let (_, mut response) = self.send(call, &call.url, &token).await?;
        if response.status().is_redirection() {
            let next = location(&call.url, response.headers()).ok_or_else(astray)?;
            if !self.address().may_fetch(&next) {
                return Err(astray());
            }
            response = self.in_time(call, self.http().get(next).send()).await?;
            if !response.status().is_success() {
                return Err(gone(call, response.status()));
            }
        } else if !response.status().is_success() {
            let (status, headers): (_, HeaderMap) = (response.status().as_u16(), response.headers().clone());
            let body = self.body(response, call).await?;
            return Err(self.refused(call, status, &headers, &body, token));
        }
        let limit = self.patience().request * SLOWER;
        let slow = || Failure::Unsure(GitHubError::TooSlow { subject: call.subject.clone() });
        timeout(limit, read_tail(response, bytes)).await.map_err(|_| slow())?.map_err(|source| {
            let source = source.without_url();
            Failure::Unsure(GitHubError::Unreachable { subject: call.subject.clone(), source })
        })
    }
}

fn gone(call: &Call, status: StatusCode) -> Failure {
    let (subject, status) = (call.subject.clone(), status.as_u16());
    Failure::Error(if status >= 500 {
        GitHubError::Broken { subject, status }
    } else {
        GitHubError::NotFound { subject }
    })
}

async fn read_tail(mut response: Response, bytes: usize) -> reqwest::Result<Vec<u8>> {
    let mut tail = TailBuffer::new(bytes);
    let mut read = 0;
    while let Some(chunk) = response.chunk().await? {
        read += chunk.len() as u64;
        tail.push(&chunk);
        if read > MAX_READ_BYTES {
            break;
        }
    }
    Ok(tail.into_bytes())
}

/// The lines of a job's log that a step wrote, without the times before them; all where its lines are not to be found.
pub(super) fn failing_part(log: &[u8], step: Option<&StepWire>) -> Vec<u8> {
    let text = String::from_utf8_lossy(log);
    let lines: Vec<(Option<DateTime<Utc>>, &str)> = text.lines().map(split_time).collect();
    let span = step.and_then(|step| Some((step.started_at?, step.completed_at?)));
    let mut part: Vec<&str> = Vec::new();
    if let Some((from, to)) = span {
        // Steps have whole seconds, lines have fractions.
        let to = to.checked_add_signed(Duration::seconds(1)).unwrap_or(to);
        let mut inside = false;
        for (time, line) in &lines {
            // A line without a time belongs to the one before.
            inside = time.map_or(inside, |time| from <= time && time < to);
            if inside {
                part.push(line);
            }
        }
    }
    if part.is_empty() {
        part = lines.iter().map(|(_, line)| *line).collect();
    }
    // What follows the step's end in its last second is of another step.
    if let Some(end) = part.iter().rposition(|line| line.starts_with("##[error]")) {
        part.truncate(end + 1);
    }
    let mut part = part.join("\n");
    part.push('\n');
    part.into_bytes()
}

/// A line's time, as Actions writes one before each, and the rest.
fn split_time(line: &str) -> (Option<DateTime<Utc>>, &str) {
    let line = line.trim_start_matches('\u{feff}');
    let Some((word, rest)) = line.split_once(' ') else { return (None, line) };
    match DateTime::parse_from_rfc3339(word) {
        Ok(time) => (Some(time.with_timezone(&Utc)), rest),
        Err(_) => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\u{feff}2026-01-01T00:00:00.1000000Z ##[group]Set up job
2026-01-01T00:00:05.0000000Z ##[group]Run make test
2026-01-01T00:00:06.5000000Z FAILED tests/a.py
a line that was broken
2026-01-01T00:00:07.9000000Z ##[error]Process completed with exit code 2.
2026-01-01T00:00:07.9500000Z Post job cleanup.
2026-01-01T00:00:09.0000000Z Cleaning up orphan processes
";

    fn step(from: &str, to: &str) -> StepWire {
        let time = |text: &str| text.parse().ok();
        StepWire { name: "test".into(), conclusion: None, started_at: time(from), completed_at: time(to) }
    }

    #[test]
    fn the_failing_steps_lines_are_cut_out() {
        let part = |step: Option<&StepWire>| String::from_utf8(failing_part(LOG.as_bytes(), step)).unwrap();
        let found = part(Some(&step("2026-01-01T00:00:05Z", "2026-01-01T00:00:07Z")));
        let expected = "##[group]Run make test\nFAILED tests/a.py\na line that was broken\n\
                        ##[error]Process completed with exit code 2.\n";
        assert_eq!(found, expected);
        for unknown in [None, Some(step("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z")), Some(step("", ""))] {
            let all = part(unknown.as_ref());
            assert!(all.starts_with("##[group]Set up job\n") && all.ends_with("exit code 2.\n"), "{all}");
        }
        let endless = step("2026-01-01T00:00:05Z", "+262142-12-31T23:59:59Z");
        assert!(part(Some(&endless)).starts_with("##[group]Run make test\n"), "the last second that there is");
        assert_eq!(failing_part(b"\xff\xfe", None), "\u{fffd}\u{fffd}\n".as_bytes());
    }
}
