//! Sandboxes that are ready before they are needed.

use openclaw_sandbox::{Backend, Bwrap, BwrapOptions, Limits, Reason, Workload};

use crate::world::{World, describe, shell};

fn pooled(world: &World) -> Bwrap {
    Bwrap::open(BwrapOptions { pool: 4, ..world.options() }).unwrap()
}

#[tokio::test]
async fn one_that_is_ready_is_used_once_and_by_its_tenant() {
    let world = World::new();
    let backend = pooled(&world);
    let tenants = [world.tenant(1), world.tenant(2)];
    for tenant in &tenants {
        backend.warm(tenant).await;
        std::fs::write(world.path(&tenant.id).join("name"), &tenant.id).unwrap();
    }
    for _ in 0..5 {
        for tenant in &tenants {
            assert_eq!(shell(&backend, tenant, "cat /work/name; ls /tmp; touch /tmp/left").await, tenant.id);
        }
    }
}

#[tokio::test]
async fn one_that_is_ready_keeps_the_limits_of_its_workload() {
    let world = World::new();
    for backend in [pooled(&world), pooled(&world).without_cgroups()] {
        let tenant = world.tenant(1);
        backend.warm(&tenant).await;
        let mut workload = Workload::shell("x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived");
        workload.limits = Limits { memory_bytes: 40 << 20, ..Limits::default() };
        let outcome = backend.run(&tenant, workload).await.unwrap();
        assert!(outcome.stdout.is_empty(), "{}", describe(&outcome));
        let kernel_counts = backend.info().limits.not_enforced().is_empty();
        assert!(outcome.reason == Reason::Oom || !kernel_counts, "{}", describe(&outcome));
    }
}

/// A tenant that was removed and made again has the id of before, and another directory.
#[tokio::test]
async fn a_tenant_that_is_made_again_gets_no_sandbox_of_before() {
    let world = World::new();
    let backend = pooled(&world);
    let before = world.tenant(1);
    std::fs::write(world.path("tenant-1/secret"), "").unwrap();
    backend.warm(&before).await;
    std::fs::rename(world.path("tenant-1"), world.path("removed")).unwrap();
    assert_eq!(shell(&backend, &world.tenant(1), "ls /work").await, "");
}
