use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use reqwest::Url;
use reqwest::header::{ETAG, HeaderValue};

use super::call::Answer;

const MAX_ENTRIES: usize = 256;
const MAX_ENTRY_BYTES: usize = 256 * 1024;
const MAX_TOTAL_BYTES: usize = 8 * 1024 * 1024;

/// Answers with their ETags: one that has not changed since costs nothing of the hourly limit.
#[derive(Debug, Default)]
pub(super) struct Conditional {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<Url, Entry>,
    total_bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    etag: HeaderValue,
    answer: Answer,
    last_use: u64,
}

impl Conditional {
    /// The tag and the answer last seen at `url`.
    pub(super) fn find(&self, url: &Url) -> Option<(HeaderValue, Answer)> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        let entry = kept.answers.get_mut(url)?;
        entry.last_use = now;
        Some((entry.etag.clone(), entry.answer.clone()))
    }

    /// Keeps an answer that has a tag, in the place of those that were not used for longest.
    pub(super) fn keep(&self, url: &Url, answer: &Answer) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.forget(url);
        let Some(etag) = answer.headers.get(ETAG).filter(|_| answer.body.len() <= MAX_ENTRY_BYTES) else { return };
        kept.uses += 1;
        let entry = Entry { etag: etag.clone(), answer: answer.clone(), last_use: kept.uses };
        kept.total_bytes += answer.body.len();
        kept.answers.insert(url.clone(), entry);
        while kept.answers.len() > MAX_ENTRIES || kept.total_bytes > MAX_TOTAL_BYTES {
            let oldest = kept.answers.iter().min_by_key(|(_, entry)| entry.last_use).map(|(url, _)| url.clone());
            let Some(oldest) = oldest else { return };
            kept.forget(&oldest);
        }
    }
}

impl Kept {
    fn forget(&mut self, url: &Url) {
        if let Some(entry) = self.answers.remove(url) {
            self.total_bytes -= entry.answer.body.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn url(number: usize) -> Url {
        Url::parse(&format!("https://api.github.com/x/{number}")).unwrap()
    }

    fn answer(bytes: usize) -> Answer {
        let headers = HeaderMap::from_iter([(ETAG, HeaderValue::from_static("\"1\""))]);
        Answer { headers, body: vec![b' '; bytes].into() }
    }

    #[test]
    fn it_stays_small_and_forgets_what_is_used_least() {
        let cache = Conditional::default();
        for number in 0..2 * MAX_ENTRIES {
            cache.keep(&url(number), &answer(MAX_TOTAL_BYTES / 64));
            assert!(cache.find(&url(0)).is_some(), "what is used stays");
        }
        let kept = cache.kept.lock().unwrap();
        assert!(kept.total_bytes <= MAX_TOTAL_BYTES && kept.answers.len() == 64, "{}", kept.answers.len());
        drop(kept);
        cache.keep(&url(0), &answer(MAX_ENTRY_BYTES + 1));
        assert!(cache.find(&url(0)).is_none(), "what is too large is not kept, and what was kept is old");
    }
}
