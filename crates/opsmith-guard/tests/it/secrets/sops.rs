//! Values of SOPS files, sealed here as SOPS seals them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aead::generic_array::typenum::U32;
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, KeyInit as _};
use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opsmith_guard::secrets::{KnownSecrets, ResolveError, SecretRef, Sources};
use serde_json::{Value, json};

const DATA_KEY: [u8; 32] = [7; 32];

struct Desk {
    folder: tempfile::TempDir,
    identity: Identity,
    known: KnownSecrets,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
            identity: Identity::generate(),
            known: KnownSecrets::default(),
        };
        let other = Identity::generate();
        let keys = [&other, &desk.identity].map(|key| key.to_string().expose_secret().to_owned());
        desk.write("keys.txt", &format!("# created: today\n{}\n\n{}\n", keys[0], keys[1]));
        desk
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn metadata(&self) -> Value {
        let sealed = age::encrypt_and_armor(&self.identity.to_public(), &DATA_KEY).unwrap();
        let enc = age::encrypt_and_armor(&Identity::generate().to_public(), &DATA_KEY).unwrap();
        json!({ "age": [{ "recipient": "age1x", "enc": enc }, { "recipient": "age1y", "enc": sealed }], "version": "3.9.0" })
    }

    async fn had(&self, path: &Path, key: &str) -> Result<String, ResolveError> {
        let keys = self.folder.path().join("keys.txt");
        let sources = Sources::new(self.known.clone(), |_| None).with_sops_keys(keys);
        let reference = SecretRef::Sops { path: path.to_owned(), key: key.to_owned() };
        sources.resolve(&reference).await.map(|secret| secret.expose().to_owned())
    }
}

fn seal(plain: &str, path: &str, kind: &str) -> String {
    let nonce = [9; 32];
    let cipher = AesGcm::<Aes256, U32>::new_from_slice(&DATA_KEY).unwrap();
    let payload = Payload { msg: plain.as_bytes(), aad: path.as_bytes() };
    let sealed = cipher.encrypt(GenericArray::from_slice(&nonce), payload).unwrap();
    let (data, tag) = sealed.split_at(sealed.len() - 16);
    let [data, iv, tag] = [data, &nonce, tag].map(|bytes| STANDARD.encode(bytes));
    format!("ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{kind}]")
}

#[tokio::test]
async fn a_value_of_yaml_and_json_is_opened_with_the_key_that_fits() {
    let desk = Desk::new();
    let content = json!({
        "github": { "token": seal("the token", "github:token:", "str"), "plain_unencrypted": "plain" },
        "list": [seal("first", "list:", "str"), seal("42", "list:", "int")],
        "sops": desk.metadata(),
    });
    let yaml = format!(
        "github:\n    token: {}\nlist:\n    - {}\nsops: {}\n",
        content["github"]["token"].as_str().unwrap(),
        content["list"][0].as_str().unwrap(),
        content["sops"]
    );
    let (json, yaml) = (desk.write("a.json", &content.to_string()), desk.write("a.yaml", &yaml));
    for path in [&json, &yaml] {
        assert_eq!(desk.had(path, "github.token").await.unwrap(), "the token");
        assert_eq!(desk.had(path, "list.0").await.unwrap(), "first");
    }
    assert_eq!(desk.had(&json, "list.1").await.unwrap(), "42");
    assert_eq!(desk.had(&json, "github.plain_unencrypted").await.unwrap(), "plain");
    for absent in ["github.other", "list.2", "list.x", "github.token.deeper"] {
        let error = desk.had(&json, absent).await.unwrap_err();
        assert!(matches!(error, ResolveError::Absent { .. }), "{absent}: {error}");
    }
    assert_eq!(super::redactor(&desk.known).redact("it is the token"), "it is <SECRET_HASH_1>");
}

#[tokio::test]
async fn what_was_changed_moved_or_is_for_others_is_refused() {
    let desk = Desk::new();
    let token = seal("hunter2 is it", "github:token:", "str");
    let file =
        |github: Value, sops: Value| desk.write("a.json", &json!({ "github": github, "sops": sops }).to_string());
    for (github, sops, word) in [
        (json!({ "other": token, "token": seal("x", "other:token:", "str") }), desk.metadata(), "moved"),
        (json!({ "token": token.replace("data:", "data:AAAA") }), desk.metadata(), "changed"),
        (json!({ "token": token.replace("type:str", "type:comment") }), desk.metadata(), "form"),
        (json!({ "token": "ENC[AES256_GCM,data:x]" }), desk.metadata(), "form"),
        (json!({ "token": { "a": 1 } }), desk.metadata(), "more than one"),
        (json!({ "token": token }), json!({ "age": [] }), "none of our"),
        (json!({ "token": token }), json!({ "pgp": [] }), "no age key"),
    ] {
        let error = desk.had(&file(github, sops), "github.token").await.unwrap_err();
        assert!(error.to_string().contains(word) && !error.to_string().contains("hunter2"), "{error}");
    }
    let path = desk.write("b.yaml", "a: [");
    assert!(desk.had(&path, "a").await.unwrap_err().to_string().contains("no YAML"));
    desk.write("keys.txt", "hunter2\n");
    let error = desk.had(&file(json!({ "token": token }), desk.metadata()), "github.token").await.unwrap_err();
    assert!(error.to_string().contains("X25519") && !error.to_string().contains("hunter2"), "{error}");
    let sources = Sources::new(KnownSecrets::default(), |_| None);
    let error = sources.resolve(&"sops:/a#b".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, ResolveError::NoSopsKeys { .. }), "{error}");
}
