//! What was used shows at `/metrics`.

use opsmith_llm::Client;

use crate::stub::{Gateway, messages, stream};
use crate::{anthropic, hello, options};

#[tokio::test]
async fn tokens_and_cost_are_counted_by_provider_model_and_kind() {
    let events = messages::begin(1_000, 10_000, 2_000) + &messages::text(0, &["x"]) + &messages::end("end_turn", 500);
    let gateway = Gateway::start(vec![stream(events)]).await;
    let mut provider = anthropic(&gateway);
    "of-this-test".clone_into(&mut provider.name);
    let client = Client::new(provider, options()).unwrap();
    client.complete(&hello("claude-haiku-4-5-20251001")).await.unwrap();
    client.complete(&hello("a-model-of-ours")).await.unwrap();
    let text = opsmith_host::telemetry::prometheus_text();
    let value = |name: &str, labels: &[&str]| -> Option<f64> {
        let mut lines =
            text.lines().filter(|line| line.starts_with(name) && line.contains("provider=\"of-this-test\""));
        lines.find(|line| labels.iter().all(|label| line.contains(label)))?.rsplit(' ').next()?.parse().ok()
    };
    let tokens = |model: &str, kind: &str| value("opsmith_llm_tokens_total{", &[model, kind]);
    for (kind, count) in [("input", 1_000.0), ("cache_read", 10_000.0), ("cache_write", 2_000.0), ("output", 500.0)] {
        let kind = format!("kind=\"{kind}\"");
        assert_eq!(tokens("model=\"claude-haiku-4-5\"", &kind), Some(count), "{text}");
        assert_eq!(tokens("model=\"other\"", &kind), Some(count));
    }
    // 1,000 × 1 + 10,000 × 0.1 + 2,000 × 1.25 + 500 × 5 dollars per million.
    let cost = value("llm_cost_usd_total{", &["model=\"claude-haiku-4-5\""]).unwrap();
    assert!((cost - 0.007).abs() < 1e-9, "{cost}");
    assert_eq!(value("llm_cost_usd_total{", &["model=\"other\""]), None, "unknown is not nothing");
}
