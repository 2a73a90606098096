use opsmith_model::{Digest, Secret, TokenId};
use subtle::ConstantTimeEq as _;

/// What every token begins with, so that people and scanners know one when they see it.
const PREFIX: &str = "ops_";
const SECRET_BYTES: usize = 32;

/// A token's whole text: the one moment at which it is known.
pub(super) fn mint(id: TokenId) -> Result<Secret, getrandom::Error> {
    let mut secret = [0_u8; SECRET_BYTES];
    getrandom::fill(&mut secret)?;
    Ok(Secret::new(format!("{PREFIX}{}_{}", id.to_string().to_lowercase(), hex::encode(secret))))
}

/// The id in a text that has the form of a token.
pub(super) fn id_of(text: &str) -> Option<TokenId> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (secret.len() == 2 * SECRET_BYTES && secret.bytes().all(hex)).then(|| id.parse().ok())?
}

/// What is kept of a token. The secret has 256 random bits, so nobody finds it by trying texts, however fast the hash:
/// a slow one, as for passwords, would only make each request dear.
pub(super) fn hash(text: &str) -> String {
    Digest::of_bytes(text.as_bytes()).as_str().to_owned()
}

/// Whether `text` has that hash, in a time that does not tell how much of it fits.
pub(super) fn fits(text: &str, kept: &str) -> bool {
    hash(text).as_bytes().ct_eq(kept.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_text_is_read_back_and_fits_its_own_hash_alone() {
        let id = TokenId::new(DateTime::UNIX_EPOCH);
        let (one, two) = (mint(id).unwrap(), mint(id).unwrap());
        assert_ne!(one, two);
        assert_eq!(id_of(one.expose()), Some(id));
        assert!(fits(one.expose(), &hash(one.expose())) && !fits(two.expose(), &hash(one.expose())));
        assert!(!hash(one.expose()).contains(one.expose().rsplit('_').next().unwrap()));
        let whole = one.expose();
        for wrong in [
            "",
            "ops_",
            "ops__",
            &whole[1..],
            &whole[..whole.len() - 1],
            &format!("{whole}0"),
            &whole.replace("ops_", "ops-"),
            &format!("ops_{}", "é".repeat(50)),
            &format!("ops_zz_{}", "a".repeat(64)),
            &whole.to_uppercase(),
        ] {
            assert_eq!(id_of(wrong), None, "{wrong}");
        }
    }
}
