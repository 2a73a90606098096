use std::sync::OnceLock;

use opentelemetry::global;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

use super::process;

/// The name of our spans' and metrics' scope.
pub(super) const SCOPE: &str = "opsmith";

/// Every metric of this process. There is one, since what is counted is the process's.
static METRICS: OnceLock<Metrics> = OnceLock::new();

struct Metrics {
    registry: Registry,
    provider: SdkMeterProvider,
}

/// Has every instrument made from now on read as Prometheus text and, given an exporter, sent by it each minute.
///
/// What was installed first stays.
pub(super) fn install(resource: Resource, exporter: Option<MetricExporter>) -> SdkMeterProvider {
    METRICS.get_or_init(|| build(resource, exporter)).provider.clone()
}

fn build(resource: Resource, exporter: Option<MetricExporter>) -> Metrics {
    let registry = Registry::new();
    let mut builder = SdkMeterProvider::builder().with_resource(resource);
    let text = opentelemetry_prometheus::exporter().with_registry(registry.clone());
    match text.without_target_info().scope_info_enabled(false).build() {
        Ok(reader) => builder = builder.with_reader(reader),
        Err(error) => tracing::error!(error.message = %error, "metrics cannot be read as text"),
    }
    if let Some(exporter) = exporter {
        builder = builder.with_periodic_exporter(exporter);
    }
    let provider = builder.build();
    // For the crates that know OpenTelemetry's interface and not us.
    global::set_meter_provider(provider.clone());
    process::observe(&provider.meter(SCOPE));
    Metrics { registry, provider }
}

fn metrics() -> &'static Metrics {
    METRICS.get_or_init(|| build(Resource::builder_empty().build(), None))
}

/// What makes the instruments of this process.
pub fn meter() -> Meter {
    metrics().provider.meter(SCOPE)
}

/// Every metric of this process in Prometheus' text format 0.0.4.
pub fn prometheus_text() -> String {
    let text = TextEncoder::new().encode_to_string(&metrics().registry.gather());
    text.unwrap_or_else(|error| {
        tracing::error!(error.message = %error, "metrics cannot be written as text");
        String::new()
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;

    use super::*;

    #[test]
    fn names_and_units_are_those_of_prometheus() {
        let meter = meter();
        meter.u64_counter("test.done").with_description("Done.").build().add(2, &[KeyValue::new("how", "a\"b\n")]);
        meter.f64_histogram("test.wait").with_unit("s").with_boundaries(vec![1.0, 5.0]).build().record(2.0, &[]);
        meter.u64_gauge("test.there").build().record(7, &[]);
        meter.i64_up_down_counter("test.open").build().add(1, &[]);
        let text = prometheus_text();
        for line in [
            "# HELP test_done_total Done.",
            "# TYPE test_done_total counter",
            "test_done_total{how=\"a\\\"b\\n\"} 2",
            "# TYPE test_wait_seconds histogram",
            "test_wait_seconds_bucket{le=\"1\"} 0",
            "test_wait_seconds_bucket{le=\"5\"} 1",
            "test_wait_seconds_count 1",
            "test_there 7",
            "# TYPE test_open gauge",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        for name in ["process_cpu_seconds_total", "process_start_time_seconds", "process_open_fds", "process_max_fds"] {
            let value =
                text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}\n{text}"));
            assert!(value.trim().parse::<f64>().unwrap() > 0.0, "{name}{value}");
        }
        let resident = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes ")).unwrap();
        assert!(resident.parse::<u64>().unwrap() > 1 << 20, "{resident}");
    }
}
