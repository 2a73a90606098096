//! Texts that are large, or made to cost time.

use std::fmt::Write as _;

use opsmith_guard::secrets::KnownSecrets;

use super::seeds::{Random, SEEDS};
use super::{redactor, scanner};

fn token(n: u64) -> String {
    SEEDS.iter().find(|seed| seed.rule == "github-token").unwrap().make(n).1
}

#[test]
fn a_diff_of_a_hundred_thousand_lines_tells_its_one_secret_and_its_line() {
    let mut diff = String::from("diff --git a/x b/x\n@@ -0,0 +1,100000 @@\n");
    for n in 3..=100_002 {
        if n == 77_777 {
            let _ = writeln!(diff, "+    let token = \"{}\";", token(1));
        } else {
            let _ = writeln!(diff, "+    let value_{n} = compute(token_{n}, key);");
        }
    }
    let found = scanner().scan(diff.as_bytes());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].line, &diff[found[0].span.clone()]), (77_777, &*token(1)));
}

#[test]
fn minified_source_on_one_line_is_scanned_like_any_other() {
    let mut line = String::new();
    for n in 0..40_000 {
        let _ = write!(line, "function t{n}(e,t){{return e.token===t?e.password:e.key||\"a{n}\"}}");
    }
    line.insert_str(1_000_000, &format!("var a=\"{}\";", token(2)));
    let found = scanner().scan(line.as_bytes());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].line, &line[found[0].span.clone()]), (1, &*token(2)));
}

#[test]
fn garbage_hides_nothing_and_stays_as_it_is() {
    let mut random = Random::new(9);
    let garbage: Vec<u8> = (0..1 << 20).map(|_| (random.next() >> 9) as u8).collect();
    let redactor = redactor(&KnownSecrets::default());
    let found = scanner().scan(&garbage).len();
    let mut mixed = garbage;
    let at = 500_000;
    mixed.splice(at..at, format!("\0{}\0", token(3)).into_bytes());
    assert_eq!(scanner().scan(&mixed).len(), found + 1);
    let redacted = redactor.redact_bytes(&mixed);
    assert!(redacted.windows(16).any(|window| window == b"\0<SECRET_HASH_1>" || window == b"<SECRET_HASH_1>\0"));
    assert_eq!(redacted[..at], mixed[..at]);
}

/// What a keyword costs at each place is what its rule reads there; were it more than a constant, these would not end.
#[test]
fn no_keyword_repeated_without_end_costs_more_than_its_length() {
    let scanner = scanner();
    for piece in [
        "password",
        "password=",
        "token: ",
        "eyJ-",
        "eyJ.",
        "://",
        "://a:",
        "sk-",
        "secret_",
        "machine ",
        "authorization: bearer ",
        "AccountKey=",
        "glpat-",
        "xoxb-",
        "\"auth\":\"",
        "client-key-data: ",
        "PrivateKey=",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----!",
        "Private-Lines: 1\n",
    ] {
        let text = piece.repeat((32 << 10) / piece.len());
        scanner.scan(text.as_bytes());
        let mut stream = redactor(&KnownSecrets::default()).stream();
        for chunk in text.as_bytes()[..4 << 10].chunks(7) {
            stream.push(chunk);
        }
        stream.finish();
    }
}
