use std::borrow::Cow;

use serde_json::{Map, Value};

use super::placeholders::placeholder;
use super::{Finding, Fingerprint, KnownSecrets, Placeholders, RedactStream, Scanner, Severity};

/// The rule that a form of a known secret is found by.
const KNOWN: &str = "known-secret";

/// Replaces secrets by `<SECRET_HASH_n>`: what the rules find, and what is known whatever the rules say.
///
/// Cheap to clone. Redacting again changes nothing.
#[derive(Clone, Debug)]
pub struct Redactor {
    pub(super) scanner: Scanner,
    pub(super) known: KnownSecrets,
    pub(super) placeholders: Placeholders,
}

impl Redactor {
    /// A redactor whose numbers are those of `placeholders`.
    pub fn new(scanner: Scanner, known: KnownSecrets, placeholders: Placeholders) -> Self {
        Self { scanner, known, placeholders }
    }

    /// `text` without its secrets.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let redacted = self.redact_bytes(text.as_bytes());
        if redacted == text.as_bytes() {
            return Cow::Borrowed(text);
        }
        // A secret may end within a character.
        Cow::Owned(
            String::from_utf8(redacted).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        )
    }

    /// The same for bytes of any kind.
    pub fn redact_bytes(&self, text: &[u8]) -> Vec<u8> {
        let mut stream = self.stream();
        let mut redacted = stream.push(text);
        redacted.extend(stream.finish());
        redacted
    }

    /// What would be replaced in a file of a repository: where the allow-list has its path, known secrets alone.
    ///
    /// What is known counts as found by the rule `known-secret`, whatever the rules and the allow-list say of it, unless
    /// its fingerprint is allowed.
    pub fn find_in_file(&self, path: &str, text: &[u8]) -> Vec<Finding> {
        let mut findings = self.scanner.scan_file(path, text);
        let forms = self.known.now();
        let (mut line, mut at) = (1, 0);
        for (span, secret) in forms.find(text, 0, text.len()) {
            let fingerprint = Fingerprint::of(KNOWN, secret.expose().as_bytes());
            line += text[at..span.start].iter().filter(|byte| **byte == b'\n').count();
            at = span.start;
            if !self.scanner.is_allowed(&fingerprint) {
                findings.push(Finding { rule: KNOWN.into(), severity: Severity::Critical, span, line, fingerprint });
            }
        }
        findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
        findings
    }

    /// Whether the allow-list has this fingerprint.
    pub fn is_allowed(&self, fingerprint: &Fingerprint) -> bool {
        self.scanner.is_allowed(fingerprint)
    }

    /// What stands for `secret` in redacted texts.
    pub fn placeholder(&self, secret: &[u8]) -> String {
        placeholder(self.placeholders.number(secret))
    }

    /// Redacts a text that comes in chunks: the outcome is that of the whole text, wherever it is cut.
    pub fn stream(&self) -> RedactStream {
        RedactStream::new(self.clone())
    }

    /// Redacts each text, name and number in `value`; what a member is called counts as it would in a text.
    pub fn redact_json(&self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                if let Cow::Owned(redacted) = self.redact(&number.to_string()) {
                    *value = Value::String(redacted);
                }
            }
            Value::String(text) => {
                if let Cow::Owned(redacted) = self.redact(text) {
                    *text = redacted;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.redact_json(value)),
            Value::Object(members) => *members = self.members(std::mem::take(members)),
        }
    }

    fn members(&self, members: Map<String, Value>) -> Map<String, Value> {
        members.into_iter().map(|(name, value)| (self.redact(&name).into_owned(), self.member(&name, value))).collect()
    }

    fn member(&self, name: &str, mut value: Value) -> Value {
        let Value::String(text) = &value else {
            self.redact_json(&mut value);
            return value;
        };
        let before = format!("\"{name}\":\"");
        let whole = format!("{before}{text}\"");
        let redacted = self.redact(&whole);
        let inner = redacted.strip_prefix(&before).and_then(|rest| rest.strip_suffix('"'));
        Value::String(inner.map_or_else(|| self.redact(text).into_owned(), str::to_owned))
    }
}
