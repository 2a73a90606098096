//! Logs: for people on a terminal, ECS JSON lines elsewhere, always on stderr.

use std::fmt::{self, Write as _};
use std::io::{IsTerminal as _, Write as _};

use opsmith_model::{Clock, ErrorKind, Hint};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use crate::cli::Screen;
use crate::config::{LOG_VARIABLE, process_env};

const ECS_VERSION: &str = "1.12.0";
/// Crates of ours by prefix; what others log below a warning is noise until `-vvv`.
const OURS: [&str; 6] = ["opsmith", "ampx", "llm_ops", "lsqm", "openshift_agent", "pxrun"];
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// A log filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{LOG_VARIABLE}` is not a log filter")]
pub struct FilterError(#[source] tracing_subscriber::filter::ParseError);

impl Hint for FilterError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Usage
    }

    fn hint(&self) -> Option<String> {
        Some("write a level, or targets with levels: `info,ampx=debug`".to_owned())
    }
}

/// Starts logging at `base`, one level more for each `-v`; `OPSMITH_LOG` wins over both. A second call changes nothing.
pub fn init(base: Level, verbose: u8) -> Result<(), FilterError> {
    let filter = match process_env(LOG_VARIABLE) {
        Some(directives) => EnvFilter::try_new(directives),
        None => EnvFilter::try_new(directives(base, verbose)),
    }
    .map_err(FilterError)?;
    let screen = Screen::of_stderr();
    let lines: Box<dyn Layer<_> + Send + Sync> = if std::io::stderr().is_terminal() {
        let human = tracing_subscriber::fmt::layer().compact().with_target(false);
        Box::new(human.with_ansi(screen.colour).with_writer(std::io::stderr))
    } else {
        Box::new(EcsLines::new(std::io::stderr, Clock::system()))
    };
    // Fails only when a subscriber is set already, which is what a second call means.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Ok(())
}

fn directives(base: Level, verbose: u8) -> String {
    let base = LEVELS.iter().position(|name| name.eq_ignore_ascii_case(base.as_str())).unwrap_or(1);
    let level = LEVELS[(base + usize::from(verbose)).min(LEVELS.len() - 1)];
    let others = if level == "trace" { "debug" } else { "warn" };
    let all = OURS.iter().fold(others.to_owned(), |mut all, name| {
        let _ = write!(all, ",{name}={level}");
        all
    });
    // A command that a person interrupts says so itself; the journal calls each interruption an error.
    if level == "warn" { format!("{all},durare=off") } else { all }
}

/// Writes each event as one JSON line of the Elastic Common Schema, with the fields of the spans around it.
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
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(SpanFields(fields)) = span.extensions().get() {
                line.extend(fields.clone());
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        line.extend(fields.0);
        let mut bytes = Value::Object(line).to_string().into_bytes();
        bytes.push(b'\n');
        // A log line that cannot be written has nowhere to be reported.
        let _ = self.writer.make_writer().write_all(&bytes);
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
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
            let span = tracing::info_span!("run", run.id = "01X", task.id = tracing::field::Empty);
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
                "log.logger": "opsmith_host::telemetry::tests",
                "message": "a \"quoted\"\nmessage",
                "ecs.version": "1.12.0",
                "run.id": "01X",
                "task.id": 7,
                "http.response.status_code": 503,
            })
        );
    }

    #[test]
    fn each_v_is_one_level_more() {
        assert!(directives(Level::WARN, 0).starts_with("warn,opsmith=warn,"));
        assert!(directives(Level::WARN, 2).starts_with("warn,opsmith=debug,"));
        assert!(directives(Level::INFO, 9).starts_with("debug,opsmith=trace,"));
    }

    #[test]
    fn a_second_start_changes_nothing() {
        init(Level::WARN, 0).unwrap();
        init(Level::WARN, 3).unwrap();
    }
}
