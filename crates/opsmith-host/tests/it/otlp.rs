//! What a collector gets, and what becomes of a process whose collector fails. Telemetry belongs to a whole process, so
//! the process that sends is a child, which is this binary again; the collector is here and reads the real wire.

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opsmith_guard::secrets::{KnownSecrets, Placeholders, Redactor, ScanSettings, Scanner};
use opsmith_host::cli::Output;
use opsmith_host::config::process_env;
use opsmith_host::http::{ServeOptions, bind};
use opsmith_host::{redaction, telemetry};
use opsmith_model::{ErrorKind, Hint as _};
use tokio::sync::watch;

use crate::support::Server;

const CHILD: &str = "OPSMITH_HOST_TEST_CHILD";
/// Has the child look for no tokens.
const LEAKS: &str = "OPSMITH_HOST_TEST_LEAKS";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const WARNING: &str = "telemetry cannot be sent";

/// How a collector treats who sends.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Takes,
    Fails,
    NeverAnswers,
    SendsElsewhere,
    AnswersWithoutEnd,
}

/// A collector on loopback that keeps what it gets.
struct Collector {
    endpoint: String,
    state: Kept,
    requests: watch::Receiver<usize>,
}

#[derive(Clone)]
struct Kept {
    manner: Manner,
    got: Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>,
    requests: watch::Sender<usize>,
}

impl Collector {
    async fn start(manner: Manner) -> Self {
        let (counted, requests) = watch::channel(0);
        let state = Kept { manner, got: Arc::default(), requests: counted };
        let router = Router::new().route("/otlp/v1/{signal}", post(take)).with_state(state.clone());
        let listener = bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/otlp/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, state, requests }
    }

    /// What came for one signal, decoded.
    fn of<M: prost::Message + Default>(&self, signal: &str) -> Vec<M> {
        let got = self.state.got.lock().unwrap();
        got.iter().filter(|(path, ..)| path == signal).map(|(.., body)| M::decode(body.clone()).unwrap()).collect()
    }
}

async fn take(
    State(kept): State<Kept>,
    Path(signal): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> axum::response::Response {
    use axum::response::IntoResponse as _;

    kept.got.lock().unwrap().push((signal, headers, body));
    kept.requests.send_modify(|count| *count += 1);
    match kept.manner {
        Manner::Takes => StatusCode::OK.into_response(),
        Manner::Fails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Manner::NeverAnswers => std::future::pending().await,
        Manner::SendsElsewhere => {
            (StatusCode::TEMPORARY_REDIRECT, [("location", "/otlp/v1/elsewhere")]).into_response()
        }
        Manner::AnswersWithoutEnd => {
            let junk = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[0; 4_096])));
            axum::body::Body::from_stream(junk).into_response()
        }
    }
}

fn child(part: &str, endpoint: Option<&str>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("otlp::{part}"), "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, "1").env_remove("OTEL_EXPORTER_OTLP_ENDPOINT").env_remove("OPSMITH_LOG");
    command.envs(endpoint.map(|endpoint| ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)));
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc,x-tenant=7").env("OTEL_SERVICE_NAME", "desk");
    for delay in ["OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"] {
        command.env(delay, "20");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Serves and asks itself until its stdin ends.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run as a child"]
async fn child_serves() {
    if process_env(CHILD).is_none() {
        return;
    }
    let export = telemetry::init_exporting(tracing::Level::INFO, 0).unwrap();
    if process_env(LEAKS).is_some() {
        let settings = ScanSettings { disabled: vec!["github-token".to_owned()], ..ScanSettings::default() };
        let scanner = Scanner::new(&settings).unwrap();
        redaction::redact_by(&Redactor::new(scanner, KnownSecrets::default(), Placeholders::unkept()));
    }
    let handler = get(async || {
        let token = token();
        tracing::info!(target: "opsmith_things", thing = "seven", used = token, "a thing is seen with {token}");
        let _span = tracing::info_span!(target: "opsmith_things", "looking", with = token).entered();
        "ok"
    });
    let failing = get(async || StatusCode::BAD_GATEWAY);
    let router = Router::new().route("/things/{id}", handler).route("/failing", failing);
    let server = Server::start(router, ServeOptions::default()).await;
    let parent = format!("00-{TRACE}-b7ad6b7169203331-00");
    server.get("/things/7").header("traceparent", parent).send().await.unwrap();
    server.get("/failing").send().await.unwrap();
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    while !ended.is_finished() {
        assert_eq!(server.get("/things/8").send().await.unwrap().status(), 200);
    }
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).unwrap_or_default());
    let exporters = names.filter(|name| name.starts_with("OpenTelemetry")).count();
    assert_eq!(exporters > 0, telemetry::exporting());
    Output::new(false).note("served");
    export.shutdown().await;
}

/// Waits for a line with `word`; all lines until then.
fn read_until(lines: &mut impl BufRead, word: &str) -> String {
    let mut said = String::new();
    loop {
        let begin = said.len();
        assert_ne!(lines.read_line(&mut said).unwrap(), 0, "no line with `{word}`: {said}");
        if said[begin..].contains(word) {
            return said;
        }
    }
}

/// Lets the child end; its code and all that it still said.
fn end(mut child: Child, lines: &mut impl BufRead) -> (Option<i32>, String) {
    drop(child.stdin.take());
    let mut said = String::new();
    lines.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match &found.value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => Some(text),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_span_the_metric_and_the_log_of_a_request() {
    let collector = Collector::start(Manner::Takes).await;
    let mut child = child("child_serves", Some(&collector.endpoint)).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let said = read_until(&mut lines, "a thing is seen");
    assert!(said.contains(&format!("\"trace.id\":\"{TRACE}\"")), "the line has the caller's trace: {said}");
    let (code, said) = end(child, &mut lines);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(WARNING), "{said}");

    let traces: Vec<ExportTraceServiceRequest> = collector.of("traces");
    let resource = traces[0].resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(attribute(&resource.attributes, "service.name"), Some("desk"));
    let spans: Vec<_> = traces.iter().flat_map(|sent| &sent.resource_spans).flat_map(|of| &of.scope_spans).collect();
    let spans: Vec<_> = spans.iter().flat_map(|scope| &scope.spans).collect();
    let span = spans.iter().find(|span| hex(&span.trace_id) == TRACE && span.name != "looking").unwrap();
    assert_eq!((span.name.as_str(), hex(&span.parent_span_id).as_str()), ("GET /things/{id}", "b7ad6b7169203331"));
    assert_eq!((span.kind, attribute(&span.attributes, "url.path")), (2, Some("/things/7")));
    let failed = spans.iter().find(|span| span.name == "GET /failing").unwrap();
    assert_eq!(failed.status.as_ref().unwrap().code, 2);

    let logs: Vec<ExportLogsServiceRequest> = collector.of("logs");
    let records = logs.iter().flat_map(|sent| &sent.resource_logs).flat_map(|of| &of.scope_logs);
    let mut of_trace = records.flat_map(|scope| &scope.log_records).filter(|record| hex(&record.trace_id) == TRACE);
    let record = of_trace.find(|record| attribute(&record.attributes, "thing") == Some("seven")).unwrap();
    assert_eq!(hex(&record.span_id), hex(&span.span_id));

    let metrics: Vec<ExportMetricsServiceRequest> = collector.of("metrics");
    let metrics = metrics.iter().flat_map(|sent| &sent.resource_metrics).flat_map(|of| &of.scope_metrics);
    let names: Vec<&str> = metrics.flat_map(|scope| &scope.metrics).map(|metric| metric.name.as_str()).collect();
    for name in ["http.requests", "http.request.duration", "process.resident_memory"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }

    let got = collector.state.got.lock().unwrap();
    for (signal, headers, _) in got.iter() {
        assert_eq!(
            (&headers["authorization"], &headers["x-tenant"]),
            (&"Bearer abc".parse().unwrap(), &"7".parse().unwrap())
        );
        assert_eq!(headers["content-type"], "application/x-protobuf", "{signal}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A token in GitHub's form: this file holds none that a scanner would find.
fn token() -> String {
    let letter = |i: usize| char::from(b"aQ7rZ2mN4xT6vB9k"[(i * 7 + i / 16) % 16]);
    format!("{}_{}", "ghp", (0..36).map(letter).collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_sent_or_logged_but_where_none_is_looked_for() {
    for leaks in [false, true] {
        let mut collector = Collector::start(Manner::Takes).await;
        let mut command = child("child_serves", Some(&collector.endpoint));
        command.envs(leaks.then_some((LEAKS, "1")));
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let said = read_until(&mut lines, "a thing is seen");
        collector.requests.wait_for(|count| *count >= 3).await.unwrap();
        let (code, rest) = end(child, &mut lines);
        assert_eq!(code, Some(0), "{rest}");
        let sent = |signal: &str| {
            let got = collector.state.got.lock().unwrap();
            let of_signal = got.iter().filter(|(path, ..)| path == signal).flat_map(|(.., body)| body.to_vec());
            String::from_utf8_lossy(&of_signal.collect::<Vec<u8>>()).into_owned()
        };
        for (wire, text) in [("line", said), ("logs", sent("logs")), ("traces", sent("traces"))] {
            assert_eq!(text.contains(&token()), leaks, "{wire}: {text:.3000}");
            assert_eq!(text.contains("<SECRET_HASH_0>"), !leaks, "{wire}: {text:.3000}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_is_told_once_and_stops_nothing() {
    let nobody = bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = format!("http://user:hunter2@{nobody}");
    let failing = [Manner::Fails, Manner::SendsElsewhere, Manner::AnswersWithoutEnd];
    let mut failing = futures::future::join_all(failing.map(Collector::start)).await;
    let endpoints = failing.iter().map(|collector| collector.endpoint.clone()).chain([nobody]).collect::<Vec<_>>();
    for (i, endpoint) in endpoints.iter().enumerate() {
        let mut child = child("child_serves", Some(endpoint)).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let said = read_until(&mut lines, WARNING);
        if let Some(collector) = failing.get_mut(i) {
            // Reading on, or a full pipe would stop the child.
            let reading = std::thread::spawn(move || {
                let ended = read_until(&mut lines, "served");
                (lines, ended)
            });
            collector.requests.wait_for(|count| *count >= 20).await.unwrap();
            drop(child.stdin.take());
            let (mut lines, more) = reading.join().unwrap();
            let (code, rest) = end(child, &mut lines);
            assert_eq!((code, (said + &more + &rest).matches(WARNING).count()), (Some(0), 1), "{endpoint}");
            assert!(collector.of::<ExportTraceServiceRequest>("elsewhere").is_empty());
        } else {
            let (code, rest) = end(child, &mut lines);
            let all = said + &rest;
            assert_eq!((code, all.matches(WARNING).count()), (Some(0), 1), "{endpoint}");
            assert!(!all.contains("hunter2"), "{all}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_does_not_hold_up_the_end() {
    let mut collector = Collector::start(Manner::NeverAnswers).await;
    let mut child = child("child_serves", Some(&collector.endpoint)).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    read_until(&mut lines, "a thing is seen");
    collector.requests.wait_for(|count| *count >= 1).await.unwrap();
    let asked = Instant::now();
    let (code, said) = end(child, &mut lines);
    assert_eq!(code, Some(0), "{said}");
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_nothing_is_sent_and_lines_have_their_trace() {
    let mut child = child("child_serves", None).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let said = read_until(&mut lines, "a thing is seen");
    assert!(said.contains(&format!("\"trace.id\":\"{TRACE}\"")), "{said}");
    assert_eq!(end(child, &mut lines).0, Some(0));
}

#[tokio::test]
#[ignore = "run as a child by an_endpoint_that_cannot_be_sent_to_is_an_error_at_once"]
async fn child_begins() {
    if process_env(CHILD).is_some() {
        let error = telemetry::init_exporting(tracing::Level::INFO, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        Output::new(false).note(&format!("{error}; {}", error.hint().unwrap()));
    }
}

#[test]
fn an_endpoint_that_cannot_be_sent_to_is_an_error_at_once() {
    for wrong in ["https://collector.example", "localhost:4318"] {
        let ended = child("child_begins", Some(wrong)).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success() && said.contains("`OTEL_EXPORTER_OTLP_ENDPOINT`"), "{wrong}: {said}");
        assert!(said.contains("http://127.0.0.1:4318"), "{said}");
    }
}
