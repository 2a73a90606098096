use std::collections::BTreeSet;

use opsmith_guard::secrets::{Fingerprint, Redactor};

use super::finding::{FindingKind, GateFinding};
use super::standing::AttemptFinding;

/// The largest file that is searched for secrets; a larger one is held.
pub(crate) const MOST_SEARCHED_BYTES: u64 = 16 * 1024 * 1024;
/// How many secrets of a change are kept.
const MOST_SECRETS: usize = 100;
/// What a secret's yes is bound to.
const CONTENT: &str = "secret:";

/// A file that a commit adds or changes.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) path: String,
    /// What the commit before had in its place; none for a new file.
    pub(crate) old: Option<Vec<u8>>,
    /// None where it is too large.
    pub(crate) new: Option<Vec<u8>>,
}

/// The secrets that commits bring: those of each new file and of its name that were not in the file before it.
///
/// `head` is what a yes to a file that is too large is bound to.
pub(crate) fn search(files: &[NewFile], head: &str, redactor: &Redactor) -> Vec<AttemptFinding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        let shown = redactor.redact(&file.path);
        let named = redactor.find_in_file("", file.path.as_bytes());
        for found in named {
            if seen.insert((file.path.as_str(), found.fingerprint.clone())) {
                let secret = &file.path.as_bytes()[found.span.clone()];
                findings.push(finding(&shown, None, "has in its name", &found, &redactor.placeholder(secret)));
            }
        }
        let Some(new) = &file.new else {
            let what = "is too large to be searched for secrets";
            let large = GateFinding::of_file(FindingKind::TooLarge, &shown, what).cleaned();
            findings.push(AttemptFinding::held(large, format!("commit:{head}")));
            continue;
        };
        let old = file.old.as_deref().map(|old| redactor.find_in_file(&file.path, old)).unwrap_or_default();
        let old: BTreeSet<&Fingerprint> = old.iter().map(|found| &found.fingerprint).collect();
        for found in redactor.find_in_file(&file.path, new) {
            if !old.contains(&found.fingerprint) && seen.insert((file.path.as_str(), found.fingerprint.clone())) {
                let line = u32::try_from(found.line).ok();
                let placeholder = redactor.placeholder(&new[found.span.clone()]);
                findings.push(finding(&shown, line, "holds", &found, &placeholder));
            }
        }
        if findings.len() > MOST_SECRETS {
            findings.truncate(MOST_SECRETS);
            break;
        }
    }
    findings
}

fn finding(
    path: &str,
    line: Option<u32>,
    how: &str,
    found: &opsmith_guard::secrets::Finding,
    placeholder: &str,
) -> AttemptFinding {
    let (rule, severity, fingerprint) = (&found.rule, found.severity.as_str(), &found.fingerprint);
    let what = format!("{how} {placeholder} ({rule}, {severity}; fingerprint {fingerprint})");
    let finding = GateFinding { kind: FindingKind::Secret, path: path.to_owned(), line, test: None, what };
    AttemptFinding::held(finding.cleaned(), format!("{CONTENT}{fingerprint}"))
}

impl AttemptFinding {
    /// Whether it is a secret, which nobody lets pass; only the configuration's allow-list says that it is none.
    pub(crate) fn is_secret(&self, redactor: &Redactor) -> bool {
        let allowed = |content: &str| {
            let fingerprint = content.strip_prefix(CONTENT).map(Fingerprint::named);
            fingerprint.is_some_and(|fingerprint| redactor.is_allowed(&fingerprint))
        };
        self.kind == FindingKind::Secret && !self.content.as_deref().is_some_and(allowed)
    }

    /// The finding without the secrets in names of files and tests.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        let redact = |text: String| redactor.redact(&text).into_owned();
        Self { path: redact(self.path), test: self.test.map(redact), what: redact(self.what), ..self }
    }
}

/// What is said of a change that brings secrets.
pub(crate) fn leak_summary(secrets: &[AttemptFinding]) -> String {
    let words = super::summary(&secrets.iter().map(AttemptFinding::finding).collect::<Vec<_>>());
    format!(
        "held, and not pushed: {words}; have it taken out with `ampx continue`, or put its fingerprint into \
         `secrets.allow.fingerprints` and `ampx accept`"
    )
}

#[cfg(test)]
mod tests {
    use opsmith_guard::secrets::{AllowSettings, KnownSecrets, Placeholders, ScanSettings, Scanner};
    use opsmith_model::Secret;

    use super::*;

    fn redactor(allowed: &[String]) -> Redactor {
        let allow = AllowSettings { fingerprints: allowed.to_vec(), ..AllowSettings::default() };
        let scanner = Scanner::new(&ScanSettings { allow, ..ScanSettings::default() }).unwrap();
        let known = KnownSecrets::default();
        known.register(&Secret::new("horse-battery-77"));
        Redactor::new(scanner, known, Placeholders::default())
    }

    /// Made here, so that no scanner takes this file for one that holds a token.
    fn token() -> String {
        format!("{}_{}", "ghp", "aQ7rZ2mN4xT6vB9kaQ7rZ2mN4xT6vB9kaQ7r")
    }

    fn file(path: &str, old: Option<&str>, new: &str) -> NewFile {
        NewFile { path: path.to_owned(), old: old.map(Into::into), new: Some(new.into()) }
    }

    #[test]
    fn what_a_commit_adds_is_found_and_what_was_there_is_not() {
        let (token, redactor) = (token(), redactor(&[]));
        let line = format!("key = \"{token}\"\n");
        let files = [
            file("a.py", None, &format!("x = 1\n{line}{line}")),
            file("b.py", Some(&line), &format!("# moved\n{line}")),
            file(&format!("{token}/x.txt"), None, "harmless\n"),
            file("c.bin", None, &format!("\0\u{1}{token}\0")),
            file("d.py", None, "pw: horse-battery-77\n"),
            NewFile { path: "e.bin".to_owned(), old: None, new: None },
        ];
        let found = search(&files, "c0ffee", &redactor);
        let told: Vec<String> = found.iter().map(|finding| finding.finding().to_string()).collect();
        let fingerprint = redactor.find_in_file("", token.as_bytes())[0].fingerprint.clone();
        let of_token = format!("<SECRET_HASH_1> (github-token, critical; fingerprint {fingerprint})");
        assert_eq!(told[0], format!("a.py:2: holds {of_token}"));
        assert_eq!(told[1], format!("<SECRET_HASH_1>/x.txt: has in its name {of_token}"));
        assert_eq!(told[2], format!("c.bin:1: holds {of_token}"));
        assert!(told[3].starts_with("d.py:1: holds <SECRET_HASH_2> (known-secret, critical;"), "{}", told[3]);
        assert_eq!(told[4], "e.bin: is too large to be searched for secrets");
        assert_eq!(found.len(), 5, "{told:?}");
        assert!(!format!("{found:?}").contains(&token));
        let allowing = self::redactor(&[fingerprint.as_str().to_owned()]);
        assert_eq!(found.iter().filter(|finding| finding.is_secret(&redactor)).count(), 4);
        assert_eq!(found.iter().filter(|finding| finding.is_secret(&allowing)).count(), 1);
        assert_eq!(search(&files[..4], "c0ffee", &allowing), []);
    }
}
