//! A thin client of the HTTP API, for the command line.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsource_stream::Eventsource as _;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use opsmith_guard::Answer;
use opsmith_host::http::ProblemBody;
use opsmith_model::{Decision, Digest, ErrorKind, Hint, Plan, Secret};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::task::{Task, TaskDetail, TaskStatus};
use crate::{Created, Event, Merged, NewTask};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// A stream carries at least a comment every 15 s.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
const MOST_ANSWER_BYTES: usize = 32 * 1024 * 1024;
const MOST_EVENT_BYTES: usize = 4 * 1024 * 1024;
/// No stream of opsmith's begins with a byte order mark, or with any other character that takes more than a byte.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// Why a server did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The address is not one.
    #[error("`{url}` is not the address of a server")]
    Address { url: String },
    /// The token has characters that no token has.
    #[error("`client.token` has characters that no token has")]
    Token,
    /// Nobody listens there.
    #[error("there is no server at `{url}`")]
    Refused {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    /// It does not answer, or not to the end.
    #[error("the server at `{url}` does not answer")]
    Silent {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    /// Its stream of events has ended.
    #[error("the server at `{url}` ended the stream of events")]
    Ended { url: String },
    /// What answers is not opsmith, or another version of it.
    #[error("`{url}` answers in another way than opsmith: {what}")]
    Stranger { url: String, what: String },
    /// It says no.
    #[error("{}", .0.message)]
    Problem(Box<ProblemBody>),
}

impl Hint for ClientError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. } | Self::Token => ErrorKind::Usage,
            Self::Refused { .. } | Self::Silent { .. } | Self::Ended { .. } => ErrorKind::Unavailable,
            Self::Stranger { .. } => ErrorKind::Failed,
            // What the command line was given does not hold, though only the server could see it.
            Self::Problem(problem) if !problem.fields.is_empty() => ErrorKind::Usage,
            Self::Problem(problem) => problem.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Address { .. } => Some("write it as `http://localhost:8080`".to_owned()),
            Self::Token => Some("set `OPSMITH_TOKEN` to what `opsmith token create` printed".to_owned()),
            Self::Refused { .. } => Some("start one with `opsmith serve`, or name another with `--api-url`".to_owned()),
            Self::Silent { .. } | Self::Ended { .. } => Some("look at the server's log, then try again".to_owned()),
            Self::Stranger { .. } => Some("name opsmith's server with `--api-url`".to_owned()),
            Self::Problem(problem) => match (&problem.hint, &problem.request_id) {
                (Some(hint), _) => Some(hint.clone()),
                (None, Some(id)) if problem.kind() == ErrorKind::Bug => {
                    Some(format!("find request `{id}` in the server's log"))
                }
                (None, _) => None,
            },
        }
    }
}

/// A page of tasks as the API gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TaskPage {
    pub(crate) tasks: Vec<Task>,
    /// How many there are on all pages.
    pub(crate) total: u64,
}

/// Which page of which tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListQuery {
    pub(crate) statuses: Vec<TaskStatus>,
    pub(crate) repo: Option<String>,
    pub(crate) limit: u64,
    pub(crate) offset: u64,
}

/// What to do with a task.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub(crate) enum TaskAction {
    Continue {
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt: Option<String>,
    },
    Abort,
    Accept {
        #[serde(skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
    },
}

/// A merge as it is asked for.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MergeWish {
    pub(crate) method: opsmith_forge::git::MergeMethod,
    pub(crate) delete_branch: bool,
    pub(crate) auto: bool,
}

/// A merge's plan and what the policy says of each effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlannedMerge {
    pub(crate) plan: Plan,
    pub(crate) digest: Digest,
    pub(crate) decisions: Vec<Decision>,
}

/// Events as they come.
pub(crate) type EventStream = Pin<Box<dyn Stream<Item = Result<Event, ClientError>> + Send>>;

/// A server's API; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// The API of the server at `url`, called with `token` if there is one.
    pub(crate) fn new(url: &str, token: Option<&Secret>) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address { url: url.to_owned() };
        let base = Url::parse(url).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong());
        }
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let mut bearer =
                HeaderValue::from_str(&format!("Bearer {}", token.expose().trim())).map_err(|_| ClientError::Token)?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        // Servers are on this machine or near it, where no proxy leads.
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            .build()
            .map_err(|_| wrong())?;
        Ok(Self { http, base })
    }

    /// The address without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A sign of life.
    pub(crate) async fn ping(&self) -> Result<Value, ClientError> {
        self.json(self.request(Method::GET, &["ping"])).await
    }

    pub(crate) async fn create(&self, new: &NewTask, key: Option<&str>) -> Result<Created, ClientError> {
        let mut request = self.request(Method::POST, &["tasks"]).json(new);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.json(request).await
    }

    pub(crate) async fn list(&self, query: &ListQuery) -> Result<TaskPage, ClientError> {
        let statuses: Vec<&str> = query.statuses.iter().map(|status| status.as_str()).collect();
        let mut words = vec![("limit", query.limit.to_string()), ("offset", query.offset.to_string())];
        if !statuses.is_empty() {
            words.push(("status", statuses.join(",")));
        }
        words.extend(query.repo.iter().map(|repo| ("repo", repo.clone())));
        self.json(self.request(Method::GET, &["tasks"]).query(&words)).await
    }

    pub(crate) async fn detail(&self, id: &str) -> Result<TaskDetail, ClientError> {
        self.json(self.request(Method::GET, &["tasks", id])).await
    }

    pub(crate) async fn act(&self, id: &str, action: &TaskAction) -> Result<(), ClientError> {
        self.bytes(self.request(Method::PATCH, &["tasks", id]).json(action)).await.map(drop)
    }

    pub(crate) async fn merge(&self, id: &str, wish: &MergeWish) -> Result<Merged, ClientError> {
        self.json(self.request(Method::POST, &["tasks", id, "merge"]).json(wish)).await
    }

    /// The plan of a merge as it would be now.
    pub(crate) async fn merge_plan(&self, id: &str, wish: &MergeWish) -> Result<PlannedMerge, ClientError> {
        let request = self.request(Method::POST, &["tasks", id, "merge"]).query(&[("dry_run", true)]);
        self.json(request.json(wish)).await
    }

    pub(crate) async fn confirm(&self, id: &str, answer: Answer, digest: &str) -> Result<(), ClientError> {
        let body = json!({ "decision": answer, "digest": digest });
        self.bytes(self.request(Method::POST, &["confirmations", id]).json(&body)).await.map(drop)
    }

    pub(crate) async fn log_tail(&self, id: &str, lines: usize) -> Result<Vec<u8>, ClientError> {
        self.bytes(self.request(Method::GET, &["tasks", id, "logs"]).query(&[("tail", lines)])).await
    }

    pub(crate) async fn diff(&self, id: &str) -> Result<Vec<u8>, ClientError> {
        self.bytes(self.request(Method::GET, &["tasks", id, "diff"])).await
    }

    /// Events after `after`, or from now on; of one task or of all.
    pub(crate) async fn events(&self, task: Option<&str>, after: Option<i64>) -> Result<EventStream, ClientError> {
        let request = self.request(Method::GET, &["events"]).query(&task.map(|task| [("task", task)]));
        self.stream(after.iter().fold(request, |request, seq| request.header("last-event-id", seq.to_string()))).await
    }

    /// The last `lines` log events' lines and all that follow.
    pub(crate) async fn follow_logs(&self, id: &str, lines: usize) -> Result<EventStream, ClientError> {
        let words = [("tail", lines.to_string()), ("follow", "true".to_owned())];
        self.stream(self.request(Method::GET, &["tasks", id, "logs"]).query(&words)).await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // An http address always has a path to add to.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        self.http.request(method, url)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let bytes = self.bytes(request).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.stranger(format!("the answer does not fit ({error})")))
    }

    async fn bytes(&self, request: RequestBuilder) -> Result<Vec<u8>, ClientError> {
        let response = self.checked(request.timeout(REQUEST_TIMEOUT)).await?;
        self.body(response).await
    }

    async fn checked(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| self.broken(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match serde_json::from_slice::<ProblemBody>(&self.body(response).await?) {
            Ok(problem) => Err(ClientError::Problem(Box::new(problem))),
            Err(_) => Err(self.stranger(format!("status {status} without a reason"))),
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if bytes.len() + chunk.len() > MOST_ANSWER_BYTES {
                return Err(self.stranger(format!("more than {MOST_ANSWER_BYTES} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    async fn stream(&self, request: RequestBuilder) -> Result<EventStream, ClientError> {
        let response = self.checked(request.header("accept", "text/event-stream")).await?;
        Ok(self.read_events(response.bytes_stream().map_err(io::Error::other)))
    }

    /// The events in bytes that are cut anywhere.
    fn read_events<B>(&self, bytes: impl Stream<Item = io::Result<B>> + Send + 'static) -> EventStream
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        let (client, since_event) = (self.clone(), Arc::new(AtomicUsize::new(0)));
        let (meter, url) = (Arc::clone(&since_event), self.url().to_owned());
        let mut begun = false;
        let bytes = bytes.and_then(move |chunk| {
            let bytes = chunk.as_ref();
            // The reader of events keeps an unfinished one in memory, and a byte order mark ends it with a panic.
            let fits = meter.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len() <= MOST_EVENT_BYTES;
            let marked = !begun && bytes.first() == Some(&BOM[0]);
            begun |= !bytes.is_empty();
            std::future::ready(match (fits, marked) {
                (true, false) => Ok(chunk),
                (false, _) => Err(io::ErrorKind::FileTooLarge.into()),
                (true, true) => Err(io::ErrorKind::InvalidData.into()),
            })
        });
        let events = bytes.eventsource().filter_map(move |event| {
            since_event.store(0, Ordering::Relaxed);
            std::future::ready(match event {
                Ok(event) if matches!(event.event.as_str(), "status" | "log") => {
                    let read = serde_json::from_str::<Event>(&event.data);
                    Some(read.map_err(|error| client.stranger(format!("an event does not fit ({error})"))))
                }
                // A later version may have more sorts of events.
                Ok(_) => None,
                Err(_) => Some(Err(ClientError::Ended { url: url.clone() })),
            })
        });
        Box::pin(events)
    }

    fn stranger(&self, what: String) -> ClientError {
        ClientError::Stranger { url: self.url().to_owned(), what }
    }

    fn broken(&self, source: reqwest::Error) -> ClientError {
        let url = self.url().to_owned();
        if refused(&source) { ClientError::Refused { url, source } } else { ClientError::Silent { url, source } }
    }
}

/// Reads a server's events, up to the first thing that is none; for dev/fuzz only.
#[cfg(feature = "fuzzing")]
pub fn events(chunks: Vec<Vec<u8>>) -> (Vec<Event>, bool) {
    use futures::FutureExt as _;
    static CLIENT: std::sync::LazyLock<Option<Client>> =
        std::sync::LazyLock::new(|| Client::new("http://localhost", None).ok());
    let Some(client) = &*CLIENT else { return (Vec::new(), true) };
    let mut stream = client.read_events(futures::stream::iter(chunks.into_iter().map(Ok)));
    let mut events = Vec::new();
    // All of it is here, so that nothing has to be waited for.
    while let Some(Some(event)) = stream.next().now_or_never() {
        match event {
            Ok(event) => events.push(event),
            Err(_) => return (events, true),
        }
    }
    (events, false)
}

fn refused(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(next) = cause {
        if next.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = next.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use opsmith_host::http::Problem;

    use super::*;

    #[test]
    fn a_field_that_does_not_hold_is_the_command_lines_fault() {
        let told = |problem: Problem| ClientError::Problem(Box::new(problem.body().clone())).kind();
        assert_eq!(told(Problem::invalid_field("agent", "names no configured agent")), ErrorKind::Usage);
        assert_eq!(told(Problem::new(ErrorKind::Invalid, "the body is not JSON")), ErrorKind::Invalid);
    }

    #[tokio::test]
    async fn a_stream_that_begins_with_a_byte_order_mark_is_refused() {
        let client = Client::new("http://localhost", None).unwrap();
        for pieces in [vec!["\u{feff}data: 1\n\n".as_bytes()], vec![&BOM[..0], &BOM[..1], &BOM[1..], b"event: log\n"]] {
            let mut events = client.read_events(futures::stream::iter(pieces.into_iter().map(Ok)));
            assert!(matches!(events.next().await, Some(Err(ClientError::Ended { .. }))));
        }
    }
}
