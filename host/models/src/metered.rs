//! The metered call: reserved, sent, read to its end, settled.
//!
//! Each call runs on a task of its own, which a caller that goes away does not end: it reads on for a while, since what
//! was sent is billed, and the provider's own numbers come last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use openclaw_billing::{CallId, CallRow, Caller, Limits, ModelCall, Reservation, ReserveError, SoftLimit, UsageLedger};
use openclaw_config::gateway;
use openclaw_tenancy::{PicoUsd, TenantId};
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::catalog::{Catalog, CatalogError, Offered, Served};
use crate::ended::{End, Ended, Listener};
use crate::error::{ModelError, ProviderError};
use crate::event::Event;
use crate::http::SharedClient;
use crate::incoming::{self, Incoming};
use crate::request::{Endpoint, Prepared};
use crate::tally::{Ending, Tally};
use crate::warnings::{self, Verdict, Warnings};

mod deliver;
mod entered;
#[cfg(test)]
mod tests;

use deliver::Delivery;

pub use entered::{Counted, Entered};

/// Calls of one tenant that are under way at once, those included whose caller has gone.
const CALLS_PER_TENANT: usize = 64;

/// Pieces of an answer that wait for a caller who reads slowly.
const PIECES: usize = 16;

/// How long an answer is read on after its caller has gone.
const DRAIN: Duration = Duration::from_secs(60);

/// Longer than any call takes with all that belongs to it: what is open then is given up for lost.
const GRACE: Duration = Duration::from_secs(120);

/// Pauses between tries to write the end of a call.
const SETTLE_PAUSES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(500), Duration::from_secs(2)];

/// Everything that answers, and the ledger that all of it is written to.
pub struct Models {
    ledger: Arc<UsageLedger>,
    client: SharedClient,
    catalog: ArcSwap<Catalog>,
    under_way: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
    listener: OnceLock<Listener>,
    warnings: Warnings,
    drain: Duration,
    /// Where calls run, whoever asks: their connections are kept for the calls of others, and belong to the runtime that
    /// opened them.
    runtime: Handle,
}

/// What is asked.
#[derive(Debug)]
pub struct Ask {
    pub caller: Caller,
    pub limits: Limits,
    /// The method or path that asks.
    pub method: String,
    pub endpoint: Endpoint,
    /// As OpenAI's interface has it.
    pub body: Map<String, Value>,
}

/// A piece of an answer.
#[derive(Debug)]
pub enum Piece {
    /// Of a stream: an event as a client of OpenAI's reads it, where it is one, and what it says.
    Chunk {
        /// The event's name; empty for chat completions.
        name: String,
        data: Option<String>,
        events: Vec<Event>,
    },
    /// A whole answer.
    Body(Bytes),
    /// The last: the call is settled, and this is its row.
    End(Box<CallRow>),
}

/// An answer on its way. Whoever drops it is not told the rest; what was used is billed.
#[derive(Debug)]
pub struct Answer {
    /// The name of the row.
    pub id: CallId,
    pub provider: String,
    pub model: String,
    /// What the call costs at the most.
    pub reserved: PicoUsd,
    /// The soft limits that the call passes.
    pub soft_limits: Vec<SoftLimit>,
    pieces: mpsc::Receiver<Result<Piece, ModelError>>,
}

impl Answer {
    /// Waits for the next piece. An error is the last of them.
    pub async fn next(&mut self) -> Option<Result<Piece, ModelError>> {
        self.pieces.recv().await
    }
}

impl Models {
    /// To be called in the runtime in which all calls are to run.
    pub fn new(ledger: Arc<UsageLedger>, configured: &gateway::Models) -> Result<Self, CatalogError> {
        Ok(Self {
            ledger,
            client: SharedClient::default(),
            catalog: ArcSwap::from_pointee(Catalog::read(configured)?),
            under_way: Mutex::default(),
            listener: OnceLock::new(),
            warnings: Warnings::default(),
            drain: DRAIN,
            runtime: Handle::current(),
        })
    }

    /// What [`new`](Self::new) and [`configure`](Self::configure) would refuse: keys and scripts that are of no use.
    pub fn check(configured: &gateway::Models) -> Result<(), CatalogError> {
        Catalog::read(configured).map(drop)
    }

    /// Puts other models in force, for the calls to come.
    pub fn configure(&self, configured: &gateway::Models) -> Result<(), CatalogError> {
        self.catalog.store(Arc::new(Catalog::read(configured)?));
        Ok(())
    }

    /// Has somebody told of the end of each call; the first who asks.
    pub fn tell_of_calls(&self, listener: Listener) {
        let _ = self.listener.set(listener);
    }

    /// The models that can be called: listed, and priced.
    pub fn offered(&self) -> Vec<Offered> {
        let (card, now) = (self.ledger.rate_card(), Timestamp::now());
        let mut offered = self.catalog.load().offered();
        offered.retain(|model| card.rule(&model.id, now).is_ok());
        offered
    }

    /// The name of the model that answers where a request names none.
    pub fn default_model(&self) -> Option<String> {
        self.catalog.load().default_model().map(str::to_owned)
    }

    /// The model that makes vectors; none where the built-in one does ([`crate::hashed`]).
    pub fn embedding(&self) -> Option<gateway::Embedding> {
        self.catalog.load().embedding().cloned()
    }

    /// Takes a place among the tenant's calls, and checks what is asked. It is counted before it is [`call`](Self::call)ed.
    pub fn enter(&self, ask: Ask) -> Result<Entered, ModelError> {
        let permit = self.place(&ask.caller.tenant)?;
        Entered::read(ask, self.catalog.load_full(), permit)
    }

    /// Asks, and answers when the answer begins.
    pub async fn call(self: &Arc<Self>, asked: Counted) -> Result<Answer, ModelError> {
        let Counted { caller, limits, method, prepared, candidates, permit } = asked;
        let (opened, opening) = oneshot::channel();
        let (pieces, received) = mpsc::channel(PIECES);
        let call = Call {
            models: self.clone(),
            caller,
            limits,
            method,
            prepared,
            delivery: Delivery::new(pieces, self.drain),
            _permit: permit,
        };
        self.runtime.spawn(call.run(candidates, opened));
        let Opened { id, provider, model, reserved, soft_limits } = match opening.await {
            Ok(opened) => opened?,
            Err(_) => return Err(ModelError::invalid("the call was given up")),
        };
        Ok(Answer { id, provider, model, reserved, soft_limits, pieces: received })
    }

    fn place(&self, tenant: &TenantId) -> Result<OwnedSemaphorePermit, ModelError> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|known, gate| known == tenant || Arc::strong_count(gate) > 1);
        let gate = under_way.entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(CALLS_PER_TENANT)));
        gate.clone().try_acquire_owned().map_err(|_| ModelError::Busy)
    }
}

/// What is known when an answer begins.
struct Opened {
    id: CallId,
    provider: String,
    model: String,
    reserved: PicoUsd,
    soft_limits: Vec<SoftLimit>,
}

type Opening = oneshot::Sender<Result<Opened, ModelError>>;

/// One call, on its task.
struct Call {
    models: Arc<Models>,
    caller: Caller,
    limits: Limits,
    method: String,
    prepared: Prepared,
    delivery: Delivery,
    _permit: OwnedSemaphorePermit,
}

impl Call {
    /// Tries one model after the other, each metered for itself, and tells the answer of the first that has one.
    async fn run(mut self, candidates: Vec<(String, Served)>, opening: Opening) {
        let last = candidates.len() - 1;
        for (index, (name, served)) in candidates.iter().enumerate() {
            let error = match self.open(name, served).await {
                Ok((reservation, incoming, deadline)) => {
                    let opened = Opened {
                        id: reservation.id(),
                        provider: served.provider.id.clone(),
                        model: name.clone(),
                        reserved: reservation.reserved_cost(),
                        soft_limits: reservation.soft_limits().to_vec(),
                    };
                    if opening.send(Ok(opened)).is_err() {
                        self.delivery.give_up();
                    }
                    return self.tell(served, reservation, incoming, deadline).await;
                }
                Err(error) => error,
            };
            let goes_on = matches!(&error, ModelError::Provider(error) if error.is_of_the_provider());
            // Nobody waits for an answer any more: nothing more is sent for it.
            if index == last || !goes_on || opening.is_closed() {
                let _ = opening.send(Err(error));
                return;
            }
        }
    }

    /// Reserves, sends, and waits for an answer to begin. What fails is settled or released here.
    async fn open(&mut self, name: &str, served: &Served) -> Result<(Reservation, Incoming, Instant), ModelError> {
        let provider = &served.provider;
        if let Err(retry_after) = provider.breaker.allow(&self.caller.tenant, Instant::now()) {
            self.ended(served, End::Unsent);
            return Err(ProviderError::Resting { provider: provider.id.clone(), retry_after }.into());
        }
        let mut reservation = self.reserve(name, served).await.inspect_err(|error| {
            if matches!(error, ModelError::Reserve(ReserveError::Refused(_))) {
                self.ended(served, End::Refused);
            }
        })?;
        let deadline = Instant::now() + provider.timeout;
        reservation.mark_sent();
        let jitter = jitter(reservation.id());
        let answer = incoming::open(&self.models.client, served, &self.prepared, jitter);
        let answer = self.delivery.within(answer, deadline).await;
        let error = match answer.unwrap_or_else(|| Err(ProviderError::TimedOut { provider: provider.id.clone() })) {
            Ok(incoming) => {
                provider.breaker.succeeded();
                return Ok((reservation, incoming, deadline));
            }
            Err(error) => error,
        };
        self.note(served, &reservation, &error);
        if !error.was_sent() {
            reservation.release().await.map_err(ModelError::Settle)?;
            self.ended(served, End::Unsent);
            return Err(error.into());
        }
        let ending = if matches!(error, ProviderError::Refused { .. }) { Ending::Refused } else { Ending::Broken };
        self.settle(served, reservation, Tally::default(), ending).await?;
        Err(error.into())
    }

    async fn reserve(&self, name: &str, served: &Served) -> Result<Reservation, ModelError> {
        let now = Timestamp::now();
        let card = self.models.ledger.rate_card();
        // The card's own name for it; without one, the name by which it was listed.
        let model = if card.names(name) { name } else { &served.model.id };
        let takes = served.provider.timeout + self.models.drain + GRACE;
        let expires_at = SignedDuration::try_from(takes).ok().and_then(|takes| now.checked_add(takes).ok());
        let call = ModelCall {
            caller: self.caller.clone(),
            method: self.method.clone(),
            provider: served.provider.id.clone(),
            model: model.to_owned(),
            input_tokens: self.prepared.input_tokens(&served.model),
            max_output_tokens: self.prepared.max_output(&served.model),
            cache_writes: self.prepared.cache_writes(&served.provider.kind),
            expires_at: expires_at.unwrap_or(Timestamp::MAX),
        };
        Ok(self.models.ledger.reserve(call, self.limits.clone(), now).await?)
    }

    /// Reads the answer to its end and tells it; its last piece when the row is written.
    async fn tell(mut self, served: &Served, reservation: Reservation, mut incoming: Incoming, deadline: Instant) {
        let provider = &served.provider;
        let mut tally = Tally::default();
        self.delivery.begin(&self.prepared, reservation.id(), served);
        let failure = loop {
            let most = deadline.min(Instant::now() + provider.idle);
            let next = incoming.next(provider);
            match self.delivery.within(next, most).await {
                Some(Ok(Some(arrived))) => {
                    for event in &arrived.events {
                        tally.add(event, Timestamp::now());
                        if let Event::Failed(error) = event {
                            self.warn(served, reservation.id(), &error.to_string(), "a model broke off");
                        }
                    }
                    self.delivery.tell(arrived, provider.idle).await;
                }
                Some(Ok(None)) => break None,
                Some(Err(error)) => break Some(error),
                None => break Some(ProviderError::TimedOut { provider: provider.id.clone() }),
            }
        };
        if let Some(error) = &failure {
            self.note(served, &reservation, error);
        }
        // Nothing is read any more: what the provider still says is not waited for.
        drop(incoming);
        let failure = failure.or_else(|| {
            let says_so = tally.has_failed() && !self.delivery.has_told_failure();
            says_so.then(|| ProviderError::Broken { provider: provider.id.clone(), detail: String::new() })
        });
        let ending = if failure.is_some() { Ending::Broken } else { Ending::Complete };
        match (self.settle(served, reservation, tally, ending).await, failure) {
            (Ok(row), None) => self.delivery.end(row).await,
            (Ok(_), Some(error)) => self.delivery.fail(error.into()).await,
            (Err(error), _) => self.delivery.fail(error).await,
        }
    }

    /// Writes how it ended. A disk that is full for a moment, or a lock, is waited for.
    async fn settle(
        &self,
        served: &Served,
        mut reservation: Reservation,
        tally: Tally,
        ending: Ending,
    ) -> Result<CallRow, ModelError> {
        let gone = self.delivery.is_given_up();
        let counted = self.prepared.likely_input_tokens(&served.model);
        let settlement = tally.settlement(ending, gone, counted, &reservation.reserved_tokens(), Timestamp::now());
        let mut settled = reservation.settle(settlement.clone()).await;
        for pause in SETTLE_PAUSES {
            let Err(error) = &settled else { break };
            tracing::warn!(id = %reservation.id(), %error, "a call is not settled yet");
            tokio::time::sleep(pause).await;
            settled = reservation.settle(settlement.clone()).await;
        }
        let row = settled.map_err(ModelError::Settle)?;
        self.ended(served, End::Settled(&row));
        Ok(row)
    }

    fn ended(&self, Served { provider, model }: &Served, end: End<'_>) {
        let Some(listener) = self.models.listener.get() else { return };
        let model = Some(model.id.as_str()).filter(|name| provider.lists(name));
        listener(&Ended { tenant: &self.caller.tenant, provider: &provider.id, model, end });
    }

    /// For whoever looks after the gateway, and for the calls to come.
    fn note(&self, served: &Served, reservation: &Reservation, error: &ProviderError) {
        let provider = &served.provider;
        // What was not listened to any more says nothing of it.
        if error.is_a_failure() && !self.delivery.is_given_up() {
            provider.breaker.failed(&self.caller.tenant, Instant::now());
        }
        let (id, said) = (reservation.id(), error.for_log());
        if error.is_of_the_request() {
            let (tenant, detail) = (self.caller.tenant.as_str(), warnings::cut(&said));
            tracing::debug!(%id, tenant, provider = provider.id, detail, "{}", error.kind());
        } else {
            self.warn(served, id, &said, error.kind());
        }
    }

    /// Tells of what is not the request's own fault, no more often than a tenant may have it told.
    fn warn(&self, Served { provider, .. }: &Served, id: CallId, detail: &str, what: &str) {
        let Verdict::Written { dropped } = self.models.warnings.ask(&self.caller.tenant, Instant::now()) else {
            return;
        };
        let (tenant, detail) = (self.caller.tenant.as_str(), warnings::cut(detail));
        tracing::warn!(%id, tenant, provider = provider.id, detail, dropped, "{what}");
    }
}

/// Some number that two calls do not share.
fn jitter(id: CallId) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
