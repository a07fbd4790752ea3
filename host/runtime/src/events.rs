//! The event bus: what happened in a tenant, for that tenant's connections.
//!
//! One channel a tenant, made when it is first used. Events are numbered on from
//! one start of the gateway to the next, and the newest `WINDOW` stay for clients
//! that resume.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use openclaw_tenancy::TenantId;
use serde_json::value::RawValue;
use tokio::sync::broadcast;

/// How many events a client can have missed and still resume without a gap.
pub(crate) const WINDOW: usize = 1024;

/// The most bytes of payloads that a tenant's window holds.
const WINDOW_BYTES: usize = 1 << 20;

/// Something that happened in a tenant.
#[derive(Clone, Debug)]
pub struct Event {
    /// Grows by one an event and tenant.
    pub sequence: u64,
    /// Such as `voicewake.changed`.
    pub name: Arc<str>,
    /// JSON.
    pub payload: Arc<RawValue>,
}

/// What a subscriber gets: what it missed, then what comes.
#[derive(Debug)]
pub struct Subscription {
    /// The number of the tenant's last event.
    pub last: u64,
    /// Whether events after the requested one are not kept any more.
    pub gap: bool,
    /// Kept events after the requested one, oldest first.
    pub missed: Vec<Event>,
    /// Events from now on. Lagging behind the window is an error of `recv`.
    pub live: broadcast::Receiver<Event>,
}

/// All tenants' channels.
#[derive(Debug, Default)]
pub struct EventBus {
    /// After which all are numbered.
    before: u64,
    channels: Mutex<HashMap<TenantId, Channel>>,
}

#[derive(Debug)]
struct Channel {
    last: u64,
    kept: VecDeque<Event>,
    kept_bytes: usize,
    live: broadcast::Sender<Event>,
}

impl EventBus {
    /// Numbers events by when the gateway started, in microseconds since 1970 (a number that JSON's readers keep):
    /// higher than any of before, which a client may have seen.
    #[must_use]
    pub(crate) fn started(now: SystemTime) -> Self {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { before: u64::try_from(since.as_micros()).unwrap_or_default(), channels: Mutex::default() }
    }

    /// Tells a tenant's connections; answers the event's number.
    pub fn publish(&self, tenant: &TenantId, name: &str, payload: Box<RawValue>) -> u64 {
        let mut channels = self.channels();
        let channel = channels.entry(tenant.clone()).or_insert_with(|| Channel::new(self.before));
        channel.publish(name.into(), payload.into())
    }

    /// Tells the tenants of a choice that have ever listened or been told something.
    pub(crate) fn publish_where(&self, chosen: impl Fn(&TenantId) -> bool, name: &str, payload: &RawValue) {
        let (name, payload): (Arc<str>, Arc<RawValue>) = (name.into(), payload.to_owned().into());
        for (_, channel) in self.channels().iter_mut().filter(|(tenant, _)| chosen(tenant)) {
            channel.publish(name.clone(), payload.clone());
        }
    }

    /// Listens to a tenant, from after event `since` where that is given.
    pub fn subscribe(&self, tenant: &TenantId, since: Option<u64>) -> Subscription {
        let mut channels = self.channels();
        let channel = channels.entry(tenant.clone()).or_insert_with(|| Channel::new(self.before));
        let since = since.unwrap_or(channel.last);
        let missed: Vec<Event> = channel.kept.iter().filter(|event| event.sequence > since).cloned().collect();
        // What is kept ends with the last event.
        let gap = channel.last.checked_sub(since).is_none_or(|all| all > missed.len() as u64);
        Subscription { last: channel.last, gap, missed, live: channel.live.subscribe() }
    }

    /// Forgets a tenant that is gone; its listeners see the end.
    pub fn forget(&self, tenant: &TenantId) {
        self.channels().remove(tenant);
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<TenantId, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    fn publish(&mut self, name: Arc<str>, payload: Arc<RawValue>) -> u64 {
        self.last += 1;
        let event = Event { sequence: self.last, name, payload };
        self.keep(event.clone());
        // Nobody listening is no error: the window keeps it.
        let _ = self.live.send(event);
        self.last
    }

    fn keep(&mut self, event: Event) {
        self.kept_bytes += event.payload.get().len();
        self.kept.push_back(event);
        while self.kept.len() > WINDOW || self.kept_bytes > WINDOW_BYTES {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_bytes -= oldest.payload.get().len();
        }
    }

    fn new(last: u64) -> Self {
        // A slow listener is told that it lags, it does not hold memory for long.
        Self { last, kept: VecDeque::new(), kept_bytes: 0, live: broadcast::channel(256).0 }
    }
}

#[cfg(test)]
mod tests;
