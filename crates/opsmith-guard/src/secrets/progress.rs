use std::ops::Range;

use super::rule::Judgement;
use super::{Finding, Fingerprint, Scanner};

/// How much text is searched for keywords at once.
const BLOCK: usize = 64 * 1024;

/// How far a text was scanned that is held from `base` on. Positions are those of the held part.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Each place before it was judged.
    next: usize,
    /// Where the last match of each rule ended.
    ends: Vec<usize>,
    /// Findings that a later one could still displace.
    pending: Vec<Candidate>,
    /// What rules that are not generic found, merged and in order, as long as it can displace something.
    taken: Vec<Range<usize>>,
    /// Where the last generic finding ended.
    generic_end: usize,
    base: usize,
    lines: Lines,
    places: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct Candidate {
    finding: Finding,
    generic: bool,
}

/// Counts line ends up to positions that mostly grow.
#[derive(Debug, Default)]
struct Lines {
    before: usize,
    upto: usize,
}

impl Lines {
    fn at(&mut self, text: &[u8], position: usize) -> usize {
        let count = |range: Range<usize>| text[range].iter().filter(|byte| **byte == b'\n').count();
        if position >= self.upto {
            self.before += count(self.upto..position);
        } else {
            self.before -= count(position..self.upto);
        }
        self.upto = position;
        self.before + 1
    }
}

impl Progress {
    /// Judges as much of `text` as can be, and adds the findings that stand. Answers with the place before which all is
    /// settled: no later finding begins there, or reaches into it.
    pub(super) fn advance(&mut self, scanner: &Scanner, text: &[u8], is_last: bool, found: &mut Vec<Finding>) -> usize {
        let limit = if is_last { text.len() } else { scanner.cut_keyword(text) };
        while self.next < limit {
            let to = limit.min(self.next + BLOCK);
            let mut places = std::mem::take(&mut self.places);
            scanner.places(text, self.next, to, &mut places);
            let open = places.iter().find(|(start, rule)| !self.judge(scanner, text, *start, *rule, is_last));
            self.next = open.map_or(to, |(start, _)| *start);
            let stopped = open.is_some();
            places.clear();
            self.places = places;
            self.settle(false, found);
            if stopped {
                break;
            }
        }
        self.settle(is_last, found);
        self.pending.iter().map(|candidate| candidate.finding.span.start).fold(self.next, usize::min)
    }

    /// Whether the place could be judged.
    fn judge(&mut self, scanner: &Scanner, text: &[u8], start: usize, n: usize, is_last: bool) -> bool {
        if self.ends.get(n).is_some_and(|end| start < *end) {
            return true;
        }
        let rule = scanner.rule(n);
        let (matched, span) = match rule.judge(text, start, is_last) {
            Judgement::Clean => return true,
            Judgement::Open => return false,
            Judgement::Secret { matched, secret } => (matched, secret),
        };
        if self.ends.len() <= n {
            self.ends.resize(n + 1, 0);
        }
        self.ends[n] = matched.end;
        let secret = &text[span.clone()];
        let fingerprint = Fingerprint::of(&rule.id, secret);
        if !rule.generic {
            self.taken.push(span.clone());
        }
        if !scanner.allow().secret(secret, &fingerprint) {
            let line = self.lines.at(text, span.start);
            let finding = Finding { rule: rule.id.clone(), severity: rule.severity, span, line, fingerprint };
            self.pending.push(Candidate { finding, generic: rule.generic });
        }
        true
    }

    /// Hands out the findings, in order, up to the first that ends where not all was judged yet.
    fn settle(&mut self, is_last: bool, found: &mut Vec<Finding>) {
        merge(&mut self.taken);
        self.pending.sort_by_key(|candidate| (candidate.finding.span.start, candidate.finding.span.end));
        let stands = |candidate: &Candidate| is_last || candidate.finding.span.end <= self.next;
        let ready = self.pending.iter().take_while(|candidate| stands(candidate)).count();
        for Candidate { mut finding, generic } in self.pending.drain(..ready) {
            // Of generic findings that share bytes, the first counts.
            if generic && (finding.span.start < self.generic_end || overlaps(&self.taken, &finding.span)) {
                continue;
            }
            if generic {
                self.generic_end = finding.span.end;
            }
            finding.span = finding.span.start + self.base..finding.span.end + self.base;
            found.push(finding);
        }
        let floor = self.pending.first().map_or(self.next, |candidate| candidate.finding.span.start.min(self.next));
        self.taken.retain(|range| range.end > floor);
    }

    /// Forgets the first `len` bytes of `text`. They are settled, and so is the byte behind them, which the next place is
    /// judged beside.
    pub(super) fn forget(&mut self, text: &[u8], len: usize) {
        self.lines.at(text, len);
        self.lines.upto = 0;
        self.base += len;
        self.next -= len;
        self.generic_end = self.generic_end.saturating_sub(len);
        for end in &mut self.ends {
            *end = end.saturating_sub(len);
        }
        for candidate in &mut self.pending {
            let span = &mut candidate.finding.span;
            *span = span.start - len..span.end - len;
        }
        for range in &mut self.taken {
            *range = range.start.saturating_sub(len)..range.end.saturating_sub(len);
        }
    }
}

/// Sorts ranges and joins those that overlap.
pub(super) fn merge(ranges: &mut Vec<Range<usize>>) {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    ranges.dedup_by(|next, last| {
        let joined = next.start < last.end;
        if joined {
            last.end = last.end.max(next.end);
        }
        joined
    });
}

/// Whether one of the merged `ranges` shares a byte with `span`.
fn overlaps(ranges: &[Range<usize>], span: &Range<usize>) -> bool {
    let first = ranges.partition_point(|range| range.end <= span.start);
    ranges.get(first).is_some_and(|range| range.start < span.end)
}
