//! How a call of a model ended, told to whoever counts.

use openclaw_billing::CallRow;
use openclaw_tenancy::TenantId;

/// The end of one call.
#[derive(Debug)]
pub struct Ended<'a> {
    pub tenant: &'a TenantId,
    pub provider: &'a str,
    /// As the operator lists it; none of a name that a client chose.
    pub model: Option<&'a str>,
    pub end: End<'a>,
}

#[derive(Debug)]
pub enum End<'a> {
    /// It is billed by this row.
    Settled(&'a CallRow),
    /// A budget did not admit it.
    Refused,
    /// Nothing was sent: there was no connection, no key, or the provider rests.
    Unsent,
}

/// Who is told.
pub type Listener = Box<dyn Fn(&Ended<'_>) + Send + Sync>;
