use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::Duration;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::shapes;
use super::state::{Grant, State};

/// The longest that GitHub takes an App's own token for.
const LONGEST_JWT_S: i64 = 600;

/// What a GitHub App is to its owner.
#[derive(Clone, Debug)]
pub struct AppIdentity {
    /// Its id.
    pub app_id: String,
    /// Its private key in PEM form.
    pub private_key: String,
}

#[derive(Debug)]
pub(super) struct App {
    app_id: String,
    /// RSAPublicKey in DER (RFC 8017).
    public_key: Vec<u8>,
}

impl App {
    pub(super) fn generate(app_id: &str) -> (Self, AppIdentity) {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der: Pkcs8V1Der<'static> = key.as_der().expect("a key has a form");
        let text = BASE64_STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        let kind = "PRIVATE KEY";
        let private_key = format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"));
        let public_key = key.public_key().as_ref().to_vec();
        (Self { app_id: app_id.to_owned(), public_key }, AppIdentity { app_id: app_id.to_owned(), private_key })
    }

    /// Why a JWT is not taken; `now_s` is GitHub's clock.
    pub(super) fn refusal(&self, jwt: &str, now_s: i64) -> Option<&'static str> {
        let mut validation = Validation::new(Algorithm::RS256);
        // The times are judged by the clock of the test.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_rsa_der(&self.public_key);
        let Ok(decoded) = decode::<Value>(jwt, &key, &validation) else {
            return Some("A JSON web token could not be decoded");
        };
        let claim = |name: &str| decoded.claims[name].as_i64().unwrap_or_default();
        let (issued, expires) = (claim("iat"), claim("exp"));
        if decoded.claims["iss"].as_str() != Some(&self.app_id) {
            return Some("'Issuer' claim ('iss') must be the App's id");
        }
        if expires <= now_s {
            return Some("'Expiration time' claim ('exp') must be a numeric value representing the future time");
        }
        if expires > now_s + LONGEST_JWT_S {
            return Some("'Expiration time' claim ('exp') is too far in the future");
        }
        (issued > now_s).then_some("'Issued at' claim ('iat') must be an Integer representing the time it was issued")
    }
}

pub(super) fn installation(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let repository = asked.repository(state)?;
    let (id, owner) = (repository.id + 500_000, repository.owner.clone());
    let app_id: u64 = state.app.as_ref().and_then(|app| app.app_id.parse().ok()).unwrap_or(1);
    Ok(Answer::ok(json!({
        "id": id,
        "app_id": app_id,
        "app_slug": "opsmith",
        "target_id": 1,
        "target_type": "Organization",
        "single_file_name": null,
        "repository_selection": "all",
        "access_tokens_url": format!("{}/app/installations/{id}/access_tokens", state.api),
        "html_url": format!("{}/settings/installations/{id}", state.api),
        "repositories_url": format!("{}/installation/repositories", state.api),
        "events": ["push"],
        "account": shapes::user(state, &owner),
        "permissions": { "contents": "write", "metadata": "read" },
        "created_at": shapes::time(state.now()),
        "updated_at": shapes::time(state.now()),
        "suspended_by": state.suspended.then(|| shapes::user(state, &owner)),
        "suspended_at": state.suspended.then(|| shapes::time(state.now())),
    })))
}

/// The refusal of an installation that its owner has suspended.
pub(super) fn suspended() -> Answer {
    let page = "https://docs.github.com/rest/reference/apps#create-an-installation-access-token-for-an-app";
    Answer::refuse_with(403, "This installation has been suspended", page)
}

pub(super) fn access_token(state: &mut State, _: &Asked) -> Result<Answer, Answer> {
    if state.suspended {
        return Err(suspended());
    }
    let token = format!("installation-token-{}", state.next_id());
    let ends_at = state.now() + Duration::hours(1);
    state.tokens.insert(token.clone(), Grant { login: "opsmith[bot]".to_owned(), ends_at: Some(ends_at) });
    Ok(Answer::created(json!({ "token": token, "expires_at": shapes::time(ends_at) })))
}
