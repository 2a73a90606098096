use hmac::{Hmac, KeyInit as _, Mac as _};
use opsmith_forge::git::valid_sha;
use opsmith_forge::github::fuzzing::{answer as read_answer, failing_lines, next_page, refusal};
use opsmith_forge::github::webhook::{DeliveryHeaders, WebhookError, Webhooks};
use opsmith_forge::github::{CodeOwners, Owner};
use opsmith_model::{Clock, Secret};
use sha2::Sha256;

use crate::cut;

const SECRET: &str = "s3cret-of-a-hook";

/// A delivery: the event's name, a line's end, and the body. It is taken once, and only with its own signature.
pub fn webhook(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (event, body) = (String::from_utf8_lossy(&data[..end]), data.get(end + 1..).unwrap_or_default());
    let hooks = Webhooks::new(Secret::new(SECRET), Clock::system());
    let take = |delivery: &str, signature: &str| {
        let headers = DeliveryHeaders { event: Some(&event), delivery: Some(delivery), signature: Some(signature) };
        hooks.take(headers, body)
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) else { return };
    mac.update(body);
    let right = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let other = if right.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{other}", &right[..right.len() - 1]);
    for signature in [wrong.as_str(), &event, &right[1..], "sha256="] {
        assert!(matches!(take("1", signature), Err(WebhookError::BadSignature)), "{signature}");
    }
    match take("1", &right) {
        Ok(Some(changed)) => {
            assert!(changed.sha.is_none_or(|sha| valid_sha(&sha)));
            assert!(!changed.repository.as_str().is_empty());
        }
        Ok(None) | Err(WebhookError::Garbled { .. }) => {}
        Err(other) => panic!("{other}"),
    }
    for delivery in ["1", "2"] {
        assert!(matches!(take(delivery, &right), Err(WebhookError::Replayed { .. })));
    }
}

/// Bodies of answers, refusals and Link headers.
pub fn answer(data: &[u8]) {
    let read = read_answer(data);
    assert_eq!(read, read_answer(data));
    let text = String::from_utf8_lossy(data);
    if let Some(next) = next_page(&text) {
        assert!(text.contains(&next));
    }
    let line = text.lines().next().unwrap_or_default();
    let headers = [("x-accepted-github-permissions", line), ("retry-after", line), ("x-ratelimit-reset", line)];
    for status in [301, 400, 401, 403, 404, 405, 409, 410, 422, 429, 451, 500] {
        let Some(words) = refusal(status, &headers, data, SECRET) else { continue };
        // Headers are not told with a secret in them: who sends them does not know it.
        assert!(!words.contains(SECRET) || line.contains(SECRET), "the secret is told: {words}");
        assert!(words.len() < 64 * 1024 && !words.contains(char::is_control), "{words:?}");
    }
}

/// A job's log and, before it, the job: what is cut out is lines of the log without their times.
pub fn job_log(data: &[u8]) {
    let (job, log) = cut::halves(data);
    let part = failing_lines(job, log);
    let log = String::from_utf8_lossy(log);
    let part = String::from_utf8(part).expect("text");
    let mut lines = log.lines();
    for line in part.split('\n').filter(|line| !line.is_empty()) {
        assert!(lines.any(|one| one.ends_with(line)), "a line that is not there, or not in this order: {line:?}");
    }
}

/// A CODEOWNERS file and a path: the last line that matches counts.
pub fn codeowners(data: &[u8]) {
    let (file, path) = cut::halves(data);
    let (file, path) = (String::from_utf8_lossy(file), String::from_utf8_lossy(path));
    let path = if path.is_empty() { "src/lib.rs" } else { &*path };
    let owners = CodeOwners::parse(&file);
    let reviewers = owners.reviewers([path, "README.md", path], Some("Ada"));
    assert!(!reviewers.contains(&Owner::user("ada")), "the author is not asked");
    let mut once = reviewers.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), reviewers.len(), "nobody is asked twice");
    let last = CodeOwners::parse(&format!("{file}\n* @last\n"));
    assert_eq!(last.of(path), [Owner::user("last")]);
}
