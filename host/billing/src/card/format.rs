//! The card as it is written: prices in USD for a million tokens, as numbers or as texts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use openclaw_config::KeyPath;
use openclaw_tenancy::PicoUsd;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::price::{ClassPrices, Price, Prices, Tier};

/// From model to prices.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct CardFormat(pub(super) BTreeMap<String, Entry>);

/// The prices of one model, or several that follow each other in time.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Entry {
    One(Box<PricesFormat>),
    Several(Vec<PricesFormat>),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PricesFormat {
    /// From when on they hold: a time, or a date for the beginning of that day in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<ValidFrom>,
    input: Price,
    output: Price,
    /// Input that a cache answered; as `input` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_read: Option<Price>,
    /// Input that was written to a cache; as `input` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_write: Option<Price>,
    /// Input that was written to a cache for an hour; as `cache_write` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<Price>,
    /// Output that is not shown; as `output` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reasoning: Option<Price>,
    /// USD for each call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Price>")]
    per_request: Option<PicoUsd>,
    /// Other prices for calls with more input, by ascending threshold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tiers: Vec<TierFormat>,
}

/// Prices of a whole call with more input than the threshold. What is left out is as above.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TierFormat {
    above_input_tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_read: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_write: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reasoning: Option<Price>,
}

/// What is wrong at which key.
type Wrong = (KeyPath, String);

impl CardFormat {
    /// The same text for the same card, whatever it was written in.
    pub(super) fn to_text(&self) -> String {
        serde_json::to_value(self).map(|value| value.to_string()).unwrap_or_default()
    }
}

impl Entry {
    /// The prices, newest first.
    pub(super) fn prices(&self, at: &KeyPath) -> Result<Vec<Prices>, Vec<Wrong>> {
        let listed: Vec<(KeyPath, &PricesFormat)> = match self {
            Self::One(prices) => vec![(at.clone(), prices)],
            Self::Several(several) => {
                several.iter().enumerate().map(|(index, prices)| (at.index(index), prices)).collect()
            }
        };
        let mut wrong: Vec<Wrong> = listed.iter().flat_map(|(at, prices)| prices.wrong(at)).collect();
        if listed.is_empty() {
            wrong.push((at.clone(), format!("{at} has no prices")));
        }
        for ((_, earlier), (path, later)) in listed.iter().zip(listed.iter().skip(1)) {
            if later.from() <= earlier.from() {
                let path = path.key("valid_from");
                let message = format!("{path} must be later than that of the prices before");
                wrong.push((path, message));
            }
        }
        if wrong.is_empty() { Ok(listed.iter().rev().map(|(_, prices)| prices.prices()).collect()) } else { Err(wrong) }
    }
}

impl PricesFormat {
    fn from(&self) -> Option<Timestamp> {
        self.valid_from.map(|from| from.0)
    }

    fn wrong(&self, at: &KeyPath) -> Vec<Wrong> {
        let pairs = self.tiers.iter().zip(self.tiers.iter().skip(1)).enumerate();
        let fallen = pairs.filter(|(_, (tier, next))| next.above_input_tokens <= tier.above_input_tokens);
        fallen
            .map(|(index, _)| {
                let path = at.key("tiers").index(index + 1).key("above_input_tokens");
                let message = format!("{path} must be more than that of the tier before");
                (path, message)
            })
            .collect()
    }

    fn prices(&self) -> Prices {
        let tiers = self.tiers.iter().map(|tier| Tier {
            above_input_tokens: tier.above_input_tokens,
            prices: by_class(
                tier.input.unwrap_or(self.input),
                tier.output.unwrap_or(self.output),
                tier.cache_read.or(self.cache_read),
                [tier.cache_write.or(self.cache_write), tier.cache_write_1h.or(self.cache_write_1h)],
                tier.reasoning.or(self.reasoning),
            ),
        });
        Prices {
            valid_from: self.from(),
            per_request: self.per_request.unwrap_or_default(),
            base: by_class(
                self.input,
                self.output,
                self.cache_read,
                [self.cache_write, self.cache_write_1h],
                self.reasoning,
            ),
            tiers: tiers.collect(),
        }
    }
}

/// In the order of [`crate::TokenClass::ALL`]; a class without a price of its own is never free.
fn by_class(
    input: Price,
    output: Price,
    cache_read: Option<Price>,
    [cache_write, cache_write_1h]: [Option<Price>; 2],
    reasoning: Option<Price>,
) -> ClassPrices {
    let write = cache_write.unwrap_or(input);
    let [read, write_1h] = [cache_read.unwrap_or(input), cache_write_1h.unwrap_or(write)];
    [input, read, write, write_1h, output, reasoning.unwrap_or(output)]
}

/// By hand, since what serde makes of `untagged` loses the place of an error.
impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("prices, or a list of prices")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(map)).map(Entry::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Entry, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(seq)).map(Entry::Several)
    }
}

/// A time, `2026-01-01T00:00:00Z`, or a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct ValidFrom(Timestamp);

impl<'de> Deserialize<'de> for ValidFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let date = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp());
        let time = text.parse().ok().or_else(date);
        time.map(Self).ok_or_else(|| de::Error::custom("not a date (2026-01-31) or a time (2026-01-31T00:00:00Z)"))
    }
}

impl JsonSchema for ValidFrom {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ValidFrom".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}
