//! What the rules find is replaced, the same secret by the same number, and redacting again changes nothing.

use std::borrow::Cow;

use opsmith_guard::secrets::{KnownSecrets, Placeholders, Redactor, placeholder};

use super::seeds::SEEDS;
use super::{redactor, scanner};

#[test]
fn each_kind_is_replaced_whole_and_redacting_again_changes_nothing() {
    for seed in SEEDS {
        let redactor = redactor(&KnownSecrets::default());
        let (text, secret) = seed.make(7);
        let redacted = redactor.redact(&text).into_owned();
        assert!(!redacted.contains(&secret) && redacted.contains("<SECRET_HASH_1>"), "{}: {redacted}", seed.rule);
        assert_eq!(redactor.redact(&redacted), redacted, "{}", seed.rule);
    }
}

#[test]
fn the_same_secret_has_the_same_number_within_its_scope_also_after_a_restart() {
    let token = |n| SEEDS.iter().find(|seed| seed.rule == "npm-token").unwrap().make(n).1;
    let text = format!("{} {} {}", token(1), token(2), token(1));
    let placeholders = Placeholders::default();
    let redactor =
        |placeholders: &Placeholders| Redactor::new(scanner(), KnownSecrets::default(), placeholders.clone());
    let want = "<SECRET_HASH_1> <SECRET_HASH_2> <SECRET_HASH_1>";
    assert_eq!(redactor(&placeholders).redact(&text), want);
    let restored = Placeholders::restore(placeholders.entries());
    assert_eq!(redactor(&restored).redact(&format!("{} {}", token(3), token(2))), "<SECRET_HASH_3> <SECRET_HASH_2>");
    let entries = restored.entries();
    assert_eq!(entries.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(entries[&2].expose(), token(2));
    assert!(!format!("{restored:?} {entries:?}").contains(&token(1)));
    assert_eq!(redactor(&Placeholders::default()).redact(&token(3)), placeholder(1), "another scope");
}

#[test]
fn a_text_made_to_fill_the_memory_does_not() {
    let redactor = redactor(&KnownSecrets::default());
    let seed = SEEDS.iter().find(|seed| seed.rule == "npm-token").unwrap();
    let text: String = (0..10_050).map(|n| seed.make(n).1 + "\n").collect();
    let redacted = redactor.redact(&text);
    assert!(redacted.contains("<SECRET_HASH_10000>\n") && redacted.ends_with("<SECRET_HASH_0>\n"));
    assert!(!redacted.contains("npm_"));
}

#[test]
fn a_text_without_secrets_is_not_copied() {
    let redactor = redactor(&KnownSecrets::default());
    for text in ["", "plain", "\u{1F511} token count: 5\n"] {
        assert!(matches!(redactor.redact(text), Cow::Borrowed(_)), "{text}");
    }
}
