//! Hard budgets: the worst case of a request is taken before it goes, and what it did not use is given back after.
//!
//! So requests that run at the same time, on any number of machines, cannot spend more together than there is. A
//! process that dies in between leaves its worst case taken: the provider may have charged for it.

mod db;
mod error;
mod reserve;

pub use error::BudgetError;
pub(crate) use reserve::{Reservation, WorstCase};

use opsmith_model::Clock;
use opsmith_store::{Store, StoreError};

use crate::Usd;

/// The most that may be taken; `None` for as much as wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tokens, read and written.
    pub tokens: Option<u64>,
    /// Dollars.
    pub usd: Option<Usd>,
}

/// What was taken. A request under way counts at its worst case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Tokens, read and written.
    pub tokens: u64,
    /// Dollars; at least so many where requests without a known price are among them.
    pub usd: Usd,
    /// Requests whose price is not known.
    pub unpriced_calls: u64,
}

/// Limits per run and per day (of UTC), kept in the store.
#[derive(Clone, Debug)]
pub struct Budget {
    store: Store,
    clock: Clock,
    per_run: Limits,
    per_day: Limits,
}

impl Budget {
    /// A budget on tables that [`migrations`](crate::migrations) made.
    pub fn new(store: Store, clock: Clock, per_run: Limits, per_day: Limits) -> Self {
        Self { store, clock, per_run, per_day }
    }

    /// The same with other limits per run.
    #[must_use]
    pub fn with_per_run(mut self, per_run: Limits) -> Self {
        self.per_run = per_run;
        self
    }

    /// What a run has taken.
    pub async fn spent_by_run(&self, run: &str) -> Result<Spent, StoreError> {
        db::read(self.store.read(), &run_scope(run)).await
    }

    /// What today has taken.
    pub async fn spent_today(&self) -> Result<Spent, StoreError> {
        db::read(self.store.read(), &self.day_scope()).await
    }

    /// The scopes of a request, each with its limits.
    fn scopes(&self, run: Option<&str>) -> Vec<(String, Limits)> {
        let run = run.map(|run| (run_scope(run), self.per_run));
        run.into_iter().chain([(self.day_scope(), self.per_day)]).collect()
    }

    fn day_scope(&self) -> String {
        format!("day {}", self.clock.now().format("%Y-%m-%d"))
    }
}

fn run_scope(run: &str) -> String {
    format!("run {run}")
}
