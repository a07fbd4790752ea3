//! Who gives way to whom. The calls of a tenant that has many at once, while others have few, are served by threads that
//! give way: whatever they are, a neighbour's next one finds a core.

use std::{
    collections::HashMap,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use openclaw_runtime::Yielding;
use tokio::runtime::Handle;

use crate::auth::Identity;

/// So many calls at once give way to few.
const MANY: usize = 4;

/// No more than these at once, on average of those who call, are given way to: so few do not take all cores.
const FEW: usize = 2;

/// For so long calls are counted: longer than a client needs from one to the next.
const WINDOW: Duration = Duration::from_millis(50);

/// A connection that is served.
type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the tenants apart that give way.
#[derive(Debug)]
pub(crate) struct Crowd {
    since: Instant,
    calling: Mutex<Calling>,
    among_all: Handle,
    behind: Yielding,
}

/// The tenants that call in the window at hand, by their rows.
#[derive(Debug, Default)]
struct Calling {
    window: u64,
    tenants: HashMap<u64, Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    /// Calls at once: of each connection the most that it had.
    calls: usize,
    standing: Arc<Standing>,
}

/// A tenant's.
#[derive(Debug, Default)]
struct Standing {
    /// Calls that have begun and not ended.
    under_way: AtomicUsize,
    /// What came of the window before.
    gives_way: AtomicBool,
}

/// One connection, which is served where those of its last caller are.
#[derive(Debug, Default)]
pub(crate) struct Lane(Mutex<Option<Caller>>);

/// The tenant that called last on a connection.
#[derive(Debug)]
struct Caller {
    row: u64,
    standing: Arc<Standing>,
    window: u64,
    /// How many of its calls on this connection have begun and not ended.
    under_way: usize,
    /// How many were counted in the window.
    counted: usize,
}

/// A call, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay {
    crowd: Arc<Crowd>,
    lane: Arc<Lane>,
    row: u64,
    standing: Arc<Standing>,
}

impl Crowd {
    /// Serves among all others on the runtime at hand.
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let (since, among_all) = (Instant::now(), Handle::current());
        Self { since, calling: Mutex::default(), among_all, behind: Yielding::new("crowd", cores) }
    }

    /// A call of a tenant has come in on a connection. The operator's are none.
    pub(crate) fn begin(self: &Arc<Self>, lane: &Arc<Lane>, identity: &Identity) -> Option<UnderWay> {
        Some(self.begin_for(lane, identity.tenant.as_ref()?.row))
    }

    fn begin_for(self: &Arc<Self>, lane: &Arc<Lane>, row: u64) -> UnderWay {
        let standing = lane.begin(row, self.window(), || self.calling.lock().unwrap_or_else(PoisonError::into_inner));
        standing.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay { crowd: self.clone(), lane: lane.clone(), row, standing }
    }

    /// Serves a connection to its end. Between two calls it moves to where the next one is to be served: what a call
    /// waits for is not to become somebody's who gives way.
    pub(crate) fn serve(self: &Arc<Self>, lane: Arc<Lane>, mut connection: Serving) {
        let (crowd, behind) = (self.clone(), lane.gives_way());
        let serving = async move {
            let moves = poll_fn(|context| {
                if lane.is_to_move(behind) {
                    return Poll::Ready(true);
                }
                match connection.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(false),
                    Poll::Pending if lane.is_to_move(behind) => Poll::Ready(true),
                    Poll::Pending => Poll::Pending,
                }
            });
            if moves.await {
                crowd.serve(lane, connection);
            }
        };
        drop(if behind { self.behind.spawn(serving) } else { self.among_all.spawn(serving) });
    }

    /// Where the next call on a connection is to be served that has several at once.
    pub(crate) fn runtime(&self, lane: &Lane) -> Handle {
        let behind = lane.gives_way().then(|| self.behind.handle()).flatten();
        behind.unwrap_or_else(|| self.among_all.clone())
    }

    /// Where those are served that give way to nobody.
    pub(crate) fn among_all(&self) -> &Handle {
        &self.among_all
    }

    fn window(&self) -> u64 {
        (self.since.elapsed().as_millis() / WINDOW.as_millis()) as u64
    }
}

impl Lane {
    fn begin<'c>(&self, row: u64, window: u64, calling: impl FnOnce() -> MutexGuard<'c, Calling>) -> Arc<Standing> {
        let mut caller = self.caller();
        let caller = match &mut *caller {
            Some(caller) if caller.row == row => caller,
            other => other.insert(Caller { row, standing: Arc::default(), window, under_way: 0, counted: 0 }),
        };
        caller.meet(window);
        caller.under_way += 1;
        if caller.under_way > caller.counted {
            caller.counted = caller.under_way;
            caller.standing = calling().count(row, window);
        }
        caller.standing.clone()
    }

    fn end(&self, row: u64, window: u64) {
        if let Some(caller) = self.caller().as_mut().filter(|caller| caller.row == row) {
            caller.meet(window);
            caller.under_way = caller.under_way.saturating_sub(1);
        }
    }

    /// Whether a connection that is served behind others, or not, has no call under way and its next elsewhere.
    fn is_to_move(&self, behind: bool) -> bool {
        self.gives_way() != behind && self.caller().as_ref().is_none_or(|caller| caller.under_way == 0)
    }

    fn gives_way(&self) -> bool {
        self.caller().as_ref().is_some_and(|caller| caller.standing.gives_way.load(Ordering::Relaxed))
    }

    fn caller(&self) -> MutexGuard<'_, Option<Caller>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller {
    /// What is under way where a window begins is counted in it.
    fn meet(&mut self, window: u64) {
        if window > self.window {
            (self.window, self.counted) = (window, self.under_way);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.standing.under_way.fetch_sub(1, Ordering::Relaxed);
        self.lane.end(self.row, self.crowd.window());
    }
}

impl Calling {
    /// One call more at once.
    fn count(&mut self, row: u64, window: u64) -> Arc<Standing> {
        if window > self.window {
            if window > self.window + 1 {
                // Nobody began a call in the one before.
                self.tenants.values_mut().for_each(Counted::begin_again);
            }
            self.judge();
            self.window = window;
        }
        let counted = self.tenants.entry(row).or_default();
        counted.calls += 1;
        counted.standing.clone()
    }

    /// A window is over.
    fn judge(&mut self) {
        let tenants = self.tenants.values().filter(|counted| counted.calls > 0).count();
        let all: usize = self.tenants.values().map(|counted| counted.calls).sum();
        self.tenants.retain(|_, counted| {
            let others = all - counted.calls;
            let many = counted.calls >= MANY && others > 0 && others <= FEW * tenants.saturating_sub(1);
            counted.standing.gives_way.store(many, Ordering::Relaxed);
            let was_there = counted.calls > 0;
            counted.begin_again();
            was_there
        });
    }
}

impl Counted {
    fn begin_again(&mut self) {
        self.calls = self.standing.under_way.load(Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
