use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opsmith_guard::secrets::fuzzing::sops_value;
use opsmith_guard::secrets::{KnownSecrets, Placeholders, Redactor, ScanSettings, Scanner, SecretRef, SecretSetting};
use opsmith_model::Secret;

use crate::cut;

/// Known to the redactor; no rule would find it.
const KNOWN: &str = "correct-horse/battery+staple 42";
/// What makes a token of GitHub's with four more characters before it, so that it does not stand here.
const TOKEN_BODY: &str = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";

static SCANNER: LazyLock<Scanner> =
    LazyLock::new(|| Scanner::new(&ScanSettings::default()).expect("the built-in rules hold"));

/// What stands for a secret in an input, and the secret in one of its forms.
static SEEDS: LazyLock<[(u8, String); 4]> = LazyLock::new(|| {
    [
        (1, KNOWN.to_owned()),
        (2, STANDARD.encode(KNOWN)),
        (3, hex::encode(KNOWN)),
        (4, format!("{}{TOKEN_BODY}", "ghp_")),
    ]
});

fn redactor() -> Redactor {
    static KNOWN_SECRETS: LazyLock<KnownSecrets> = LazyLock::new(|| {
        let known = KnownSecrets::default();
        known.register(&Secret::new(KNOWN));
        known
    });
    Redactor::new(SCANNER.clone(), KNOWN_SECRETS.clone(), Placeholders::default())
}

/// Text with secrets where the input has the bytes 1 to 4: none of them is left, wherever it is cut.
pub fn redact(data: &[u8]) {
    let mut text = Vec::with_capacity(data.len());
    for byte in data {
        match SEEDS.iter().find(|(mark, _)| mark == byte) {
            // A token's neighbours decide whether it is one.
            Some((4, secret)) => text.extend_from_slice(format!("\n{secret}\n").as_bytes()),
            Some((_, secret)) => text.extend_from_slice(secret.as_bytes()),
            None => text.push(*byte),
        }
    }
    let whole = redactor();
    let shown = whole.redact_bytes(&text);
    for (mark, secret) in SEEDS.iter() {
        assert!(!cut::contains(&shown, secret.as_bytes()), "secret {mark} is left");
    }
    assert_eq!(whole.redact_bytes(&shown), shown, "redacted twice it reads otherwise");
    let in_pieces = redactor();
    let mut stream = in_pieces.stream();
    let mut cut: Vec<u8> = cut::pieces(&text).into_iter().flat_map(|piece| stream.push(piece)).collect();
    cut.extend(stream.finish());
    assert_eq!(cut, shown, "cut in pieces it reads otherwise");
    if let Ok(text) = std::str::from_utf8(&text) {
        assert_eq!(redactor().redact(text).as_bytes(), String::from_utf8_lossy(&shown).as_bytes());
    }
}

/// Findings: in order, within the text, on the line they say, and the same wherever the text is cut.
pub fn scan(data: &[u8]) {
    let found = SCANNER.scan(data);
    let mut line = 1;
    let mut at = 0;
    for finding in &found {
        assert!(finding.span.start < finding.span.end && finding.span.end <= data.len(), "{finding:?}");
        assert!(finding.span.start >= at, "out of order");
        line += data[at..finding.span.start].iter().filter(|byte| **byte == b'\n').count();
        at = finding.span.start;
        assert_eq!(finding.line, line);
    }
    let mut stream = SCANNER.stream();
    let mut cut: Vec<_> = cut::pieces(data).into_iter().flat_map(|piece| stream.push(piece)).collect();
    cut.extend(stream.finish());
    assert_eq!(cut, found, "cut in pieces it finds otherwise");
}

/// Where a secret is: read and written it is the same text, and a secret itself is never shown.
pub fn secret_ref(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(reference) = text.parse::<SecretRef>() {
        assert_eq!(reference.to_string(), text);
        let json = serde_json::to_string(&reference).expect("it has a JSON form");
        assert!(serde_json::from_str::<SecretRef>(&json).is_ok_and(|read| read == reference));
    }
    if let Ok(literal @ SecretSetting::Literal(_)) = SecretSetting::try_from(text.into_owned()) {
        assert_eq!(format!("{literal:?}"), "Literal(***)");
    }
}

/// A SOPS file and a key: no file of others' opens with a key that it was not made for.
pub fn sops(data: &[u8]) {
    let (text, key) = cut::halves(data);
    let (text, key) = (String::from_utf8_lossy(text), String::from_utf8_lossy(key));
    let key = if key.is_empty() { "a.b" } else { &*key };
    if let Ok(Some(value)) = sops_value(&text, key, "# no key\n") {
        assert!(!value.starts_with("ENC[AES256_GCM,") || !value.ends_with(']'), "an encrypted value as it is");
    }
}
