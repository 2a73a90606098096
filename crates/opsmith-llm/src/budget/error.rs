use opsmith_model::{ErrorKind, Hint};
use opsmith_store::StoreError;

/// Why the budget stops a request.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// What is left does not pay for the request.
    #[error("the budget of `{scope}` is spent: {taken} of {limit} taken, and this may take {wanted}")]
    Spent {
        /// Whose budget: a run or a day.
        scope: String,
        /// What is taken, with its unit.
        taken: String,
        /// The limit.
        limit: String,
        /// What the request may take at least.
        wanted: String,
    },
    /// It was reached while the answer came.
    #[error("the budget of `{scope}` was spent before the answer was whole")]
    SpentMidway {
        /// Whose budget.
        scope: String,
    },
    /// Dollars are limited, and nobody knows what the model costs.
    #[error("model `{model}` has no known price, and the budget of `{scope}` is in dollars")]
    Unpriced {
        /// The model.
        model: String,
        /// Whose budget.
        scope: String,
    },
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hint for BudgetError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Spent { .. } | Self::SpentMidway { .. } => ErrorKind::Denied,
            Self::Unpriced { .. } => ErrorKind::Invalid,
            Self::Store(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Spent { .. } | Self::SpentMidway { .. } => {
                Some("raise the budget, or wait for the next day's".to_owned())
            }
            Self::Unpriced { .. } => {
                Some("give the model's price in the configuration, or limit tokens instead".to_owned())
            }
            Self::Store(error) => error.hint(),
        }
    }
}
