//! GnuPG, by its status lines: `doc/DETAILS` of its sources has them.

use std::ffi::OsString;
use std::path::Path;

use super::{Signer, SigningError};

/// Begins a status line.
pub(super) const STATUS: &str = "[GNUPG:] ";
/// `GPG_ERR_NO_PIN_ENTRY` of libgpg-error, and the bits of an error that are its code.
const NO_PIN_ENTRY: u32 = 85;
const CODE_BITS: u32 = 0xffff;

pub(super) async fn sign(signer: &Signer, id: &str, payload: &[u8]) -> Result<String, SigningError> {
    let mut args = quiet();
    args.extend(["--status-fd=2", "--armor", "--detach-sign"].map(OsString::from));
    args.push(format!("--local-user={id}").into());
    let said = signer.run(args, payload).await?;
    if said.code == Some(0) && status(&said.stderr, "SIG_CREATED").next().is_some() {
        return Ok(String::from_utf8_lossy(&said.stdout).into_owned());
    }
    let locked = status(&said.stderr, "FAILURE").any(|words| {
        let code = words.split(' ').nth(1).and_then(|code| code.parse::<u32>().ok());
        code.is_some_and(|code| code & CODE_BITS == NO_PIN_ENTRY)
    });
    Err(match status(&said.stderr, "INV_SGNR").next() {
        Some(_) => signer.no_key(),
        None if locked => signer.locked(),
        None => signer.refused(&said),
    })
}

pub(super) async fn signed_by(
    signer: &Signer,
    id: &str,
    payload: &[u8],
    signature: &Path,
) -> Result<Option<String>, SigningError> {
    let mut args = quiet();
    args.extend(["--status-fd=1", "--verify"].map(OsString::from));
    args.extend([signature.as_os_str(), "-".as_ref()].map(OsString::from));
    let said = signer.run(args, payload).await?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let valid = status(&text, "VALIDSIG").next().and_then(|words| words.split(' ').next());
    let (Some(0), Some(fingerprint)) = (said.code, valid) else { return Ok(None) };
    let known = fingerprints(signer, id).await?;
    Ok(known.iter().any(|known| known == fingerprint).then(|| fingerprint.to_owned()))
}

/// The fingerprints of the keys that `id` means, those of subkeys included.
async fn fingerprints(signer: &Signer, id: &str) -> Result<Vec<String>, SigningError> {
    let mut args = quiet();
    args.extend(["--with-colons", "--list-secret-keys", "--"].map(OsString::from));
    args.push(id.into());
    let said = signer.run(args, &[]).await?;
    let text = String::from_utf8_lossy(&said.stdout);
    let records = text.lines().filter_map(|line| line.strip_prefix("fpr:"));
    Ok(records.filter_map(|fields| fields.split(':').nth(8)).map(str::to_owned).collect())
}

/// No terminal, no window; a passphrase that the agent knows already is fine.
fn quiet() -> Vec<OsString> {
    ["--batch", "--no-tty", "--pinentry-mode=error"].map(OsString::from).to_vec()
}

/// What follows `keyword` in each of its status lines.
fn status<'t>(text: &'t str, keyword: &'static str) -> impl Iterator<Item = &'t str> {
    text.lines().filter_map(move |line| line.strip_prefix(STATUS)?.strip_prefix(keyword)?.strip_prefix(' '))
}
