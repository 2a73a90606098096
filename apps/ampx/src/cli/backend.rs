use opsmith_host::cli::Failure;
use opsmith_host::config::Config;
use opsmith_host::process::{Catalogue, Process};
use opsmith_model::{Principal, TaskId};
use opsmith_store::Page;

use super::feed::Feed;
use crate::client::{Client, ListQuery, TaskAction, TaskPage};
use crate::db::TaskFilter;
use crate::task::TaskDetail;
use crate::{Ampx, Created, NewTask, open};

/// Where tasks are: behind a server, or in this machine's store.
pub(crate) enum Backend {
    Server(Client),
    Here(Box<Local>),
}

/// The platform and ampx, opened in this process.
pub(crate) struct Local {
    pub(crate) process: Process,
    pub(crate) ampx: Ampx,
}

impl Local {
    pub(crate) async fn open(catalogue: &Catalogue, config: &Config) -> Result<Self, Failure> {
        let process = Process::open(catalogue, config).await?;
        let ampx = open::open(&process, config)?;
        Ok(Self { process, ampx })
    }

    fn user() -> Principal {
        Process::local_user()
    }
}

impl Backend {
    pub(crate) async fn create(&self, new: &NewTask, key: Option<&str>) -> Result<Created, Failure> {
        match self {
            Self::Server(client) => Ok(client.create(new, key).await?),
            Self::Here(local) => Ok(local.ampx.create(new, &Local::user(), key).await?),
        }
    }

    /// One task; `id` may be shortened.
    pub(crate) async fn detail(&self, id: &str) -> Result<TaskDetail, Failure> {
        match self {
            Self::Server(client) => Ok(client.detail(id).await?),
            Self::Here(local) => Ok(local.ampx.detail(local.ampx.resolve(id).await?).await?),
        }
    }

    pub(crate) async fn list(&self, query: &ListQuery) -> Result<TaskPage, Failure> {
        match self {
            Self::Server(client) => Ok(client.list(query).await?),
            Self::Here(local) => {
                let filter =
                    TaskFilter { statuses: query.statuses.clone(), repo: query.repo.clone(), created_by: None };
                let page = Page { limit: query.limit, offset: query.offset };
                let (tasks, total) = local.ampx.list(&filter, page).await?;
                Ok(TaskPage { tasks, total })
            }
        }
    }

    pub(crate) async fn continue_task(&self, id: TaskId, prompt: Option<String>) -> Result<(), Failure> {
        match self {
            Self::Server(client) => Ok(client.act(&id.to_string(), &TaskAction::Continue { prompt }).await?),
            Self::Here(local) => Ok(local.ampx.continue_task(id, prompt.as_deref(), &Local::user()).await?),
        }
    }

    pub(crate) async fn abort(&self, id: TaskId) -> Result<(), Failure> {
        match self {
            Self::Server(client) => Ok(client.act(&id.to_string(), &TaskAction::Abort).await?),
            Self::Here(local) => Ok(local.ampx.abort(id, &Local::user()).await?),
        }
    }

    pub(crate) async fn diff(&self, id: TaskId) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Server(client) => Ok(client.diff(&id.to_string()).await?),
            Self::Here(local) => Ok(local.ampx.diff(id).await?),
        }
    }

    /// The last lines of a task's log.
    pub(crate) async fn log_tail(&self, id: TaskId, lines: usize) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Server(client) => Ok(client.log_tail(&id.to_string(), lines).await?),
            Self::Here(local) => Ok(local.ampx.log_tail(id, lines).await?.0.into_bytes()),
        }
    }

    /// The events of one task or of all, from now on or after the one of that number.
    pub(crate) async fn events(&self, task: Option<TaskId>, after: Option<i64>) -> Result<Feed, Failure> {
        match self {
            Self::Server(client) => Ok(Feed::server(client.clone(), task, after)),
            Self::Here(local) => Feed::here(local.ampx.clone(), task, after).await,
        }
    }

    /// The end of a task's log, and the events that follow it.
    pub(crate) async fn follow_logs(&self, id: TaskId, lines: usize) -> Result<(Vec<u8>, Feed), Failure> {
        match self {
            Self::Server(client) => {
                let stream = client.follow_logs(&id.to_string(), lines).await?;
                Ok((Vec::new(), Feed::opened(client.clone(), id, stream)))
            }
            Self::Here(local) => {
                let (tail, newest) = local.ampx.log_tail(id, lines).await?;
                Ok((tail.into_bytes(), Feed::here(local.ampx.clone(), Some(id), Some(newest)).await?))
            }
        }
    }
}
