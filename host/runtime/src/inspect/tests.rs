use super::{Import, Inspection, Need};

#[test]
fn what_an_interface_takes() {
    let need = |name| Import::named(name).need;
    assert_eq!(need("openclaw:gateway/log@0.1.0"), Need::Nothing);
    assert_eq!(need("openclaw:gateway/documents@0.1.0"), Need::Nothing);
    assert_eq!(need("openclaw:gateway/config-write@0.1.0"), Need::Grant("config-write".into()));
    assert_eq!(need("openclaw:gateway/shared-documents@0.1.0"), Need::Collections);
    assert_eq!(need("wasi:clocks/wall-clock@0.2.12"), Need::Wasi);
    assert_eq!(need("wasi:http/outgoing-handler@0.2.12"), Need::Unserved);
    assert_eq!(need("openclaw:gateway/telepathy@0.1.0"), Need::Unserved);
}

#[test]
fn what_is_no_component_says_so() {
    let refused = |bytes: &[u8]| Inspection::of(bytes).expect_err("it is no component").to_string();
    assert!(refused(b"\0asm\x01\0\0\0").contains("core module"), "{}", refused(b"\0asm\x01\0\0\0"));
    assert!(refused(b"#!/bin/sh").contains("magic header"), "{}", refused(b"#!/bin/sh"));
}

#[test]
fn an_empty_component_has_nothing() {
    let inspection = Inspection::of(b"\0asm\x0d\0\x01\0").expect("a component");
    assert!(inspection.imports.is_empty() && inspection.exports.is_empty());
    assert_eq!(inspection.wit_version(), None);
}
