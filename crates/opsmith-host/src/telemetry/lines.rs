use std::fmt;
use std::io::Write as _;

use opentelemetry::Context as TraceContext;
use opentelemetry::trace::TraceContextExt as _;
use opsmith_model::Clock;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::redaction::redact_json;

const ECS_VERSION: &str = "1.12.0";
/// Fields that only steer how a span is exported.
const STEERING: &str = "otel.";

/// Writes each event as one JSON line of the Elastic Common Schema, with the fields of the spans around it and the ids of
/// the trace it belongs to.
#[derive(Debug)]
pub struct EcsLines<W> {
    writer: W,
    clock: Clock,
}

impl<W: for<'a> MakeWriter<'a>> EcsLines<W> {
    /// Lines to `writer`, with times from `clock`.
    pub fn new(writer: W, clock: Clock) -> Self {
        Self { writer, clock }
    }
}

struct SpanFields(Map<String, Value>);

impl<S, W> Layer<S> for EcsLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields.0));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(span) = context.span(id)
            && let Some(SpanFields(have)) = span.extensions_mut().get_mut()
        {
            have.extend(fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        let now = self.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        line.insert("@timestamp".into(), now.into());
        line.insert("log.level".into(), event.metadata().level().as_str().to_ascii_lowercase().into());
        line.insert("message".into(), "".into());
        line.insert("ecs.version".into(), ECS_VERSION.into());
        line.insert("log.logger".into(), event.metadata().target().into());
        TraceContext::map_current(|current| {
            let span = current.span();
            if span.span_context().is_valid() {
                line.insert("trace.id".into(), span.span_context().trace_id().to_string().into());
                line.insert("span.id".into(), span.span_context().span_id().to_string().into());
            }
        });
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(SpanFields(fields)) = span.extensions().get() {
                line.extend(fields.clone());
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        line.extend(fields.0);
        let mut line = Value::Object(line);
        redact_json(&mut line);
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        // A log line that cannot be written has nowhere to be reported.
        let _ = self.writer.make_writer().write_all(&bytes);
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        if !field.name().starts_with(STEERING) {
            self.0.insert(field.name().to_owned(), value.into());
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use chrono::DateTime;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_ecs_json_with_the_fields_of_its_spans() {
        let lines = Lines::default();
        let writer = lines.clone();
        let (clock, _) = Clock::manual(DateTime::from_timestamp(0, 0).unwrap());
        let layer = EcsLines::new(move || writer.clone(), clock);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span =
                tracing::info_span!("run", run.id = "01X", otel.name = "run 01X", task.id = tracing::field::Empty);
            let _in = span.enter();
            span.record("task.id", 7);
            tracing::warn!(http.response.status_code = 503_u64, "a \"quoted\"\nmessage");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1);
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            line,
            serde_json::json!({
                "@timestamp": "1970-01-01T00:00:00.000000Z",
                "log.level": "warn",
                "log.logger": "opsmith_host::telemetry::lines::tests",
                "message": "a \"quoted\"\nmessage",
                "ecs.version": "1.12.0",
                "run.id": "01X",
                "task.id": 7,
                "http.response.status_code": 503,
            })
        );
    }

    #[test]
    fn lines_of_one_trace_share_its_id_though_nothing_is_exported() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = EcsLines::new(move || writer.clone(), Clock::system());
        let tracer = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build().tracer("test");
        let traces = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer).with(traces), || {
            tracing::info!("alone");
            tracing::info_span!("outer").in_scope(|| {
                tracing::info!("one");
                tracing::info_span!("inner").in_scope(|| tracing::info!("two"));
            });
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let all: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(all[0].get("trace.id"), None);
        assert_eq!(all[1]["trace.id"].as_str().unwrap().len(), 32);
        assert_eq!(all[1]["trace.id"], all[2]["trace.id"]);
        assert_ne!(all[1]["span.id"], all[2]["span.id"]);
    }
}
