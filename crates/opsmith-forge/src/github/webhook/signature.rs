use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use opsmith_model::{Clock, Secret};
use sha2::Sha256;

use super::{Changed, Deliveries, WebhookError};

/// The most that GitHub sends: https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
pub const MAX_BODY_BYTES: usize = 25 * 1024 * 1024;

/// The headers of a delivery that matter.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryHeaders<'a> {
    /// `X-GitHub-Event`.
    pub event: Option<&'a str>,
    /// `X-GitHub-Delivery`.
    pub delivery: Option<&'a str>,
    /// `X-Hub-Signature-256`.
    pub signature: Option<&'a str>,
}

/// The receiver of one webhook secret's deliveries.
pub struct Webhooks {
    secret: Secret,
    clock: Clock,
    deliveries: Deliveries,
}

impl Webhooks {
    /// A receiver that has taken nothing so far.
    pub fn new(secret: Secret, clock: Clock) -> Self {
        Self { secret, clock, deliveries: Deliveries::default() }
    }

    /// Takes a delivery once: what changed by it, or `None` where it is nothing that anybody waits for.
    pub fn take(&self, headers: DeliveryHeaders<'_>, body: &[u8]) -> Result<Option<Changed>, WebhookError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(WebhookError::TooLarge { limit_mib: MAX_BODY_BYTES >> 20 });
        }
        let signature = headers.signature.ok_or(WebhookError::MissingHeader("x-hub-signature-256"))?;
        let event = headers.event.ok_or(WebhookError::MissingHeader("x-github-event"))?;
        let id = headers.delivery.ok_or(WebhookError::MissingHeader("x-github-delivery"))?;
        let digest = self.verify(signature, body)?;
        // The id is not signed: the same body under another id is the same delivery.
        if !self.deliveries.is_new(id, &digest, self.clock.now()) {
            return Err(WebhookError::Replayed { id: id.chars().filter(|c| !c.is_control()).take(64).collect() });
        }
        Changed::read(event, body).map_err(|source| WebhookError::Garbled {
            event: event.chars().filter(|c| !c.is_control()).take(64).collect(),
            source,
        })
    }

    /// Compares in a time that does not tell how much is right.
    fn verify(&self, signature: &str, body: &[u8]) -> Result<[u8; 32], WebhookError> {
        let given = signature.strip_prefix("sha256=").ok_or(WebhookError::BadSignature)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(given, &mut digest).map_err(|_| WebhookError::BadSignature)?;
        // Anybody can sign with no secret.
        if self.secret.expose().is_empty() {
            return Err(WebhookError::BadSignature);
        }
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes()).map_err(|_| WebhookError::BadSignature)?;
        mac.update(body);
        mac.verify_slice(&digest).map_err(|_| WebhookError::BadSignature)?;
        Ok(digest)
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").finish_non_exhaustive()
    }
}
