use super::*;

fn family(name: &str) -> Family {
    name.parse().expect("a family")
}

fn tenant(name: &str) -> TenantId {
    name.parse().expect("a tenant")
}

fn slot(name: &str, scope: &BindingScope) -> Arc<Slot> {
    Arc::new(Slot::stored(family(name), scope.clone(), Vec::new()))
}

fn base() -> Layers {
    let echo = Slot { scope: None, ..Slot::stored(family("echo"), BindingScope::Gateway, Vec::new()) };
    let groups = [("beta", ["b", "both"]), ("canary", ["both", "c"])];
    let groups = groups.map(|(name, members)| (name.to_owned(), members.map(tenant).into()));
    Layers::new([(family("echo"), Arc::new(echo))].into(), groups.into(), Vec::new())
}

/// The scope whose slot serves a tenant's `echo`.
fn serves(layers: &Layers, name: &str) -> Option<String> {
    let slot = layers.find(Some(&tenant(name)), "echo").expect("echo is served");
    slot.scope.as_ref().map(ToString::to_string)
}

fn with(layers: &Layers, scope: &str) -> Layers {
    let scope: BindingScope = scope.parse().expect("a scope");
    layers.with(&scope, &family("echo"), Some(slot("echo", &scope)))
}

#[test]
fn the_most_specific_binding_serves() {
    let layers = with(&with(&with(&base(), "gateway"), "group:beta"), "tenant:b");
    assert_eq!(serves(&layers, "b").as_deref(), Some("tenant:b"));
    assert_eq!(serves(&layers, "both").as_deref(), Some("group:beta"));
    assert_eq!(serves(&layers, "c").as_deref(), Some("gateway"));
    assert!(!layers.differs(&tenant("c")), "it has nothing of its own");
}

#[test]
fn of_two_groups_the_first_by_name_serves() {
    let layers = with(&with(&base(), "group:canary"), "group:beta");
    assert_eq!(serves(&layers, "both").as_deref(), Some("group:beta"));
    let below = layers.below(&"group:beta".parse().expect("a scope"), Some(&tenant("both")), "echo");
    assert_eq!(below.and_then(|slot| slot.scope.clone()), Some(BindingScope::Group("canary".into())));
}

#[test]
fn what_is_removed_gives_way_to_what_is_below() {
    let scope: BindingScope = "tenant:b".parse().expect("a scope");
    let layers = with(&with(&base(), "group:beta"), "tenant:b").with(&scope, &family("echo"), None);
    assert_eq!(serves(&layers, "b").as_deref(), Some("group:beta"));
    let layers = layers.with_groups(Groups::new());
    assert_eq!(serves(&layers, "b"), None, "the built-in one");
    assert!(!layers.differs(&tenant("b")));
}

#[test]
fn a_deleted_tenant_leaves_nothing() {
    let layers = with(&base(), "tenant:a").without_tenant(&tenant("a"));
    assert_eq!(serves(&layers, "a"), None);
    assert_eq!(layers.all().count(), 0);
}

#[tokio::test]
async fn a_slot_that_failed_is_tried_again_after_a_change_or_a_minute() {
    let slot = slot("echo", &BindingScope::Gateway);
    let fails = async || Err(LoadError::Damaged("gone".into()));
    let failed = slot.load(1, fails).await.expect_err("it fails");
    assert!(slot.load(1, async || unreachable!("not before there is a reason")).await.is_err());
    assert!(slot.failed(1, failed.again).is_none(), "a minute is over");
    assert!(slot.failed(2, Instant::now()).is_none(), "there was a change");
    assert!(slot.error().is_some());
    let bound = slot.load(2, async || Ok(Bound { active: None, canary: None })).await;
    assert!(bound.is_ok() && slot.error().is_none());
}
