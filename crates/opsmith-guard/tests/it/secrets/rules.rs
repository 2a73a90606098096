//! A user's own rules and allow-list.

use std::fs;

use opsmith_guard::secrets::{AllowSettings, RuleError, ScanSettings, Scanner};
use opsmith_model::Hint as _;

use super::scanner;
use super::seeds::SEEDS;

const OWN: &str = "[[rule]]\nid = \"acme\"\nsource = \"https://acme.example.com/tokens\"\nseverity = \"high\"\n\
                   keywords = [\"acme-\"]\npattern = 'acme-[0-9]{6}'\n";

fn with_rules(text: &str) -> Result<Scanner, RuleError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    fs::write(&path, text).unwrap();
    Scanner::new(&ScanSettings { rules: Some(path), ..ScanSettings::default() })
}

fn allowing(allow: AllowSettings) -> Scanner {
    Scanner::new(&ScanSettings { allow, ..ScanSettings::default() }).unwrap()
}

#[test]
fn rules_of_ones_own_count_beside_ours() {
    let scanner = with_rules(OWN).unwrap();
    let found = scanner.scan(b"see acme-123456\n");
    assert_eq!((found.len(), &*found[0].rule, found[0].span.clone()), (1, "acme", 4..15));
    assert_eq!(scanner.rules().count(), super::scanner().rules().count() + 1);
}

#[test]
fn rules_that_do_not_hold_are_refused_by_name() {
    for (text, word) in [
        (OWN.replace("{6}", "{6"), "`acme`"),
        (OWN.replace("[\"acme-\"]", "[]"), "keywords"),
        (OWN.replace("https://acme.example.com/tokens", ""), "source"),
        (OWN.replace("acme\"\n", "jwt\"\n"), "another rule"),
        (OWN.replace("{6}", "{1000}{1000}{1000}"), "`acme`"),
        (OWN.replace("severity", "severeness"), "severeness"),
        (format!("{OWN}reach = 100000000\n"), "reach"),
        ("not toml".to_owned(), "malformed"),
    ] {
        let error = with_rules(&text).map(drop).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = with_rules(&format!("{OWN}#{}", "x".repeat(2 << 20))).map(drop).unwrap_err();
    assert!(matches!(error, RuleError::TooLarge { .. }), "{error}");
    let settings = ScanSettings { rules: Some("/nowhere/rules.toml".into()), ..ScanSettings::default() };
    let error = Scanner::new(&settings).map(drop).unwrap_err();
    assert!(error.to_string().contains("`/nowhere/rules.toml`") && error.hint().is_some(), "{error}");
}

#[test]
fn what_is_allowed_is_not_found() {
    let (text, secret) = SEEDS.iter().find(|seed| seed.rule == "npm-token").unwrap().make(1);
    let fingerprint = scanner().scan(text.as_bytes())[0].fingerprint.clone();
    let one = |word: &str| vec![word.to_owned()];
    for allow in [
        AllowSettings { patterns: one(&format!("^{secret}$")), ..AllowSettings::default() },
        AllowSettings { stopwords: one(&secret[6..14].to_uppercase()), ..AllowSettings::default() },
        AllowSettings { fingerprints: one(fingerprint.as_str()), ..AllowSettings::default() },
    ] {
        assert_eq!(allowing(allow.clone()).scan(text.as_bytes()), [], "{allow:?}");
    }
    let by_path = allowing(AllowSettings { paths: one("tests/**/*.txt"), ..AllowSettings::default() });
    assert_eq!(by_path.scan_file("tests/data/a.txt", text.as_bytes()), []);
    assert_eq!(by_path.scan_file("src/a.txt", text.as_bytes()).len(), 1);
    for allow in [
        AllowSettings { patterns: one("("), ..AllowSettings::default() },
        AllowSettings { paths: one("a{b"), ..AllowSettings::default() },
    ] {
        let error = Scanner::new(&ScanSettings { allow, ..ScanSettings::default() }).map(drop).unwrap_err();
        assert!(matches!(error, RuleError::Allow { .. }), "{error}");
    }
}

#[test]
fn a_comment_in_the_text_allows_nothing() {
    let (text, _) = SEEDS.iter().find(|seed| seed.rule == "npm-token").unwrap().make(1);
    for comment in ["opsmith:allow", "gitleaks:allow", "noqa"] {
        assert_eq!(scanner().scan(format!("{} # {comment}\n", text.trim_end()).as_bytes()).len(), 1);
    }
}

#[test]
fn a_disabled_rule_finds_nothing_and_an_unknown_one_cannot_be_disabled() {
    let (text, _) = SEEDS.iter().find(|seed| seed.rule == "npm-token").unwrap().make(1);
    let disabled = |id: &str| Scanner::new(&ScanSettings { disabled: vec![id.to_owned()], ..ScanSettings::default() });
    assert_eq!(disabled("npm-token").unwrap().scan(text.as_bytes()), []);
    assert!(disabled("npm-tokens").map(drop).unwrap_err().to_string().contains("`npm-tokens`"));
}
