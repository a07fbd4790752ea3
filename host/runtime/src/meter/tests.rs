use futures_util::FutureExt as _;

use super::*;
use crate::yielding::Yielding;

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
fn what_a_host_call_takes_before_the_first_tick_counts_where_it_says_so() {
    let meter = Arc::new(CpuMeter::default());
    let (counted, begun) = (meter.clone(), thread_cpu_ns());
    let call = async move {
        counted.begin();
        while thread_cpu_ns() - begun < 5_000_000 {
            std::hint::spin_loop();
        }
    };
    Metered::new(call, meter.clone()).now_or_never().expect("it waits for nothing");
    assert!(meter.total() >= Duration::from_millis(4), "{:?}", meter.total());
}

#[test]
fn a_tenant_has_one_turn_at_a_time_and_leaves_a_core_to_everyone() {
    let (lane, tenant) = (LongLane::of(2), tenant());
    let first = lane.clone().turn(tenant.clone()).now_or_never().flatten().expect("nobody else is there");
    assert!(lane.clone().turn(tenant.clone()).now_or_never().is_none(), "it has a turn");
    let other = lane.clone().turn(self::tenant()).now_or_never().flatten().expect("there is another core");
    assert!(lane.clone().turn(self::tenant()).now_or_never().is_none(), "the lane is full");
    drop((first, other));
    assert!(lane.turn(tenant).now_or_never().is_some());
}

/// Calls with much memory run on such threads: whoever waited for one of theirs waited for a core behind everyone.
#[tokio::test]
async fn a_long_call_that_gives_way_holds_up_none_on_the_other_threads() {
    let (lane, yielding) = (LongLane::of(1), Yielding::new("gives-way", 1));
    let _turn = yielding.run(lane.clone().turn(tenant())).await.expect("nobody else is there");
    assert!(lane.clone().turn(tenant()).now_or_never().flatten().is_some());
    assert!(yielding.run(async move { lane.turn(tenant()).now_or_never().is_none() }).await, "it has the lane there");
}

/// An attacker has as many long calls as it likes: who waited among them for having met a tick was slow for nothing.
#[test]
fn a_short_call_that_runs_into_a_tick_does_not_wait_among_the_long_ones() {
    let (meter, most) = (CpuMeter::default(), TICK * 3);
    let run_until = |ns: u64| while thread_cpu_ns() < ns {};
    let first = thread_cpu_ns();
    assert_eq!(meter.tick(most), Tick::GoOn, "it may have begun a moment before");
    assert_eq!(meter.tick(Duration::ZERO), Tick::OverTime);
    let tick = TICK.as_nanos() as u64;
    run_until(first + 2 * tick);
    assert_eq!(meter.tick(Duration::MAX), Tick::TakeTurns);
    run_until(first + 4 * tick);
    assert_eq!(meter.tick(most), Tick::OverTime);
}
