//! What the calls that are decided together have in common, and is written once for all of them: the counters
//! of their accounts, and the row of those that are admitted.
//!
//! It lives within one transaction on the writer's thread, so what it has not written yet nobody misses: admission
//! reads a counter from here.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use openclaw_control::{Common, ControlError};
use openclaw_tenancy::TenantId;
use rusqlite::{Connection, Result};

use super::days::{Counts, Owner, Used};
use super::open::{self, Calls, Cohort, OpenCalls, Reserved};
use super::records::{Amounts, CallRow};
use super::rows;

/// Bytes of a row: it lies within a page of the database, and taking a call out is to write the others again.
const COHORT: usize = 3_900;

pub(super) struct Group<'tx> {
    pub(super) db: &'tx Connection,
    open: Arc<OpenCalls>,
    /// What writes rows of calls, once there is one.
    insert: Option<rows::Insert<'tx>>,
    // Looked into several times a call, and never longer than a transaction: names that are alike gain nothing.
    accounts: HashMap<Arc<Owner>, Pending, RandomState>,
    admitted: HashMap<TenantId, Admitted, RandomState>,
    /// Days that may have come to nothing.
    unused: Vec<(Arc<Owner>, i64)>,
    /// Rows of calls that were looked for, and whether they are there.
    known: Vec<(i64, bool)>,
}

/// An account's counters.
#[derive(Default)]
struct Pending {
    /// What became of its days.
    days: Vec<(i64, Counts)>,
    /// What stands in the table, by the beginnings of a window and of the next.
    read: Vec<((i64, i64), Counts)>,
}

/// Calls of a tenant that are to be a row.
struct Admitted {
    cohort: Arc<Cohort>,
    calls: Calls,
    expires_at_ms: i64,
}

/// Of the calls of one ledger.
pub(super) struct Groups(pub(super) Arc<OpenCalls>);

impl<'tx> Group<'tx> {
    pub(super) fn new(db: &'tx Connection, open: Arc<OpenCalls>) -> Self {
        Self {
            db,
            open,
            insert: None,
            accounts: HashMap::default(),
            admitted: HashMap::default(),
            unused: Vec::new(),
            known: Vec::new(),
        }
    }

    /// What is spent and reserved of the days that begin in `[start, next)`.
    pub(super) fn used(&mut self, owner: &Arc<Owner>, window: (i64, i64)) -> Result<Used> {
        let pending = self.accounts.entry(Arc::clone(owner)).or_default();
        let mut counts = match pending.read.iter().find(|(read, _)| *read == window) {
            Some((_, counts)) => *counts,
            None => {
                let counts = owner.account().counts(self.db, window.0, window.1)?;
                pending.read.push((window, counts));
                counts
            }
        };
        for (_, change) in pending.days.iter().filter(|(day_ms, _)| (window.0..window.1).contains(day_ms)) {
            counts.add(change);
        }
        counts.used()
    }

    /// Sets aside what a call asks for.
    pub(super) fn reserve(&mut self, reserved: &Arc<Reserved>) -> Result<Arc<Cohort>> {
        self.change(reserved, &Counts::reserved(&reserved.amounts));
        let tenant = &reserved.caller.tenant;
        let expires_at_ms = reserved.expires_at.as_millisecond();
        if let Some(admitted) = self.admitted.get_mut(tenant)
            && admitted.calls.push(reserved, COHORT)
        {
            admitted.expires_at_ms = admitted.expires_at_ms.min(expires_at_ms);
            admitted.cohort.add_call();
            return Ok(Arc::clone(&admitted.cohort));
        }
        let (cohort, mut calls) = (self.open.begin_cohort(), Calls::default());
        calls.push(reserved, COHORT);
        cohort.add_call();
        let next = Admitted { cohort: Arc::clone(&cohort), calls, expires_at_ms };
        if let Some(full) = self.admitted.insert(tenant.clone(), next) {
            full.write(self.db, tenant)?;
        }
        Ok(cohort)
    }

    /// What was set aside is no longer, and `spent` is.
    pub(super) fn settle(&mut self, reserved: &Reserved, spent: &Amounts) {
        self.change(reserved, &Counts::settled(&reserved.amounts, spent));
    }

    /// Takes out a call that never was, and gives back what was set aside for it.
    pub(super) fn release(&mut self, (cohort, reserved): (i64, &Reserved)) -> Result<()> {
        let tenant = &reserved.caller.tenant;
        // Its caller may have gone before it was written.
        if let Some(admitted) = self.admitted.remove(tenant) {
            admitted.write(self.db, tenant)?;
        }
        let taken = open::take(self.db, cohort, tenant.as_str(), reserved.id)?;
        if let Some(taken) = &taken {
            self.settle(taken, &Amounts::default());
            self.unused.extend(taken.owners.iter().map(|owner| (Arc::clone(owner), taken.day_ms)));
        }
        Ok(())
    }

    /// Whether the row of a call is there still.
    pub(super) fn is_known(&mut self, seq: i64) -> Result<bool> {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| *known == seq) {
            return Ok(*known);
        }
        let known = open::exists(self.db, seq)?;
        self.known.push((seq, known));
        Ok(known)
    }

    /// False where a row of this name is there already, which stays.
    pub(super) fn insert(&mut self, row: &Arc<CallRow>) -> Result<bool> {
        let insert = match &mut self.insert {
            Some(insert) => insert,
            None => self.insert.insert(rows::Insert::new(self.db)?),
        };
        insert.run(row)
    }

    fn change(&mut self, reserved: &Reserved, change: &Counts) {
        for owner in &reserved.owners {
            let days = &mut self.accounts.entry(Arc::clone(owner)).or_default().days;
            match days.iter_mut().find(|(day_ms, _)| *day_ms == reserved.day_ms) {
                Some((_, counts)) => counts.add(change),
                None => days.push((reserved.day_ms, *change)),
            }
        }
    }

    pub(super) fn write(self) -> Result<()> {
        let db = self.db;
        for (owner, pending) in &self.accounts {
            for (day_ms, change) in &pending.days {
                owner.account().add(db, *day_ms, change)?;
            }
        }
        for (owner, day_ms) in &self.unused {
            owner.account().forget_unused(db, *day_ms)?;
        }
        for (tenant, admitted) in self.admitted {
            admitted.write(db, &tenant)?;
        }
        Ok(())
    }
}

impl Admitted {
    fn write(self, db: &Connection, tenant: &TenantId) -> Result<()> {
        open::put(db, self.cohort.seq, tenant.as_str(), self.expires_at_ms, self.calls)
    }
}

impl Common for Groups {
    type Within<'tx> = Group<'tx>;

    fn begin<'tx>(&self, db: &'tx Connection) -> Group<'tx> {
        Group::new(db, Arc::clone(&self.0))
    }

    fn write(group: Group<'_>) -> std::result::Result<(), ControlError> {
        Ok(group.write()?)
    }
}
