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
    additional_derives_ignore: ["stream-error"],
});

/// The export that not every handler has.
#[cfg(target_arch = "wasm32")]
pub mod migrating {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package openclaw:sdk;

            world migrating {
                export openclaw:gateway/migration@0.1.0;
            }
        ",
        with: {
            "openclaw:gateway/types@0.1.0": crate::bindings::openclaw::gateway::types,
            "openclaw:gateway/calls@0.1.0": crate::bindings::openclaw::gateway::calls,
        },
        pub_export_macro: true,
        export_macro_name: "export_migration",
        default_bindings_module: "openclaw_sdk::bindings::migrating",
    });
}
