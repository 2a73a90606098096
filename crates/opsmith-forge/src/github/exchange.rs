use std::sync::Arc;
use std::time::Duration;

use opsmith_model::Secret;
use reqwest::header::{ACCEPT, AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use serde::de::IgnoredAny;
use tokio::time::{Instant, sleep_until, timeout};

use super::call::{Answer, Auth, Call};
use super::limit::Limited;
use super::refusal::{self, Refusal};
use super::{GitHub, GitHubError};

/// Larger than any answer that is asked for.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// A renamed repository is one hop away.
const MAX_HOPS: u32 = 3;
/// The pause before asking again is at most half a second at first, then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The version of the API that is spoken: https://docs.github.com/en/rest/about-the-rest-api/api-versions
const API_VERSION: &str = "2022-11-28";
const JSON: &str = "application/vnd.github+json";

/// Why one try has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not done, and will be once the limit allows.
    Limited(Limited),
    /// It was not done, as no connection was made.
    NotSent(GitHubError),
    /// Whether it was done is not known.
    Unsure(GitHubError),
    /// The credentials were refused.
    Unauthenticated(GitHubError, Secret),
    /// Final.
    Error(GitHubError),
}

impl GitHub {
    /// Sends a call, and again as long as that may help, is harmless, and patience lasts.
    pub(super) async fn ask(&self, call: &Call) -> Result<Answer, GitHubError> {
        let deadline = Instant::now() + self.patience().whole;
        let (mut failed, mut renewed) = (0, false);
        loop {
            self.pass_gate(deadline).await?;
            let failure = match Box::pin(self.try_once(call)).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            failed += 1;
            let (error, pause) = match failure {
                Failure::Error(error) => return Err(error),
                Failure::Unsure(error) if !call.repeatable => return Err(error),
                Failure::Unauthenticated(error, token) => {
                    let Auth::Repository { owner, .. } = &call.auth else { return Err(error) };
                    if renewed || !self.forget_token(owner, &token).await {
                        return Err(error);
                    }
                    renewed = true;
                    continue;
                }
                Failure::Limited(limited) => {
                    self.close_gate(limited, failed, deadline)?;
                    continue;
                }
                Failure::Unsure(error) | Failure::NotSent(error) => (error, backoff(failed)),
            };
            let next = Instant::now() + pause;
            if next >= deadline {
                return Err(error);
            }
            tracing::info!(%error, failed, pause_ms = pause.as_millis(), "asking GitHub again");
            sleep_until(next).await;
        }
    }

    /// Waits while a limit lasts.
    pub(super) async fn pass_gate(&self, deadline: Instant) -> Result<(), GitHubError> {
        while let Some((opens, limit)) = self.gate().opens() {
            if opens > deadline {
                return Err(GitHubError::RateLimited { limit, until: None });
            }
            sleep_until(opens).await;
        }
        Ok(())
    }

    /// Lets all callers wait for a limit's end, if that is near enough for this one.
    fn close_gate(&self, limited: Limited, failed: u32, deadline: Instant) -> Result<(), GitHubError> {
        let now = self.now();
        let wait = limited.wait(now, failed - 1);
        let left = deadline.saturating_duration_since(Instant::now());
        if wait >= left {
            let until = chrono::Duration::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait));
            return Err(GitHubError::RateLimited { limit: limited.name(), until });
        }
        tracing::info!(limit = limited.name(), wait_ms = wait.as_millis(), "waiting for GitHub's limit");
        // Those who were refused together do not come back together.
        self.gate().close(Instant::now() + wait + FIRST_PAUSE.mul_f64(fastrand::f64()), limited.name());
        Ok(())
    }

    async fn try_once(&self, call: &Call) -> Result<Answer, Failure> {
        let token = match &call.auth {
            Auth::App(jwt) => jwt.clone(),
            Auth::Repository { owner, name } => self.token(owner, name).await.map_err(Failure::Error)?,
        };
        let mut url = call.url.clone();
        for _ in 0..=MAX_HOPS {
            let (known, response) = self.send(call, &url, &token).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            if status == StatusCode::NOT_MODIFIED
                && let Some(known) = known
            {
                return Ok(known);
            }
            if status.is_redirection() && call.method == Method::GET {
                url = self.next_hop(call, &url, &headers).map_err(Failure::Error)?;
                continue;
            }
            let body = self.body(response, call).await?;
            if !status.is_success() {
                return Err(self.refused(call, status.as_u16(), &headers, &body, token));
            }
            let answer = Answer { headers, body };
            // What is cut or no JSON at all would be what every later 304 stands for.
            let whole = || serde_json::from_slice::<IgnoredAny>(&answer.body).is_ok();
            if call.method == Method::GET && answer.headers.contains_key(ETAG) && whole() {
                self.conditional().keep(&url, &answer);
            }
            return Ok(answer);
        }
        Err(Failure::Error(GitHubError::LedAstray { subject: call.subject.clone() }))
    }

    /// Sends it, and waits for the headers; also the answer that is known for it.
    pub(super) async fn send(
        &self,
        call: &Call,
        url: &Url,
        token: &Secret,
    ) -> Result<(Option<Answer>, Response), Failure> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
            let message = "the token has characters that no token has".to_owned();
            Failure::Error(GitHubError::Unauthenticated { subject: call.subject.clone(), message })
        })?;
        bearer.set_sensitive(true);
        let mut request = self
            .http()
            .request(call.method.clone(), url.clone())
            .header(ACCEPT, JSON)
            .header("x-github-api-version", API_VERSION)
            .header(AUTHORIZATION, bearer);
        let known = if call.method == Method::GET { self.conditional().find(url) } else { None };
        if let Some((etag, _)) = &known {
            request = request.header(IF_NONE_MATCH, etag.clone());
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let response = self.in_time(call, request.send()).await?;
        Ok((known.map(|(_, answer)| answer), response))
    }

    pub(super) async fn body(&self, mut response: Response, call: &Call) -> Result<Arc<[u8]>, Failure> {
        let mut body = Vec::new();
        let whole = async {
            while let Some(chunk) = response.chunk().await? {
                body.extend_from_slice(&chunk);
                if body.len() > MAX_BODY_BYTES {
                    break;
                }
            }
            Ok(())
        };
        self.in_time(call, whole).await?;
        if body.len() > MAX_BODY_BYTES {
            let limit = format!("{} MiB", MAX_BODY_BYTES >> 20);
            return Err(Failure::Error(GitHubError::TooLarge { subject: call.subject.clone(), limit }));
        }
        Ok(body.into())
    }

    pub(super) async fn in_time<T>(
        &self,
        call: &Call,
        what: impl Future<Output = reqwest::Result<T>>,
    ) -> Result<T, Failure> {
        let subject = call.subject.clone();
        match timeout(self.patience().request, what).await {
            Err(_) => Err(Failure::Unsure(GitHubError::TooSlow { subject })),
            Ok(Err(source)) => {
                let connected = !source.is_connect();
                let error = GitHubError::Unreachable { subject, source: source.without_url() };
                Err(if connected { Failure::Unsure(error) } else { Failure::NotSent(error) })
            }
            Ok(Ok(done)) => Ok(done),
        }
    }

    fn next_hop(&self, call: &Call, url: &Url, headers: &HeaderMap) -> Result<Url, GitHubError> {
        location(url, headers)
            .filter(|next| self.address().is_ours(next))
            .ok_or_else(|| GitHubError::LedAstray { subject: call.subject.clone() })
    }

    pub(super) fn refused(&self, call: &Call, status: u16, headers: &HeaderMap, body: &[u8], token: Secret) -> Failure {
        match refusal::read(status, headers, body, &call.subject, token.expose()) {
            Refusal::Limited(limited) => Failure::Limited(limited),
            Refusal::Broken(status) => Failure::Unsure(GitHubError::Broken { subject: call.subject.clone(), status }),
            Refusal::Error(error @ GitHubError::Unauthenticated { .. }) => Failure::Unauthenticated(error, token),
            Refusal::Error(error) => Failure::Error(error),
        }
    }
}

/// Where an answer sends its reader.
pub(super) fn location(url: &Url, headers: &HeaderMap) -> Option<Url> {
    url.join(headers.get(LOCATION)?.to_str().ok()?).ok()
}

/// Anything up to the whole pause, so that those who failed together do not come back together.
fn backoff(failed: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failed.min(16)).min(LONGEST_PAUSE).mul_f64(0.5 + 0.5 * fastrand::f64())
}
