//! What looks like a secret and is none.

use super::scanner;

#[test]
fn near_misses_are_left_alone() {
    let scanner = scanner();
    let clean = |text: &str| {
        let found = scanner.scan(text.as_bytes());
        assert!(found.is_empty(), "{text}: {found:?}");
    };
    for text in [
        // Too short, too long, or of the wrong characters.
        &format!("ghp_{}", "aB3".repeat(10)),
        &format!("AKIA{}", "Q7RZ".repeat(5)),
        &format!("x AKIA{} y", "q7rz".repeat(4)),
        &format!("npm_{}", "aB3xK9".repeat(7)),
        // Placeholders.
        &format!("ghp_{}", "x".repeat(36)),
        "AKIAIOSFODNN7EXAMPLE",
        "password = \"changeme123\"",
        "password: ${DB_PASSWORD_2}",
        "api_key = \"your_api_key_1234\"",
        "token = \"<SECRET_HASH_12>\"",
        "token: ${{ secrets.GITHUB_TOKEN }}",
        "TOKEN=$(cat /run/token1)",
        "password = os.environ[\"DB_PASSWORD_1\"]",
        "apiKey: process.env.API_KEY_1,",
        "postgres://user:$PASSWORD@host/db",
        "postgres://user:<password>@host/db",
        // Words about secrets.
        "the token expired at 2026-11-21T12:00:00Z",
        "password must have 8 characters or more, and a digit such as 1",
        "let tokenizer = \"cl100k_base\";",
        "secret_name: \"prod-db\"",
        "fn token(&self) -> Option<&str> { self.token.as_deref() }",
        "password_file = \"/run/secrets/db\"",
        "a PEM file begins with -----BEGIN PRIVATE KEY----- and then has its base64, line by line, up to the end",
        "-----BEGIN PRIVATE KEY-----\nMIIE...\n-----END PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMIIDdzCCAl+gAwIBAgIEAgAAuTAN\n-----END PUBLIC KEY-----",
        // Digests and ids.
        "checksum = \"16a1cfa75cc186dd73d5818e510e042e40927bccc9c236b061cea97e1eb08029\"",
        "\"integrity\": \"sha512-GWlXN4wiz0vdWWXqU71Dvc1q3aBo0HytqwAZnXF1wOwjqNnDWA1vZ1gMMFlMqohlMtv4fuDqvBeNpF==\"",
        "commit 5ec336cf27c2b17bd3b8e3b0f2ae3a0d5b1c5d10",
        "id: 01890a5d-ac96-774b-bcce-b302099a8057",
        "https://example.com:8080/a@b",
        "see https://docs.example.com/a:b/c and mail ada@example.com",
        "task-0123456789abcdef0123456789abcdef0123456789abcdef",
    ] {
        clean(text);
    }
}

#[test]
fn an_honest_diff_of_this_project_is_clean() {
    let scanner = scanner();
    for text in
        [include_str!("../gate.rs"), include_str!("../../../src/policy.rs"), include_str!("../../../Cargo.toml")]
    {
        let diff: String = text.lines().map(|line| format!("+{line}\n")).collect();
        assert_eq!(scanner.scan(diff.as_bytes()), []);
    }
}
