use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use opsmith_model::ErrorKind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Halt, RunContext, StepFailure};

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

    /// The registered kinds.
    pub fn kinds(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(crate) fn call(&self, kind: &str, context: RunContext, input: Value) -> Option<Ending> {
        self.0.get(kind).map(|handler| handler(context, input))
    }
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
