//! The life of tenants, on a real home.

use std::future::ready;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use openclaw_control::{ControlDb, Durability};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{AuthError, Registry, RegistryError, TenantData, WhatChanged};
use crate::{Actor, Audit, Home, PicoUsd, Quotas, TenantId, Token, TokenHash, TokenKind};

mod recovery;

struct Gateway {
    parent: TempDir,
    home: Home,
    registry: Registry,
}

impl Gateway {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let (home, registry) = open(parent.path()).unwrap();
        Self { parent, home, registry }
    }

    fn restart(self) -> Self {
        let Self { parent, home, registry } = self;
        drop((home, registry));
        let (home, registry) = open(parent.path()).unwrap();
        Self { parent, home, registry }
    }

    async fn create(&self, name: &str) -> Token {
        let (_, token) = self.registry.create(&id(name), None, Quotas::default(), Actor::Operator).await.unwrap();
        token
    }

    fn tenant(&self, name: &str) -> std::path::PathBuf {
        self.home.tenant_path(&id(name))
    }
}

fn open(path: &Path) -> Result<(Home, Registry), RegistryError> {
    let home = Home::open(path).unwrap();
    let db = ControlDb::open(&home.control_db_path(), Durability::Process)?;
    let audit = Arc::new(Audit::open(&home, Durability::Process).unwrap());
    let registry = Registry::open(&home, db, audit)?;
    Ok((home, registry))
}

fn id(name: &str) -> TenantId {
    name.parse().unwrap()
}

#[tokio::test]
async fn a_tenant_is_made_and_known_by_its_token_after_a_restart_too() {
    let gateway = Gateway::new();
    let quotas = Quotas::default().merge(&json!({ "cost_per_day_usd": "1.5" })).unwrap();
    let (record, token) =
        gateway.registry.create(&id("acme"), Some("Acme Ltd".into()), quotas, Actor::CommandLine).await.unwrap();
    assert!(gateway.tenant("acme").join("sandbox/work").is_dir());
    let gateway = gateway.restart();
    let found = gateway.registry.authenticate(token.reveal()).unwrap();
    assert_eq!(found.token, token.hash().id());
    assert_eq!(found.tenant.display_name.as_deref(), Some("Acme Ltd"));
    assert_eq!(found.tenant.created_at, record.created_at);
    assert_eq!(found.tenant.quotas.cost_per_day_usd.map(PicoUsd::pico), Some(1_500_000_000_000));
    assert_eq!((found.tenant.row, found.tenant.generation), (record.row, 1));
}

#[tokio::test]
async fn every_wrong_token_is_refused_in_the_same_words() {
    let gateway = Gateway::new();
    let token = gateway.create("acme").await;
    let others = gateway.create("beta").await;
    let secret = token.reveal().rsplit('_').next().unwrap();
    let others_secret = others.reveal().rsplit('_').next().unwrap();
    for wrong in [
        "",
        "nonsense",
        &"x".repeat(100_000),
        &format!("tk_acme_{}", "0".repeat(32)),
        &format!("tk_nobody_{secret}"),
        &format!("tk_acme_{others_secret}"),
        &format!("tk_beta_{secret}"),
        &format!("tenant:acme:{secret}"),
        &format!("tenant:acme:{}", token.reveal()),
        &format!("{} ", token.reveal()),
    ] {
        assert_eq!(gateway.registry.authenticate(wrong).unwrap_err(), AuthError::Unknown);
    }
}

#[tokio::test]
async fn rotation_voids_the_old_token_at_once() {
    let gateway = Gateway::new();
    let old = gateway.create("acme").await;
    let new = gateway.registry.rotate(&id("acme"), Actor::Operator).await.unwrap();
    assert_eq!(gateway.registry.authenticate(old.reveal()).unwrap_err(), AuthError::Unknown);
    assert_eq!(gateway.registry.authenticate(new.reveal()).unwrap().tenant.generation, 2);
    let gateway = gateway.restart();
    assert!(gateway.registry.authenticate(old.reveal()).is_err());
    assert!(gateway.registry.authenticate(new.reveal()).is_ok());
}

#[tokio::test]
async fn a_disabled_tenant_is_told_so_only_with_the_right_token() {
    let gateway = Gateway::new();
    let token = gateway.create("acme").await;
    gateway.registry.set_disabled(&id("acme"), true, Actor::Operator).await.unwrap();
    let wrong = format!("tk_acme_{}", "0".repeat(32));
    assert_eq!(gateway.registry.authenticate(token.reveal()).unwrap_err(), AuthError::Disabled);
    assert_eq!(gateway.registry.authenticate(&wrong).unwrap_err(), AuthError::Unknown);
    gateway.registry.set_disabled(&id("acme"), false, Actor::Operator).await.unwrap();
    assert!(gateway.registry.authenticate(token.reveal()).is_ok());
}

#[tokio::test]
async fn an_imported_tenant_keeps_its_form_until_it_rotates() {
    let gateway = Gateway::new();
    let hash = TokenHash::of(b"their-secret");
    let old = id("old");
    let import = gateway.registry.import(&old, None, Quotas::default(), hash, Actor::CommandLine);
    assert_eq!(import.await.unwrap().token_kind, TokenKind::Imported);
    let gateway = gateway.restart();
    assert!(gateway.registry.authenticate("tenant:old:their-secret").is_ok());
    assert!(gateway.registry.authenticate("tenant:old:their-secrets").is_err());
    let token = gateway.registry.rotate(&id("old"), Actor::Operator).await.unwrap();
    assert!(gateway.registry.authenticate("tenant:old:their-secret").is_err());
    assert!(gateway.registry.authenticate(token.reveal()).is_ok());
}

#[tokio::test]
async fn a_deleted_tenant_leaves_nothing_but_the_audit_log() {
    let gateway = Gateway::new();
    let token = gateway.create("acme").await;
    std::fs::write(gateway.tenant("acme").join("sessions/state.db"), "canary").unwrap();
    let tenant = gateway.registry.get(&id("acme")).unwrap();
    gateway.registry.delete(&tenant, TenantData::Wipe, Actor::Operator, ready(())).await.unwrap();
    assert!(gateway.registry.authenticate(token.reveal()).is_err());
    assert_eq!(std::fs::read_dir(gateway.parent.path().join("tenants")).unwrap().count(), 0);
    assert!(std::fs::read_to_string(gateway.home.audit_path()).unwrap().contains("tenant.delete"));
    gateway.create("acme").await;
    assert!(gateway.registry.get(&id("acme")).unwrap().row > tenant.row);
}

#[tokio::test]
async fn a_namesake_is_made_once_its_predecessor_is_forgotten_and_is_not_deleted_in_its_place() {
    let gateway = Gateway::new();
    gateway.create("acme").await;
    let registry = gateway.registry.clone();
    let tenant = registry.get(&id("acme")).unwrap();
    let (begun, forgets) = oneshot::channel();
    let (forgotten, forget) = oneshot::channel::<()>();
    let work = async move {
        begun.send(()).unwrap();
        drop(forget.await);
    };
    let deletion = tokio::spawn({
        let (registry, tenant) = (registry.clone(), tenant.clone());
        async move { registry.delete(&tenant, TenantData::Wipe, Actor::Operator, work).await }
    });
    forgets.await.unwrap();
    assert!(registry.get(&id("acme")).is_none());
    let acme = id("acme");
    let mut namesake = pin!(registry.create(&acme, None, Quotas::default(), Actor::Operator));
    for _ in 0..100 {
        tokio::select! {
            biased;
            _ = &mut namesake => panic!("its predecessor is not forgotten yet"),
            () = tokio::task::yield_now() => {}
        }
    }
    forgotten.send(()).unwrap();
    namesake.await.unwrap();
    deletion.await.unwrap().unwrap();
    let again = registry.delete(&tenant, TenantData::Wipe, Actor::Operator, ready(())).await;
    assert!(matches!(again, Err(RegistryError::NotFound(_))));
    assert!(registry.get(&acme).is_some());
}

#[tokio::test]
async fn files_of_a_deleted_tenant_never_become_another_tenants() {
    let gateway = Gateway::new();
    gateway.create("acme").await;
    std::fs::write(gateway.tenant("acme").join("agents/SOUL.md"), "canary").unwrap();
    let tenant = gateway.registry.get(&id("acme")).unwrap();
    gateway.registry.delete(&tenant, TenantData::Keep, Actor::Operator, ready(())).await.unwrap();
    let again = gateway.registry.create(&id("acme"), None, Quotas::default(), Actor::Operator).await;
    assert!(matches!(again, Err(RegistryError::DirectoryInUse(_))));
    let gateway = gateway.restart();
    assert!(gateway.registry.is_empty());
    assert!(gateway.tenant("acme").join("agents/SOUL.md").exists());
}

#[tokio::test]
async fn two_changes_of_quotas_at_once_are_both_kept() {
    let gateway = Gateway::new();
    gateway.create("acme").await;
    let (acme, registry) = (id("acme"), &gateway.registry);
    let patch = |patch| registry.patch_quotas(&acme, patch, Actor::Operator);
    let (one, two) = tokio::join!(patch(json!({ "disk_bytes": 1 })), patch(json!({ "requests_per_hour": 2 })));
    one.unwrap();
    two.unwrap();
    let quotas = registry.get(&acme).unwrap().quotas.clone();
    assert_eq!((quotas.disk_bytes, quotas.requests_per_hour), (Some(1), Some(2)));
    assert!(patch(json!({ "disk_byte": 1 })).await.is_err());
    assert_eq!(registry.get(&acme).unwrap().quotas, quotas);
}

#[tokio::test]
async fn every_change_is_announced_and_recorded_and_one_that_changes_nothing_is_not() {
    let gateway = Gateway::new();
    let mut changes = gateway.registry.subscribe();
    let (acme, actor) = (id("acme"), || Actor::Operator);
    gateway.create("acme").await;
    let registry = &gateway.registry;
    registry.rotate(&acme, actor()).await.unwrap();
    registry.set_disabled(&acme, true, actor()).await.unwrap();
    registry.set_disabled(&acme, true, actor()).await.unwrap();
    registry.set_disabled(&acme, false, actor()).await.unwrap();
    let quotas = json!({ "disk_bytes": 1 });
    registry.patch_quotas(&acme, quotas.clone(), actor()).await.unwrap();
    registry.patch_quotas(&acme, quotas, actor()).await.unwrap();
    registry.set_display_name(&acme, Some("A".into()), actor()).await.unwrap();
    let tenant = registry.get(&acme).unwrap();
    registry.delete(&tenant, TenantData::Wipe, actor(), ready(())).await.unwrap();
    let expected = [
        (WhatChanged::Created, "tenant.create"),
        (WhatChanged::Rotated, "tenant.rotate"),
        (WhatChanged::Disabled, "tenant.disable"),
        (WhatChanged::Enabled, "tenant.enable"),
        (WhatChanged::Quota, "tenant.quota"),
        (WhatChanged::Updated, "tenant.update"),
        (WhatChanged::Deleted, "tenant.delete"),
    ];
    let log = std::fs::read_to_string(gateway.home.audit_path()).unwrap();
    assert_eq!(log.lines().count(), expected.len());
    for ((what, action), line) in expected.into_iter().zip(log.lines()) {
        assert_eq!(changes.try_recv().unwrap().what, what);
        assert!(line.contains(&format!("\"action\":\"{action}\"")), "{line}");
    }
    assert!(changes.try_recv().is_err());
    Audit::verify(&gateway.home.audit_path()).unwrap();
}

#[tokio::test]
async fn no_token_in_clear_is_on_disk() {
    let gateway = Gateway::new();
    let first = gateway.create("acme").await;
    let second = gateway.registry.rotate(&id("acme"), Actor::Operator).await.unwrap();
    for entry in std::fs::read_dir(gateway.parent.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        for token in [&first, &second] {
            let secret = token.reveal().rsplit('_').next().unwrap().as_bytes();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{path:?}");
        }
    }
}

#[tokio::test]
async fn a_second_tenant_of_an_id_and_bad_names_are_refused() {
    let gateway = Gateway::new();
    let token = gateway.create("acme").await;
    let create = |name: Option<String>, tenant| {
        let registry = gateway.registry.clone();
        async move { registry.create(&id(tenant), name, Quotas::default(), Actor::Operator).await.unwrap_err() }
    };
    assert!(matches!(create(None, "acme").await, RegistryError::Exists(_)));
    for name in ["", "  ", "a\nb", &"x".repeat(201)] {
        assert!(matches!(create(Some(name.into()), "beta").await, RegistryError::DisplayName));
    }
    assert!(matches!(gateway.registry.rotate(&id("beta"), Actor::Operator).await, Err(RegistryError::NotFound(_))));
    assert!(gateway.registry.authenticate(token.reveal()).is_ok());
    assert!(!gateway.tenant("beta").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_creates_of_one_id_make_one_tenant() {
    let gateway = Gateway::new();
    let attempts: Vec<_> = (0..20)
        .map(|n| {
            let registry = gateway.registry.clone();
            let tenant = id(if n % 2 == 0 { "acme" } else { "beta" });
            tokio::spawn(async move { registry.create(&tenant, None, Quotas::default(), Actor::Operator).await })
        })
        .collect();
    let mut tokens = Vec::new();
    for attempt in attempts {
        tokens.extend(attempt.await.unwrap().ok().map(|(_, token)| token));
    }
    assert_eq!(tokens.len(), 2);
    assert!(tokens.iter().all(|token| gateway.registry.authenticate(token.reveal()).is_ok()));
}

#[tokio::test]
async fn tenants_are_listed_by_id_in_pages() {
    let gateway = Gateway::new();
    for name in ["c", "a", "b", "a-1"] {
        gateway.create(name).await;
    }
    let ids = |after: Option<&str>, limit| -> Vec<String> {
        let page = gateway.registry.page(after.map(id).as_ref(), limit);
        page.iter().map(|record| record.id.to_string()).collect()
    };
    assert_eq!(ids(None, 99), ["a", "a-1", "b", "c"]);
    assert_eq!(ids(Some("a"), 2), ["a-1", "b"]);
    assert_eq!(gateway.registry.list().len(), 4);
}

#[tokio::test]
async fn when_a_tenant_was_seen_is_written_in_one_go() {
    let gateway = Gateway::new();
    let token = gateway.create("acme").await;
    gateway.create("beta").await;
    assert_eq!(gateway.registry.flush_last_seen().await.unwrap(), 0);
    gateway.registry.authenticate(token.reveal()).unwrap();
    let seen = gateway.registry.get(&id("acme")).unwrap().last_seen_at();
    assert!(seen.is_some());
    assert_eq!(gateway.registry.flush_last_seen().await.unwrap(), 1);
    assert_eq!(gateway.registry.flush_last_seen().await.unwrap(), 0);
    let gateway = gateway.restart();
    assert_eq!(gateway.registry.get(&id("acme")).unwrap().last_seen_at(), seen);
    assert_eq!(gateway.registry.get(&id("beta")).unwrap().last_seen_at(), None);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_memory_and_database_agreed() {
    let gateway = Gateway::new();
    gateway.create("acme").await;
    let acme = id("acme");
    let mut changes = gateway.registry.subscribe();
    for _ in 0..20 {
        let rotation = gateway.registry.rotate(&acme, Actor::Operator);
        // Polled once, then dropped.
        let mut rotation = Box::pin(rotation);
        tokio::select! { biased; _ = &mut rotation => {}, () = ready(()) => {} }
        drop(rotation);
        changes.recv().await.unwrap();
    }
    let generation = gateway.registry.get(&id("acme")).unwrap().generation;
    assert_eq!(generation, 21);
    let gateway = gateway.restart();
    assert_eq!(gateway.registry.get(&id("acme")).unwrap().generation, generation);
}

#[test]
fn debug_of_a_record_holds_no_hash() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let gateway = Gateway::new();
    let token = runtime.block_on(gateway.create("acme"));
    let printed = format!("{:?}", gateway.registry.authenticate(token.reveal()).unwrap());
    assert!(!printed.contains(&hex::encode(token.hash().as_bytes())));
}
