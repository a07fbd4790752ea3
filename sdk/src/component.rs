//! What the `handler` macro expands to, and what that uses.

#![allow(clippy::disallowed_methods, reason = "parameters that the host has checked, into a type of the handler")]

use crate::{Answer, Call, Error, Result, schema};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A handler: what the host, and the test harness, run.
#[derive(Clone, Copy)]
pub struct Handler {
    /// The manifest, as `component.wit` describes it.
    pub manifest: fn() -> Vec<u8>,
    /// Answers one call, from JSON to JSON.
    pub handle: fn(&Call, Vec<u8>) -> Result<Vec<u8>>,
    /// Brings a tenant's documents into the form of this version, where another's can be there.
    pub migrate: Option<Migrate>,
}

/// Converts the documents of the call's tenant; told the version that left them, where it is known.
pub type Migrate = fn(&Call, Option<&str>) -> Result<()>;

/// Makes the crate a component of a [`Handler`], where it is built for one. The
/// `handler` macro does this; a handler that is written out does it itself.
#[macro_export]
macro_rules! export {
    ($handler:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::exports::openclaw::gateway::component::Guest for Component {
                fn manifest() -> ::std::vec::Vec<u8> {
                    ($handler.manifest)()
                }

                fn handle(call: &$crate::Call, params: ::std::vec::Vec<u8>) -> $crate::Result<::std::vec::Vec<u8>> {
                    ($handler.handle)(call, params)
                }
            }

    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: $crate::Handler = $handler;
    };
}

/// Exports the `migrate` of a handler that has one, beside [`export`].
#[doc(hidden)]
#[macro_export]
macro_rules! export_migration {
    ($migrate:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::migrating::exports::openclaw::gateway::migration::Guest for Component {
                fn migrate(
                    call: &$crate::Call,
                    replaced: ::core::option::Option<::std::string::String>,
                ) -> $crate::Result<()> {
                    $migrate(call, replaced.as_deref())
                }
            }

    $crate::bindings::migrating::export_migration!(Component with_types_in $crate::bindings::migrating);
        };
    };
}

/// The manifest, as `component.wit` describes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub family: &'static str,
    pub version: &'static str,
    pub description: &'static str,
    pub methods: Vec<Method>,
    pub shared_documents: Vec<SharedCollection>,
    pub events: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
}

impl Manifest {
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// One method of a [`Manifest`].
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Method {
    pub name: &'static str,
    pub summary: &'static str,
    pub tier: &'static str,
    pub scope: &'static str,
    pub params: Value,
    pub result: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

/// A collection of another family that the component reads, or reads and writes.
#[derive(Serialize)]
pub struct SharedCollection {
    pub family: &'static str,
    pub collection: &'static str,
    pub access: &'static str,
}

/// A grant that the component asks for by name, and why.
#[derive(Serialize)]
pub struct Capability {
    pub grant: &'static str,
    pub reason: &'static str,
}

/// The schemas of a handler function; the rest is filled in by the macro.
pub fn signature<P: JsonSchema, R: JsonSchema>(_: impl FnOnce(&Call, P) -> Result<R>) -> Method {
    Method {
        name: "",
        summary: "",
        tier: "tenant",
        scope: "",
        params: schema::of_params::<P>(),
        result: schema::of_result::<R>(),
        timeout_ms: None,
    }
}

/// Runs a handler between JSON and JSON.
///
/// # Errors
/// INVALID_REQUEST when the parameters do not have the handler's type, and
/// whatever the handler answers.
pub fn dispatch<P: DeserializeOwned, R: Answer>(
    call: &Call,
    params: &[u8],
    handler: impl FnOnce(&Call, P) -> Result<R>,
) -> Result<Vec<u8>> {
    let params =
        serde_json::from_slice(params).map_err(|error| Error::invalid(format!("invalid parameters: {error}")))?;
    handler(call, params)?.into_json()
}

/// The host dispatches by the manifest, so this is a fault of one of the two.
#[must_use]
pub fn method_not_found(method: &str) -> Error {
    Error::internal(format!("no handler for {method}"))
}
