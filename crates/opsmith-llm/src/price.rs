use chrono::NaiveDate;
use opsmith_model::{ErrorKind, Hint};
use serde::Deserialize;

use crate::{Usage, Usd};

const SHIPPED: &str = include_str!("../data/prices.toml");
/// Prices are kept per token, in trillionths of a dollar: exact for six digits after the point per million.
const PICO_PER_TOKEN: f64 = 1e6;
const PICO_PER_NANO: u128 = 1000;

/// What models cost, as of a date.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    date: String,
    models: Vec<Price>,
}

/// One model's price, in dollars per million tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The model's name without date.
    pub name: String,
    /// Other names of it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Read anew.
    pub input: f64,
    /// Written to the prompt cache; like `input` where the source has no price for it.
    pub cache_write: Option<f64>,
    /// Read from it; likewise.
    pub cache_read: Option<f64>,
    /// Written as the answer.
    pub output: f64,
    /// What a longer request costs instead, as a whole.
    pub over: Option<LongPrompt>,
    /// The page that says so.
    pub source: String,
    /// The day on which it did.
    pub seen: String,
}

/// Prices for requests whose whole input has more than `tokens`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongPrompt {
    tokens: u64,
    input: f64,
    cache_write: Option<f64>,
    cache_read: Option<f64>,
    output: f64,
}

impl PriceTable {
    /// The table that this build brings.
    pub fn shipped() -> Result<Self, PriceError> {
        Self::parse(SHIPPED)
    }

    /// Reads a table of the same form.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let table: Self = toml::from_str(text).map_err(PriceError::Unreadable)?;
        let is_date = |text: &str| text.parse::<NaiveDate>().is_ok();
        if !is_date(&table.date) {
            return Err(PriceError::NoDate { model: None });
        }
        for price in &table.models {
            let figures = [Some(price.input), price.cache_write, price.cache_read, Some(price.output)];
            let longer = price.over.map_or([None; 4], |o| [Some(o.input), o.cache_write, o.cache_read, Some(o.output)]);
            // A thousand dollars a token is a slip, and keeps sums within their integers.
            if figures.into_iter().chain(longer).flatten().any(|figure| !(0.0..=1e9).contains(&figure)) {
                return Err(PriceError::OutOfRange { model: price.name.clone() });
            }
            if !is_date(&price.seen) {
                return Err(PriceError::NoDate { model: Some(price.name.clone()) });
            }
        }
        Ok(table)
    }

    /// The day of the table.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// Puts `prices` before those of the table.
    #[must_use]
    pub fn with(mut self, prices: Vec<Price>) -> Self {
        self.models.splice(0..0, prices);
        self
    }

    /// All prices of both tables; where both have one, that of this table.
    #[must_use]
    pub fn before(self, other: Self) -> Self {
        other.with(self.models)
    }

    /// The price of `model`: that of the longest name which it is, or of which it is a dated snapshot.
    pub fn price(&self, model: &str) -> Option<&Price> {
        // Gateways put the maker's name before it.
        let model = model.rsplit('/').next().unwrap_or(model);
        let named = self.models.iter().flat_map(|price| {
            let names = std::iter::once(&price.name).chain(&price.aliases);
            names.map(move |name| (name.as_str(), price))
        });
        let known = named.filter(|(name, _)| model.strip_prefix(name).is_some_and(is_snapshot));
        // Of several with one length the first: what was put before the table.
        let longest = known.reduce(|best, found| if found.0.len() > best.0.len() { found } else { best });
        longest.map(|(_, price)| price)
    }
}

/// Whether what follows a model's name only says which day's model: nothing, `-latest`, `-20250929`, `-2024-07-18`.
///
/// Anything else may be another model at another price.
fn is_snapshot(rest: &str) -> bool {
    let Some(mark) = rest.strip_prefix(['-', '@']) else { return rest.is_empty() };
    let digits = mark.bytes().filter(u8::is_ascii_digit).count();
    mark == "latest" || (digits == 8 && mark.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
}

/// What tokens of one request cost, in trillionths of a dollar each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub(crate) input: u64,
    pub(crate) cache_write: u64,
    pub(crate) cache_read: u64,
    pub(crate) output: u64,
}

impl Price {
    /// The rates of a request whose whole input has `tokens`.
    pub fn rates(&self, tokens: u64) -> Rates {
        let (input, cache_write, cache_read, output) = match &self.over {
            Some(over) if tokens > over.tokens => (over.input, over.cache_write, over.cache_read, over.output),
            Some(_) | None => (self.input, self.cache_write, self.cache_read, self.output),
        };
        let per_token = |dollars: f64| (dollars * PICO_PER_TOKEN).round() as u64;
        Rates {
            input: per_token(input),
            cache_write: per_token(cache_write.unwrap_or(input)),
            cache_read: per_token(cache_read.unwrap_or(input)),
            output: per_token(output),
        }
    }

    /// What `usage` costs, rounded up; unknown where what was read or written is.
    pub fn cost(&self, usage: &Usage) -> Option<Usd> {
        let rates = self.rates(usage.all_input()?);
        let parts = [
            (usage.input?, rates.input),
            (usage.cache_write.unwrap_or(0), rates.cache_write),
            (usage.cache_read.unwrap_or(0), rates.cache_read),
            (usage.output?, rates.output),
        ];
        Some(sum(parts))
    }
}

/// The sum of tokens times their rates, rounded up to a billionth of a dollar.
pub(crate) fn sum<const N: usize>(parts: [(u64, u64); N]) -> Usd {
    let pico: u128 = parts.iter().map(|(tokens, rate)| u128::from(*tokens) * u128::from(*rate)).sum();
    Usd::from_nano(i64::try_from(pico.div_ceil(PICO_PER_NANO)).unwrap_or(i64::MAX))
}

/// Why a price table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// It is not TOML of the right form.
    #[error("the price table cannot be read")]
    Unreadable(#[source] toml::de::Error),
    /// A figure below zero or beyond belief.
    #[error("the price of model `{model}` is out of range")]
    OutOfRange {
        /// The model.
        model: String,
    },
    /// The day is not a date.
    #[error("the price table{} has no date", .model.as_ref().map(|model| format!("'s model `{model}`")).unwrap_or_default())]
    NoDate {
        /// The model; `None` for the table as a whole.
        model: Option<String>,
    },
}

impl Hint for PriceError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable(error) => Some(error.message().to_owned()),
            Self::OutOfRange { .. } => Some("write dollars per million tokens".to_owned()),
            Self::NoDate { .. } => Some("write it like 2026-11-21".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input: u64, cache_read: u64, cache_write: u64, output: u64) -> Usage {
        Usage { input: Some(input), cache_read: Some(cache_read), cache_write: Some(cache_write), output: Some(output) }
    }

    #[test]
    fn the_shipped_table_is_whole() {
        let table = PriceTable::shipped().unwrap();
        assert!(table.models.len() > 20);
        for price in &table.models {
            assert!(price.source.starts_with("https://"), "{price:?}");
            let rates = price.rates(0);
            assert!(rates.cache_read <= rates.input && rates.input < rates.output, "{price:?}");
            assert_eq!(table.price(&price.name).unwrap().name, price.name);
        }
    }

    #[test]
    fn a_model_is_found_by_name_snapshot_or_maker_and_never_by_likeness() {
        let table = PriceTable::shipped().unwrap();
        for (model, name) in [
            ("claude-opus-5", Some("claude-opus-5")),
            ("claude-opus-5-5", Some("claude-opus-5-5")),
            ("claude-opus-4-5-20251101", Some("claude-opus-4-5")),
            ("claude-haiku-4-5-latest", Some("claude-haiku-4-5")),
            ("claude-sonnet-4-5@20250929", Some("claude-sonnet-4-5")),
            ("anthropic/claude-sonnet-5", Some("claude-sonnet-5")),
            ("gpt-4.1-2025-04-14", Some("gpt-4.1")),
            ("gpt-4.1-mini", None),
            ("claude-opus-5-9", None),
            ("claude-opus-55", None),
            ("llama", None),
            ("", None),
        ] {
            assert_eq!(table.price(model).map(|price| price.name.as_str()), name, "{model}");
        }
    }

    #[test]
    fn caches_and_long_prompts_have_their_own_price() {
        let table = PriceTable::shipped().unwrap();
        let opus = table.price("claude-opus-5-5").unwrap();
        // 1,000 × 4 + 10,000 × 0.2 + 2,000 × 5 + 500 × 20 dollars per million.
        assert_eq!(opus.cost(&usage(1_000, 10_000, 2_000, 500)), Usd::from_f64(0.026));
        let haiku = table.price("claude-haiku-5-5").unwrap();
        assert_eq!(haiku.cost(&usage(50_000, 50_000, 0, 1_000)), Usd::from_f64(0.006));
        assert_eq!(haiku.cost(&usage(50_001, 50_000, 0, 1_000)), Usd::from_f64(0.030_000_5));
    }

    #[test]
    fn unknown_tokens_have_no_cost_and_small_ones_are_not_free() {
        let table = PriceTable::shipped().unwrap();
        let price = table.price("gpt-6-luna").unwrap();
        assert_eq!(price.cost(&Usage { input: Some(5), ..Usage::default() }), None);
        let one = Usage { input: Some(1), output: Some(0), ..Usage::default() };
        assert_eq!(price.cost(&one), Some(Usd::from_nano(100)));
    }

    #[test]
    fn a_users_price_comes_first_and_a_wrong_one_is_refused() {
        let own = r#"date = "2026-01-02"
            models = [{ name = "gpt-4.1", aliases = ["house"], input = 1, output = 2, source = "ours", seen = "2026-01-02" }]"#;
        let own = PriceTable::parse(own).unwrap();
        let table = own.before(PriceTable::shipped().unwrap());
        assert_eq!(table.price("gpt-4.1").unwrap().source, "ours");
        assert_eq!(table.price("house").unwrap().source, "ours");
        for wrong in [
            r#"date = "2026-01-02"
            models = [{ name = "x", input = -1, output = 2, source = "o", seen = "2026-01-02" }]"#,
            r#"date = "soon"
            models = []"#,
            r#"date = "2026-01-02"
            models = [{ name = "x", imput = 1, output = 2, source = "o", seen = "2026-01-02" }]"#,
        ] {
            assert!(PriceTable::parse(wrong).is_err(), "{wrong}");
        }
    }
}
