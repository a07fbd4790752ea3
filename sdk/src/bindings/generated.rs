//! What wit-bindgen makes of `wit/`: the raw imports, and the macro that
//! exports a handler. Handlers use the wrappers of this crate instead.
#![allow(
    unsafe_code,
    unused_qualifications,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated: the canonical ABI passes raw pointers"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "handler",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "openclaw_sdk::bindings",
    // Tests compare what handlers answer.
    additional_derives: [PartialEq],
});
