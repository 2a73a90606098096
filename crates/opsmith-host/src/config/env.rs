use std::ffi::OsString;

/// Names the configuration file.
pub const CONFIG_VARIABLE: &str = "OPSMITH_CONFIG";
/// Holds the log filter, such as `info,ampx=debug`; wins over `-v`.
pub const LOG_VARIABLE: &str = "OPSMITH_LOG";
/// Names the collector that traces, metrics and logs are sent to, `http://HOST:PORT` (OTLP over HTTP).
///
/// The exporter's library reads its companions itself: `OTEL_EXPORTER_OTLP_HEADERS` (`name=value,…`, for the collector's
/// credentials), `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_METRIC_EXPORT_INTERVAL`.
pub const OTLP_ENDPOINT_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Names this service to the collector; else it is `opsmith`.
pub const SERVICE_NAME_VARIABLE: &str = "OTEL_SERVICE_NAME";
/// Turns colour off when set to anything (no-color.org).
pub const NO_COLOR_VARIABLE: &str = "NO_COLOR";
/// Names the terminal; `dumb` means neither colour nor spinner.
pub const TERM_VARIABLE: &str = "TERM";
pub(super) const HOME_VARIABLE: &str = "HOME";
pub(super) const CONFIG_HOME_VARIABLE: &str = "XDG_CONFIG_HOME";
pub(super) const DATA_HOME_VARIABLE: &str = "XDG_DATA_HOME";

/// Reads one variable of this process; an empty one counts as unset.
///
/// Only this and [`process_environment`] touch the environment. Bytes that are not UTF-8 become U+FFFD, so a check further on names them.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

/// The whole environment, for those who pick from it by an allow-list of their own: git and the sandbox.
pub fn process_environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}
