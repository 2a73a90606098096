//! Doors to the readers of models' answers, for dev/fuzz only.

use crate::draft::Draft;
use crate::refusal::Refused;
use crate::sse::{Decoder, Oversized};
use crate::wire::{BadAnswer, Step};
use crate::{AssistantPart, Redactor, StopReason, Usage, Wire};

/// What was read of an answer.
#[derive(Debug, Default, PartialEq)]
pub struct Read {
    /// The words as a reader of the stream gets them.
    pub words: String,
    /// What the answer consists of.
    pub parts: Vec<AssistantPart>,
    /// Why the model stopped.
    pub stop: Option<StopReason>,
    /// What it took.
    pub usage: Usage,
    /// The pieces that came so far, none of which is less than a token.
    pub pieces: u64,
    /// Why it is no answer.
    pub wrong: Option<String>,
}

impl Read {
    fn of(draft: &Draft, words: String, wrong: Option<String>) -> Self {
        let (parts, stop, usage) = (draft.parts(), draft.stop.clone(), draft.usage);
        Self { words, parts, stop, usage, pieces: draft.pieces, wrong }
    }
}

/// Puts server-sent events together: their data.
pub fn events<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<String>, &'static str> {
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(chunk).map_err(|Oversized| "too large")?;
        events.extend(std::iter::from_fn(|| decoder.next()).map(|event| event.data));
    }
    Ok(events)
}

/// Reads an answer that comes as a stream of bytes.
pub fn stream<'a>(wire: Wire, chunks: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let (mut draft, mut words) = (Draft::default(), String::new());
    let events = match events(chunks) {
        Ok(events) => events,
        Err(wrong) => return Read { wrong: Some(wrong.to_owned()), ..Read::default() },
    };
    for event in events {
        match wire.take(&mut draft, &event) {
            Ok(Step::Quiet) => {}
            Ok(Step::Text(more)) => words.push_str(&more),
            Ok(Step::End) => break,
            Err(bad) => return Read::of(&draft, words, Some(told(bad))),
        }
    }
    Read::of(&draft, words, None)
}

/// Reads an answer that came whole.
pub fn whole(wire: Wire, body: &[u8]) -> Read {
    match wire.whole(body) {
        Ok(draft) => Read::of(&draft, String::new(), None),
        Err(bad) => Read { wrong: Some(told(bad)), ..Read::default() },
    }
}

/// Reads a refusal: the words for a person.
pub fn refusal(status: u16, body: &[u8], key: &str) -> String {
    Refused::of_answer(status, None, body).into_error("provider", "model", Some(key), &Redactor::none()).to_string()
}

fn told(bad: BadAnswer) -> String {
    match bad {
        BadAnswer::Garbled(what) => what.to_owned(),
        BadAnswer::Refused(refused) => refused.into_error("provider", "model", None, &Redactor::none()).to_string(),
    }
}
