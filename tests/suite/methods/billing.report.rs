//! `billing.report`: what models cost in a period.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("billing.report", |_| json!({ "tenantId": "a", "period": "current-month", "calls": true }));
}

#[test]
fn a_tenant_that_is_not_there_and_a_period_that_is_none_are_refused() {
    let daemon = Daemon::start();
    let error = daemon.operator().err("billing.report", json!({ "tenantId": "nobody" }));
    assert_eq!(error.name(), "NOT_FOUND", "{error}");
    let error = daemon.operator().err("billing.report", json!({ "period": "yesterday" }));
    assert_eq!((error.code, error.message.contains("2026-11")), (-32602, true), "{error}");
}

#[test]
fn a_report_has_its_header_always() {
    let daemon = Daemon::start();
    let report = daemon.operator().ok("billing.report", json!({ "format": "csv" }));
    let header = "period_start,period_end,tz,tenant,provider,model,rate_card_version,requests,refused,input_uncached,\
        input_cache_read,input_cache_write,output,output_reasoning,cost_usd,estimated_rows,currency\r\n";
    assert_eq!(report["content"], header);
    assert_eq!(report["rows"], json!([]));
}
