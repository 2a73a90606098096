use std::time::Instant;

use opsmith_host::cli::{Exit, Failure, duration};
use serde_json::json;

use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  ampx ping
  ampx ping --api-url http://localhost:9000";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {}

pub(super) async fn run(session: &Session<'_>, _: &Args) -> Result<Exit, Failure> {
    let (client, asked) = (session.server().await?, Instant::now());
    client.ping().await?;
    let took = asked.elapsed();
    if session.output.is_json() {
        session.output.json(&json!({ "url": client.url(), "took_ms": took.as_millis() }))?;
    } else {
        session.output.line(&format!("{} answers within {}", client.url(), duration(took)));
    }
    Ok(Exit::OK)
}
