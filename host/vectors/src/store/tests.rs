//! Whose indexes are closed for whose.

use openclaw_tenancy::{Home, HomeError};

use super::*;
use crate::Item;

/// Opens an index of a tenant's by writing to it.
fn open(store: &Store, home: &tempfile::TempDir, tenant: &str, name: &str) {
    let id =
        IndexId { tenant: tenant.parse().unwrap(), family: "memory".parse().unwrap(), name: name.parse().unwrap() };
    let (path, file) = (home.path().join(tenant), format!("{name}.sqlite"));
    let place = move || {
        let directory = Home::open(&path)?.directory().clone();
        Ok::<_, HomeError>(DatabasePlace { directory, name: file.clone(), shown: file.clone() })
    };
    let item = Item { id: "one".into(), vector: vec![1.0], text: String::new(), attributes: Vec::new() };
    store.index(id, 1, place).upsert(&[item]).unwrap();
}

/// The names of a tenant's open indexes, in the order in which they were opened.
fn opened(store: &Store, tenant: &str) -> Vec<String> {
    let open = lock(&store.shared.open);
    open.iter().filter(|slot| slot.id.tenant.as_str() == tenant).map(|slot| slot.id.name.to_string()).collect()
}

#[test]
fn a_tenant_that_opens_many_closes_its_own() {
    let (store, home) = (Store::default(), tempfile::tempdir().unwrap());
    open(&store, &home, "victim", "main");
    for n in 0..OPEN {
        open(&store, &home, "greedy", &format!("a{n}"));
    }
    assert_eq!(opened(&store, "victim"), ["main"]);
    assert_eq!(opened(&store, "greedy").len(), OPEN_PER_TENANT);
}

#[test]
fn where_no_more_fit_a_tenants_own_go_before_those_of_others() {
    let (store, home) = (Store::default(), tempfile::tempdir().unwrap());
    for n in 0..OPEN - 1 {
        open(&store, &home, &format!("t{}", n / 7), &format!("a{n}"));
    }
    open(&store, &home, "last", "first");
    open(&store, &home, "last", "second");
    assert_eq!(opened(&store, "last"), ["second"]);
    assert_eq!(lock(&store.shared.open).len(), OPEN);
    open(&store, &home, "new", "first");
    assert_eq!(opened(&store, "new"), ["first"], "who has none open takes the place of what was unused for longest");
    assert_eq!(lock(&store.shared.open).len(), OPEN);
}
