use futures_util::FutureExt as _;

use super::*;

fn tenant() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(1))
}

#[test]
fn work_on_other_threads_is_the_calls_own() {
    let meter = CpuMeter::default();
    meter.elsewhere().fetch_add(40_000_000, Ordering::Relaxed);
    assert!(meter.used() >= Duration::from_millis(40));
    meter.elsewhere().fetch_add(40_000_000, Ordering::Relaxed);
    assert!(meter.used() >= Duration::from_millis(80), "after the first tick too");
}

#[test]
fn a_tenant_has_one_turn_at_a_time_and_leaves_a_core_to_everyone() {
    let (lane, tenant) = (LongLane { cores: Arc::new(Semaphore::new(2)) }, tenant());
    let first = lane.clone().turn(tenant.clone()).now_or_never().flatten().expect("nobody else is there");
    assert!(lane.clone().turn(tenant.clone()).now_or_never().is_none(), "it has a turn");
    let other = lane.clone().turn(self::tenant()).now_or_never().flatten().expect("there is another core");
    assert!(lane.clone().turn(self::tenant()).now_or_never().is_none(), "the lane is full");
    drop((first, other));
    assert!(lane.turn(tenant).now_or_never().is_some());
}
