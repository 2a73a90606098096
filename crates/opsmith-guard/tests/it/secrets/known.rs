//! Secrets that we hold never get through, in no form and no chunking.

use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opsmith_guard::secrets::KnownSecrets;
use opsmith_model::Secret;
use proptest::prelude::*;
use serde_json::json;

use super::redactor;

fn knowing(secrets: &[&str]) -> KnownSecrets {
    let known = KnownSecrets::default();
    for secret in secrets {
        assert!(known.register(&Secret::new(*secret)));
    }
    known
}

#[test]
fn a_registered_secret_has_one_number_in_every_form() {
    let redactor = redactor(&knowing(&["pa\"ss/wo rd+"]));
    for text in [
        "pa\"ss/wo rd+",
        &STANDARD.encode("pa\"ss/wo rd+"),
        "pa%22ss%2Fwo%20rd%2B",
        "pa%22ss%2Fwo+rd%2B",
        "pa\\\"ss/wo rd+",
        "pa\\\"ss\\/wo rd+",
    ] {
        assert_eq!(redactor.redact(&format!("a {text} z")), "a <SECRET_HASH_1> z", "{text}");
    }
    assert_eq!(redactor.redact("pa ss wo rd"), "pa ss wo rd");
}

#[test]
fn basic_authentication_hides_the_secret_inside() {
    let redactor = redactor(&knowing(&["plain words are a secret too"]));
    let header = STANDARD.encode("x-access-token:plain words are a secret too");
    let redacted = redactor.redact(&header).into_owned();
    let kept = redacted.replace("<SECRET_HASH_1>", "");
    assert!(kept.len() < header.len() / 2 && redacted.contains("<SECRET_HASH_1>"), "{redacted}");
}

#[test]
fn a_secret_counts_from_its_registration_on_until_it_is_forgotten() {
    let known = KnownSecrets::default();
    let redactor = redactor(&known);
    let mut stream = redactor.stream();
    assert_eq!(stream.push(b"first correct horse\n"), b"first correct horse\n");
    let secret = Secret::new("correct horse");
    known.register(&secret);
    assert_eq!(stream.push(b"then correct ho"), b"then ");
    assert_eq!(stream.push(b"rse\n"), b"<SECRET_HASH_1>\n");
    known.forget(&secret);
    assert_eq!(stream.push(b"correct horse\n"), b"correct horse\n");
    assert!(!known.register(&Secret::new("abc")) && !known.register(&Secret::new("    \n")), "too short");
    assert!(!format!("{known:?} {redactor:?} {stream:?}").contains("correct"));
}

#[test]
fn secrets_that_overlap_are_covered_as_a_whole() {
    let redactor = redactor(&knowing(&["alpha-beta", "beta-gamma"]));
    assert_eq!(redactor.redact("alpha-beta-gamma."), "<SECRET_HASH_1>.");
    assert_eq!(redactor.redact("beta-gamma."), "<SECRET_HASH_2>.");
}

#[test]
fn a_stretch_of_one_form_after_another_is_one_place() {
    let redactor = redactor(&knowing(&["0000"]));
    assert_eq!(redactor.redact(&format!("x{}x", "0".repeat(100_000))), "x<SECRET_HASH_1>x");
}

#[test]
fn json_stays_json_and_tells_nothing() {
    let redactor = redactor(&knowing(&["correct \"horse\"", "4711471147"]));
    assert_eq!(redactor.redact("correct \"horse\" 4711471147"), "<SECRET_HASH_1> <SECRET_HASH_2>");
    let mut value = json!({
        "correct \"horse\"": 1,
        "list": ["a correct \"horse\" z", 4_711_471_147_u64, null, true, 1.5],
        "password": "r4nd0m-w0rds-h3re",
        "deep": { "text": "plain", "client_secret": "r4nd0m-w0rds-h3re", "count": 2 },
    });
    redactor.redact_json(&mut value);
    assert_eq!(
        value,
        json!({
            "<SECRET_HASH_1>": 1,
            "list": ["a <SECRET_HASH_1> z", "<SECRET_HASH_2>", null, true, 1.5],
            "password": "<SECRET_HASH_3>",
            "deep": { "text": "plain", "client_secret": "<SECRET_HASH_3>", "count": 2 },
        })
    );
    let once = value.clone();
    redactor.redact_json(&mut value);
    assert_eq!(value, once);
}

#[test]
fn threads_share_numbers_and_secrets() {
    let known = knowing(&["correct horse"]);
    let redactor = redactor(&known);
    let redacted: Vec<String> = thread::scope(|scope| {
        let work = |n: usize| {
            let (redactor, known) = (redactor.clone(), known.clone());
            move || {
                known.register(&Secret::new(format!("secret of thread {n}")));
                let text = format!("correct horse, secret of thread {n}\n").repeat(50);
                redactor.redact(&text).into_owned()
            }
        };
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(work(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for text in redacted {
        assert!(!text.contains("horse") && !text.contains("thread"), "{text}");
        let mut lines = text.lines();
        let first = lines.next().unwrap();
        assert!(lines.all(|line| line == first), "the same secret has the same number");
    }
}

/// What an attentive reader would look for.
fn leaks(text: &[u8], secret: &str) -> bool {
    let contains = |form: &str| text.windows(form.len()).any(|window| window == form.as_bytes());
    let json = serde_json::to_string(secret).unwrap();
    contains(secret) || contains(&STANDARD.encode(secret)) || contains(&json[1..json.len() - 1])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_chunking_lets_a_registered_secret_through(
        secrets in prop::collection::vec("[ -~]{4,40}".prop_filter("not blank", |text| text.trim().len() >= 4), 1..4),
        words in prop::collection::vec((0_usize..8, "\\PC{0,12}"), 0..12),
        borders in prop::collection::vec(any::<usize>(), 0..16),
    ) {
        let known = knowing(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
        let mut text = Vec::new();
        for (what, word) in &words {
            let secret = &secrets[what % secrets.len()];
            match what {
                0..3 => text.extend_from_slice(secret.as_bytes()),
                3 => text.extend_from_slice(STANDARD.encode(secret).as_bytes()),
                4 => text.extend_from_slice(serde_json::to_string(secret).unwrap().as_bytes()),
                5 => text.extend_from_slice(&secret.as_bytes()[..secret.len() / 2]),
                _ => text.extend_from_slice(word.as_bytes()),
            }
        }
        let mut at: Vec<usize> = borders.iter().map(|border| border % (text.len() + 1)).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();
        let mut stream = redactor(&known).stream();
        let mut redacted: Vec<u8> = at.windows(2).flat_map(|pair| stream.push(&text[pair[0]..pair[1]])).collect();
        redacted.extend(stream.finish());
        for secret in &secrets {
            // What we write ourselves may hold a secret such as `HASH`.
            if !(0..9).any(|n| format!("<SECRET_HASH_{n}>").contains(secret.trim())) {
                prop_assert!(!leaks(&redacted, secret), "{secret:?} in {:?}", String::from_utf8_lossy(&redacted));
            }
        }
    }
}
