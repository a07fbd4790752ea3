use openclaw_config::{File, GatewayConfig, KeyPath, Located, load};
use openclaw_tenancy::PicoUsd;

use crate::{RateCard, TokenCounts, Unpriced};

fn card(text: &str) -> RateCard {
    RateCard::parse(File { name: "rates.yaml", text }).unwrap()
}

fn refused(text: &str) -> String {
    RateCard::parse(File { name: "rates.yaml", text }).unwrap_err().to_string()
}

fn cost(card: &RateCard, model: &str, at: &str, input_uncached: u64) -> PicoUsd {
    let rule = card.rule(model, at.parse().unwrap()).unwrap();
    rule.prices.cost(&TokenCounts { input_uncached, ..TokenCounts::default() }).unwrap().total
}

#[test]
fn yaml_and_json_say_the_same_and_have_the_same_version() {
    let yaml = card("small: {input: 0.15, output: '0.60', tiers: [{above_input_tokens: 10, input: 0.3}]}\n");
    let json =
        card(r#"{"small": {"output": 0.6, "input": "0.150", "tiers": [{"input": 0.3, "above_input_tokens": 10}]}}"#);
    assert_eq!(yaml, json);
    assert_ne!(yaml.version(), card("small: {input: 0.16, output: 0.6}").version());
    assert_eq!(card(yaml.text()), yaml, "what is stored reads the same");
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_what_was_meant() {
    assert_eq!(
        refused("small:\n  input: 1\n  output: 2\n  cache_raed: 3\n"),
        r#"rates.yaml:4:3: unknown key small.cache_raed (did you mean "cache_read"?)"#
    );
    assert_eq!(
        refused("{\n  \"small\": {\"input\": 1, \"output\": 2,\n    \"tiers\": [{\"above_input\": 3}]}}"),
        "rates.yaml:3:16: unknown key small.tiers[0].above_input (did you mean \"above_input_tokens\"?)\n\
         rates.yaml:3:15: small.tiers[0].above_input_tokens is missing"
    );
}

#[test]
fn whatever_is_wrong_is_told_at_its_place() {
    for (text, expected) in [
        ("small: {input: 1}", "rates.yaml:1:1: small.output is missing"),
        ("small: {input: 1, output: -2}", "rates.yaml:1:19: small.output: a negative amount is not allowed"),
        (
            "small: {input: 0.0000001, output: 2}",
            "rates.yaml:1:9: small.input: at most 6 digits after the point are kept exactly",
        ),
        ("small: {input: cheap, output: 2}", "rates.yaml:1:9: small.input: not a decimal number such as 12.50"),
        ("small: 3", "rates.yaml:1:1: small must be a mapping or a list, not a number"),
        ("small: []", "rates.yaml:1:1: small has no prices"),
        (
            "small: {input: 1, output: 1, tiers: [{above_input_tokens: 9}, {above_input_tokens: 9}]}",
            "rates.yaml:1:64: small.tiers[1].above_input_tokens must be more than that of the tier before",
        ),
        (
            "small: [{input: 1, output: 1, valid_from: 2026-01-01}, {input: 2, output: 2}]",
            "rates.yaml:1:56: small[1].valid_from must be later than that of the prices before",
        ),
        (
            "small: {input: 1, output: 1, valid_from: soon}",
            "rates.yaml:1:30: small.valid_from: not a date (2026-01-31) or a time (2026-01-31T00:00:00Z)",
        ),
    ] {
        assert_eq!(refused(text), expected, "{text}");
    }
    let twice = refused("small: {input: 1, output: 2}\nsmall: {input: 3, output: 4}");
    assert!(twice.starts_with("rates.yaml:2:1: ") && twice.contains("small"), "{twice}");
}

#[test]
fn a_card_inside_the_configuration_is_read_with_its_places() {
    let inline = |text: &str| {
        let loaded = load(Some(File { name: "config.yaml", text }), [], &[]).unwrap();
        let Some(openclaw_config::gateway::RateCardSource::Inline(card)) = loaded.config.billing.rate_card.clone()
        else {
            panic!("an inline card");
        };
        RateCard::read(&Located::part(card.into(), &KeyPath::of_keys(["billing", "rate_card"]), &loaded))
    };
    assert_eq!(GatewayConfig::default().billing.rate_card, None);
    inline("billing:\n  rate_card:\n    small: {input: 1, output: 2}\n").unwrap();
    let error = inline("billing:\n  rate_card:\n    small: {input: 1, outptu: 2, output: 2}\n").unwrap_err();
    assert_eq!(error.to_string(), r#"config.yaml:3:23: unknown key small.outptu (did you mean "output"?)"#);
}

#[test]
fn prices_follow_each_other_in_time() {
    let card = card(
        "small:\n- {input: 1, output: 1}\n- {input: 2, output: 2, valid_from: 2026-06-01}\n\
         - {input: 3, output: 3, valid_from: '2026-06-01T12:00:00+02:00'}\n",
    );
    assert_eq!(cost(&card, "small", "2026-05-31T23:59:59Z", 1).pico(), 1_000_000);
    assert_eq!(cost(&card, "small", "2026-06-01T00:00:00Z", 1).pico(), 2_000_000);
    assert_eq!(cost(&card, "small", "2026-06-01T10:00:00Z", 1).pico(), 3_000_000);
}

#[test]
fn a_model_without_a_price_is_refused_and_never_free() {
    let at = "2026-05-31T00:00:00Z".parse().unwrap();
    let listed = card("small: {input: 1, output: 1, valid_from: 2026-06-01}");
    assert_eq!(listed.rule("large", at), Err(Unpriced::Unknown("large".into())));
    assert!(matches!(listed.rule("small", at), Err(Unpriced::NotYet { .. })));
    assert!(RateCard::empty().rule("small", at).is_err());

    let with_default = card("small: {input: 1, output: 1}\ndefault: {input: 9, output: 9}");
    assert_eq!(with_default.rule("large", at).unwrap().entry, "default");
    assert_eq!(with_default.rule("small", at).unwrap().entry, "small");
}
