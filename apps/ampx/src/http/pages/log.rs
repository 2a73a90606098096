//! The end of a task's log, line by line.

use maud::{Markup, html};
use opsmith_host::cli::clean;
use opsmith_model::TaskId;

use super::super::feed::BATCH;
use crate::task::Task;
use crate::{Ampx, AmpxError, Event, EventKind, LogStream, db};

/// How many lines a page begins with; the script keeps more, and the raw log has them all.
const LINES: usize = 400;
/// A longer line is cut; the raw log has it whole.
const MOST_LINE_CHARS: usize = 4_000;

/// The last lines, and the number of the event from which to follow.
#[derive(Debug)]
pub(super) struct Tail {
    lines: Vec<Line>,
    newest: i64,
    /// Whether there is more before.
    cut: bool,
    /// Whether what comes next belongs to the last line.
    open: bool,
}

#[derive(Debug)]
struct Line {
    stream: LogStream,
    text: String,
}

impl Tail {
    /// Reads the end of the task's log.
    pub(super) async fn read(ampx: &Ampx, id: TaskId) -> Result<Self, AmpxError> {
        let newest = db::events::last(ampx.store.read(), Some(id)).await?;
        let (mut events, mut counted, mut before) = (Vec::new(), 0, newest.saturating_add(1));
        while counted <= LINES {
            let older = db::events::logs_before(ampx.store.read(), id, before, BATCH).await?;
            let Some(oldest) = older.last() else { break };
            before = oldest.seq;
            // A piece without a line's end counts too: an endless line must not be read to its beginning.
            counted += older.iter().filter_map(Event::log_text).map(|text| text.lines().count().max(1)).sum::<usize>();
            events.extend(older);
        }
        Ok(Self::of(&events, newest))
    }

    /// Puts the pieces of log events together, which come newest first.
    fn of(events: &[Event], newest: i64) -> Self {
        let (mut lines, mut open): (Vec<Line>, bool) = (Vec::new(), false);
        for event in events.iter().rev() {
            let EventKind::Log { stream, text } = &event.kind else { continue };
            for piece in clean(text).split_inclusive('\n') {
                let text = piece.trim_end_matches('\n');
                match lines.last_mut() {
                    Some(last) if open && last.stream == *stream => {
                        if last.text.len() <= MOST_LINE_CHARS * 4 {
                            last.text.push_str(text);
                        }
                    }
                    Some(_) | None => lines.push(Line { stream: *stream, text: text.to_owned() }),
                }
                open = !piece.ends_with('\n');
            }
        }
        let cut = lines.len() > LINES;
        lines.drain(..lines.len().saturating_sub(LINES));
        for line in &mut lines {
            if let Some((end, _)) = line.text.char_indices().nth(MOST_LINE_CHARS) {
                line.text.truncate(end);
                line.text.push('…');
            }
        }
        Self { lines, newest, cut, open }
    }

    /// The log in its own box, which the script lets grow.
    pub(super) fn html(&self, task: &Task) -> Markup {
        let open = self.open.then_some(self.lines.last().map_or("", |line| line.stream.as_str()));
        html! {
            section.log-room aria-labelledby="log-title" {
                div.head {
                    h2 #log-title { "Log" }
                    div.row {
                        span #link .dim {}
                        label #follow-room .choice hidden {
                            input #follow type="checkbox" checked data-shortcut="f"; "Follow"
                        }
                        a href={ "/api/v1/tasks/" (task.id) "/logs?tail=10000" } { "Raw log" }
                    }
                }
                @if self.cut { p.dim { "These are the last " (LINES) " lines." } }
                div #log .box.log tabindex="0" role="log" aria-live="off" aria-labelledby="log-title"
                    data-events={ "/tasks/" (task.id) "/events?after=" (self.newest) } data-open=[open] {
                    @for line in &self.lines { div.line.(line.stream.as_str()) { (line.text) } }
                }
                @if self.lines.is_empty() { p #log-empty .dim { "Nothing was said so far." } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn tail(pieces: &[(LogStream, &str)]) -> Tail {
        let event = |(seq, (stream, text)): (usize, &(LogStream, &str))| Event {
            seq: i64::try_from(seq).unwrap(),
            task_id: TaskId::new(DateTime::UNIX_EPOCH),
            attempt: 1,
            kind: EventKind::Log { stream: *stream, text: (*text).to_owned() },
            at: DateTime::UNIX_EPOCH,
        };
        let mut events: Vec<Event> = pieces.iter().enumerate().map(event).collect();
        events.reverse();
        Tail::of(&events, 0)
    }

    #[test]
    fn pieces_become_lines_and_an_open_one_goes_on() {
        use LogStream::{Agent, Ci};
        let tail = tail(&[(Agent, "a\nb"), (Agent, "c\n"), (Ci, "\x1b[31mred\x1b[0m\n\n"), (Agent, "x"), (Ci, "y")]);
        let lines: Vec<(LogStream, &str)> = tail.lines.iter().map(|line| (line.stream, line.text.as_str())).collect();
        assert_eq!(lines, [(Agent, "a"), (Agent, "bc"), (Ci, "red"), (Ci, ""), (Agent, "x"), (Ci, "y")]);
        assert!(tail.open && !tail.cut);
    }

    #[test]
    fn lines_are_bounded_in_number_and_length() {
        let many = "é\n".repeat(LINES + 1);
        assert_eq!(tail(&[(LogStream::Agent, &many)]).lines.len(), LINES);
        let long = "é".repeat(MOST_LINE_CHARS + 1);
        let tail = tail(&[(LogStream::Agent, &long)]);
        assert_eq!((tail.lines[0].text.chars().count(), tail.open), (MOST_LINE_CHARS + 1, true));
        assert!(tail.lines[0].text.ends_with('…'));
    }
}
