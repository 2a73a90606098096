//! OpenSSH's signatures of files, as git uses them: in the namespace `git`.

use std::ffi::OsString;
use std::path::Path;

use super::{Signer, SigningError};

const NAMESPACE: &str = "git";

pub(super) async fn sign(signer: &Signer, key: &Path, payload: &[u8]) -> Result<String, SigningError> {
    if !key.is_file() {
        return Err(signer.no_key());
    }
    let mut args = ["-Y", "sign", "-n", NAMESPACE, "-f"].map(OsString::from).to_vec();
    args.push(key.into());
    let said = signer.run(args, payload).await?;
    if said.code == Some(0) {
        return Ok(String::from_utf8_lossy(&said.stdout).into_owned());
    }
    let says = |words: &str| said.stderr.contains(words);
    Err(if says("passphrase") {
        signer.locked()
    } else if says("No private key") || says("No such file") {
        signer.no_key()
    } else {
        signer.refused(&said)
    })
}

pub(super) async fn signed_by(
    signer: &Signer,
    key: &Path,
    payload: &[u8],
    signature: &Path,
) -> Result<Option<String>, SigningError> {
    let mut args = ["-Y", "check-novalidate", "-n", NAMESPACE, "-s"].map(OsString::from).to_vec();
    args.push(signature.into());
    let said = signer.run(args, payload).await?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let (Some(0), Some(by)) = (said.code, fingerprint(&text)) else { return Ok(None) };
    let said = signer.run(vec!["-l".into(), "-f".into(), key.into()], &[]).await?;
    let own = String::from_utf8_lossy(&said.stdout).into_owned();
    Ok((fingerprint(&own) == Some(by)).then(|| by.to_owned()))
}

/// `SHA256:…`, the word that both answers have: `Good "git" signature with ED25519 key SHA256:…`, `256 SHA256:… ada`.
fn fingerprint(text: &str) -> Option<&str> {
    text.split_whitespace().find(|word| word.starts_with("SHA256:"))
}
