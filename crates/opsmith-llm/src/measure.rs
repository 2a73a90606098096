use std::sync::LazyLock;

use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};

use crate::{Usage, Usd};

/// Made with the first answer: by then the process has its metrics, or has none.
static TOKENS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("opsmith")
        .u64_counter("opsmith.llm.tokens")
        .with_description("Tokens that models read and wrote, as far as providers told.")
        .build()
});

static COST: LazyLock<Counter<f64>> = LazyLock::new(|| {
    global::meter("opsmith")
        .f64_counter("llm.cost.usd")
        .with_description("What models cost in US dollars, as far as prices are known.")
        .build()
});

/// Makes the numbers known before the first answer: call it where the process has its metrics.
pub fn begin_measuring() {
    for kind in ["input", "cache_read", "cache_write", "output"] {
        let labels = [("provider", "none"), ("model", "other"), ("kind", kind)];
        TOKENS.add(0, &labels.map(|(key, value)| KeyValue::new(key, value)));
    }
    COST.add(0.0, &[KeyValue::new("provider", "none"), KeyValue::new("model", "other")]);
}

/// Takes note of an answer of a provider. `model` is a name of the price table, or `other`: so labels do not grow in
/// number.
pub(crate) fn answered(provider: &str, model: &str, usage: &Usage, cost: Option<Usd>) {
    let labels = [KeyValue::new("provider", provider.to_owned()), KeyValue::new("model", model.to_owned())];
    for (kind, tokens) in [
        ("input", usage.input),
        ("cache_read", usage.cache_read),
        ("cache_write", usage.cache_write),
        ("output", usage.output),
    ] {
        if let Some(tokens) = tokens {
            let [provider, model] = labels.clone();
            TOKENS.add(tokens, &[provider, model, KeyValue::new("kind", kind)]);
        }
    }
    if let Some(cost) = cost {
        COST.add(cost.as_f64(), &labels);
    }
}
