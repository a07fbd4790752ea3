//! What one tenant's question costs: its own rows, and no more of them than may be.

use openclaw_tenancy::TenantId;
use rusqlite::Connection;

use super::tests::{query, used};
use super::*;
use crate::usage::calls::rollup;

fn of(tenant: &str) -> Query {
    Query { tenant: Some(tenant.parse::<TenantId>().unwrap()), ..query("2026-11") }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_lines_than_may_be_are_refused_and_come_by_pages() {
    let (_home, ledger) = used().await;
    let all = ledger.calls(&of("acme")).await.unwrap();
    assert_eq!(all.rows().len(), 2);
    let bounded = |most| Query { most_lines: Some(most), ..of("acme") };
    assert_eq!(ledger.calls(&bounded(2)).await.unwrap(), all);
    assert!(matches!(ledger.calls(&bounded(1)).await, Err(LedgerError::TooManyLines(1))));
    assert!(matches!(ledger.report(&bounded(0)).await, Err(LedgerError::TooManyLines(0))));
    let first = ledger.calls_after(&of("acme"), None, 1).await.unwrap();
    assert_eq!(first.rows(), &all.rows()[..1]);
    let Cell::Text(id) = &first.rows()[0][9] else { panic!("an id") };
    let second = ledger.calls_after(&of("acme"), Some(id.parse().unwrap()), 1).await.unwrap();
    assert_eq!(second.rows(), &all.rows()[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_of_one_tenant_has_all_of_its_rows_and_no_others() {
    let (_home, ledger) = used().await;
    for (tenant, span, calls) in [("acme", "2026-10", 1), ("acme", "2026-11", 2), ("globex", "2026-11", 1)] {
        let asked = Query { span: span.parse().unwrap(), ..of(tenant) };
        assert_eq!(ledger.calls(&asked).await.unwrap().rows().len(), calls, "{tenant} {span}");
    }
}

/// The plans of the statements that a tenant's question runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_question_scans_no_table() {
    let (_home, ledger) = used().await;
    let read = |db: &Connection| {
        let plan = |statement: &str| -> rusqlite::Result<String> {
            let mut steps = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}"))?;
            let steps = steps.query_map([], |row| row.get::<_, String>(3))?.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(steps.join("; "))
        };
        let whose = whose(Some("acme")).replace("?1", "'acme'");
        let of_whom = rollup::of_whom(Some("acme")).replace("?4", "'acme'");
        Ok([
            plan(&format!("SELECT * FROM usage_calls WHERE {whose} AND id >= '0' AND id < '1' ORDER BY tenant, id"))?,
            plan(&format!("SELECT * FROM {of_whom} AND unit = 'month' AND start_ms >= 0"))?,
            plan(&format!("SELECT * FROM usage_refused_calls WHERE {whose} AND quarter_ms >= 0"))?,
        ])
    };
    for plan in ledger.control().read(read).await.unwrap() {
        assert!(plan.contains("SEARCH") && plan.contains("tenant=?") && !plan.contains("SCAN"), "{plan}");
    }
}
