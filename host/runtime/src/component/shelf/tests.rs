use super::*;

fn tenant(id: &str) -> TenantId {
    id.parse().expect("an id")
}

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// Loads things that nobody goes on to run.
fn fill(shelf: &Shelf<()>, whose: &TenantId, bytes: usize, count: usize) {
    for n in 0..count {
        drop(shelf.put(digest(&format!("{whose} {bytes} {n}")), Arc::new(()), bytes, Some(whose)));
        shelf.tidy();
    }
}

fn of(shelf: &Shelf<()>, whose: &TenantId) -> usize {
    shelf.held().things.values().filter(|thing| thing.whose.as_ref() == Some(whose)).count()
}

#[test]
fn what_nobody_runs_any_more_is_there_for_whoever_goes_back_to_it() {
    let (shelf, a) = (Shelf::default(), tenant("a"));
    let first = shelf.put(digest("one"), Arc::new("one"), 1, Some(&a));
    let again = shelf.put(digest("one"), Arc::new("other"), 1, Some(&a));
    assert_eq!(*again, "one", "whoever was first is shared");
    drop((first, again));
    assert!(shelf.tidy().is_empty());
    assert_eq!(shelf.find(&digest("one"), Some(&a)).as_deref(), Some(&"one"));
    assert!(shelf.find(&digest("two"), Some(&a)).is_none());
}

#[test]
fn a_tenant_with_ever_new_versions_has_so_many_and_displaces_nobody_elses() {
    let (shelf, a, b) = (Shelf::default(), tenant("a"), tenant("b"));
    fill(&shelf, &b, 1, 2);
    fill(&shelf, &a, 1, 10 * OF_ALL.count);
    assert_eq!((of(&shelf, &a), of(&shelf, &b)), (OF_ONE.count, 2));
    fill(&shelf, &a, OF_ONE.bytes / 2, OF_ALL.count);
    assert_eq!((of(&shelf, &a), of(&shelf, &b)), (2, 2), "large ones are fewer");
    fill(&shelf, &a, OF_ONE.bytes + 1, 1);
    assert_eq!(of(&shelf, &a), 2, "what is too large alone takes no room");
}

#[test]
fn all_tenants_have_so_many_and_those_used_last_stay() {
    let shelf = Shelf::default();
    let tenants: Vec<TenantId> = (0..OF_ALL.count).map(|n| tenant(&format!("t{n}"))).collect();
    tenants.iter().for_each(|tenant| fill(&shelf, tenant, 1, 2));
    assert_eq!(shelf.held().things.len(), OF_ALL.count);
    let (first, last) = (&tenants[0], &tenants[OF_ALL.count - 1]);
    assert_eq!((of(&shelf, first), of(&shelf, last)), (0, 2));
}

#[test]
fn what_somebody_runs_stays_whatever_else_comes() {
    let (shelf, a) = (Shelf::default(), tenant("a"));
    let running = shelf.put(digest("runs"), Arc::new(()), OF_ALL.bytes, Some(&a));
    fill(&shelf, &a, 1, 2 * OF_ALL.count);
    assert_eq!(shelf.in_use(), [digest("runs")]);
    assert!(shelf.has(&digest("runs")) && shelf.remove(&digest("runs")).is_err());
    drop(running);
    assert_eq!(shelf.tidy().len(), 1, "it was too large to stay");
    assert!(matches!(shelf.remove(&digest("runs")), Ok(None)));
}
