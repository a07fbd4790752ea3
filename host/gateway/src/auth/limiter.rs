//! Slows down guessing: so many failures of one address, then a pause in which its failures are told nothing.
//!
//! Whoever has a token is not held up by what others at the same address do: behind a proxy that is everyone.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use openclaw_config::gateway::FailedAuth;

use crate::reply::Problem;

/// The failures of each address.
#[derive(Debug, Default)]
pub(crate) struct FailedAuthLimiter {
    peers: Mutex<HashMap<IpAddr, Failures>>,
    told: Mutex<Told>,
}

/// What the log has of failures: a line at most once in [`TOLD_EVERY`].
#[derive(Debug, Default)]
struct Told {
    at: Option<Instant>,
    since: u64,
}

#[derive(Debug, Default)]
struct Failures {
    recent: VecDeque<Instant>,
    blocked_until: Option<Instant>,
}

/// How often the log tells of failed authentications.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// More addresses than this are not remembered.
const PEERS_MAX: usize = 10_000;

impl FailedAuthLimiter {
    /// Refuses an address that is blocked.
    pub(crate) fn check(&self, peer: IpAddr, limits: &FailedAuth, now: Instant) -> Result<(), Problem> {
        if exempt(peer, limits) {
            return Ok(());
        }
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        match peers.get(&network(peer)).and_then(|failures| failures.blocked_until) {
            Some(until) if until > now => {
                let seconds = (until - now).as_secs() + 1;
                Err(Problem::rate_limited("too many failed authentications from this address", seconds))
            }
            _ => Ok(()),
        }
    }

    /// Tells the log of a failure, and of those it was not told of: whoever fails can fail again at once.
    pub(crate) fn tell(&self, peer: IpAddr, now: Instant) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.since += 1;
        if told.at.is_none_or(|at| now.duration_since(at) >= TOLD_EVERY) {
            tracing::info!(%peer, failures = told.since, "authentication failed; more are told of in a minute");
            *told = Told { at: Some(now), since: 0 };
        }
    }

    /// Tells the log of the failures that nobody came after.
    pub(crate) fn tell_rest(&self, now: Instant) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.since > 0 && told.at.is_none_or(|at| now.duration_since(at) >= TOLD_EVERY) {
            tracing::info!(failures = told.since, "authentication failed, so often since that was told last");
            *told = Told { at: Some(now), since: 0 };
        }
    }

    /// Remembers a failure.
    pub(crate) fn failed(&self, peer: IpAddr, limits: &FailedAuth, now: Instant) {
        if exempt(peer, limits) {
            return;
        }
        let window = Duration::from_secs(limits.window_seconds);
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS_MAX && !peers.contains_key(&network(peer)) {
            // The least to lose makes room: a block outlives a flood of other addresses as long as it can.
            let goes = peers.iter().min_by_key(|(_, failures)| failures.weight(now, window)).map(|(peer, _)| *peer);
            goes.map(|peer| peers.remove(&peer));
        }
        let failures = peers.entry(network(peer)).or_default();
        failures.recent.push_back(now);
        failures.recent.retain(|at| now.duration_since(*at) < window);
        if failures.recent.len() >= limits.attempts as usize {
            tracing::warn!(%peer, seconds = limits.block_seconds, "too many failed authentications: more of this address are refused");
            failures.recent.clear();
            failures.blocked_until = Some(now + Duration::from_secs(limits.block_seconds));
        }
    }
}

impl Failures {
    /// Nothing that counts, then how many failures, then a block.
    fn weight(&self, now: Instant, window: Duration) -> usize {
        if self.blocked_until.is_some_and(|until| until > now) {
            return usize::MAX;
        }
        self.recent.iter().filter(|at| now.duration_since(**at) < window).count()
    }
}

/// Whoever has one address of IPv6 has the 2^64 beside it.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

fn exempt(peer: IpAddr, limits: &FailedAuth) -> bool {
    limits.exempt_loopback && peer.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests;
