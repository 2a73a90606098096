//! How a task that stopped goes on: continued, or with a held change accepted.

use opsmith_model::{Digest, Principal, PrincipalKind, TaskId};
use opsmith_store::Write;
use serde_json::{Value, json};

use crate::brief::short_sha;
use crate::gates::AttemptFinding;
use crate::inputs::Mode;
use crate::new_task::check_prompt;
use crate::task::{Task, TaskEvent, TaskStatus};
use crate::{Ampx, AmpxError, db};

/// How many accepted findings the audit chain names; its digest is over all of them.
const MOST_AUDITED: usize = 100;
/// With fewer characters a commit is not named.
const LEAST_SHA_CHARS: usize = 7;

impl Ampx {
    /// Sends a task that stopped on, with a new prompt or the one it had. Without a new one, a commit that is not red
    /// and was not got out is taken up where it was left, without the agent.
    pub async fn continue_task(&self, id: TaskId, prompt: Option<&str>, by: &Principal) -> Result<(), AmpxError> {
        if let Some(prompt) = prompt {
            check_prompt(prompt)?;
        }
        let prompt = match prompt {
            Some(prompt) => self.redact_said(id, &[prompt]).await.pop(),
            None => None,
        };
        let (write, mut task, from) = self.stopped(id, TaskEvent::Continue).await?;
        let mode = match prompt {
            Some(prompt) => {
                task.prompt = prompt;
                Mode::Continue
            }
            None if is_unfinished(&write, &task, from).await? => Mode::Resume,
            None => Mode::Continue,
        };
        self.send_on(write, task, mode, by, "ampx.task_continued", Value::Null).await
    }

    /// Lets a task's held commit pass: push, CI and pull request follow. Only a person can, as with any confirmation,
    /// and the yes is for what was found and shown: what is found later is held anew. Of a commit that was `seen`, its
    /// id or 7 and more characters of it, the yes is for no other one.
    pub async fn accept(&self, id: TaskId, seen: Option<&str>, by: &Principal) -> Result<(), AmpxError> {
        if by.kind != PrincipalKind::User {
            return Err(AmpxError::NotAPerson { what: "accept a held change", principal: by.to_string() });
        }
        let (write, task, _) = self.stopped(id, TaskEvent::Accept).await?;
        let Some(head) = &task.head_sha else {
            return Err(AmpxError::NotNow {
                message: format!("task `{}` has no commit that could be accepted", task.id),
                hint: Some("have it go on with `ampx continue`".to_owned()),
            });
        };
        if seen.is_some_and(|seen| seen.len() < LEAST_SHA_CHARS || !head.starts_with(seen)) {
            return Err(AmpxError::NotNow {
                message: format!("the held commit is `{}` by now, and nothing was accepted", short_sha(head)),
                hint: Some("look at it with `ampx diff`, then accept that one".to_owned()),
            });
        }
        let attempts = db::attempts::of_task(&*write, id).await?;
        let made = attempts.iter().rev().find(|attempt| attempt.head_sha.as_ref() == Some(head));
        if let Some(made) = made {
            self.refuse_secrets(&write, id, made.number).await?;
        }
        let accepted = match made {
            Some(made) => db::findings::accept(&write, id, made.number, by, self.now()).await?,
            None => Vec::new(),
        };
        let told: Vec<Value> = accepted.iter().map(AttemptFinding::told).collect();
        let detail = json!({
            "commit": head,
            "attempt": made.map(|made| made.number),
            "count": told.len(),
            "digest": Digest::of_json(&json!(told)),
            "findings": &told[..told.len().min(MOST_AUDITED)],
        });
        self.send_on(write, task, Mode::Accept, by, "ampx.task_accepted", detail).await
    }

    /// A secret is not a person's to let pass: the configuration alone says that one is none.
    async fn refuse_secrets(&self, write: &Write, id: TaskId, attempt: u32) -> Result<(), AmpxError> {
        let found = db::findings::of_task(&**write, id).await?.remove(&attempt).unwrap_or_default();
        let Some(secret) = found.iter().find(|finding| finding.is_secret(self.secrets.redactor())) else {
            return Ok(());
        };
        Err(AmpxError::NotNow {
            message: format!("a secret is never pushed, and nothing was accepted: {}", secret.finding()),
            hint: Some(
                "have it taken out with `ampx continue`; or, if it is none, put its fingerprint into \
                 `secrets.allow.fingerprints` of opsmith.toml and start the server anew"
                    .to_owned(),
            ),
        })
    }

    /// A task to which `event` happens, and the status that it had, in a transaction that keeps others from it.
    async fn stopped(&self, id: TaskId, event: TaskEvent) -> Result<(Write, Task, TaskStatus), AmpxError> {
        let write = self.store.write().await?;
        write.take_turns("ampx.tasks").await?;
        let found = db::tasks::find(&*write, id).await?;
        let mut task = found.ok_or_else(|| AmpxError::NoSuchTask(id.to_string()))?;
        let from = task.status;
        task.status = from.apply(event)?;
        Ok((write, task, from))
    }

    async fn send_on(
        &self,
        write: Write,
        mut task: Task,
        mode: Mode,
        by: &Principal,
        action: &str,
        detail: Value,
    ) -> Result<(), AmpxError> {
        task.summary = "waiting for a worker".to_owned();
        let url = self.url_of(&task)?;
        self.queue(&write, &mut task, &url, mode).await?;
        self.audit(&write, &task, by, action, detail).await?;
        self.save(&write, &mut task).await?;
        write.commit().await?;
        self.woken();
        Ok(())
    }
}

/// Whether the newest attempt made a commit of which only what comes after the agent is missing: it is green and not
/// out, or nobody could say, since something of ours was broken.
async fn is_unfinished(write: &Write, task: &Task, from: TaskStatus) -> Result<bool, AmpxError> {
    let last = db::attempts::of_task(&**write, task.id).await?.pop();
    let Some(last) = last.filter(|last| last.head_sha.is_some() && last.head_sha == task.head_sha) else {
        return Ok(false);
    };
    Ok(match last.ci_verdict.as_deref() {
        Some("green") => true,
        None => from == TaskStatus::Error,
        Some(_) => false,
    })
}
