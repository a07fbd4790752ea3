use openclaw_config::gateway::CallLimits;

use super::{Import, Inspection, Need, Shape};
use crate::{Limits, Pool};

#[test]
fn what_an_interface_takes() {
    let need = |name| Import::named(name).need;
    assert_eq!(need("openclaw:gateway/log@0.1.0"), Need::Nothing);
    assert_eq!(need("openclaw:gateway/documents@0.1.0"), Need::Nothing);
    assert_eq!(need("openclaw:gateway/config-write@0.1.0"), Need::Grant("config-write".into()));
    assert_eq!(need("openclaw:gateway/shared-documents@0.1.0"), Need::Collections);
    assert_eq!(need("wasi:clocks/wall-clock@0.2.12"), Need::Wasi);
    assert_eq!(need("wasi:http/outgoing-handler@0.2.12"), Need::Hosts);
    assert_eq!(need("openclaw:gateway/telepathy@0.1.0"), Need::Unserved);
}

#[test]
fn what_is_no_component_says_so() {
    let refused = |bytes: &[u8]| Inspection::of(bytes).expect_err("it is no component").to_string();
    assert!(refused(b"\0asm\x01\0\0\0").contains("core module"), "{}", refused(b"\0asm\x01\0\0\0"));
    assert!(refused(b"#!/bin/sh").contains("no WebAssembly file"), "{}", refused(b"#!/bin/sh"));
}

#[test]
fn an_empty_component_has_nothing() {
    let inspection = Inspection::of(b"\0asm\x0d\0\x01\0").expect("a component");
    assert!(inspection.imports.is_empty() && inspection.exports.is_empty());
    assert_eq!(inspection.wit_version(), None);
}

/// A component of one module, made of these sections, that is instantiated so many times.
fn component(sections: &[u8], instances: u8) -> Vec<u8> {
    let module = [b"\0asm\x01\0\0\0", sections].concat();
    let instantiated = [0, 0, 0].repeat(instances.into());
    let seven_bits = |number: usize| u8::try_from(number & 0x7f).expect("seven bits");
    let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
    for (id, body) in [(1, module), (2, [vec![instances], instantiated].concat())] {
        let bytes = body.len();
        wasm.extend([id, seven_bits(bytes) | 0x80, seven_bits(bytes >> 7)]);
        wasm.extend(body);
    }
    wasm
}

/// A table of 5,000 elements.
const TABLE: &[u8] = &[4, 5, 1, 0x70, 0, 0x88, 0x27];
/// A memory of 17 pages.
const MEMORY: &[u8] = &[5, 3, 1, 0, 17];

#[test]
fn a_file_is_counted_as_it_will_be_instantiated() {
    let shape = Inspection::of(&component(&[TABLE, MEMORY].concat(), 3)).expect("a component").shape;
    let expected =
        Shape { initial_memory_bytes: 17 << 16, memories: 1, tables: 1, table_elements: 5000, core_instances: 3 };
    assert_eq!(shape, expected);
}

#[test]
fn the_smallest_pool_with_room_is_taken() {
    let limits = Limits::from(&CallLimits::default());
    let pool = |shape: Shape| shape.pool(&limits);
    let plain =
        Shape { initial_memory_bytes: 64 << 20, memories: 1, tables: 2, table_elements: 4096, core_instances: 8 };
    assert_eq!(pool(plain), Ok(Pool::Small));
    assert_eq!(pool(Shape { core_instances: 9, ..plain }), Ok(Pool::Large));
    assert_eq!(pool(Shape { tables: 3, ..plain }), Ok(Pool::Large));
    assert_eq!(pool(Shape { table_elements: 4097, ..plain }), Ok(Pool::Large));
    assert_eq!(pool(Shape { initial_memory_bytes: (64 << 20) + 1, ..plain }), Ok(Pool::Large));
}

#[test]
fn what_fits_no_pool_is_refused_with_the_number_and_the_limit() {
    let limits = Limits::from(&CallLimits::default());
    let refused = |shape: Shape| shape.pool(&limits).expect_err("it fits");
    let of = |core_instances, tables| Shape { core_instances, tables, ..Shape::default() };
    assert_eq!(refused(of(65, 17)), ["65 core instances, at most 64", "17 tables, at most 16"]);
    let of = |table_elements, initial_memory_bytes| Shape { table_elements, initial_memory_bytes, ..Shape::default() };
    assert_eq!(refused(of(65_537, 0)), ["65537 elements of a table, at most 65536"]);
    assert_eq!(refused(of(0, (256 << 20) + 1)), ["268435457 bytes of memory at the start, at most 268435456"]);
    let two = Shape { memories: 2, ..Shape::default() };
    assert_eq!(refused(two), ["2 linear memories, at most 1"]);
}

#[test]
fn the_configuration_raises_the_large_pool_too() {
    let limits = Limits::from(&CallLimits { memory_mb: 512, ..CallLimits::default() });
    assert_eq!(limits.in_pool(Pool::Large).memory_bytes, 512 << 20);
    assert_eq!(limits.in_pool(Pool::Small).memory_bytes, 512 << 20);
}

/// What is said of a component with one function of this body.
fn refused_for(body: &[u8]) -> Option<String> {
    let size = |bytes: usize| {
        [u8::try_from(bytes & 0x7f).expect("seven bits") | 0x80, u8::try_from(bytes >> 7).expect("seven bits")]
    };
    let types_and_functions: &[u8] = &[1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0];
    let code = [&[10][..], &size(body.len() + 3), &[1], &size(body.len()), body].concat();
    let wasm = component(&[types_and_functions, &code].concat(), 0);
    let code = Inspection::of(&wasm).expect("a component").code;
    code.check().err().map(|error| error.to_string())
}

#[test]
fn a_function_that_would_take_too_long_to_compile_is_named_with_the_limit() {
    // 10,000 locals, then a branch to so many places.
    let branches = |targets: u8| {
        let places = [&[0x41, 0, 0x0e, targets | 0x80, 15][..], &[0; 15 * 128 + 128]].concat();
        let targets = usize::from(targets) + 15 * 128;
        [&[1, 0x90, 0x4e, 0x7f][..], &places[..5 + targets + 1], &[0x0b]].concat()
    };
    assert_eq!(refused_for(&branches(79)), None, "2,000 branches");
    assert_eq!(
        refused_for(&branches(80)).as_deref(),
        Some("it would take too much to compile: function 0 has 20010000 locals times branches, at most 20000000")
    );
    let locals = [1, 0x91, 0x4e, 0x7f, 0x0b];
    assert_eq!(
        refused_for(&locals).as_deref(),
        Some("it would take too much to compile: function 0 has 10001 locals, at most 10000")
    );
}
