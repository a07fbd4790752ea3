use super::milliseconds;

#[test]
fn durations_are_read_as_openclaw_writes_them() {
    assert_eq!(milliseconds("30m"), Some(1_800_000));
    assert_eq!(milliseconds(" 2 h"), Some(7_200_000));
    assert_eq!(milliseconds("15"), Some(900_000));
    assert_eq!(milliseconds("soon"), None);
    assert_eq!(milliseconds("99999999999999999999d"), None);
}
