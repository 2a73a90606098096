//! Texts that come in chunks: what is found is that of the whole, wherever it is cut.

use opsmith_guard::secrets::{Finding, KnownSecrets};
use proptest::prelude::*;

use super::seeds::{Random, SEEDS};
use super::{redactor, scanner};

fn in_chunks<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<Finding> {
    let mut stream = scanner().stream();
    let mut found: Vec<Finding> = chunks.flat_map(|chunk| stream.push(chunk)).collect();
    found.extend(stream.finish());
    found
}

#[test]
fn a_secret_across_a_border_is_found_whichever_byte_it_is() {
    let scanner = scanner();
    for seed in SEEDS.iter().filter(|seed| seed.make(0).0.len() < 400) {
        let (text, _) = seed.make(3);
        let whole = scanner.scan(text.as_bytes());
        assert!(!whole.is_empty(), "{}", seed.rule);
        for border in 0..=text.len() {
            let mut stream = scanner.stream();
            let mut found = stream.push(&text.as_bytes()[..border]);
            found.extend(stream.push(&text.as_bytes()[border..]));
            found.extend(stream.finish());
            assert_eq!(found, whole, "{} cut at {border}", seed.rule);
        }
    }
}

#[test]
fn every_seed_byte_by_byte() {
    let scanner = scanner();
    let text: String = SEEDS.iter().map(|seed| seed.make(5).0 + "\n").collect();
    let whole = scanner.scan(text.as_bytes());
    assert!(whole.len() >= SEEDS.len(), "{} of {}", whole.len(), SEEDS.len());
    assert_eq!(in_chunks(text.as_bytes().chunks(1)), whole);
}

#[test]
fn an_ordinary_line_passes_a_redacting_stream_at_once_and_a_started_secret_waits() {
    let redactor = redactor(&KnownSecrets::default());
    let mut stream = redactor.stream();
    for line in ["compiling opsmith v0.1.0\n", "token count: 12\n", "test secrets::ok ... ok\n", "password:\n"] {
        assert_eq!(stream.push(line.as_bytes()), line.as_bytes());
    }
    let (_, token) = SEEDS.iter().find(|seed| seed.rule == "github-token").unwrap().make(1);
    let (head, tail) = token.split_at(12);
    assert_eq!(stream.push(format!("using {head}").as_bytes()), b"using ");
    assert_eq!(stream.push(tail.as_bytes()), b"");
    assert_eq!(stream.push(b" now\n"), b"<SECRET_HASH_1> now\n");
    assert_eq!(stream.finish(), b"");
}

/// Pieces of text, some of them secrets, some what begins like one.
fn text(seed: u64, parts: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut text = Vec::new();
    for _ in 0..parts {
        let kind = &SEEDS[random.below(SEEDS.len())];
        let (whole, secret) = kind.make(random.next());
        let cut = random.below(secret.len());
        match random.below(6) {
            0 => text.extend_from_slice(whole.as_bytes()),
            1 => text.extend_from_slice(secret.as_bytes()),
            2 => text.extend_from_slice(secret.get(..cut).unwrap_or_default().as_bytes()),
            3 => text.extend_from_slice(secret.get(cut..).unwrap_or_default().as_bytes()),
            4 => text.extend_from_slice(b" password = \"a1b2c3d4e5f6\"\n"),
            _ => text.extend((0..random.below(40)).map(|_| (random.next() >> 11) as u8)),
        }
    }
    text
}

fn cut(text: &[u8], borders: &[usize]) -> Vec<Vec<u8>> {
    let mut at: Vec<usize> = borders.iter().map(|border| border % (text.len() + 1)).collect();
    at.extend([0, text.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| text[pair[0]..pair[1]].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn findings_and_redaction_do_not_depend_on_the_chunks(
        seed in any::<u64>(),
        parts in 1_usize..12,
        borders in prop::collection::vec(any::<usize>(), 0..24),
    ) {
        let text = text(seed, parts);
        let chunks = cut(&text, &borders);
        prop_assert_eq!(in_chunks(chunks.iter().map(Vec::as_slice)), scanner().scan(&text));
        let known = KnownSecrets::default();
        let mut stream = redactor(&known).stream();
        let mut redacted: Vec<u8> = chunks.iter().flat_map(|chunk| stream.push(chunk)).collect();
        redacted.extend(stream.finish());
        let whole = redactor(&known).redact_bytes(&text);
        prop_assert_eq!(String::from_utf8_lossy(&redacted), String::from_utf8_lossy(&whole));
    }
}
