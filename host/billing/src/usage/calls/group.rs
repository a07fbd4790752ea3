//! What the calls that are decided together have in common, and is written once for all of them: the counters
//! of their accounts, and the row of those that are admitted.
//!
//! It lives within one transaction on the writer's thread, so what it has not written yet nobody misses: admission
//! reads a counter from here.

use std::collections::HashMap;
use std::sync::Arc;

use openclaw_control::{Common, ControlError};
use openclaw_tenancy::TenantId;
use rusqlite::{Connection, Result, Transaction};

use super::days::{Counts, Owner, Used};
use super::open::{self, Calls, Cohort, OpenCalls, Reserved};
use super::records::Amounts;

/// Bytes of a row: it lies within a page of the database, and taking a call out is to write the others again.
const COHORT: usize = 3_900;

pub(super) struct Group {
    open: Arc<OpenCalls>,
    accounts: HashMap<Arc<Owner>, Pending>,
    admitted: HashMap<TenantId, Admitted>,
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

impl Group {
    pub(super) fn new(open: Arc<OpenCalls>) -> Self {
        let accounts = HashMap::new();
        Self { open, accounts, admitted: HashMap::new(), unused: Vec::new(), known: Vec::new() }
    }

    /// What is spent and reserved of the days that begin in `[start, next)`.
    pub(super) fn used(&mut self, db: &Connection, owner: &Arc<Owner>, window: (i64, i64)) -> Result<Used> {
        let pending = self.accounts.entry(Arc::clone(owner)).or_default();
        let mut counts = match pending.read.iter().find(|(read, _)| *read == window) {
            Some((_, counts)) => *counts,
            None => {
                let counts = owner.account().counts(db, window.0, window.1)?;
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
    pub(super) fn reserve(&mut self, db: &Connection, reserved: &Arc<Reserved>) -> Result<Arc<Cohort>> {
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
            full.write(db, tenant)?;
        }
        Ok(cohort)
    }

    /// What was set aside is no longer, and `spent` is.
    pub(super) fn settle(&mut self, reserved: &Reserved, spent: &Amounts) {
        self.change(reserved, &Counts::settled(&reserved.amounts, spent));
    }

    /// Takes out a call that never was. What was set aside for it, where it was open.
    pub(super) fn release(
        &mut self,
        db: &Connection,
        (cohort, reserved): (i64, &Reserved),
    ) -> Result<Option<Reserved>> {
        let tenant = &reserved.caller.tenant;
        // Its caller may have gone before it was written.
        if let Some(admitted) = self.admitted.remove(tenant) {
            admitted.write(db, tenant)?;
        }
        let taken = open::take(db, cohort, tenant.as_str(), reserved.id)?;
        if let Some(taken) = &taken {
            self.settle(taken, &Amounts::default());
            self.unused.extend(taken.owners.iter().map(|owner| (Arc::clone(owner), taken.day_ms)));
        }
        Ok(taken)
    }

    /// Whether the row of a call is there still.
    pub(super) fn is_known(&mut self, db: &Connection, seq: i64) -> Result<bool> {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| *known == seq) {
            return Ok(*known);
        }
        let known = open::exists(db, seq)?;
        self.known.push((seq, known));
        Ok(known)
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

    pub(super) fn write_to(self, db: &Connection) -> Result<()> {
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

impl Common for Group {
    fn write(self, tx: &Transaction<'_>) -> std::result::Result<(), ControlError> {
        Ok(self.write_to(tx)?)
    }
}
