//! Where a configuration says that a secret is, and having it from there.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use opsmith_guard::secrets::{KnownSecrets, ParseSecretRefError, ResolveError, SecretRef, SecretSetting, Sources};
use opsmith_model::Hint as _;

use super::redactor;

fn sources(known: &KnownSecrets) -> Sources {
    let environment = |name: &str| (name == "API_TOKEN").then(|| "from the environment".to_owned());
    Sources::new(known.clone(), environment)
}

fn file(path: &Path) -> SecretRef {
    SecretRef::File(path.to_owned())
}

#[test]
fn a_reference_reads_back_as_it_is_written() {
    for text in [
        "env:GITHUB_TOKEN",
        "env:_x1",
        "file:/run/secrets/token",
        "vault:secret/opsmith/github#token",
        "sops:/etc/a#b.sops.yaml#github.token",
    ] {
        let reference: SecretRef = text.parse().unwrap();
        assert_eq!(reference.to_string(), text);
        let json = serde_json::to_string(&reference).unwrap();
        assert_eq!(serde_json::from_str::<SecretRef>(&json).unwrap(), reference);
    }
}

#[test]
fn what_is_no_reference_is_refused_and_not_repeated() {
    for (text, want) in [
        ("hunter2-secret", ParseSecretRefError::Scheme),
        ("https://hunter2", ParseSecretRefError::Scheme),
        ("env:", ParseSecretRefError::Env),
        ("env:hunter2 x", ParseSecretRefError::Env),
        ("env:1hunter2", ParseSecretRefError::Env),
        ("file:hunter2", ParseSecretRefError::File),
        ("vault:hunter2#x", ParseSecretRefError::Vault),
        ("vault:secret/hunter2", ParseSecretRefError::Vault),
        ("vault:secret/../sys/hunter2#x", ParseSecretRefError::Vault),
        ("vault:secret//hunter2#x", ParseSecretRefError::Vault),
        ("vault:secret/hunter2#", ParseSecretRefError::Vault),
        ("sops:hunter2#x", ParseSecretRefError::Sops),
        ("sops:/hunter2", ParseSecretRefError::Sops),
        ("sops:/hunter2#a..b", ParseSecretRefError::Sops),
    ] {
        let error = text.parse::<SecretRef>().unwrap_err();
        assert_eq!(error, want, "{text}");
        let json = serde_json::from_value::<SecretRef>(text.into()).unwrap_err().to_string();
        assert!(!format!("{error} {error:?} {json}").contains("hunter2"), "{json}");
    }
}

#[tokio::test]
async fn a_setting_is_a_reference_or_the_secret_itself_and_shows_neither_secret() {
    let known = KnownSecrets::default();
    let setting = |text: &str| serde_json::from_value::<SecretSetting>(text.into());
    let literal = setting("hunter2:hunter2").unwrap();
    assert!(!format!("{literal:?}").contains("hunter2"));
    assert_eq!(sources(&known).take(&literal).await.unwrap().expose(), "hunter2:hunter2");
    assert_eq!(setting("env:API_TOKEN").unwrap(), SecretSetting::Ref(SecretRef::Env("API_TOKEN".into())));
    assert!(setting("env:not a name").is_err(), "a slip is not taken for a secret");
    assert_eq!(redactor(&known).redact("it is hunter2:hunter2"), "it is <SECRET_HASH_1>");
}

#[tokio::test]
async fn what_is_had_is_known_from_then_on() {
    let known = KnownSecrets::default();
    let sources = sources(&known);
    let text = "it says from the environment";
    assert_eq!(redactor(&known).redact(text), text, "nothing is read before it is needed");
    let secret = sources.resolve(&SecretRef::Env("API_TOKEN".into())).await.unwrap();
    assert_eq!(secret.expose(), "from the environment");
    assert_eq!(redactor(&known).redact(text), "it says <SECRET_HASH_1>");
    let error = sources.resolve(&SecretRef::Env("NOT_SET".into())).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no secret at `env:NOT_SET`");
}

#[tokio::test]
async fn a_file_is_read_without_its_line_end_and_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let sources = sources(&KnownSecrets::default());
    for (content, want) in
        [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("s3cret", "s3cret"), ("a b\n\n", "a b\n")]
    {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(sources.resolve(&file(&path)).await.unwrap().expose(), want);
    }
    for content in [&b"\n"[..], b"", &[b'x'; (16 << 10) + 1], &vec![b'x'; 1 << 20], b"\xff\xfe\xfd"] {
        fs::write(&path, content).unwrap();
        let error = sources.resolve(&file(&path)).await.unwrap_err();
        assert!(matches!(error, ResolveError::Unfit { .. }), "{error}");
        assert!(error.to_string().contains("token`") && !error.to_string().contains("xx"), "{error}");
    }
    fs::write(&path, [b'x'; 16 << 10]).unwrap();
    sources.resolve(&file(&path)).await.unwrap();
}

#[tokio::test]
async fn what_is_no_file_is_refused_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let sources = sources(&KnownSecrets::default());
    for path in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
        let error = sources.resolve(&file(path)).await.unwrap_err();
        assert!(matches!(error, ResolveError::Unfit { .. }), "{error}");
    }
    let error = sources.resolve(&file(&folder.path().join("absent"))).await.unwrap_err();
    assert!(matches!(error, ResolveError::Absent { .. }), "{error}");
    let vault = SecretRef::Vault { path: "secret/a".into(), field: "b".into() };
    let error = sources.resolve(&vault).await.unwrap_err();
    assert!(matches!(error, ResolveError::NoVault { .. }) && error.hint().is_some(), "{error}");
}
