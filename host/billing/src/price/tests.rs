use openclaw_config::File;
use openclaw_tenancy::PicoUsd;
use proptest::prelude::*;

use crate::{CacheWrites, Prices, RateCard, TokenClass, TokenCounts};

fn prices(text: &str) -> Prices {
    let card = RateCard::parse(File { name: "card", text: &format!("m: {text}") }).unwrap();
    card.rule("m", "2026-11-26T00:00:00Z".parse().unwrap()).unwrap().prices.clone()
}

fn usd(text: &str) -> PicoUsd {
    text.parse().unwrap()
}

fn cost(prices: &Prices, tokens: TokenCounts) -> String {
    prices.cost(&tokens).unwrap().total.to_string()
}

/// Calls that other gateways are known to have billed wrongly, with what they truly cost.
#[test]
fn the_golden_table() {
    let none = TokenCounts::default();
    for (name, card, tokens, expected) in [
        (
            "a cache hit of Gemini is not input as well",
            "{input: 1.25, output: 10, cache_read: 0.31}",
            TokenCounts { input_uncached: 5_005, input_cache_read: 257_955, output_text: 9_869, ..none },
            "0.1849123",
        ),
        (
            "a cache write of Anthropic is billed once",
            "{input: 3, output: 15, cache_read: 0.3, cache_write: 3.75}",
            TokenCounts { input_uncached: 12, input_cache_write: 9_843, output_text: 1_163, ..none },
            "0.05439225",
        ),
        (
            "a streamed cache read of Anthropic is no input",
            "{input: 0.8, output: 4, cache_read: 0.08, cache_write: 1}",
            TokenCounts { input_uncached: 4, input_cache_read: 2_206, output_text: 28, ..none },
            "0.00029168",
        ),
        (
            "cached tokens at their own price",
            "{input: 0.9, output: 0.9, cache_read: 0.2}",
            TokenCounts { input_cache_read: 69_000, output_text: 1_300, ..none },
            "0.01497",
        ),
        (
            "a fully cached call",
            "{input: 3, output: 15, cache_read: 0.3}",
            TokenCounts { input_cache_read: 100_000, output_text: 1, ..none },
            "0.030015",
        ),
        ("no usage at all is no cost", "{input: 3, output: 15}", none, "0"),
        (
            "a cache for an hour has its own price",
            "{input: 3, output: 15, cache_write: 3.75, cache_write_1h: 6}",
            TokenCounts { input_cache_write: 1, input_cache_write_1h: 1, ..none },
            "0.00000975",
        ),
        (
            "the finest price seen",
            "{input: 0.546875, output: 0.075}",
            TokenCounts { input_uncached: 1, output_text: 1, ..none },
            "0.000000621875",
        ),
        ("a call can have a price of its own", "{input: 0, output: 0, per_request: 0.005}", none, "0.005"),
        (
            "a threshold is not above itself",
            "{input: 1, output: 1, tiers: [{above_input_tokens: 200000, input: 2}]}",
            TokenCounts { input_uncached: 200_000, ..none },
            "0.2",
        ),
        (
            "a tier prices the whole call, by input of every class",
            "{input: 1, output: 1, tiers: [{above_input_tokens: 200000, input: 2, output: 3}]}",
            TokenCounts { input_uncached: 150_000, input_cache_read: 50_001, output_reasoning: 10, ..none },
            "0.400032",
        ),
        (
            "the highest tier that is passed applies",
            "{input: 1, output: 1, tiers: [{above_input_tokens: 10, input: 2}, {above_input_tokens: 20, input: 5}]}",
            TokenCounts { input_uncached: 21, ..none },
            "0.000105",
        ),
    ] {
        assert_eq!(cost(&prices(card), tokens), expected, "{name}");
    }
}

#[test]
fn a_hundred_thousand_small_calls_lose_nothing() {
    let prices = prices("{input: 0.0375, output: 0}");
    let calls = (0..100_000_u64).map(|n| TokenCounts { input_uncached: 1 + n % 400, ..TokenCounts::default() });
    let sum = calls.map(|tokens| prices.cost(&tokens).unwrap().total.pico()).sum::<u128>();
    assert_eq!(PicoUsd::from_pico(sum), usd("0.751875"), "100,000 calls of 200.5 tokens each on average");
}

#[test]
fn a_cost_that_cannot_be_kept_is_no_cost() {
    let prices = prices("{input: 1000000, output: 1}");
    assert!(prices.cost(&TokenCounts { input_uncached: u64::MAX, ..TokenCounts::default() }).is_err());
    assert!(prices.worst_case(u64::MAX, 1, CacheWrites::Never).is_err());
}

#[test]
fn the_worst_case_reserves_for_no_cache_write_that_cannot_come() {
    let prices = prices("{input: 1, output: 2, reasoning: 4, cache_write: 10, cache_write_1h: 20}");
    let reserved = |writes| prices.worst_case(100, 10, writes).unwrap().cost.pico() / 1_000_000;
    assert_eq!(reserved(CacheWrites::Never), 140);
    assert_eq!(reserved(CacheWrites::Minutes), 1_040);
    assert_eq!(reserved(CacheWrites::Hour), 2_040);
}

#[test]
fn the_largest_output_that_fits_is_exact() {
    let prices = prices("{input: 1, output: 2}");
    let largest = |room| prices.largest_output(100, 1_000, CacheWrites::Never, PicoUsd::from_pico(room));
    assert_eq!(largest(100_000_000 + 2 * 7_000_000), 7);
    assert_eq!(largest(100_000_000 + 2 * 7_000_000 - 1), 6);
    assert_eq!(largest(0), 0);
    assert_eq!(largest(u128::MAX), 1_000);
}

fn any_prices() -> impl Strategy<Value = Prices> {
    let price = || 0_u64..50_000_000;
    let tier = (prop::collection::vec(price(), 6), 1_u64..100_000);
    (prop::collection::vec(price(), 6), prop::collection::vec(tier, 0..3)).prop_map(|(base, tiers)| {
        let decimal = |micro: u64| PicoUsd::from_pico(u128::from(micro) * 1_000_000).to_string();
        let classes = |prices: &[u64]| {
            let names = ["input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning"];
            let pairs = names.iter().zip(prices).map(|(name, price)| format!("{name}: '{}'", decimal(*price)));
            pairs.collect::<Vec<_>>().join(", ")
        };
        let mut above = 0;
        let tiers = tiers.iter().map(|(prices, more)| {
            above += more;
            format!("{{above_input_tokens: {above}, {}}}", classes(prices))
        });
        let tiers = tiers.collect::<Vec<_>>().join(", ");
        prices(&format!("{{{}, tiers: [{tiers}]}}", classes(&base)))
    })
}

proptest! {
    #[test]
    fn a_cost_is_the_sum_of_its_lines(prices in any_prices(), counts in prop::array::uniform6(0_u64..300_000)) {
        let cost = prices.cost(&TokenCounts::from_array(counts)).unwrap();
        let sum: u128 = cost.lines.iter().map(|line| line.cost.pico()).sum();
        prop_assert_eq!(sum, cost.total.pico());
        for (line, tokens) in cost.lines.iter().zip(counts) {
            prop_assert_eq!(line.cost.pico(), line.price.per_token().pico() * u128::from(tokens));
        }
    }

    #[test]
    fn no_call_within_its_counts_costs_more_than_its_worst_case(
        prices in any_prices(),
        counts in prop::array::uniform6(0_u64..100_000),
        slack in (0_u64..1_000, 0_u64..1_000),
    ) {
        let tokens = TokenCounts::from_array(counts);
        let worst = prices.worst_case(tokens.input() + slack.0, tokens.output() + slack.1, CacheWrites::Hour).unwrap();
        prop_assert!(prices.cost(&tokens).unwrap().total <= worst.cost);
    }

    #[test]
    fn what_fits_fits_and_one_more_does_not(prices in any_prices(), input in 0_u64..200_000, room in 0_u64..u64::MAX / 4) {
        let room = PicoUsd::from_pico(room.into());
        let largest = prices.largest_output(input, 100_000, CacheWrites::Minutes, room);
        let worst = |output| prices.worst_case(input, output, CacheWrites::Minutes).unwrap().cost;
        prop_assert!(largest == 0 || worst(largest) <= room);
        prop_assert!(largest == 100_000 || worst(largest + 1) > room);
    }
}

#[test]
fn classes_and_counts_have_one_order() {
    for class in TokenClass::ALL {
        let counts = TokenCounts::of(class, 7);
        assert_eq!(serde_json::to_value(counts).unwrap()[class.name()], 7);
    }
}
