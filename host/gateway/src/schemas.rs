//! The schemas of the parameters of the host's own methods, each compiled once.

use openclaw_runtime::Schema;
use serde_json::Value;

use crate::reply::Problem;

/// By what is called, and by whom where that makes a difference.
pub(crate) struct Schemas<K>(Vec<(K, Result<Schema, String>)>);

impl<K: PartialEq> Schemas<K> {
    pub(crate) fn compile(params: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self(params.into_iter().map(|(key, params)| (key, Schema::compile(params))).collect())
    }

    /// Refuses parameters that are not as they should be.
    pub(crate) fn check(&self, key: &K, params: &Value) -> Result<(), Problem> {
        match self.0.iter().find(|(of, _)| of == key) {
            Some((_, Ok(schema))) => schema.check(params).map_err(Problem::params),
            Some((_, Err(error))) => Err(Problem::internal(error)),
            None => Err(Problem::internal("a method of the host's own without a schema")),
        }
    }
}
