//! Logs, metrics and traces.
//!
//! Logs are for people on a terminal and ECS JSON lines elsewhere, always on stderr. Metrics are OpenTelemetry
//! instruments of one meter ([`meter`]), read as Prometheus text ([`prometheus_text`]). Where
//! `OTEL_EXPORTER_OTLP_ENDPOINT` is set, a process that serves sends metrics, its spans as traces, and its logs there
//! too; unset, nothing of that is even built.
//!
//! No secret is in any of them: they pass [`redaction`](crate::redaction) on their way out.
//!
//! Start at [`init`] and [`init_exporting`].

mod collector;
mod error;
mod lines;
mod metrics;
mod otlp;
mod outage;
mod process;
mod redact;
mod start;

pub use error::TelemetryError;
pub use lines::EcsLines;
pub use metrics::{meter, prometheus_text};
pub use otlp::{Export, exporting};
pub use start::{init, init_exporting};
