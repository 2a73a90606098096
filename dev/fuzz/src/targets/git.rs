use opsmith_forge::git::fuzzing::{
    blobs, changed_files, counts, default_branch, failure, rejection, signed, snapshot_changes, unsigned,
    without_credentials,
};
use opsmith_forge::git::{Blob, valid_branch, valid_sha};
use opsmith_forge::url::RepoUrl;

use crate::cut;

const PASSWORD: &str = "hunter2-hunter2";

/// What git commands write.
pub fn git_output(data: &[u8]) {
    assert!(changed_files(data).len() <= data.len());
    assert!(snapshot_changes(data).is_sorted_by(|a, b| a.path <= b.path));
    let (files, _, _) = counts(data);
    assert!(files <= data.len() as u64);
    batch(data);
    let text = String::from_utf8_lossy(data);
    let url = RepoUrl::parse("https://example.com/acme/api").expect("an address");
    if let Ok(base) = default_branch(&text, &url) {
        assert!(valid_branch(&base.branch) && valid_sha(&base.sha), "{base:?}");
    }
    let _ = failure(&text).to_string();
    credentials(&text);
}

/// `cat-file --batch`: what was read, written as git would, reads the same.
fn batch(data: &[u8]) {
    let read = blobs(data);
    let mut written = Vec::new();
    for (id, blob) in &read {
        let Blob::Content(content) = blob else { panic!("nothing is too large here") };
        written.extend_from_slice(format!("{id} blob {}\n", content.len()).as_bytes());
        written.extend_from_slice(content);
        written.push(b'\n');
    }
    assert_eq!(read, blobs(&written));
}

fn credentials(text: &str) {
    let shown = without_credentials(text);
    assert_eq!(shown, without_credentials(&shown), "taken out twice it reads otherwise");
    let told = format!("{text}https://ada:{PASSWORD}@h/x{text}");
    for shown in [without_credentials(&told), rejection(format!("!\t{told}").as_bytes())] {
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
}

/// A commit's bytes and a signature: put in and taken out again, both are as they were.
pub fn commit(data: &[u8]) {
    let (payload, signature) = cut::halves(data);
    let signature = String::from_utf8_lossy(signature);
    let Some(end) = payload.windows(2).position(|pair| pair == b"\n\n") else { return };
    if cut::contains(&payload[..end], b"gpgsig") || signature.trim().is_empty() {
        return;
    }
    let lines: String = signature.trim_end().lines().map(|line| format!("{line}\n")).collect();
    for parent in ["a".repeat(40), "a".repeat(64)] {
        let taken = unsigned(&signed(payload, &signature, &parent));
        assert_eq!(taken, Some((payload.to_vec(), lines.clone())));
    }
}

/// A repository's address: its own text reads the same, and no part of it can pass for an option or another place.
pub fn repo_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(url) = RepoUrl::parse(&text) else { return };
    assert_eq!(url.as_str(), text.trim_matches(' '));
    let again = RepoUrl::parse(&url.to_string()).expect("its own text is an address");
    assert!(again == url && again.target() == url.target());
    let json = serde_json::to_string(&url).expect("it has a JSON form");
    assert!(serde_json::from_str::<RepoUrl>(&json).is_ok_and(|read| read == url));
    assert!(!url.as_str().starts_with('-') && !url.as_str().contains(char::is_control));
    let target = url.target();
    assert!(!target.as_str().is_empty() && target.as_str().split('/').all(|part| !matches!(part, "" | "." | "..")));
    assert!(!url.is_local() || target.as_str().starts_with("local/"), "{target}");
}
