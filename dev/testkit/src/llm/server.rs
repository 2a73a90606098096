use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::scenario::{Scenario, last_message};
use super::turn::{Tokens, ToolUse, Turn};
use super::{anthropic, chat, responses};

/// Between two signs of life of a stream that never ends.
const SIGN_OF_LIFE: Duration = Duration::from_millis(100);

/// A model API on a port of its own; gone when dropped.
#[derive(Debug)]
pub struct ModelStub {
    address: SocketAddr,
    played: Arc<Mutex<Played>>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Played {
    scenario: Scenario,
    /// Words in a last message that keep its request waiting, while they are set.
    held: Option<&'static str>,
    asked: Vec<Value>,
    keys: Vec<String>,
}

/// The three wires.
#[derive(Clone, Copy, Debug)]
enum Wire {
    Responses,
    Chat,
    Messages,
}

impl ModelStub {
    /// Plays the turns in their order; the last one again and again.
    pub async fn start(turns: Vec<Turn>) -> Self {
        Self::playing(Scenario::InOrder(turns)).await
    }

    /// Plays a scenario.
    pub async fn playing(scenario: Scenario) -> Self {
        let played = Arc::new(Mutex::new(Played { scenario, held: None, asked: Vec::new(), keys: Vec::new() }));
        let wire = |wire: Wire| {
            post(move |State(played): State<Arc<Mutex<Played>>>, headers: HeaderMap, Json(asked): Json<Value>| {
                play(played, wire, headers, asked)
            })
        };
        let router = Router::new()
            .route("/v1/responses", wire(Wire::Responses))
            .route("/v1/chat/completions", wire(Wire::Chat))
            .route("/v1/messages", wire(Wire::Messages))
            .route("/v1/models", get(|| async { Json(json!({ "object": "list", "data": [] })) }))
            .with_state(Arc::clone(&played));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the stub serves");
        });
        Self { address, played, server }
    }

    /// Its address with the version, as programs of OpenAI's kind want it: `http://127.0.0.1:1234/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests that a turn answered, oldest first.
    pub fn asked(&self) -> Vec<Value> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }

    /// From now on leaves requests without an answer whose last message has the words; `None` ends that for new ones.
    pub fn hold(&self, words: Option<&'static str>) {
        self.played.lock().unwrap_or_else(PoisonError::into_inner).held = words;
    }

    /// The `Authorization` and `x-api-key` headers that came, one for each request that had any.
    pub fn keys(&self) -> Vec<String> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }
}

impl Drop for ModelStub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn play(played: Arc<Mutex<Played>>, wire: Wire, headers: HeaderMap, asked: Value) -> Response {
    let (number, turn) = {
        let mut played = played.lock().unwrap_or_else(PoisonError::into_inner);
        let key = headers.get(header::AUTHORIZATION).or_else(|| headers.get("x-api-key"));
        played.keys.extend(key.and_then(|key| key.to_str().ok()).map(str::to_owned));
        // What asks without tools wants a title for its session or the like.
        if asked["tools"].as_array().is_none_or(Vec::is_empty) {
            return stream(wire, 0, "A title", &[], Tokens { input: 10, cached: 0, output: 2 });
        }
        let last = last_message(&asked);
        let turn = match played.held {
            Some(words) if last.contains(words) => Turn::Hang,
            Some(_) | None => played.scenario.turn(played.asked.len(), &last),
        };
        played.asked.push(asked);
        (played.asked.len(), turn)
    };
    match turn {
        Turn::Say { text, tools, tokens } => stream(wire, number, &text, &tools, tokens),
        Turn::Refuse { status, code, message, retry_after_s } => refusal(wire, status, code, message, retry_after_s),
        Turn::Malformed => sse("data: {\"id\": \"x\n\n".to_owned()),
        Turn::HalfLine => sse("data: {\"id\":\"x\",\"choi".to_owned()),
        Turn::Endless => endless(),
        Turn::Hang => std::future::pending().await,
    }
}

fn stream(wire: Wire, number: usize, text: &str, tools: &[ToolUse], tokens: Tokens) -> Response {
    let events = match wire {
        Wire::Responses => responses::answer(number, text, tools, tokens),
        Wire::Chat => chat::answer(number, text, tools, tokens),
        Wire::Messages => anthropic::answer(number, text, tools, tokens),
    };
    sse(events.concat())
}

/// Comments, which the form of the stream allows between events.
fn endless() -> Response {
    let comments = futures::stream::unfold((), |()| async {
        tokio::time::sleep(SIGN_OF_LIFE).await;
        Some((Ok::<_, Infallible>(": still at it\n\n"), ()))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(comments)).into_response()
}

fn sse(body: String) -> Response {
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from(body)).into_response()
}

fn refusal(wire: Wire, status: u16, code: &str, message: &str, retry_after_s: Option<u32>) -> Response {
    let error = match wire {
        Wire::Responses | Wire::Chat => json!({ "error": { "message": message, "type": code, "code": code } }),
        Wire::Messages => json!({ "type": "error", "error": { "type": code, "message": message } }),
    };
    let status = StatusCode::from_u16(status).expect("a status");
    let mut response = (status, Json(error)).into_response();
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
