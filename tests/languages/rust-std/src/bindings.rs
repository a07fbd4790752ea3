//! What wit-bindgen makes of `wit/`.
#![allow(
    unsafe_code,
    unused_qualifications,
    unreachable_pub,
    reason = "generated: the canonical ABI passes raw pointers"
)]

use super::Component;

wit_bindgen::generate!({
    world: "notes:handler/notes",
    path: ["../../../wit", "wit"],
    generate_all,
});

export!(Component with_types_in self);
