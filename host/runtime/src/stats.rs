//! What became of the calls of one version: counted without locks, but for those that fail.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Buckets for each doubling of the time: a percentile is right to a quarter of itself.
const PER_DOUBLING: usize = 4;
const DOUBLINGS: usize = 34;
const BUCKETS: usize = PER_DOUBLING * DOUBLINGS;

/// The counters of one version in one binding.
#[derive(Debug)]
pub struct Stats {
    calls: AtomicU64,
    errors: AtomicU64,
    /// Whether the streak is worth a look.
    failing: AtomicBool,
    streak: Mutex<Streak>,
    micros: [AtomicU64; BUCKETS],
}

/// Failures without a call between them that did not fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    /// How many.
    pub(crate) in_a_row: u32,
    /// Whether more than one tenant had them.
    pub(crate) of_several: bool,
}

/// Failures since the last call that did not fail.
#[derive(Debug, Default)]
struct Streak {
    failures: Failures,
    /// Whose call the first of them was.
    first: Option<u64>,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Calls that ran to an end.
    pub calls: u64,
    /// Those that the component failed.
    pub errors: u64,
    /// The time within which half of them were done, in microseconds.
    pub p50_us: u64,
    /// And 99 of a hundred.
    pub p99_us: u64,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            calls: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            streak: Mutex::default(),
            micros: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Stats {
    /// Counts a call of the tenant with this row; answers what has failed in a row by now.
    pub(crate) fn count(&self, tenant: u64, took: Duration, failed: bool) -> Failures {
        self.calls.fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros[bucket(micros)].fetch_add(1, Relaxed);
        if failed {
            self.errors.fetch_add(1, Relaxed);
            // One step: two failures at once of one tenant must not look like those of two.
            let mut streak = self.streak();
            let first = *streak.first.get_or_insert(tenant);
            streak.failures.in_a_row += 1;
            streak.failures.of_several |= first != tenant;
            self.failing.store(true, Relaxed);
            return streak.failures;
        }
        // Read first: a line that nobody writes is shared by all cores.
        if self.failing.load(Relaxed) {
            self.forgive();
        }
        Failures::default()
    }

    /// A version that is bound anew is judged anew.
    pub(crate) fn forgive(&self) {
        let mut streak = self.streak();
        *streak = Streak::default();
        self.failing.store(false, Relaxed);
    }

    fn streak(&self) -> MutexGuard<'_, Streak> {
        self.streak.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counters of now.
    #[must_use]
    pub fn counted(&self) -> Counted {
        let counts: Vec<u64> = self.micros.iter().map(|bucket| bucket.load(Relaxed)).collect();
        Counted {
            calls: self.calls.load(Relaxed),
            errors: self.errors.load(Relaxed),
            p50_us: percentile(&counts, 50),
            p99_us: percentile(&counts, 99),
        }
    }
}

/// Values below `PER_DOUBLING` have buckets of their own; from there on each doubling has that many.
fn bucket(value: u64) -> usize {
    let value_bits = 64 - value.leading_zeros() as usize;
    let (sub_bits, doubling) =
        (PER_DOUBLING.ilog2() as usize, value_bits.saturating_sub(PER_DOUBLING.ilog2() as usize));
    if doubling <= 1 {
        return usize::try_from(value).unwrap_or(BUCKETS - 1).min(2 * PER_DOUBLING - 1);
    }
    let within = (value >> (value_bits - 1 - sub_bits)) as usize & (PER_DOUBLING - 1);
    (doubling * PER_DOUBLING + within).min(BUCKETS - 1)
}

/// The largest value of a bucket.
fn upper(bucket: usize) -> u64 {
    let (doubling, within) = (bucket / PER_DOUBLING, bucket % PER_DOUBLING);
    if doubling <= 1 {
        return bucket as u64;
    }
    let width = 1_u64 << (doubling - 1);
    (PER_DOUBLING + within + 1) as u64 * width - 1
}

fn percentile(counts: &[u64], percent: u64) -> u64 {
    let all: u64 = counts.iter().sum();
    let wanted = (all * percent).div_ceil(100).max(1);
    let mut passed = 0;
    for (bucket, count) in counts.iter().enumerate() {
        passed += count;
        if passed >= wanted {
            return upper(bucket);
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version that is shared is taken from everyone only where it fails for more than one.
    #[test]
    fn failures_at_once_of_one_tenant_are_not_of_several() {
        let stats = Stats::default();
        let failed = |tenant| stats.count(tenant, Duration::ZERO, true);
        assert!(!failed(1).of_several);
        for _ in 0..200 {
            stats.forgive();
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| assert!(!failed(2).of_several));
                }
            });
        }
        assert_eq!(failed(2), Failures { in_a_row: 5, of_several: false });
        assert_eq!(failed(1), Failures { in_a_row: 6, of_several: true });
        stats.count(1, Duration::ZERO, false);
        assert_eq!(failed(2), Failures { in_a_row: 1, of_several: false });
    }

    #[test]
    fn each_value_lies_within_its_bucket_and_buckets_follow_each_other() {
        for value in (0..10_000).chain([1 << 20, (1 << 31) + 12_345]) {
            let bucket = bucket(value);
            assert!(value <= upper(bucket), "{value} in {bucket}");
            assert!(bucket == 0 || value > upper(bucket - 1), "{value} in {bucket}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_right_to_a_quarter() {
        let stats = Stats::default();
        for micros in 1..=1000 {
            stats.count(1, Duration::from_micros(micros), false);
        }
        let counted = stats.counted();
        assert_eq!((counted.calls, counted.errors), (1000, 0));
        assert!((500..=625).contains(&counted.p50_us), "{counted:?}");
        assert!((990..=1240).contains(&counted.p99_us), "{counted:?}");
        assert_eq!(Stats::default().counted(), Counted::default());
    }

    #[test]
    fn failures_in_a_row_end_with_a_call_that_does_not_fail() {
        let stats = Stats::default();
        let count = |failed| stats.count(1, Duration::ZERO, failed).in_a_row;
        assert_eq!([count(true), count(true), count(false), count(true)], [1, 2, 0, 1]);
    }
}
