use super::encode;

#[test]
fn a_ulid_is_the_standard_encoding() {
    // The example of the ULID specification's time part, with all random bits set.
    assert_eq!(encode(1_469_922_850_259, u128::MAX), "01ARZ3NDEKZZZZZZZZZZZZZZZZ");
    assert_eq!(encode(0, 0), "0".repeat(26));
}

#[test]
fn ulids_sort_by_time() {
    assert!(encode(1, u128::MAX) < encode(2, 0));
}
