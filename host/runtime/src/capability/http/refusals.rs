//! Which refused requests are written down. What a component is not granted it can ask for as often as it likes, and
//! the audit log is everybody's: the same is written once a call, and so much a call and an hour.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use openclaw_tenancy::TenantId;
use tokio::time::Instant;

use crate::sandboxes::Hours;

/// Different ones of one call.
const OF_A_CALL: usize = 16;

/// Of one tenant in an hour.
const OF_AN_HOUR: usize = 200;

const HOUR: Duration = Duration::from_secs(3_600);

/// What the audit log gets of a refused request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Whole,
    /// That from here on there are more than are written down.
    More,
    Nothing,
}

/// What all tenants were refused in the last hour, and how much is written of what they were not.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    hours: Mutex<HashMap<Option<TenantId>, Hour>>,
    granted: Arc<Hours>,
}

#[derive(Debug)]
struct Hour {
    began: Instant,
    entries: usize,
}

impl Refusals {
    /// The lines of requests that were granted.
    pub(crate) fn granted(&self) -> Arc<Hours> {
        self.granted.clone()
    }

    /// Takes an entry of the tenant's hour; no tenant means the operator's own calls.
    fn take(&self, tenant: Option<&TenantId>, now: Instant) -> Entry {
        let mut hours = lock(&self.hours);
        hours.retain(|_, hour| now.duration_since(hour.began) < HOUR);
        let hour = hours.entry(tenant.cloned()).or_insert(Hour { began: now, entries: 0 });
        hour.entries = hour.entries.saturating_add(1);
        entry(hour.entries, OF_AN_HOUR)
    }
}

/// What one call was refused.
#[derive(Debug, Default)]
pub(super) struct OfACall(Mutex<HashSet<(String, u16)>>);

impl OfACall {
    pub(super) fn entry(&self, host: &str, port: u16, hours: &Refusals, tenant: Option<&TenantId>) -> Entry {
        let mut known = lock(&self.0);
        if !known.insert((host.to_owned(), port)) {
            return Entry::Nothing;
        }
        match entry(known.len(), OF_A_CALL) {
            Entry::Nothing => Entry::Nothing,
            of_the_call => match hours.take(tenant, Instant::now()) {
                Entry::Whole => of_the_call,
                of_the_hour => of_the_hour,
            },
        }
    }
}

/// Of the one with this number, where so many are written.
fn entry(number: usize, most: usize) -> Entry {
    match number.checked_sub(most) {
        None | Some(0) => Entry::Whole,
        Some(1) => Entry::More,
        Some(_) => Entry::Nothing,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_writes_each_refusal_once_and_so_many() {
        let (hours, call) = (Refusals::default(), OfACall::default());
        let tenant = "a".parse().ok();
        let ask = |host: &str| call.entry(host, 443, &hours, tenant.as_ref());
        for number in 0..OF_A_CALL {
            assert_eq!(ask(&format!("h{number}.org")), Entry::Whole);
            assert_eq!(ask(&format!("h{number}.org")), Entry::Nothing, "the same again");
        }
        assert_eq!((ask("x.org"), ask("y.org")), (Entry::More, Entry::Nothing));
    }

    #[test]
    fn a_tenant_writes_so_many_in_an_hour_whatever_others_do() {
        let hours = Refusals::default();
        let (a, b) = ("a".parse().ok(), "b".parse().ok());
        let now = Instant::now();
        for _ in 0..OF_AN_HOUR {
            assert_eq!(hours.take(a.as_ref(), now), Entry::Whole);
        }
        assert_eq!((hours.take(a.as_ref(), now), hours.take(a.as_ref(), now)), (Entry::More, Entry::Nothing));
        assert_eq!(hours.take(b.as_ref(), now), Entry::Whole);
        assert_eq!(hours.take(None, now), Entry::Whole);
        assert_eq!(hours.take(a.as_ref(), now + HOUR), Entry::Whole);
    }
}
