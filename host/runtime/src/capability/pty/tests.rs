use super::*;

#[test]
fn so_much_is_typed_at_once() {
    check_typed(&[b'x'; TYPED_BYTES]).expect("it is typed");
    let refused = check_typed(&[b'x'; TYPED_BYTES + 1]);
    assert!(matches!(refused, Err(CapabilityError::Refused(refusal)) if refusal.code == "INVALID_REQUEST"));
}
