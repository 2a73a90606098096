use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use opsmith_model::ErrorKind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Halt, RunContext, RunsError, StepFailure};

pub(crate) type Ending = Pin<Box<dyn Future<Output = Result<Value, Halt>> + Send>>;
type Handler = Arc<dyn Fn(RunContext, Value) -> Ending + Send + Sync>;

/// The handlers of every kind of run that a worker takes.
#[derive(Clone, Default)]
pub struct Registry(HashMap<String, Handler>);

impl Registry {
    /// A registry without kinds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers the handler of `kind`.
    ///
    /// It is called again after each kill and must call the same steps in the same order, given the same answers.
    pub fn register<I, O, F, Fut>(&mut self, kind: &str, handler: F)
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + 'static,
        F: Fn(RunContext, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Halt>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let erased = move |context, input| -> Ending {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let input = serde_json::from_value(input).map_err(|error| unreadable("input", &error))?;
                let output = handler(context, input).await?;
                serde_json::to_value(output).map_err(|error| unreadable("output", &error))
            })
        };
        self.0.insert(kind.to_owned(), Arc::new(erased));
    }

    /// Keeps the kinds of these queues alone: a worker takes what it has a handler for. A kind's queue is its part
    /// before the first dot, as `ampx` is that of `ampx.task`. Fails on a queue that no kind is of.
    pub fn of_queues<Q: AsRef<str>>(mut self, queues: &[Q]) -> Result<Self, RunsError> {
        let known = self.queues();
        if let Some(unknown) = queues.iter().map(AsRef::as_ref).find(|queue| !known.iter().any(|known| known == queue))
        {
            return Err(RunsError::NoSuchQueue { queue: unknown.to_owned(), known });
        }
        self.0.retain(|kind, _| queues.iter().any(|queue| queue.as_ref() == queue_of(kind)));
        Ok(self)
    }

    /// The queues of the registered kinds, sorted.
    pub fn queues(&self) -> Vec<String> {
        let queues: BTreeSet<&str> = self.0.keys().map(|kind| queue_of(kind)).collect();
        queues.into_iter().map(str::to_owned).collect()
    }

    /// The registered kinds.
    pub fn kinds(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(crate) fn call(&self, kind: &str, context: RunContext, input: Value) -> Option<Ending> {
        self.0.get(kind).map(|handler| handler(context, input))
    }
}

fn queue_of(kind: &str) -> &str {
    kind.split('.').next().unwrap_or(kind)
}

fn unreadable(what: &str, error: &serde_json::Error) -> Halt {
    let message = format!("the run's {what} does not fit its handler: {error}");
    Halt::Failed(StepFailure { kind: ErrorKind::Bug, message, hint: None })
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
