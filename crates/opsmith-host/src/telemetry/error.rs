use opentelemetry_otlp::ExporterBuildError;
use opsmith_model::{ErrorKind, Hint};

use crate::config::{LOG_VARIABLE, OTLP_ENDPOINT_VARIABLE};

/// Telemetry that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A log filter that cannot be read.
    #[error("`{LOG_VARIABLE}` is not a log filter")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// An endpoint that nothing can be sent to.
    #[error("`{OTLP_ENDPOINT_VARIABLE}` {0}")]
    Endpoint(&'static str),
    /// The exporter does not take its other variables.
    #[error("the OTLP exporter cannot be set up")]
    Exporter(#[source] ExporterBuildError),
    /// The HTTP client does not start.
    #[error("the OTLP exporter has no HTTP client")]
    Client(#[source] reqwest::Error),
}

impl Hint for TelemetryError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Filter(_) | Self::Endpoint(_) | Self::Exporter(_) => ErrorKind::Usage,
            Self::Client(_) => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Filter(_) => Some("write a level, or targets with levels: `info,ampx=debug`".to_owned()),
            Self::Endpoint(_) => Some("write it as `http://127.0.0.1:4318`, the collector's HTTP port".to_owned()),
            Self::Exporter(_) => Some("check the variables that begin with `OTEL_EXPORTER_OTLP_`".to_owned()),
            Self::Client(_) => None,
        }
    }
}
