//! The gateway against a server that speaks both wires, and speaks them badly when told to.
#![allow(clippy::unwrap_used)]

mod budgets;
mod caching;
mod cassettes;
mod faults;
mod metrics;
mod prompts;
mod redaction;
mod structured;
mod stub;
mod timing;
mod wires;

use std::time::Duration;

use opsmith_llm::{ClientOptions, PriceTable, Provider, Request, Retries};
use opsmith_model::{Clock, Secret};
use stub::Gateway;

/// What must never be seen but in one header.
const KEY: &str = "sk-test-9f3a77c1d2";
const OPUS: &str = "claude-opus-5-5";
const GPT: &str = "gpt-4.1";

/// Quick retries.
fn options() -> ClientOptions {
    // Counts of every test go to the one meter that a process has.
    let _ = opsmith_host::telemetry::meter();
    ClientOptions {
        retries: Retries {
            attempts: 4,
            base: Duration::from_millis(1),
            longest: Duration::from_millis(4),
            ..Retries::default()
        },
        ..ClientOptions::new(PriceTable::shipped().unwrap(), Clock::system())
    }
}

fn anthropic(gateway: &Gateway) -> Provider {
    Provider { base_url: gateway.url(), ..Provider::anthropic(Secret::new(KEY)) }
}

fn openai(gateway: &Gateway) -> Provider {
    Provider { base_url: format!("{}/v1", gateway.url()), ..Provider::openai(Secret::new(KEY)) }
}

fn hello(model: &str) -> Request {
    Request::new(model, "Hello", 1000)
}
