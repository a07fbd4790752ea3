use proptest::prelude::*;
use serde_json::json;

use super::{CpuMillis, DecimalError, PicoUsd, QuotaError, Quotas};

#[test]
fn a_patch_sets_keeps_and_removes() {
    let first = Quotas::from_json(&json!({
        "tokens_per_day": 1000, "cost_per_day_usd": "2.50", "sandbox": {"cpu": 1.5, "pids": 64}
    }))
    .unwrap();
    let second = first.merge(&json!({"tokens_per_day": null, "disk_bytes": 5, "sandbox": {"pids": null}})).unwrap();
    assert_eq!(
        serde_json::to_value(&second).unwrap(),
        json!({"cost_per_day_usd": "2.5", "disk_bytes": 5, "sandbox": {"cpu": 1.5}})
    );
    let third = second.merge(&json!({"cost_per_day_usd": null, "disk_bytes": null, "sandbox": {"cpu": null}})).unwrap();
    assert_eq!(third, Quotas::default());
}

#[test]
fn every_key_of_the_list_is_a_field() {
    for key in Quotas::KEYS {
        let value = if *key == "sandbox" { json!({"pids": 1}) } else { json!(1) };
        let quotas = Quotas::from_json(&json!({ *key: value })).unwrap();
        assert!(serde_json::to_value(quotas).unwrap().get(key).is_some());
    }
}

#[test]
fn an_error_names_the_key() {
    let refused = |patch| Quotas::default().merge(&patch).unwrap_err();
    assert_eq!(refused(json!({"tokens_per_dya": 1})), QuotaError::UnknownKey("tokens_per_dya".into()));
    assert_eq!(refused(json!({"sandbox": {"gpu": 1}})), QuotaError::UnknownKey("sandbox.gpu".into()));
    for (patch, key) in [
        (json!({"disk_bytes": -1}), "disk_bytes"),
        (json!({"cost_per_day_usd": "1e3"}), "cost_per_day_usd"),
        (json!({"sandbox": {"cpu": 0}}), "sandbox.cpu"),
        (json!({"sandbox": 3}), "sandbox"),
    ] {
        let QuotaError::Invalid { key: named, .. } = refused(patch) else {
            panic!("{key} was not refused as a value");
        };
        assert_eq!(named, key);
    }
    assert_eq!(refused(json!([])), QuotaError::NotAnObject("an array"));
}

#[test]
fn money_is_exact() {
    let pico = |text: &str| text.parse::<PicoUsd>().map(PicoUsd::pico);
    assert_eq!(pico("0.1"), Ok(100_000_000_000));
    assert_eq!(pico("0.000000000001"), Ok(1));
    assert_eq!(pico("12"), Ok(12_000_000_000_000));
    assert_eq!(pico("1.0000000000001"), Err(DecimalError::TooFine(12)));
    assert_eq!(pico("-1"), Err(DecimalError::Negative));
    assert_eq!(pico(&"9".repeat(40)), Err(DecimalError::TooLarge));
    for wrong in ["", ".", "1.", ".5", "+1", "1e3", "1,5", " 1", "NaN", "inf"] {
        assert_eq!(pico(wrong), Err(DecimalError::Syntax), "{wrong:?}");
    }
    let read: PicoUsd = serde_json::from_str("0.3").unwrap();
    assert_eq!(read.to_string(), "0.3");
    assert_eq!("1.5".parse::<CpuMillis>().unwrap().millis(), 1500);
}

proptest! {
    #[test]
    fn every_amount_is_read_as_it_was_printed(pico in any::<u128>()) {
        let amount = PicoUsd::from_pico(pico);
        prop_assert_eq!(amount.to_string().parse::<PicoUsd>().unwrap(), amount);
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(serde_json::from_str::<PicoUsd>(&json).unwrap(), amount);
    }
}
