use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use opsmith_model::{Digest, ErrorKind, Hint};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const VERSION: u32 = 1;
const MAX_SHOWN_CHARS: usize = 80;

/// Answers recorded to a file, for tests that ask a model without one.
///
/// A request is found by its digest alone. The file has requests and answers as they were redacted for the wire, and
/// no headers, so no key.
#[derive(Clone, Debug)]
pub struct Cassette(Arc<Reel>);

#[derive(Debug)]
struct Reel {
    path: PathBuf,
    recording: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: File,
    /// How often each request was answered; the second time has the second recording, if there is one.
    played: HashMap<Digest, usize>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    exchanges: Vec<Exchange>,
}

/// One request and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    pub(crate) digest: Digest,
    pub(crate) request: Value,
    /// Server-sent events; else one JSON text.
    pub(crate) is_stream: bool,
    pub(crate) answer: String,
}

impl Cassette {
    /// Plays what `path` has; a request that it does not have is an error.
    pub fn replay(path: impl Into<PathBuf>) -> Result<Self, CassetteError> {
        let path = path.into();
        let file = read(&path)?.ok_or_else(|| CassetteError::Missing { path: path.clone() })?;
        Ok(Self(Arc::new(Reel { path, recording: false, state: Mutex::new(State { file, ..State::default() }) })))
    }

    /// Asks the provider and writes each good answer to `path`, in the place of what it had.
    pub fn record(path: impl Into<PathBuf>) -> Self {
        let file = File { version: VERSION, exchanges: Vec::new() };
        let state = Mutex::new(State { file, ..State::default() });
        Self(Arc::new(Reel { path: path.into(), recording: true, state }))
    }

    /// The answer to play; `None` while recording.
    pub(crate) fn play(&self, digest: &Digest, request: &Value) -> Result<Option<Exchange>, CassetteError> {
        if self.0.recording {
            return Ok(None);
        }
        let mut state = self.state();
        let State { file, played } = &mut *state;
        let same: Vec<&Exchange> = file.exchanges.iter().filter(|exchange| exchange.digest == *digest).collect();
        let Some(last) = same.last() else { return Err(self.miss(request, &file.exchanges)) };
        let times = played.entry(digest.clone()).or_default();
        let exchange = same.get(*times).unwrap_or(last);
        *times += 1;
        Ok(Some((*exchange).clone()))
    }

    /// Whether answers are to be kept.
    pub(crate) fn is_recording(&self) -> bool {
        self.0.recording
    }

    /// Adds an exchange and writes the file anew.
    pub(crate) fn keep(&self, exchange: Exchange) -> Result<(), CassetteError> {
        let mut state = self.state();
        state.file.exchanges.push(exchange);
        let failed = |source| CassetteError::Io { path: self.0.path.clone(), source };
        let text = serde_json::to_string_pretty(&state.file).map_err(|source| failed(source.into()))?;
        let mut beside = self.0.path.clone().into_os_string();
        beside.push(".new");
        fs::write(&beside, text + "\n").map_err(failed)?;
        fs::rename(&beside, &self.0.path).map_err(failed)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn miss(&self, request: &Value, exchanges: &[Exchange]) -> CassetteError {
        let path = self.0.path.clone();
        let nearest = exchanges.iter().map(|exchange| differences(&exchange.request, request)).min_by_key(Vec::len);
        match nearest {
            None => CassetteError::Empty { path },
            Some(differences) => CassetteError::Miss {
                path,
                known: exchanges.len(),
                others: differences.len().saturating_sub(1),
                nearest: differences.into_iter().next().unwrap_or_default(),
            },
        }
    }
}

fn read(path: &Path) -> Result<Option<File>, CassetteError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CassetteError::Io { path: path.to_owned(), source }),
    };
    let damaged = |source| CassetteError::Unreadable { path: path.to_owned(), source };
    let file: File = serde_json::from_str(&text).map_err(damaged)?;
    if file.version == VERSION { Ok(Some(file)) } else { Err(CassetteError::OtherVersion { path: path.to_owned() }) }
}

/// Where two values differ, each as a sentence's end.
fn differences(recorded: &Value, asked: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", Some(recorded), Some(asked), &mut found);
    found
}

fn compare(place: &str, recorded: Option<&Value>, asked: Option<&Value>, found: &mut Vec<String>) {
    match (recorded, asked) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                compare(&format!("{place}/{key}"), a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                compare(&format!("{place}/{index}"), a.get(index), b.get(index), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => {
            let (a, b) = shown(a, b);
            found.push(format!("`{place}`: recorded {a}, asked {b}"));
        }
    }
}

/// Both values from a little before they part.
fn shown(recorded: Option<&Value>, asked: Option<&Value>) -> (String, String) {
    let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    let (a, b) = (text(recorded), text(asked));
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let skipped = same.saturating_sub(MAX_SHOWN_CHARS / 4);
    let part = |text: &str| {
        let shown: String = text.chars().skip(skipped).take(MAX_SHOWN_CHARS).collect();
        format!(
            "{}{shown}{}",
            if skipped > 0 { "…" } else { "" },
            if text.chars().count() > skipped + MAX_SHOWN_CHARS { "…" } else { "" }
        )
    };
    (part(&a), part(&b))
}

/// Why a cassette has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// There is no such file.
    #[error("there is no cassette `{}`", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It has nothing at all.
    #[error("cassette `{}` is empty", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It has not this request.
    #[error("none of the {known} requests in cassette `{}` is this one; the nearest differs at {nearest}{}", .path.display(), more(*.others))]
    Miss {
        /// The file.
        path: PathBuf,
        /// How many requests it has.
        known: usize,
        /// The first place where the most similar one differs.
        nearest: String,
        /// How many more places there are.
        others: usize,
    },
    /// It is not JSON of a cassette.
    #[error("cassette `{}` cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Another version wrote it.
    #[error("cassette `{}` is of another version", .path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
    },
    /// The file system did not do it.
    #[error("cassette `{}` cannot be read or written", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

fn more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" and in {others} more places") }
}

impl Hint for CassetteError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } | Self::Empty { .. } | Self::Miss { .. } => ErrorKind::NotFound,
            Self::Unreadable { .. } | Self::OtherVersion { .. } => ErrorKind::Invalid,
            Self::Io { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } => None,
            Self::Missing { .. }
            | Self::Empty { .. }
            | Self::Miss { .. }
            | Self::Unreadable { .. }
            | Self::OtherVersion { .. } => Some("record it anew if the request was meant to change".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_the_place_and_show_both_from_where_they_part() {
        let long = "same ".repeat(40);
        let recorded = json!({ "a": [1, { "b": format!("{long}one") }], "gone": null });
        let asked = json!({ "a": [1, { "b": format!("{long}two") }, 3], "new": true });
        let found = differences(&recorded, &asked);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].starts_with("`/a/1/b`: recorded …same same"), "{}", found[0]);
        assert!(found[0].contains("one\"") && found[0].ends_with("two\""), "{}", found[0]);
        assert_eq!(found[1], "`/a/2`: recorded nothing, asked 3");
        assert_eq!(found[2], "`/gone`: recorded null, asked nothing");
        assert_eq!(found[3], "`/new`: recorded nothing, asked true");
        assert_eq!(differences(&recorded, &recorded), Vec::<String>::new());
    }
}
