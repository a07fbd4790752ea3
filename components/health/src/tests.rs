use crate::handler::HANDLER;
use openclaw_sdk::testing::Tenant;
use serde_json::{Value, json};

use super::milliseconds;

#[test]
fn durations_are_read_as_openclaw_writes_them() {
    assert_eq!(milliseconds("30m"), Some(1_800_000));
    assert_eq!(milliseconds(" 2 h"), Some(7_200_000));
    assert_eq!(milliseconds("15"), Some(900_000));
    assert_eq!(milliseconds("soon"), None);
    assert_eq!(milliseconds("99999999999999999999d"), None);
}

#[test]
fn an_agent_is_shown_with_its_own_sessions() {
    let tenant = Tenant::new(HANDLER).with_config(json!({"agents": {"list": [{"id": "work", "default": true}]}}));
    let sessions = tenant.database("sessions");
    let mut write = sessions.transaction();
    for (key, updated_at) in [("agent:main:main", 1), ("agent:work:a", 2), ("agent:work:b", 3)] {
        write = write.put("sessions", key, &json!({}), updated_at).unwrap();
    }
    write.commit().unwrap();
    tenant.set_clock(10);

    let health: Value = tenant.call("health", json!({})).unwrap();
    assert_eq!((&health["defaultAgentId"], &health["sessions"]["count"]), (&json!("work"), &json!(3)));
    let work = &health["agents"][1];
    assert_eq!(work["agentId"], "work");
    let newest = json!([
        {"key": "agent:work:b", "updatedAt": 3, "age": 7},
        {"key": "agent:work:a", "updatedAt": 2, "age": 8},
    ]);
    assert_eq!(work["sessions"]["recent"], newest);
}
