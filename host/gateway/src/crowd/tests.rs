use super::*;

/// Connections of tenants, and the window in which they call.
#[derive(Default)]
struct World {
    calling: Mutex<Calling>,
    window: u64,
}

/// A call that has begun.
type Begun<'l> = (&'l Lane, u64, Arc<Standing>);

impl World {
    fn begin<'l>(&self, lane: &'l Lane, row: u64) -> Begun<'l> {
        let standing = lane.begin(row, self.window, || self.calling.lock().unwrap());
        standing.under_way.fetch_add(1, Ordering::Relaxed);
        (lane, row, standing)
    }

    fn end(&self, (lane, row, standing): Begun<'_>) {
        standing.under_way.fetch_sub(1, Ordering::Relaxed);
        lane.end(row, self.window);
    }

    /// So many calls on each of these connections, one after another.
    fn call(&self, lanes: &[Lane], row: u64, times: usize) {
        for lane in lanes {
            (0..times).for_each(|_| self.end(self.begin(lane, row)));
        }
    }

    fn gives_way(&self, row: u64) -> bool {
        let calling = self.calling.lock().unwrap();
        calling.tenants.get(&row).is_some_and(|counted| counted.standing.gives_way.load(Ordering::Relaxed))
    }
}

fn lanes(count: usize) -> Vec<Lane> {
    (0..count).map(|_| Lane::default()).collect()
}

const A: u64 = 1;
const B: u64 = 2;
const C: u64 = 3;

#[test]
fn who_calls_on_many_connections_gives_way_to_who_calls_on_few() {
    let (mut world, [many, few]) = (World::default(), [8, 2].map(lanes));
    for window in 0..3 {
        world.window = window;
        world.call(&few, B, 100);
        world.call(&many, A, 1);
        assert_eq!((world.gives_way(A), world.gives_way(B)), (window > 0, false), "{window}");
        assert!(many.iter().all(|lane| lane.gives_way() == (window > 0)), "its connections know: {window}");
    }
}

#[test]
fn who_calls_alone_or_as_others_do_gives_way_to_nobody() {
    let (mut world, [one, other]) = (World::default(), [8, 8].map(lanes));
    for window in 0..3 {
        world.window = window;
        world.call(&one, A, 1);
        assert!(!world.gives_way(A), "nobody else calls");
    }
    for window in 3..6 {
        world.window = window;
        world.call(&one, A, 9);
        world.call(&other, B, 1);
        assert_eq!((world.gives_way(A), world.gives_way(B)), (false, false), "{window}");
    }
}

#[test]
fn a_few_calls_at_once_are_never_many() {
    let (mut world, [three, one]) = (World::default(), [MANY - 1, 1].map(lanes));
    for window in 0..3 {
        world.window = window;
        world.call(&three, A, 9);
        world.call(&one, B, 1);
        assert!(!world.gives_way(A));
    }
}

/// Three calls at once may take all cores: who has many beside them does not wait for what they leave.
#[test]
fn nobody_gives_way_to_more_than_a_few() {
    let (mut world, [many, three]) = (World::default(), [8, FEW + 1].map(lanes));
    for window in 0..3 {
        world.window = window;
        world.call(&three, B, 1);
        world.call(&many, A, 1);
        assert_eq!((world.gives_way(A), world.gives_way(B)), (false, false), "{window}");
    }
}

#[test]
fn what_was_long_ago_is_judged_no_more() {
    let (mut world, [many, few]) = (World::default(), [8, 2].map(lanes));
    world.call(&few, B, 1);
    world.call(&many, A, 1);
    world.window = 1000;
    world.call(&few, B, 1);
    assert!(!world.gives_way(A));
    world.window = 999;
    world.call(&many, A, 1);
    assert_eq!(world.calling.lock().unwrap().window, 1000, "who comes late begins no window anew");
}

#[test]
fn a_call_that_lasts_counts_for_as_long() {
    let (mut world, [long, few]) = (World::default(), [5, 1].map(lanes));
    let begun: Vec<_> = long.iter().map(|lane| world.begin(lane, A)).collect();
    for window in 1..4 {
        world.window = window;
        world.call(&few, B, 1);
        assert_eq!(world.gives_way(A), window > 1, "{window}");
    }
    begun.into_iter().for_each(|call| world.end(call));
    for window in 4..6 {
        world.window = window;
        world.call(&few, B, 1);
    }
    assert!(!world.gives_way(A), "it has no calls any more");
}

/// A WebSocket is one connection, whatever runs on it.
#[test]
fn calls_at_once_on_one_connection_are_as_many() {
    let (mut world, [one, few]) = (World::default(), [1, 2].map(lanes));
    for window in 0..2 {
        world.window = window;
        let begun: Vec<_> = (0..8).map(|_| world.begin(&one[0], A)).collect();
        begun.into_iter().for_each(|call| world.end(call));
        world.call(&few, B, 1);
    }
    assert_eq!((world.gives_way(A), world.gives_way(B)), (true, false));
    for window in 2..4 {
        world.window = window;
        world.call(&one, A, 8);
        world.call(&few, B, 1);
    }
    assert!(!world.gives_way(A), "one after another they are one");
}

/// A proxy may send the requests of all its clients on the same connections.
#[test]
fn a_connection_is_its_last_callers() {
    let (mut world, [many, few]) = (World::default(), [8, 2].map(lanes));
    for window in 0..2 {
        world.window = window;
        world.call(&few, B, 1);
        world.call(&many, A, 1);
    }
    world.call(&many[..1], C, 1);
    assert!(!many[0].gives_way() && many[1].gives_way());
}

#[test]
fn nothing_is_kept_of_who_calls_no_more() {
    let (mut world, one) = (World::default(), lanes(1));
    for (window, row) in (0..100).enumerate() {
        world.window = window as u64;
        world.call(&one, row, 1);
    }
    assert!(world.calling.lock().unwrap().tenants.len() <= 2);
}

#[tokio::test]
async fn a_call_is_under_way_until_it_is_dropped_and_the_operators_is_none() {
    let (crowd, lane) = (Arc::new(Crowd::new()), Arc::new(Lane::default()));
    assert!(crowd.begin(&lane, &Identity::operator(None)).is_none());
    let under_way = |lane: &Lane| lane.caller().as_ref().map(|caller| caller.under_way);
    assert_eq!(under_way(&lane), None);
    let [first, second] = [A, A].map(|row| crowd.begin_for(&lane, row));
    let standing = first.standing.clone();
    assert_eq!((under_way(&lane), standing.under_way.load(Ordering::Relaxed)), (Some(2), 2));
    drop((first, second));
    assert_eq!((under_way(&lane), standing.under_way.load(Ordering::Relaxed)), (Some(0), 0));
}

#[tokio::test]
async fn a_connection_is_served_by_the_threads_of_its_tenants_standing() {
    let (crowd, lane) = (Arc::new(Crowd::new()), Arc::new(Lane::default()));
    let standing = lane.begin(A, 0, || crowd.calling.lock().unwrap());
    lane.end(A, 0);
    let name = || std::thread::current().name().unwrap_or_default().to_owned();
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let (again, mut asks) = tokio::sync::mpsc::unbounded_channel::<()>();
    let connection = async move {
        while asks.recv().await.is_some() {
            let _ = told.send(name());
        }
    };
    crowd.serve(lane.clone(), Box::pin(connection));
    let mut asked = async || {
        again.send(()).expect("it is served");
        tells.recv().await.expect("it answers")
    };
    assert_ne!(asked().await, "crowd");
    standing.gives_way.store(true, Ordering::Relaxed);
    assert_eq!(asked().await, "crowd");
    standing.gives_way.store(false, Ordering::Relaxed);
    // What is asked at once may come in the poll of the answer before.
    let mut there = 0;
    while asked().await == "crowd" {
        there += 1;
        assert!(there < 1000, "it stays there");
    }
    lane.begin(A, 0, || crowd.calling.lock().unwrap());
    standing.gives_way.store(true, Ordering::Relaxed);
    assert_ne!(asked().await, "crowd", "a call is under way");
}
