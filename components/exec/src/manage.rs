//! `exec.approvals.get` and `exec.approvals.set`: the file as a whole.

use crate::approvals::{ATTEMPTS, Approvals, busy};
use crate::file::{File, Stored};
use crate::request::Requested;
use openclaw_sdk::{Call, Error, NoParams, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Set {
    file: File,
    /// The hash that the change was made from; CONFLICT when it is not in force any more.
    #[serde(default)]
    base_hash: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Snapshot {
    /// Relative to the tenant's directory.
    path: String,
    exists: bool,
    hash: String,
    file: File,
    /// What waits for an answer, the oldest first: where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<Vec<Requested>>,
}

impl Snapshot {
    fn of(file: File, exists: bool) -> Result<Self> {
        Ok(Self { path: "plugins/exec".into(), exists, hash: file.hash()?, file, pending: None })
    }
}

pub(crate) fn get(call: &Call, _: NoParams) -> Result<Snapshot> {
    let approvals = Approvals::open(call)?;
    let Stored { file, version } = Stored::read(&approvals.database)?;
    let pending = approvals.going_on()?.into_iter().map(Requested::from).collect();
    Ok(Snapshot { pending: Some(pending), ..Snapshot::of(file, version > 0)? })
}

pub(crate) fn set(call: &Call, params: Set) -> Result<Snapshot> {
    let database = call.documents()?;
    let file = params.file.checked()?;
    for _ in 0..ATTEMPTS {
        let found = Stored::read(&database)?;
        let hash = found.file.hash()?;
        if params.base_hash.as_ref().is_some_and(|base| *base != hash) {
            return Err(Error::conflict("the approvals were changed since: read them again by exec.approvals.get"));
        }
        file.check_wildcards(&found.file)?;
        let next = Stored { file: file.clone(), version: found.version };
        match next.write(database.transaction())?.commit() {
            Err(error) if error.is_conflict() => {}
            written => return written.and_then(|_| Snapshot::of(file, true)),
        }
    }
    Err(busy())
}
