//! Webhooks: what is sent, to whom, and what they answered.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::Value;

use super::fake::sign;
use super::state::State;

/// GitHub waits no longer for an answer: https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks
const PATIENCE: Duration = Duration::from_secs(10);

/// All webhooks and what went out by them.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    hooks: Vec<Hook>,
    /// Deliveries wait for a test to send them.
    pub held: bool,
    pub deliveries: Vec<Delivery>,
    /// Made with the first webhook.
    client: Option<reqwest::Client>,
}

#[derive(Clone, Debug)]
struct Hook {
    id: u64,
    url: String,
    secret: String,
}

/// One delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id, which a redelivery keeps.
    pub id: String,
    /// The event: `push`, `check_run`, …
    pub event: String,
    /// What is sent and signed.
    pub body: Vec<u8>,
    /// The statuses that it was answered with; 0 where nobody answered.
    pub answers: Vec<u16>,
    hook: Hook,
}

impl Hooks {
    pub(super) fn add(&mut self, id: u64, url: &str, secret: &str) {
        self.client.get_or_insert_with(|| reqwest::Client::builder().no_proxy().build().expect("a client"));
        self.hooks.push(Hook { id, url: url.to_owned(), secret: secret.to_owned() });
    }

    pub(super) fn is_any(&self) -> bool {
        !self.hooks.is_empty()
    }
}

/// Makes deliveries of an event, and sends them unless they are held.
pub(super) fn tell(state: &mut State, event: &str, body: &Value) {
    let text = body.to_string().into_bytes();
    for hook in state.hooks.hooks.clone() {
        let number = state.next_id();
        let id = format!("{number:08x}-5ca1-11f1-8ab1-{:012x}", hook.id);
        let delivery =
            Delivery { id: id.clone(), event: event.to_owned(), body: text.clone(), answers: Vec::new(), hook };
        state.hooks.deliveries.push(delivery);
        if !state.hooks.held {
            let world = state.world.clone();
            state.runtime.spawn(async move { send(&world, &id).await });
        }
    }
}

/// Sends a delivery, once more if it was sent before; the status of the answer, 0 where there was none.
pub(super) async fn send(world: &Weak<Mutex<State>>, id: &str) -> u16 {
    let look = |world: &Arc<Mutex<State>>| {
        let state = world.lock().unwrap_or_else(PoisonError::into_inner);
        let found = state.hooks.deliveries.iter().find(|delivery| delivery.id == id).cloned();
        found.zip(state.hooks.client.clone())
    };
    let Some((delivery, client)) = world.upgrade().and_then(|world| look(&world)) else { return 0 };
    let request = client
        .post(&delivery.hook.url)
        .timeout(PATIENCE)
        .header("content-type", "application/json")
        .header("user-agent", "GitHub-Hookshot/0000000")
        .header("x-github-delivery", &delivery.id)
        .header("x-github-event", &delivery.event)
        .header("x-github-hook-id", delivery.hook.id.to_string())
        .header("x-github-hook-installation-target-type", "repository")
        .header("x-hub-signature-256", sign(&delivery.hook.secret, &delivery.body))
        .body(delivery.body);
    let status = request.send().await.map_or(0, |response| response.status().as_u16());
    if let Some(world) = world.upgrade() {
        let mut state = world.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sent) = state.hooks.deliveries.iter_mut().find(|delivery| delivery.id == id) {
            sent.answers.push(status);
        }
    }
    status
}
