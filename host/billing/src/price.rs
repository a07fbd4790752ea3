//! What tokens cost. One pure function, [`Prices::cost`], prices every call: the worst case that is
//! reserved, what is settled, and every later question about a row.
//!
//! A price is whole micro-USD for a million tokens, so whole pico-USD for one: every cost is a sum of
//! integer products, exact to the last digit.

use jiff::Timestamp;
use openclaw_tenancy::{DecimalError, PicoUsd};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// How a provider charges a token. The classes are disjoint: no token is in two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenClass {
    InputUncached,
    InputCacheRead,
    /// Written to a cache that keeps it for minutes.
    InputCacheWrite,
    /// Written to a cache that keeps it for an hour.
    InputCacheWrite1h,
    OutputText,
    OutputReasoning,
}

impl TokenClass {
    pub const ALL: [Self; 6] = [
        Self::InputUncached,
        Self::InputCacheRead,
        Self::InputCacheWrite,
        Self::InputCacheWrite1h,
        Self::OutputText,
        Self::OutputReasoning,
    ];

    pub fn name(self) -> &'static str {
        [
            "input_uncached",
            "input_cache_read",
            "input_cache_write",
            "input_cache_write_1h",
            "output_text",
            "output_reasoning",
        ][self as usize]
    }
}

/// Tokens of one call or of many, by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TokenCounts {
    pub input_uncached: u64,
    pub input_cache_read: u64,
    pub input_cache_write: u64,
    pub input_cache_write_1h: u64,
    pub output_text: u64,
    pub output_reasoning: u64,
}

impl TokenCounts {
    /// All tokens in one class.
    pub fn of(class: TokenClass, tokens: u64) -> Self {
        let mut counts = [0; 6];
        counts[class as usize] = tokens;
        Self::from_array(counts)
    }

    pub fn to_array(self) -> [u64; 6] {
        let Self { input_uncached, input_cache_read, input_cache_write, input_cache_write_1h, .. } = self;
        [
            input_uncached,
            input_cache_read,
            input_cache_write,
            input_cache_write_1h,
            self.output_text,
            self.output_reasoning,
        ]
    }

    pub fn from_array(counts: [u64; 6]) -> Self {
        let [input_uncached, input_cache_read, input_cache_write, input_cache_write_1h, output_text, output_reasoning] =
            counts;
        Self {
            input_uncached,
            input_cache_read,
            input_cache_write,
            input_cache_write_1h,
            output_text,
            output_reasoning,
        }
    }

    /// Input of every class; the largest number where the sum would pass it.
    pub fn input(&self) -> u64 {
        self.to_array()[..4].iter().copied().fold(0, u64::saturating_add)
    }

    pub fn output(&self) -> u64 {
        self.output_text.saturating_add(self.output_reasoning)
    }

    /// What a token quota counts: everything.
    pub fn total(&self) -> u64 {
        self.input().saturating_add(self.output())
    }

    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        let (mine, others) = (self.to_array(), other.to_array());
        Self::from_array(std::array::from_fn(|class| mine[class].saturating_add(others[class])))
    }
}

/// The price of a token: pico-USD, which is micro-USD for a million tokens. Written as USD for a
/// million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "PicoUsd", into = "PicoUsd")]
pub struct Price(u64);

impl Price {
    const TOKENS: u64 = 1_000_000;

    pub fn per_token(self) -> PicoUsd {
        PicoUsd::from_pico(self.0.into())
    }
}

impl TryFrom<PicoUsd> for Price {
    type Error = DecimalError;

    fn try_from(per_million: PicoUsd) -> Result<Self, DecimalError> {
        let (price, rest) =
            (per_million.pico() / u128::from(Self::TOKENS), per_million.pico() % u128::from(Self::TOKENS));
        if rest != 0 {
            return Err(DecimalError::TooFine(6));
        }
        u64::try_from(price).map(Self).map_err(|_| DecimalError::TooLarge)
    }
}

impl From<Price> for PicoUsd {
    fn from(price: Price) -> Self {
        Self::from_pico(u128::from(price.0) * u128::from(Price::TOKENS))
    }
}

impl JsonSchema for Price {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Price".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["number", "string"]})
    }
}

/// The price of each class, in the order of [`TokenClass::ALL`].
pub(crate) type ClassPrices = [Price; 6];

/// Prices of calls with more input than a threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tier {
    pub(crate) above_input_tokens: u64,
    pub(crate) prices: ClassPrices,
}

/// The prices of one model from some time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) per_request: PicoUsd,
    pub(crate) base: ClassPrices,
    /// By ascending threshold.
    pub(crate) tiers: Vec<Tier>,
}

/// One product of a cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceLine {
    pub class: TokenClass,
    pub tokens: u64,
    pub price: Price,
    pub cost: PicoUsd,
}

/// A cost and how it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// One a class, empty classes included.
    pub lines: [PriceLine; 6],
    pub per_request: PicoUsd,
    /// The threshold of the tier that applied.
    pub above_input_tokens: Option<u64>,
    pub total: PicoUsd,
}

/// Which cache writes a call may cause; what it may not cause is not reserved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheWrites {
    Never,
    Minutes,
    Hour,
}

/// The dearest way in which a call can turn out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorstCase {
    pub tokens: TokenCounts,
    pub cost: PicoUsd,
}

/// More tokens than any provider can have counted in one call: a number beyond is a lie, or a slip.
const TOKENS_MAX: u64 = 1 << 40;

/// More than can be kept of one call: 9.2 million USD, or 2⁴⁰ tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cost of one call is beyond what can be billed")]
pub struct CostTooLarge;

impl Prices {
    pub fn valid_from(&self) -> Option<Timestamp> {
        self.valid_from
    }

    /// What a call costs. All its tokens have the prices of the tier that its whole input falls into.
    pub fn cost(&self, tokens: &TokenCounts) -> Result<Cost, CostTooLarge> {
        let tier = self.tiers.iter().rev().find(|tier| tokens.input() > tier.above_input_tokens);
        let prices = tier.map_or(&self.base, |tier| &tier.prices);
        self.cost_at(prices, tier.map(|tier| tier.above_input_tokens), tokens)
    }

    fn cost_at(
        &self,
        prices: &ClassPrices,
        above_input_tokens: Option<u64>,
        tokens: &TokenCounts,
    ) -> Result<Cost, CostTooLarge> {
        if tokens.total() > TOKENS_MAX {
            return Err(CostTooLarge);
        }
        let tokens = tokens.to_array();
        // Two factors of 64 bits fit into 128.
        let lines = TokenClass::ALL.map(|class| {
            let (tokens, price) = (tokens[class as usize], prices[class as usize]);
            let cost = PicoUsd::from_pico(u128::from(price.0) * u128::from(tokens));
            PriceLine { class, tokens, price, cost }
        });
        let total = lines.iter().try_fold(self.per_request, |sum, line| sum.checked_add(line.cost));
        let total = total.filter(|total| i64::try_from(total.pico()).is_ok()).ok_or(CostTooLarge)?;
        Ok(Cost { lines, per_request: self.per_request, above_input_tokens, total })
    }

    /// The dearest outcome of a call with at most so many tokens: over the classes that it can be
    /// charged in, and over the tiers up to the one of the counted input.
    pub fn worst_case(&self, input: u64, output: u64, writes: CacheWrites) -> Result<WorstCase, CostTooLarge> {
        let reached = self.tiers.iter().filter(|tier| input > tier.above_input_tokens);
        let tiers = std::iter::once(&self.base).chain(reached.map(|tier| &tier.prices));
        let inputs = match writes {
            CacheWrites::Never => &TokenClass::ALL[..2],
            CacheWrites::Minutes => &TokenClass::ALL[..3],
            CacheWrites::Hour => &TokenClass::ALL[..4],
        };
        let mut worst: Option<WorstCase> = None;
        for prices in tiers {
            // Of equals the first, as most tokens turn out.
            let dearest =
                |classes: &[TokenClass]| classes.iter().rev().copied().max_by_key(|class| prices[*class as usize]);
            let tokens = [(dearest(inputs), input), (dearest(&TokenClass::ALL[4..]), output)]
                .into_iter()
                .filter_map(|(class, tokens)| Some(TokenCounts::of(class?, tokens)))
                .fold(TokenCounts::default(), TokenCounts::saturating_add);
            let cost = self.cost_at(prices, None, &tokens)?.total;
            if worst.is_none_or(|worst| cost > worst.cost) {
                worst = Some(WorstCase { tokens, cost });
            }
        }
        worst.ok_or(CostTooLarge)
    }

    /// The most output, up to `wanted`, with which the worst case still costs no more than `room`.
    pub fn largest_output(&self, input: u64, wanted: u64, writes: CacheWrites, room: PicoUsd) -> u64 {
        let fits = |output| self.worst_case(input, output, writes).is_ok_and(|worst| worst.cost <= room);
        let (mut fitting, mut beyond) = (0, wanted.saturating_add(1));
        while beyond - fitting > 1 {
            let middle = fitting + (beyond - fitting) / 2;
            if fits(middle) {
                fitting = middle;
            } else {
                beyond = middle;
            }
        }
        fitting
    }
}
