use super::*;

fn tenant(id: &str) -> TenantId {
    id.parse().expect("a tenant's id")
}

#[test]
fn a_tenant_takes_up_to_the_bound_and_others_never_notice() {
    let bytes = InFlight::new("bytes", 10);
    let _six = bytes.take_for(&tenant("a"), 6).expect("there is room");
    let _four = bytes.take_for(&tenant("a"), 4).expect("there is room for just that");
    let refused = bytes.take_for(&tenant("a"), 1).expect_err("it is full");
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.message.contains("bytes"), "{}", refused.message);
    bytes.take_for(&tenant("b"), 10).expect("another tenant has its own");
}

#[test]
fn what_is_dropped_can_be_taken_again() {
    let sockets = InFlight::new("WebSockets", 2);
    let first = sockets.take_for(&tenant("a"), 1).expect("there is room");
    let second = sockets.take_for(&tenant("a"), 1).expect("there is room");
    assert!(sockets.take_for(&tenant("a"), 1).is_err());
    drop(first);
    let third = sockets.take_for(&tenant("a"), 1).expect("one went");
    assert!(sockets.take_for(&tenant("a"), 1).is_err());
    drop((second, third));
    assert!(sockets.taken().is_empty(), "a tenant that has nothing is not remembered");
}

#[test]
fn what_was_refused_took_nothing() {
    let bytes = InFlight::new("bytes", 10);
    assert!(bytes.take_for(&tenant("a"), 11).is_err());
    assert!(bytes.take_for(&tenant("a"), u64::MAX).is_err());
    bytes.take_for(&tenant("a"), 10).expect("all of it is there");
}

#[test]
fn the_operator_has_no_bound() {
    let bytes = InFlight::new("bytes", 10);
    let _share = bytes.take(&Identity::operator(None), 1 << 40).expect("the operator is trusted");
}

#[test]
fn a_part_grows_within_the_bound_and_shrinks_to_nothing() {
    let bytes = InFlight::new("bytes", 10);
    let mut growing = bytes.take_for(&tenant("a"), 0).expect("nothing yet");
    let other = bytes.take_for(&tenant("a"), 4).expect("there is room");
    growing.resize(6).expect("all the rest");
    growing.resize(7).expect_err("one too many");
    drop(other);
    growing.resize(10).expect("there is room again");
    growing.resize(0).expect("less is always possible");
    bytes.take_for(&tenant("a"), 10).expect("it was given back");
    drop(growing);
    assert!(bytes.taken().is_empty(), "a tenant that has nothing is not remembered");
}

#[test]
fn bytes_on_their_way_count_until_the_last_of_them_is_sent() {
    let replies = InFlight::new("bytes", 10);
    let share = replies.take_for(&tenant("a"), 5).expect("there is room");
    let mut body = unread("hello".to_owned(), Some(share));
    let first = body.split_to(2);
    drop(body);
    assert!(replies.take_for(&tenant("a"), 6).is_err(), "a part is still to be sent");
    drop(first);
    assert!(replies.take_for(&tenant("a"), 10).is_ok());
}
