use proptest::prelude::*;
use serde_json::json;

use super::{CpuMillis, DecimalError, PicoUsd, QuotaError, Quotas};

#[test]
fn a_patch_sets_keeps_and_removes() {
    let first = Quotas::default()
        .merge(&json!({
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
        let quotas = Quotas::default().merge(&json!({ *key: value })).unwrap();
        assert!(serde_json::to_value(quotas).unwrap().get(key).is_some());
    }
}

#[test]
fn an_error_names_the_key() {
    let refused = |patch| Quotas::default().merge(&patch).unwrap_err();
    assert_eq!(refused(json!({"tokens_per_dya": 1})), QuotaError::UnknownKey("tokens_per_dya".into()));
    let unknown = refused(json!({"sandbox": {"gpu": 1}}));
    assert_eq!(unknown, QuotaError::UnknownKey("sandbox.gpu".into()));
    assert_eq!(unknown.to_string(), r#"unknown quota "sandbox.gpu"; there are cpu, memory_mb, pids"#);
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

#[test]
fn money_is_rounded_half_to_even_and_only_when_asked() {
    let shown = |text: &str, places: usize| format!("{:.places$}", text.parse::<PicoUsd>().unwrap());
    for (amount, places, expected) in [
        ("0.125", 2, "0.12"),
        ("0.135", 2, "0.14"),
        ("0.125000000001", 2, "0.13"),
        ("0.995", 2, "1.00"),
        ("1.5", 0, "2"),
        ("2.5", 0, "2"),
        ("0.000000000001", 12, "0.000000000001"),
        ("7", 12, "7.000000000000"),
        ("7", 14, "7.00000000000000"),
    ] {
        assert_eq!(shown(amount, places), expected, "{amount} with {places} places");
    }
}

#[test]
fn money_never_wraps() {
    let most = PicoUsd::from_pico(u128::MAX);
    let one = PicoUsd::from_pico(1);
    assert_eq!((most.checked_add(one), one.checked_sub(most), most.checked_mul(2)), (None, None, None));
    assert_eq!(one.saturating_sub(most), PicoUsd::ZERO);
    assert_eq!(format!("{most:.12}"), most.to_string());
}

proptest! {
    #[test]
    fn sums_of_money_are_sums_of_integers(a in any::<u64>(), b in any::<u64>(), times in any::<u32>()) {
        let (x, y) = (PicoUsd::from_pico(a.into()), PicoUsd::from_pico(b.into()));
        prop_assert_eq!(x.checked_add(y).map(PicoUsd::pico), Some(u128::from(a) + u128::from(b)));
        prop_assert_eq!(x.checked_add(y).and_then(|sum| sum.checked_sub(y)), Some(x));
        prop_assert_eq!(x.checked_mul(times.into()).map(PicoUsd::pico), Some(u128::from(a) * u128::from(times)));
    }

    #[test]
    fn rounding_is_off_by_half_a_unit_at_most(pico in any::<u64>(), places in 0_usize..=12) {
        let amount = PicoUsd::from_pico(pico.into());
        let shown: PicoUsd = format!("{amount:.places$}").parse().unwrap();
        let half = 10_u128.pow(12 - places as u32) / 2;
        prop_assert!(shown.pico().abs_diff(amount.pico()) <= half);
    }

    #[test]
    fn every_amount_is_read_as_it_was_printed(pico in any::<u128>()) {
        let amount = PicoUsd::from_pico(pico);
        prop_assert_eq!(amount.to_string().parse::<PicoUsd>().unwrap(), amount);
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(serde_json::from_str::<PicoUsd>(&json).unwrap(), amount);
    }
}
