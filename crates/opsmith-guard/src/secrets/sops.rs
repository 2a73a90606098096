//! One value of a SOPS file whose data key is encrypted with age; as <https://getsops.io/docs/> describes the format.
//!
//! Each value is bound to its own path by its tag, which is checked. The MAC over the whole file is not: it would tell
//! that another value is missing, which is nothing to a reader of this one.

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aead::generic_array::typenum::U32;
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, KeyInit as _};
use age::x25519::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// AES-256-GCM with the nonce of 32 bytes that SOPS takes.
type Cipher = AesGcm<Aes256, U32>;

const DATA_KEY_LEN: usize = 32;
const NONCE_LEN: usize = 32;

/// The value at `key`, which is names and positions with dots between them; `Ok(None)` where there is none.
pub(super) fn read(text: &str, key: &str, keys: &str) -> Result<Option<String>, &'static str> {
    // JSON is YAML, as SOPS writes it.
    let file: Value = serde_saphyr::from_str(text).map_err(|_| "it is no YAML or JSON file")?;
    let Some((value, path)) = find(&file, key) else { return Ok(None) };
    let sealed = match value {
        Value::String(text) => text,
        Value::Null => return Ok(None),
        Value::Bool(_) | Value::Number(_) => return Ok(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => return Err("it is more than one value"),
    };
    let Some(fields) = sealed.strip_prefix("ENC[AES256_GCM,").and_then(|rest| rest.strip_suffix(']')) else {
        return Ok(Some(sealed.clone()));
    };
    let cipher = Cipher::new_from_slice(&data_key(&file, keys)?).map_err(|_| "its data key has not 32 bytes")?;
    open(&cipher, fields, &path).map(Some)
}

/// The value and the names on the way to it, which its tag is bound to; positions in lists are not in it.
fn find<'a>(file: &'a Value, key: &str) -> Option<(&'a Value, String)> {
    let mut path = String::new();
    let mut value = file;
    for name in key.split('.') {
        value = match value {
            Value::Object(members) => {
                path.push_str(name);
                path.push(':');
                members.get(name)?
            }
            Value::Array(values) => values.get(name.parse::<usize>().ok()?)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
    }
    Some((value, path))
}

/// The key of the file's values, opened with the first of our keys that fits.
fn data_key(file: &Value, keys: &str) -> Result<Vec<u8>, &'static str> {
    let recipients = file.pointer("/sops/age").and_then(Value::as_array).ok_or("it is encrypted for no age key")?;
    let lines = keys.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let identities = lines.map(str::parse).collect::<Result<Vec<Identity>, _>>();
    let identities = identities.map_err(|_| "the file of age keys holds something else than X25519 keys")?;
    let sealed = recipients.iter().filter_map(|recipient| recipient.get("enc")?.as_str());
    let opened = sealed
        .flat_map(|sealed| identities.iter().map(move |identity| age::decrypt(identity, sealed.as_bytes())))
        .find_map(Result::ok);
    opened.filter(|key| key.len() == DATA_KEY_LEN).ok_or("none of our age keys opens it")
}

fn open(cipher: &Cipher, fields: &str, path: &str) -> Result<String, &'static str> {
    let field = |name: &str| fields.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix(':'));
    let bytes = |name| STANDARD.decode(field(name)?).ok();
    let malformed = "its value is not in the form of SOPS";
    let (mut sealed, tag) = (bytes("data").ok_or(malformed)?, bytes("tag").ok_or(malformed)?);
    let nonce = bytes("iv").filter(|nonce| nonce.len() == NONCE_LEN).ok_or(malformed)?;
    sealed.extend(tag);
    let payload = Payload { msg: &sealed, aad: path.as_bytes() };
    let plain = cipher.decrypt(GenericArray::from_slice(&nonce), payload);
    let plain = plain.map_err(|_| "its value was changed, or moved from another place")?;
    match field("type") {
        Some("str" | "int" | "float" | "bool" | "bytes") => String::from_utf8(plain).map_err(|_| "it is no text"),
        Some(_) | None => Err(malformed),
    }
}
