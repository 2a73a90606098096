//! Requests in numbers.

use std::sync::OnceLock;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, UpDownCounter};

use crate::telemetry::meter;

/// What no route answers, under one label: paths are the client's to invent.
const UNMATCHED: &str = "unmatched";
const BOUNDARIES_S: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

struct Instruments {
    requests: Counter<u64>,
    duration: Histogram<f64>,
    in_flight: UpDownCounter<i64>,
}

fn instruments() -> &'static Instruments {
    static INSTRUMENTS: OnceLock<Instruments> = OnceLock::new();
    INSTRUMENTS.get_or_init(|| {
        let meter = meter();
        let requests = meter.u64_counter("http.requests").with_description("Requests answered.");
        let duration = meter.f64_histogram("http.request.duration").with_unit("s");
        let duration = duration.with_description("Time until an answer began, in seconds.");
        let in_flight = meter.i64_up_down_counter("http.requests.in_flight");
        Instruments {
            requests: requests.build(),
            duration: duration.with_boundaries(BOUNDARIES_S.to_vec()).build(),
            in_flight: in_flight.with_description("Requests whose answer has not begun.").build(),
        }
    })
}

/// Lets go also when the client does, before there is an answer.
struct InFlight(&'static Instruments);

impl InFlight {
    fn begin(instruments: &'static Instruments) -> Self {
        instruments.in_flight.add(1, &[]);
        Self(instruments)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.add(-1, &[]);
    }
}

/// Counts the request by method, route template and status, and times it.
pub(super) async fn measure(request: Request, next: Next) -> Response {
    let instruments = instruments();
    let method = KeyValue::new("method", method_label(request.method()));
    let route = KeyValue::new("route", route(&request).to_owned());
    let started = tokio::time::Instant::now();
    let in_flight = InFlight::begin(instruments);
    let response = next.run(request).await;
    drop(in_flight);
    let status = KeyValue::new("status", i64::from(response.status().as_u16()));
    instruments.duration.record(started.elapsed().as_secs_f64(), &[method.clone(), route.clone()]);
    instruments.requests.add(1, &[method, route, status]);
    response
}

/// The template of the route that answers, such as `/api/v1/tasks/{id}`.
pub(super) fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or(UNMATCHED, MatchedPath::as_str)
}

/// Methods too are the client's to invent.
fn method_label(method: &Method) -> &'static str {
    let known = [
        (Method::GET, "GET"),
        (Method::HEAD, "HEAD"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::PATCH, "PATCH"),
        (Method::DELETE, "DELETE"),
        (Method::OPTIONS, "OPTIONS"),
    ];
    known.into_iter().find_map(|(known, label)| (*method == known).then_some(label)).unwrap_or("other")
}
