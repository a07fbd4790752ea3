//! Tools and their rows.

use jiff::tz::TimeZone;
use openclaw_control::{ControlDb, Durability};
use rusqlite::Connection;

use super::*;
use crate::UsageLedger;

fn caller(agent: &str) -> Caller {
    let tenant = "acme".parse().unwrap();
    Caller { tenant, agent: agent.into(), session: Some("s".into()), run: None, component: "chat".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_a_row_a_quarter_of_an_hour_and_agent_however_many_there_were() {
    let home = tempfile::tempdir().unwrap();
    let control = ControlDb::open(&home.path().join("control.db"), Durability::Process).unwrap();
    let ledger = UsageLedger::open(control, TimeZone::UTC).unwrap();
    for (agent, time) in [
        ("main", "2026-11-26T12:00:00Z"),
        ("main", "2026-11-26T12:14:59Z"),
        ("main", "2026-11-26T12:15:00Z"),
        ("other", "2026-11-26T12:00:00Z"),
    ] {
        for _ in 0..50 {
            ledger.meter_tools(caller(agent), 3, time.parse().unwrap()).await.unwrap();
        }
    }
    let rows = |db: &Connection| {
        let mut rows = db.prepare("SELECT agent, amount FROM usage_metered ORDER BY agent, amount")?;
        Ok(rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<(String, i64)>>>()?)
    };
    let expected = [("main", 150), ("main", 300), ("other", 150)].map(|(agent, amount)| (agent.to_owned(), amount));
    assert_eq!(ledger.control().read(rows).await.unwrap(), expected);
    let window = crate::RollupUnit::Day.window("2026-11-26T12:00:00Z".parse().unwrap(), ledger.zone());
    let sum = move |db: &Connection| Ok(of_window(db, "acme", MeterKind::ToolCalls, &window)?);
    assert_eq!(ledger.control().read(sum).await.unwrap(), 600);
    assert_eq!(ledger.check(None).await.unwrap(), []);
}
