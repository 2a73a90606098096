//! Doors to the readers of agents' streams, for dev/fuzz only.

use std::path::Path;

use super::acp::Conversation;
use super::lines::{Line, Lines};
use super::tally::Tally;
use super::wire::Wire;
use super::{AgentEvent, Allowance};
use crate::task::Usage;

/// Whose stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// codex.
    Codex,
    /// claude.
    Claude,
    /// amp.
    Amp,
    /// opencode.
    Opencode,
    /// A program that asks its model through litellm.
    Litellm,
    /// A program that speaks the Agent Client Protocol.
    Acp,
}

/// What was read of a stream.
#[derive(Debug, Default, PartialEq)]
pub struct Read {
    /// The events in order.
    pub events: Vec<AgentEvent>,
    /// What is to be sent back.
    pub replies: Vec<String>,
    /// Lines that are for people.
    pub text_lines: usize,
    /// All lines that were not too long.
    pub lines: usize,
    /// What the events come to.
    pub usage: Usage,
}

/// Reads a program's output as it comes.
pub fn stream<'a>(program: Program, chunks: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut wire = match program {
        Program::Codex => Wire::Codex,
        Program::Claude => Wire::Claude,
        Program::Amp => Wire::Amp,
        Program::Opencode => Wire::Opencode,
        Program::Litellm => Wire::Litellm,
        Program::Acp => {
            let resume = Some("earlier".to_owned());
            Wire::Acp(Box::new(Conversation::new(Path::new("/tree"), "do it".to_owned(), resume)))
        }
    };
    let mut tally = Tally::new(Allowance { turns: 100, cost_usd: Some(1.0) }, Usage::ZERO);
    let mut lines = Lines::default();
    let mut whole: Vec<Line> = chunks.into_iter().flat_map(|chunk| lines.push(chunk)).collect();
    whole.extend(lines.end());
    let mut read = Read::default();
    for line in whole {
        let Line::Text(line) = line else { continue };
        let reading = wire.read(&line);
        for event in &reading.events {
            tally.take(event);
        }
        read.lines += 1;
        read.text_lines += usize::from(reading.is_text);
        read.events.extend(reading.events);
        read.replies.extend(reading.replies);
    }
    Read { usage: tally.usage(), ..read }
}
