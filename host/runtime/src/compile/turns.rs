//! Whose turn it is to have something compiled, tried out or made ready.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use openclaw_tenancy::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::LoadError;

/// Who wants it.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    /// The operator, whose files are trusted to compile.
    Operator,
    /// A tenant that installs: where something of its own compiles or waits already, it is told to come back.
    Installer(TenantId),
    /// A tenant whose component is called, or brought back: it waits.
    Caller(TenantId),
}

impl Client {
    /// A client that waits.
    pub(crate) fn of(tenant: Option<&TenantId>) -> Self {
        tenant.cloned().map_or(Self::Operator, Self::Caller)
    }

    /// The tenant, where it is one.
    pub(crate) fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Operator => None,
            Self::Installer(tenant) | Self::Caller(tenant) => Some(tenant),
        }
    }

    /// The same client, where it waits in any case.
    pub(crate) fn waiting(&self) -> Self {
        Self::of(self.tenant())
    }

    /// A client that installs.
    pub(crate) fn installing(tenant: Option<&TenantId>) -> Self {
        tenant.cloned().map_or(Self::Operator, Self::Installer)
    }
}

/// The operator has a line of its own. In the tenants' line each tenant stands once, so it is fair, since a
/// semaphore's is in the order of coming.
pub(crate) struct Turns {
    operator: Arc<Semaphore>,
    tenants: Arc<Semaphore>,
    /// One a tenant, while anybody has or wants it.
    lanes: Mutex<HashMap<TenantId, Weak<Semaphore>>>,
}

/// A turn; over when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
    _lane: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// So many tenants have a turn at once, and the operator beside them.
    pub(crate) fn new(of_tenants: usize) -> Self {
        Self {
            operator: Arc::new(Semaphore::new(1)),
            tenants: Arc::new(Semaphore::new(of_tenants)),
            lanes: Mutex::default(),
        }
    }

    /// Waits for a turn.
    pub(crate) async fn take(&self, client: &Client) -> Result<Turn, LoadError> {
        let closed = |_| LoadError::Closing;
        let (line, lane) = match client {
            Client::Operator => (&self.operator, None),
            Client::Installer(tenant) => {
                let lane = self.lane(tenant).try_acquire_owned();
                (&self.tenants, Some(lane.map_err(|_| LoadError::Busy)?))
            }
            Client::Caller(tenant) => {
                let lane = self.lane(tenant).acquire_owned().await;
                (&self.tenants, Some(lane.map_err(closed)?))
            }
        };
        Ok(Turn { _place: line.clone().acquire_owned().await.map_err(closed)?, _lane: lane })
    }

    fn lane(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(tenant).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Arc::new(Semaphore::new(1));
        lanes.insert(tenant.clone(), Arc::downgrade(&lane));
        lane
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, task::Poll};

    use super::*;

    fn tenant(id: &str) -> TenantId {
        id.parse().expect("an id")
    }

    fn installer(id: &str) -> Client {
        Client::Installer(tenant(id))
    }

    /// What a future says when it is asked once.
    async fn asked<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
        std::future::poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *future).poll(context))).await
    }

    #[tokio::test]
    async fn a_tenant_that_installs_stands_in_line_once() {
        let turns = Turns::new(2);
        let first = turns.take(&installer("a")).await.expect("a turn");
        assert!(matches!(turns.take(&installer("a")).await, Err(LoadError::Busy)));
        let (a, wants) = (Client::Caller(tenant("a")), installer("b"));
        let mut call = Box::pin(turns.take(&a));
        assert!(asked(&mut call).await.is_pending(), "a call waits for the tenant's own install");
        let other = turns.take(&wants).await.expect("another tenant's turn");
        drop(first);
        let Poll::Ready(Ok(call)) = asked(&mut call).await else { panic!("it was its turn") };
        drop((call, other));
        drop(turns.take(&installer("a")).await.expect("a turn again"));
        assert_eq!(turns.lanes.lock().expect("the lanes").values().filter(|lane| lane.strong_count() > 0).count(), 0);
    }

    #[tokio::test]
    async fn tenants_hold_up_no_operator_and_their_line_is_in_order() {
        let turns = Turns::new(2);
        let first = turns.take(&installer("a")).await.expect("a turn");
        let second = turns.take(&installer("b")).await.expect("a turn");
        let (c, d) = (installer("c"), installer("d"));
        let (mut third, mut fourth) = (Box::pin(turns.take(&c)), Box::pin(turns.take(&d)));
        assert!(asked(&mut third).await.is_pending() && asked(&mut fourth).await.is_pending());
        drop(turns.take(&Client::Operator).await.expect("the operator's turn"));
        drop(second);
        assert!(asked(&mut fourth).await.is_pending(), "c came before");
        assert!(asked(&mut third).await.is_ready());
        drop(first);
        assert!(asked(&mut fourth).await.is_ready());
    }
}
