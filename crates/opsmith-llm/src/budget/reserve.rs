use super::{Budget, BudgetError, Limits, Spent, db};
use crate::price::sum;
use crate::{Rates, Usage, Usd};

/// Fewer tokens are not worth asking for.
const LEAST_OUTPUT: u64 = 64;

/// The most that a request may take.
#[derive(Clone, Debug)]
pub(crate) struct WorstCase<'a> {
    pub(crate) model: &'a str,
    /// The bytes of what is sent: no tokenizer makes more than one token of a byte.
    pub(crate) input: u64,
    /// The request's own limit.
    pub(crate) output: u64,
    /// Unknown for a model without price.
    pub(crate) rates: Option<Rates>,
}

impl WorstCase<'_> {
    /// What reading all of it may cost: anew, or written to the cache as well, whichever is dearer.
    fn input_rate(&self) -> Option<u64> {
        self.rates.map(|rates| rates.input.max(rates.cache_write).max(rates.cache_read))
    }

    fn cost(&self, output: u64) -> Option<Usd> {
        Some(sum([(self.input, self.input_rate()?), (output, self.rates?.output)]))
    }

    /// How many tokens of output `limits` still allow, at most those asked for.
    fn affordable(&self, scope: &str, limits: Limits, spent: Spent) -> Result<u64, BudgetError> {
        let mut output = self.output;
        let least = output.min(LEAST_OUTPUT);
        if let Some(limit) = limits.tokens {
            output = output.min(limit.saturating_sub(spent.tokens).saturating_sub(self.input));
            if output < least {
                return Err(BudgetError::Spent {
                    scope: scope.to_owned(),
                    taken: spent.tokens.to_string(),
                    limit: format!("{limit} tokens"),
                    wanted: (self.input + least).to_string(),
                });
            }
        }
        if let Some(limit) = limits.usd {
            let (Some(input_rate), Some(rates)) = (self.input_rate(), self.rates) else {
                return Err(BudgetError::Unpriced { model: self.model.to_owned(), scope: scope.to_owned() });
            };
            let left =
                limit.nano().saturating_sub(spent.usd.nano()).saturating_sub(sum([(self.input, input_rate)]).nano());
            // A thousand trillionths are a billionth.
            let left_pico = u128::try_from(left).unwrap_or(0) * 1000;
            output = output.min(u64::try_from(left_pico / u128::from(rates.output.max(1))).unwrap_or(u64::MAX));
            if output < least {
                let wanted = sum([(self.input, input_rate), (least, rates.output)]);
                return Err(BudgetError::Spent {
                    scope: scope.to_owned(),
                    taken: spent.usd.to_string(),
                    limit: limit.to_string(),
                    wanted: wanted.to_string(),
                });
            }
        }
        Ok(output)
    }
}

/// What one request has taken beforehand. Dropped without being settled or released, it stays taken.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Budget,
    scopes: Vec<String>,
    taken: Spent,
    /// The most tokens that the answer may have.
    pub(crate) output: u64,
    /// The scope that made them fewer than asked for.
    pub(crate) cut_by: Option<String>,
}

impl Budget {
    /// Takes the worst case from the run's and the day's budget, or all of the output that they still allow.
    pub(crate) async fn reserve(&self, run: Option<&str>, worst: &WorstCase<'_>) -> Result<Reservation, BudgetError> {
        let scopes = self.scopes(run);
        let write = self.store.write().await?;
        db::take_turns(&write).await?;
        let mut output = worst.output;
        let mut cut_by = None;
        let mut before = Vec::with_capacity(scopes.len());
        for (scope, limits) in &scopes {
            let spent = db::read(&*write, scope).await?;
            let affordable = worst.affordable(scope, *limits, spent)?;
            if affordable < output {
                output = affordable;
                cut_by = Some(scope.clone());
            }
            before.push(spent);
        }
        let cost = worst.cost(output);
        let taken = Spent {
            tokens: worst.input + output,
            usd: cost.unwrap_or_default(),
            unpriced_calls: u64::from(cost.is_none()),
        };
        let now = self.clock.now();
        for ((scope, _), spent) in scopes.iter().zip(before) {
            db::write(&write, scope, plus(spent, taken), now).await?;
        }
        write.commit().await?;
        let scopes = scopes.into_iter().map(|(scope, _)| scope).collect();
        Ok(Reservation { budget: self.clone(), scopes, taken, output, cut_by })
    }
}

impl Reservation {
    /// Puts what was really used in the place of the worst case; what is not known stays at that.
    pub(crate) async fn settle(self, usage: &Usage, cost: Option<Usd>) -> Result<(), BudgetError> {
        let used = Spent {
            tokens: usage.total().unwrap_or(self.taken.tokens),
            usd: cost.unwrap_or(self.taken.usd),
            unpriced_calls: self.taken.unpriced_calls,
        };
        self.change(used).await
    }

    /// Leaves the worst case taken, or what is known to be more than that.
    pub(crate) async fn exceed(self, usage: &Usage, cost: Option<Usd>) -> Result<(), BudgetError> {
        let used = Spent {
            tokens: usage.total().unwrap_or(0).max(self.taken.tokens),
            usd: cost.unwrap_or_default().max(self.taken.usd),
            unpriced_calls: self.taken.unpriced_calls,
        };
        if used == self.taken { Ok(()) } else { self.change(used).await }
    }

    /// Gives all of it back: the provider did no work.
    pub(crate) async fn release(self) -> Result<(), BudgetError> {
        self.change(Spent::default()).await
    }

    async fn change(self, used: Spent) -> Result<(), BudgetError> {
        let write = self.budget.store.write().await?;
        db::take_turns(&write).await?;
        let now = self.budget.clock.now();
        for scope in &self.scopes {
            let spent = db::read(&*write, scope).await?;
            db::write(&write, scope, plus(minus(spent, self.taken), used), now).await?;
        }
        Ok(write.commit().await?)
    }

    /// The error of an answer that had more than was reserved for it.
    pub(crate) fn exceeded(&self) -> BudgetError {
        let scope = self.cut_by.as_ref().or(self.scopes.first()).cloned().unwrap_or_default();
        BudgetError::SpentMidway { scope }
    }
}

fn plus(a: Spent, b: Spent) -> Spent {
    Spent {
        tokens: a.tokens.saturating_add(b.tokens),
        usd: a.usd + b.usd,
        unpriced_calls: a.unpriced_calls.saturating_add(b.unpriced_calls),
    }
}

fn minus(a: Spent, b: Spent) -> Spent {
    Spent {
        tokens: a.tokens.saturating_sub(b.tokens),
        usd: Usd::from_nano(a.usd.nano().saturating_sub(b.usd.nano())),
        unpriced_calls: a.unpriced_calls.saturating_sub(b.unpriced_calls),
    }
}
