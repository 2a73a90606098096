use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::runtime::Runtime;

/// The largest request that is taken: the packs of tests are small.
const MOST_REQUEST_BYTES: usize = 64 * 1024 * 1024;

/// Git over HTTP as forges serve it: git's own `http-backend`, on loopback, with or without credentials.
///
/// It has a thread of its own, so that it also answers tests that wait for a program.
#[derive(Debug)]
pub struct GitHttp {
    address: SocketAddr,
    state: Arc<Mutex<Inner>>,
    runtime: Option<Runtime>,
}

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Path and query, as they were asked for.
    pub path: String,
    /// The user, where the request named one and the right password.
    pub user: Option<String>,
    /// The status of the answer.
    pub status: u16,
}

/// What a [`Host`] is asked about a request of git.
#[derive(Clone, Debug)]
pub struct Knock {
    /// The path: `/owner/name.git/info/refs`.
    pub path: String,
    /// Whether it is about a push.
    pub is_push: bool,
    /// The password of its credentials.
    pub password: Option<String>,
}

/// What a [`Host`] says to a request of git.
#[derive(Clone, Debug)]
pub enum Admission {
    /// It is served, for this user.
    Granted(String),
    /// It is answered with this status and sentence.
    Refused(u16, String),
    /// It is sent to this address, less its query.
    Elsewhere(String),
}

/// Who decides about requests in place of fixed credentials.
pub trait Host: Send + Sync {
    /// Whether a request is served.
    fn admit(&self, knock: &Knock) -> Admission;

    /// Branches may have moved.
    fn pushed(&self);
}

struct Inner {
    root: PathBuf,
    /// User and password that every request needs.
    credentials: Option<(String, String)>,
    read_only: bool,
    host: Option<Arc<dyn Host>>,
    served: Vec<Served>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("root", &self.root).finish_non_exhaustive()
    }
}

impl GitHttp {
    /// Serves the repositories below `root` to everybody, for reading and writing.
    pub fn serve(root: &Path) -> Self {
        let inner =
            Inner { root: root.to_owned(), credentials: None, read_only: false, host: None, served: Vec::new() };
        let state = Arc::new(Mutex::new(inner));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a thread for the server");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("the listener has an address");
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&state));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, state, runtime: Some(runtime) }
    }

    /// From now on answers nobody without these credentials.
    pub fn require(&self, user: &str, password: &str) {
        self.inner(|inner| inner.credentials = Some((user.to_owned(), password.to_owned())));
    }

    /// From now on refuses every push, as forges do with a token that may only read, or no longer does.
    pub fn refuse_pushes(&self, refuse: bool) {
        self.inner(|inner| inner.read_only = refuse);
    }

    /// From now on asks `host` about every request.
    pub fn ask(&self, host: Arc<dyn Host>) {
        self.inner(|inner| inner.host = Some(host));
    }

    /// The address of the repository at `path` below the root.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// `scheme://host:port`, as credential helpers are asked for it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, in the order of their answers.
    pub fn served(&self) -> Vec<Served> {
        self.inner(|inner| inner.served.clone())
    }

    fn inner<T>(&self, what: impl FnOnce(&mut Inner) -> T) -> T {
        what(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for GitHttp {
    fn drop(&mut self) {
        // Dropping a runtime within another one is not allowed; this is.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Inner {
    /// The user whose password is right, `None` where nobody has to say who they are; else the refusal.
    fn admit(&self, headers: &HeaderMap, path: &str) -> Result<Option<String>, StatusCode> {
        if let Some((user, password)) = &self.credentials {
            let wanted = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
            if headers.get(header::AUTHORIZATION).is_none_or(|given| *given != wanted) {
                return Err(StatusCode::UNAUTHORIZED);
            }
        }
        if self.read_only && path.contains("git-receive-pack") {
            return Err(StatusCode::FORBIDDEN);
        }
        Ok(self.credentials.as_ref().map(|(user, _)| user.clone()))
    }
}

async fn answer(State(state): State<Arc<Mutex<Inner>>>, request: Request) -> Response<Body> {
    let inner = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let host = inner().host.clone();
    let admitted = match &host {
        Some(host) => by_host(host.as_ref(), &request),
        None => {
            let admitted = inner().admit(request.headers(), &path);
            admitted.map_err(|status| Box::new(refusal(status, "not with these credentials")))
        }
    };
    let (user, response) = match admitted {
        Ok(user) => {
            let root = inner().root.clone();
            let pushed = request.method() == "POST" && request.uri().path().ends_with("/git-receive-pack");
            let response = backend(&root, user.as_deref(), request).await;
            if let (true, Some(host)) = (pushed, host) {
                // It reads the repository with programs of its own.
                let told = tokio::task::spawn_blocking(move || host.pushed()).await;
                told.expect("the host hears of a push");
            }
            (user, response.unwrap_or_else(|e| refusal(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string())))
        }
        Err(refused) => (None, *refused),
    };
    inner().served.push(Served { path, user, status: response.status().as_u16() });
    response
}

fn by_host(host: &dyn Host, request: &Request) -> Result<Option<String>, Box<Response<Body>>> {
    let path = request.uri().path().to_owned();
    let is_push = path.ends_with("/git-receive-pack") || request.uri().query() == Some("service=git-receive-pack");
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let decoded = given.and_then(|value| BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok());
    let password = decoded.and_then(|pair| Some(String::from_utf8(pair).ok()?.split_once(':')?.1.to_owned()));
    match host.admit(&Knock { path, is_push, password }) {
        Admission::Granted(user) => Ok(Some(user)),
        Admission::Refused(status, text) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Err(Box::new(refusal(status, &text)))
        }
        Admission::Elsewhere(base) => {
            let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
            let to = Response::builder().status(StatusCode::MOVED_PERMANENTLY);
            let to = to.header(header::LOCATION, format!("{base}{query}"));
            Err(Box::new(to.body(Body::empty()).expect("a response")))
        }
    }
}

fn refusal(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED {
        let question = header::HeaderValue::from_static("Basic realm=\"git\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, question);
    }
    response
}

/// Asks `git http-backend` as a web server does, by CGI (RFC 3875).
async fn backend(root: &Path, user: Option<&str>, request: Request) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MOST_REQUEST_BYTES).await.map_err(io::Error::other)?;
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_HTTP_EXPORT_ALL", "1")])
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_PROTOCOL", text("git-protocol"))
        .env("REQUEST_METHOD", head.method.as_str())
        .env("PATH_INFO", head.uri.path())
        .env("QUERY_STRING", head.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", text("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", text("content-encoding"))
        .env("REMOTE_ADDR", "127.0.0.1")
        // It lets nobody push who has no name.
        .env("REMOTE_USER", user.unwrap_or("anybody"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or_else(|| io::Error::other("no standard input"))?;
    // It may answer before it has read all, and then closes the pipe.
    let feed = async move { drop(stdin.write_all(&body).await) };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    response(&Bytes::from(output?.stdout))
}

/// The response that a CGI program wrote: header lines, an empty line, the body.
fn response(written: &Bytes) -> io::Result<Response<Body>> {
    let malformed = || io::Error::other("a malformed answer");
    let end = written.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(malformed)?;
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&written[..end]).lines() {
        let (name, value) = line.split_once(": ").ok_or_else(malformed)?;
        response = match name {
            "Status" => response.status(value.split(' ').next().unwrap_or_default()),
            name => response.header(name, value),
        };
    }
    response.body(Body::from(written.slice(end + 4..))).map_err(io::Error::other)
}
