use std::path::Path;

use opsmith_host::config::{Config, ConfigError};
use opsmith_llm::{Limits, PriceTable};
use opsmith_model::Hint as _;

use super::LlmSettings;
use super::settings::refuse;

/// A larger file of prices is none.
const MOST_PRICES_BYTES: u64 = 4 * 1024 * 1024;

/// What models cost, and what may be spent on them.
#[derive(Clone, Debug)]
pub struct Terms {
    pub(super) prices: PriceTable,
    pub(super) per_run: Limits,
    pub(super) per_day: Limits,
}

impl Terms {
    /// As the configuration says.
    pub fn resolve(config: &Config) -> Result<Self, ConfigError> {
        Self::of(config, &LlmSettings::resolve(config)?)
    }

    pub(super) fn of(config: &Config, settings: &LlmSettings) -> Result<Self, ConfigError> {
        let prices = prices(config, settings.prices.as_deref())?;
        Ok(Self { prices, per_run: settings.per_run(), per_day: settings.per_day() })
    }

    /// Why a model cannot be asked at all, and what to do: dollars are limited, and its price is not known.
    pub fn obstacle(&self, model: &str) -> Option<String> {
        let in_dollars = self.per_run.usd.or(self.per_day.usd).is_some();
        (in_dollars && self.prices.price(model).is_none()).then(|| {
            let remedy = "give it in a file of `llm.prices`, or limit tokens instead";
            format!("model `{model}` has no known price, and `[llm]` has a budget in dollars; {remedy}")
        })
    }

    /// The model's price and what limits its use, for a person.
    pub fn describe(&self, model: &str) -> String {
        let price = match self.prices.price(model) {
            Some(price) => format!("${} read and ${} written per million tokens", price.input, price.output),
            None => "no known price".to_owned(),
        };
        let budget = |name: &str, limits: Limits| {
            let usd = limits.usd.map(|usd| usd.to_string());
            let tokens = limits.tokens.map(|tokens| format!("{tokens} tokens"));
            let all: Vec<String> = usd.into_iter().chain(tokens).collect();
            (!all.is_empty()).then(|| format!("{} a {name}", all.join(" and ")))
        };
        let budgets: Vec<String> =
            [budget("task", self.per_run), budget("day", self.per_day)].into_iter().flatten().collect();
        match budgets.is_empty() {
            true => format!("{price}; no budget"),
            false => format!("{price}; at most {}", budgets.join(", ")),
        }
    }
}

fn prices(config: &Config, own: Option<&Path>) -> Result<PriceTable, ConfigError> {
    const KEY: &str = "llm.prices";
    let wrong = |error: opsmith_llm::PriceError| {
        let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        refuse(config, KEY, format!("{error}{hint}"))
    };
    let shipped = PriceTable::shipped().map_err(wrong)?;
    let Some(path) = own else { return Ok(shipped) };
    let unreadable = |reason: String| refuse(config, KEY, format!("`{}` cannot be read: {reason}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > MOST_PRICES_BYTES {
        return Err(unreadable(format!("it has {size} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    Ok(PriceTable::parse(&text).map_err(wrong)?.before(shipped))
}
