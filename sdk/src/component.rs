//! The `component!` macro and what its expansion uses.

#![allow(clippy::disallowed_methods, reason = "parameters that the host has checked, into a type of the handler")]

use crate::{Answer, Call, Error, Result, schema};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Makes the crate a component: its manifest and its dispatch.
///
/// ```
/// use openclaw_sdk::{Call, JsonSchema, Result, serde};
///
/// openclaw_sdk::component! {
///     /// Greets people.
///     family: "greeter",
///     events: ["greeter.greeted"],
///     shared_documents: [("sessions", "sessions")],
///     methods: {
///         /// Says hello.
///         "greeter.hello" => hello, scope: read, timeout_ms: 5000;
///     }
/// }
///
/// #[derive(serde::Deserialize, JsonSchema)]
/// #[serde(crate = "serde", deny_unknown_fields)]
/// struct Hello {
///     name: String,
/// }
///
/// #[derive(serde::Serialize, JsonSchema)]
/// #[serde(crate = "serde")]
/// struct Greeting {
///     text: String,
/// }
///
/// fn hello(call: &Call, params: Hello) -> Result<Greeting> {
///     call.events()?.publish("greeter.greeted", &params.name)?;
///     Ok(Greeting { text: format!("Hello, {}!", params.name) })
/// }
/// # fn main() {}
/// ```
///
/// The doc comments become the descriptions. `events`, `shared_documents`,
/// `tier` (`core`, `companion` or `tenant`, the default) and `timeout_ms` may be
/// left out. `write` as a third word in `shared_documents` asks for writing too.
/// `scope` is `read`, `write`, `pairing` or `approvals`. Parameters and results
/// are serde and schemars types; those of parameters deny unknown fields.
#[macro_export]
macro_rules! component {
    (
        $(#[doc = $description:literal])+
        family: $family:literal,
        $(events: [$($event:literal),* $(,)?],)?
        $(shared_documents: [$(($shared_family:literal, $collection:literal $(, $access:ident)?)),* $(,)?],)?
        methods: {
            $(
                $(#[doc = $summary:literal])+
                $name:literal => $handler:path, scope: $scope:ident
                $(, tier: $tier:ident)?
                $(, timeout_ms: $timeout_ms:literal)?;
            )+
        } $(,)?
    ) => {
        struct Component;

        impl $crate::bindings::exports::openclaw::gateway::component::Guest for Component {
            fn manifest() -> ::std::vec::Vec<u8> {
                $crate::Manifest {
                    family: $family,
                    version: ::core::env!("CARGO_PKG_VERSION"),
                    description: ::core::concat!($($description),+).trim(),
                    methods: ::std::vec![$(
                        $crate::Method {
                            name: $name,
                            summary: ::core::concat!($($summary),+).trim(),
                            scope: ::core::stringify!($scope),
                            $(tier: ::core::stringify!($tier),)?
                            $(timeout_ms: ::core::option::Option::Some($timeout_ms),)?
                            ..$crate::signature($handler)
                        }
                    ),+],
                    shared_documents: ::std::vec![$($(
                        $crate::SharedCollection::read($shared_family, $collection)
                            $(.with_access(::core::stringify!($access)))?
                    ),*)?],
                    events: ::std::vec![$($($event),*)?],
                }
                .to_json()
            }

            fn handle(
                call: &$crate::Call,
                params: ::std::vec::Vec<u8>,
            ) -> $crate::Result<::std::vec::Vec<u8>> {
                match call.method().as_str() {
                    $($name => $crate::dispatch(call, &params, $handler),)+
                    other => ::core::result::Result::Err($crate::method_not_found(other)),
                }
            }
        }

        $crate::bindings::export_component!(Component with_types_in $crate::bindings);
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

/// A collection of another family that the component reads or writes.
#[derive(Serialize)]
pub struct SharedCollection {
    pub family: &'static str,
    pub collection: &'static str,
    pub access: &'static str,
}

impl SharedCollection {
    #[must_use]
    pub fn read(family: &'static str, collection: &'static str) -> Self {
        Self { family, collection, access: "read" }
    }

    #[must_use]
    pub fn with_access(self, access: &'static str) -> Self {
        Self { access, ..self }
    }
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
