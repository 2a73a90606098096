use std::fmt::Write as _;
use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use opsmith_model::Clock;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use super::TelemetryError;
use super::lines::EcsLines;
use super::metrics::SCOPE;
use super::otlp::Export;
use super::redact::Redacting;
use crate::cli::Screen;
use crate::config::{LOG_VARIABLE, process_env};

/// Crates of ours by prefix; what others log below a warning is noise until `-vvv`.
const OURS: [&str; 6] = ["opsmith", "ampx", "llm_ops", "lsqm", "openshift_agent", "pxrun"];
/// What sends telemetry must not make more of it.
const SENDERS: [&str; 3] = ["opentelemetry", "reqwest", "hyper"];
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// Starts logging at `base`, one level more for each `-v`; `OPSMITH_LOG` wins over both. A second call changes nothing.
pub fn init(base: Level, verbose: u8) -> Result<(), TelemetryError> {
    subscribe(base, verbose, &Export::none())
}

/// Like [`init`], for a process that serves: where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, it also sends its traces,
/// metrics and logs there, until [`Export::shutdown`]. Needs a running tokio runtime.
pub fn init_exporting(base: Level, verbose: u8) -> Result<Export, TelemetryError> {
    let export = Export::begin()?;
    subscribe(base, verbose, &export)?;
    Ok(export)
}

fn subscribe(base: Level, verbose: u8, export: &Export) -> Result<(), TelemetryError> {
    let usual = directives(base, verbose);
    let filter = EnvFilter::try_new(process_env(LOG_VARIABLE).as_ref().unwrap_or(&usual));
    let filter = filter.map_err(TelemetryError::Filter)?;
    let exported = usual.parse::<Targets>().unwrap_or_default();
    let exported = exported.with_targets(SENDERS.map(|name| (name, LevelFilter::OFF)));
    let screen = Screen::of_stderr();
    let terminal = std::io::stderr().is_terminal();
    let lines: Box<dyn Layer<_> + Send + Sync> = if terminal {
        let human = tracing_subscriber::fmt::layer().compact().with_target(false);
        Box::new(human.with_ansi(screen.colour).with_writer(|| Redacting(std::io::stderr())))
    } else {
        Box::new(EcsLines::new(std::io::stderr, Clock::system()))
    };
    // Spans that nobody gets still have ids, for the lines that are read by machines.
    let unsampled = || SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
    let tracer = export.traces().cloned().or_else(|| (!terminal).then(unsampled));
    let traces = tracer.map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SCOPE));
        layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_filter(exported.clone())
    });
    let logs = export.logs().map(|provider| OpenTelemetryTracingBridge::new(provider).with_filter(exported));
    let all = tracing_subscriber::registry().with(lines.with_filter(filter)).with(traces).with(logs);
    // Fails only when a subscriber is set already, which is what a second call means.
    let _ = all.try_init();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_v_is_one_level_more() {
        assert!(directives(Level::WARN, 0).starts_with("warn,opsmith=warn,"));
        assert!(directives(Level::WARN, 2).starts_with("warn,opsmith=debug,"));
        assert!(directives(Level::INFO, 9).starts_with("debug,opsmith=trace,"));
    }

    #[test]
    fn what_is_exported_never_comes_from_what_sends() {
        for base in [Level::WARN, Level::TRACE] {
            let exported = directives(base, 9).parse::<Targets>().unwrap();
            let exported = exported.with_targets(SENDERS.map(|name| (name, LevelFilter::OFF)));
            assert!(exported.would_enable("opsmith_runs::worker", &Level::INFO));
            for sender in ["opentelemetry_sdk", "hyper_util::client", "reqwest::connect"] {
                assert!(!exported.would_enable(sender, &Level::ERROR), "{sender}");
            }
        }
    }

    #[test]
    fn a_second_start_changes_nothing() {
        init(Level::WARN, 0).unwrap();
        init(Level::WARN, 3).unwrap();
    }
}
