use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig,
    WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use reqwest::Url;
use tokio::runtime::Handle;
use ulid::Ulid;

use super::TelemetryError;
use super::collector::{ANSWER_LIMIT, Collector};
use super::metrics;
use crate::config::{OTLP_ENDPOINT_VARIABLE, SERVICE_NAME_VARIABLE, process_env};

const SERVICE: &str = "opsmith";
/// The longest that the end of the process waits for the collector.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

static EXPORTING: AtomicBool = AtomicBool::new(false);

/// Whether this process sends telemetry to a collector.
pub fn exporting() -> bool {
    EXPORTING.load(Ordering::Relaxed)
}

/// What this process sends to a collector, if it does.
#[derive(Debug)]
#[must_use = "what is not sent yet is lost without `shutdown`"]
pub struct Export(Option<Providers>);

#[derive(Debug)]
struct Providers {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    logs: SdkLoggerProvider,
}

impl Export {
    /// Nothing is sent.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Begins to send to where `OTEL_EXPORTER_OTLP_ENDPOINT` says, if it is set; begins to count in any case.
    pub(super) fn begin() -> Result<Self, TelemetryError> {
        let Some(endpoint) = process_env(OTLP_ENDPOINT_VARIABLE) else {
            metrics::install(Resource::builder_empty().build(), None);
            return Ok(Self::none());
        };
        let endpoint = checked(&endpoint)?;
        let collector = Collector::new(Handle::current()).map_err(TelemetryError::Client)?;
        let providers = providers(&endpoint, &Arc::new(collector)).map_err(TelemetryError::Exporter)?;
        EXPORTING.store(true, Ordering::Relaxed);
        Ok(Self(Some(providers)))
    }

    pub(super) fn traces(&self) -> Option<&SdkTracerProvider> {
        self.0.as_ref().map(|providers| &providers.traces)
    }

    pub(super) fn logs(&self) -> Option<&SdkLoggerProvider> {
        self.0.as_ref().map(|providers| &providers.logs)
    }

    /// Sends what is not sent yet, for at most two seconds, and then no more.
    pub async fn shutdown(self) {
        let Some(Providers { traces, metrics, logs }) = self.0 else { return };
        let (flushed, all_flushed) = tokio::sync::oneshot::channel();
        // Each waits for its exporter's thread, longer than we do where the collector hangs; the runtime must not wait too.
        std::thread::spawn(move || {
            std::thread::scope(|scope| {
                scope.spawn(|| traces.shutdown_with_timeout(FLUSH_LIMIT));
                scope.spawn(|| metrics.shutdown_with_timeout(FLUSH_LIMIT));
                scope.spawn(|| logs.shutdown_with_timeout(FLUSH_LIMIT));
            });
            // What failed was told when it did; nobody may be left to be told that all is over.
            let _ = flushed.send(());
        });
        let _ = tokio::time::timeout(FLUSH_LIMIT, all_flushed).await;
    }
}

/// The endpoint without a slash at its end, where it is one that can be sent to.
fn checked(endpoint: &str) -> Result<String, TelemetryError> {
    let url = Url::parse(endpoint).map_err(|_| TelemetryError::Endpoint("is not a URL"))?;
    if url.scheme() != "http" {
        return Err(TelemetryError::Endpoint("does not begin with `http://`, the one way this build sends"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(TelemetryError::Endpoint("has more than an address and a path"));
    }
    Ok(endpoint.trim_end_matches('/').to_owned())
}

fn providers(endpoint: &str, collector: &Arc<Collector>) -> Result<Providers, ExporterBuildError> {
    let name = process_env(SERVICE_NAME_VARIABLE).unwrap_or_else(|| SERVICE.to_owned());
    let resource = Resource::builder()
        .with_service_name(name)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        // Several workers have the same metrics; this tells them apart.
        .with_attribute(KeyValue::new("service.instance.id", Ulid::generate().to_string()))
        .build();
    let spans = dressed(SpanExporter::builder().with_http(), endpoint, "traces", collector).build()?;
    let numbers = dressed(MetricExporter::builder().with_http(), endpoint, "metrics", collector).build()?;
    let records = dressed(LogExporter::builder().with_http(), endpoint, "logs", collector).build()?;
    let traces = SdkTracerProvider::builder().with_resource(resource.clone()).with_batch_exporter(spans);
    let logs = SdkLoggerProvider::builder().with_resource(resource.clone()).with_batch_exporter(records);
    Ok(Providers {
        // Whoever calls may hand us its trace, and not decide whether we keep ours.
        traces: traces.with_sampler(Sampler::AlwaysOn).build(),
        metrics: metrics::install(resource, Some(numbers)),
        logs: logs.build(),
    })
}

/// The library adds what `OTEL_EXPORTER_OTLP_HEADERS` says.
fn dressed<B: WithExportConfig + WithHttpConfig>(
    builder: B,
    endpoint: &str,
    signal: &str,
    collector: &Arc<Collector>,
) -> B {
    let again = RetryPolicy::recommended().with_max_retries(2).with_initial_delay(Duration::from_millis(500));
    builder
        .with_endpoint(format!("{endpoint}/v1/{signal}"))
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(ANSWER_LIMIT)
        .with_retry_policy(again)
        .with_shared_http_client(collector.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_can_be_sent_to_is_taken() {
        assert_eq!(checked("http://127.0.0.1:4318/").unwrap(), "http://127.0.0.1:4318");
        assert_eq!(checked("http://host/otlp").unwrap(), "http://host/otlp");
        for wrong in ["127.0.0.1:4318", "https://host", "grpc://host:4317", "", "http://", "http://host/?a=b"] {
            assert!(matches!(checked(wrong), Err(TelemetryError::Endpoint(_))), "{wrong}");
        }
    }
}
