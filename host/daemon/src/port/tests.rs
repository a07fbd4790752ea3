use std::net::TcpListener;

use super::{addresses_of, holder, parse};

#[test]
fn only_listening_sockets_count() {
    let listening =
        "   0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100";
    let listener = parse(listening).expect("listens");
    assert_eq!((listener.address.to_string().as_str(), listener.inode), ("127.0.0.1:18789", 4711));
    assert_eq!(parse(&listening.replace(" 0A ", " 01 ")), None);
}

#[test]
fn sixteen_byte_addresses_are_read_too() {
    let line = "0: 00000000000000000000000001000000:0050 0:0 0A 0:0 0:0 0 0 0 7 1";
    assert_eq!(parse(line).expect("listens").address.to_string(), "[::1]:80");
}

#[test]
fn the_holder_of_a_port_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    assert_eq!(holder(address).map(|process| process.pid), Some(std::process::id()));
    assert!(addresses_of(std::process::id()).contains(&address));
}
