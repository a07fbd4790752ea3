//! What is left of days on which nothing was used.

use super::*;

fn reserved() -> Amounts {
    Amounts { cost: openclaw_tenancy::PicoUsd::from_pico(2_500_000_000), tokens: 7, sandbox_ms: 3 }
}

fn days(db: &Connection) -> Vec<(String, String)> {
    let mut rows = db.prepare("SELECT agent, component FROM usage_days ORDER BY agent, component").unwrap();
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_day_of_an_agent_that_used_nothing_leaves_no_row() {
    let db = Connection::open_in_memory().unwrap();
    for step in super::super::schema::STEPS {
        db.execute_batch(step).unwrap();
    }
    let release = |agent: &str| {
        for account in Account::of("acme", agent, "chat") {
            account.add(&db, 0, &Counts::reserved(&reserved())).unwrap();
            account.add(&db, 0, &Counts::settled(&reserved(), &Amounts::default())).unwrap();
            account.forget_unused(&db, 0).unwrap();
        }
    };
    for agent in ["one", "two", "three"] {
        release(agent);
    }
    assert_eq!(days(&db), [(String::new(), String::new())], "the tenant's own day alone");
    let [_, agent, _] = Account::of("acme", "one", "chat").collect::<Vec<_>>()[..] else { panic!("three accounts") };
    agent.add(&db, 0, &Counts::reserved(&reserved())).unwrap();
    release("one");
    assert_eq!(days(&db).len(), 2, "what another call has set aside stays");
}
