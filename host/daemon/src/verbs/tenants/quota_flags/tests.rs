use clap::{Args, Command, FromArgMatches};
use serde_json::{Value, json};

use super::{QuotaFlags, flag, keys};

fn patch(arguments: &[&str]) -> Result<Value, String> {
    let command = QuotaFlags::augment_args(Command::new("quota").no_binary_name(true));
    let matches = command.try_get_matches_from(arguments).map_err(|error| error.to_string())?;
    QuotaFlags::from_arg_matches(&matches).map(QuotaFlags::into_patch).map_err(|error| error.to_string())
}

#[test]
fn flags_make_the_patch_of_a_quota_object() {
    let arguments = [
        "--quota.tokens-per-day",
        "1000000",
        "--quota.cost-per-month-usd",
        "12.50",
        "--quota.requests-per-hour",
        "none",
        "--quota.sandbox.cpu",
        "1.5",
        "--quota.sandbox.memory-mb",
        "512",
    ];
    let expected = json!({
        "tokens_per_day": 1_000_000,
        "cost_per_month_usd": "12.50",
        "requests_per_hour": null,
        "sandbox": { "cpu": "1.5", "memory_mb": 512 },
    });
    assert_eq!(patch(&arguments), Ok(expected));
}

#[test]
fn every_key_is_one_that_a_quota_object_knows() {
    for key in keys() {
        let flag = format!("--{}", flag(key));
        assert!(patch(&[&flag, "1"]).is_ok(), "{flag}");
        assert!(patch(&[&flag, "none"]).is_ok(), "{flag}");
    }
}

#[test]
fn a_limit_that_is_no_number_is_refused_with_the_flag_what_it_takes_and_an_example() {
    for (flag, text, takes) in [
        ("--quota.disk-bytes", "lots", "a whole number"),
        ("--quota.disk-bytes", "1.5", "a whole number"),
        ("--quota.requests-per-minute", "", "a whole number"),
        ("--quota.cost-per-day-usd", "much", "a decimal number"),
        ("--quota.sandbox.cpu", "fast", "a decimal number"),
        ("--quota.sandbox.pids", "many", "a whole number"),
    ] {
        let error = patch(&[flag, text]).expect_err("not a limit");
        assert!(error.contains(&format!("{flag} {text:?}: it takes {takes}, or none")), "{error}");
        assert!(error.contains(&format!("tip: {flag} ")), "{error}");
    }
}
