use std::time::Duration;

use jiff::tz::TimeZone;
use openclaw_tenancy::{Quotas, TenantId};
use serde_json::json;

use crate::{Instants, RateLimiter, Refusal};

fn refusal() -> Refusal {
    let limiter = RateLimiter::new(&TimeZone::get("Europe/Berlin").unwrap());
    let quotas = Quotas { requests_per_minute: Some(1), requests_per_hour: Some(5), ..Quotas::default() };
    let tenant: TenantId = "acme".parse().unwrap();
    let start = Instants { monotonic: Duration::ZERO, wall: "2026-11-22T10:00:00.250Z".parse().unwrap() };
    let later = Instants { monotonic: Duration::from_millis(14_500), wall: start.wall + Duration::from_millis(14_500) };
    limiter.check(&tenant, &quotas, start).unwrap();
    *limiter.check(&tenant, &quotas, later).unwrap_err()
}

#[test]
fn the_body_has_the_members_of_the_contract() {
    assert_eq!(
        refusal().to_json("01JD"),
        json!({
            "quota": "requests_per_minute", "limit": 1, "used": 1, "reserved": 0, "needed": 1, "unit": "requests",
            "window": {"start": "2026-11-22T10:00:00.25Z", "next": "2026-11-22T10:01:00.25Z", "tz": "Europe/Berlin"},
            "resets_at": "2026-11-22T10:01:00.25Z", "largest_fitting_max_tokens": null, "request_id": "01JD",
        })
    );
}

#[test]
fn what_is_left_and_does_not_suffice_is_told() {
    assert_eq!(refusal().said(), "requests_per_minute is used up (1 requests)");
    assert_eq!(
        Refusal::disk(100, 90, 20).said(),
        "disk_bytes does not suffice: this needs up to 20 bytes, and of 100 there is 10 left (used 90, reserved 0)"
    );
    assert_eq!(Refusal::disk(100, 120, 20).said(), "disk_bytes is used up (100 bytes)");
}

#[test]
fn the_headers_are_structured_fields() {
    let refusal = refusal();
    assert_eq!(
        refusal.headers(),
        [
            ("RateLimit-Policy", r#""requests_per_minute";q=1;w=60, "requests_per_hour";q=5;w=3600"#.to_owned()),
            ("RateLimit", r#""requests_per_minute";r=0;t=46, "requests_per_hour";r=4;t=3586"#.to_owned()),
            ("Retry-After", refusal.retry_after_s.to_string()),
        ]
    );
    assert!((46..=50).contains(&refusal.retry_after_s));
}

#[test]
fn a_full_disk_has_no_window_and_every_other_member() {
    let refusal = Refusal::disk(100, 90, 20);
    assert_eq!(
        refusal.to_json("01JD"),
        json!({
            "quota": "disk_bytes", "limit": 100, "used": 90, "reserved": 0, "needed": 20, "unit": "bytes",
            "window": null, "resets_at": null, "largest_fitting_max_tokens": null, "request_id": "01JD",
        })
    );
    assert_eq!(
        refusal.headers(),
        [
            ("RateLimit-Policy", r#""disk_bytes";q=100;qu="bytes""#.to_owned()),
            ("RateLimit", r#""disk_bytes";r=10"#.to_owned()),
            ("Retry-After", "60".to_owned()),
        ]
    );
}
