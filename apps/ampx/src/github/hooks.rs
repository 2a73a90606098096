use opsmith_forge::github::webhook::{DeliveryHeaders, WebhookError, Webhooks};

use crate::Ampx;

/// What came of a webhook's delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hooked {
    /// It is nothing that anybody waits for.
    Nothing,
    /// So many were woken.
    Woken(usize),
}

/// The receiver of GitHub's webhooks, where their secret is set.
pub type Hooks = Option<Webhooks>;

impl Ampx {
    /// Takes a delivery of GitHub's and wakes those who wait for what changed; it does nothing else. `None`: no secret
    /// is set, so nothing can be believed.
    pub fn take_hook(&self, headers: DeliveryHeaders<'_>, body: &[u8]) -> Option<Result<Hooked, WebhookError>> {
        let taken = self.hooks.as_ref()?.take(headers, body);
        Some(taken.map(|changed| match changed {
            Some(changed) => Hooked::Woken(self.wakes.tell(&changed)),
            None => Hooked::Nothing,
        }))
    }
}
