use std::ops::Range;

use super::Redactor;
use super::placeholders::placeholder;
use super::progress::{Progress, merge};
use super::stream::next_look;

/// Redacts a text that comes in chunks.
///
/// It holds back what may be the beginning of a secret; an ordinary line passes at once.
#[derive(Debug)]
pub struct RedactStream {
    redactor: Redactor,
    held: Vec<u8>,
    /// How much of what is held was given out: the context of what comes next.
    given: usize,
    /// Where the held text begins in the whole.
    base: usize,
    progress: Progress,
    /// What the rules found in the held text.
    found: Vec<Range<usize>>,
    look_at: usize,
}

/// A place to replace: by the known secret of which it is a form, or by what stands there.
struct Mark<'a> {
    range: Range<usize>,
    known: Option<&'a str>,
}

impl RedactStream {
    pub(super) fn new(redactor: Redactor) -> Self {
        let progress = Progress::default();
        Self { redactor, held: Vec::new(), given: 0, base: 0, progress, found: Vec::new(), look_at: 0 }
    }

    /// Takes the next chunk and gives what is certain by now.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(chunk);
        if self.held.len() < self.look_at {
            return Vec::new();
        }
        let certain = self.advance(false);
        self.look_at = next_look(self.held.len());
        certain
    }

    /// Gives the rest.
    pub fn finish(mut self) -> Vec<u8> {
        self.advance(true)
    }

    fn advance(&mut self, is_last: bool) -> Vec<u8> {
        let mut findings = Vec::new();
        let settled = self.progress.advance(&self.redactor.scanner, &self.held, is_last, &mut findings);
        let base = self.base;
        self.found.extend(findings.into_iter().map(|finding| finding.span.start - base..finding.span.end - base));
        merge(&mut self.found);
        let forms = self.redactor.known.now();
        let mut upto = if is_last { self.held.len() } else { settled.min(forms.cut(&self.held)).max(self.given) };
        let known = forms.find(&self.held, self.given, upto);
        // Nothing is given out up to the middle of a secret.
        let mut secrets = self.found.clone();
        secrets.extend(known.iter().map(|(range, _)| range.clone()));
        merge(&mut secrets);
        upto = secrets.iter().find(|range| range.start < upto && upto < range.end).map_or(upto, |range| range.start);
        let known = known.into_iter().filter(|(range, _)| range.start < upto);
        let mut marks: Vec<Mark> = known.map(|(range, secret)| Mark { range, known: Some(secret.expose()) }).collect();
        let split = self.found.partition_point(|range| range.start < upto);
        let rest: Vec<Mark> = self.found.drain(..split).flat_map(|range| without(&range, &marks)).collect();
        marks.extend(rest);
        marks.sort_by_key(|mark| mark.range.start);
        let text = self.replaced(upto, &marks);
        self.drop_given(upto);
        text
    }

    /// The text up to `upto`, of which nothing was given out, with `marks` replaced.
    fn replaced(&self, upto: usize, marks: &[Mark<'_>]) -> Vec<u8> {
        let mut text = Vec::with_capacity(upto - self.given);
        let mut at = self.given;
        for Mark { range, known } in marks {
            text.extend_from_slice(&self.held[at..range.start]);
            let secret = known.map_or(&self.held[range.clone()], str::as_bytes);
            text.extend_from_slice(placeholder(self.redactor.placeholders.number(secret)).as_bytes());
            at = range.end;
        }
        text.extend_from_slice(&self.held[at..upto]);
        text
    }

    fn drop_given(&mut self, upto: usize) {
        let done = upto.saturating_sub(1);
        self.progress.forget(&self.held, done);
        self.held.drain(..done);
        self.given = upto - done;
        self.base += done;
        for range in &mut self.found {
            *range = range.start - done..range.end - done;
        }
    }
}

/// What is left of `range` without the marks, which are in order.
fn without(range: &Range<usize>, marks: &[Mark<'_>]) -> Vec<Mark<'static>> {
    let mut left = Vec::new();
    let mut at = range.start;
    let first = marks.partition_point(|mark| mark.range.end <= range.start);
    for mark in marks[first..].iter().take_while(|mark| mark.range.start < range.end) {
        left.push(at..mark.range.start.max(at));
        at = mark.range.end;
    }
    left.push(at.min(range.end)..range.end);
    left.into_iter().filter(|piece| !piece.is_empty()).map(|range| Mark { range, known: None }).collect()
}
