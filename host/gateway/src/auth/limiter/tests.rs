use super::*;

const LIMITS: FailedAuth = FailedAuth { attempts: 3, window_seconds: 60, block_seconds: 300, exempt_loopback: true };

/// A limiter and a clock that moves when it is told to.
struct Stage {
    limiter: FailedAuthLimiter,
    now: Instant,
}

impl Stage {
    fn set() -> Self {
        Self { limiter: FailedAuthLimiter::default(), now: Instant::now() }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn fail(&self, peer: &str, times: usize) {
        for _ in 0..times {
            self.limiter.failed(address(peer), &LIMITS, self.now);
        }
    }

    fn is_refused(&self, peer: &str) -> bool {
        self.limiter.check(address(peer), &LIMITS, self.now).is_err()
    }

    fn known(&self) -> usize {
        self.limiter.peers.lock().expect("the table").len()
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn so_many_failures_in_the_window_block_an_address_for_a_while() {
    let mut stage = Stage::set();
    stage.fail("203.0.113.1", 2);
    assert!(!stage.is_refused("203.0.113.1"));
    stage.fail("203.0.113.1", 1);
    assert!(stage.is_refused("203.0.113.1"));
    assert!(!stage.is_refused("203.0.113.2"), "another address");
    stage.pass(299);
    assert!(stage.is_refused("203.0.113.1"));
    stage.pass(2);
    assert!(!stage.is_refused("203.0.113.1"));
    stage.fail("203.0.113.1", 2);
    assert!(!stage.is_refused("203.0.113.1"), "it begins from nothing");
}

#[test]
fn failures_that_are_far_apart_do_not_add_up() {
    let mut stage = Stage::set();
    for _ in 0..10 {
        stage.fail("203.0.113.1", 2);
        stage.pass(61);
    }
    assert!(!stage.is_refused("203.0.113.1"));
}

#[test]
fn whoever_has_one_address_of_ipv6_has_its_64_and_no_more() {
    let stage = Stage::set();
    for peer in ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff:ffff:ffff:ffff"] {
        stage.fail(peer, 1);
    }
    assert!(stage.is_refused("2001:db8:0:1::3"), "never seen, and of the same /64");
    assert!(!stage.is_refused("2001:db8:0:2::1"), "the next /64");
    assert_eq!(stage.known(), 1);
}

#[test]
fn an_address_of_ipv4_is_the_same_in_both_forms() {
    let stage = Stage::set();
    stage.fail("::ffff:203.0.113.1", 3);
    assert!(stage.is_refused("203.0.113.1"));
    assert!(!stage.is_refused("::ffff:203.0.113.2"), "the mapped addresses are no /64 of one peer");
}

#[test]
fn this_machine_is_exempt_unless_told_otherwise() {
    let stage = Stage::set();
    for peer in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        stage.fail(peer, 10);
        assert!(!stage.is_refused(peer), "{peer}");
    }
    assert_eq!(stage.known(), 0);
    let strict = FailedAuth { exempt_loopback: false, ..LIMITS };
    for _ in 0..3 {
        stage.limiter.failed(address("127.0.0.1"), &strict, stage.now);
    }
    assert!(stage.limiter.check(address("127.0.0.1"), &strict, stage.now).is_err());
}

#[test]
fn a_flood_of_addresses_neither_grows_the_table_nor_frees_who_is_blocked() {
    let mut stage = Stage::set();
    stage.fail("203.0.113.1", 3);
    stage.fail("203.0.113.2", 2);
    stage.pass(1);
    let flood = |network: u32| format!("2001:db8:{:x}:{:x}::1", network >> 16, network & 0xffff);
    for network in 0..u32::try_from(PEERS_MAX + 500).expect("a number") {
        stage.fail(&flood(network), 1);
    }
    assert_eq!(stage.known(), PEERS_MAX);
    assert!(stage.is_refused("203.0.113.1"), "its block outlived the flood");
    stage.fail("203.0.113.2", 1);
    assert!(stage.is_refused("203.0.113.2"), "its two failures outlived addresses with one");
}

#[test]
fn what_counts_no_more_makes_room_first() {
    let mut stage = Stage::set();
    stage.fail("203.0.113.1", 2);
    stage.pass(61);
    for host in 1..PEERS_MAX {
        stage.fail(&format!("10.{}.{}.1", host >> 8, host & 0xff), 1);
    }
    assert_eq!(stage.known(), PEERS_MAX);
    stage.fail("203.0.113.9", 1);
    let peers = stage.limiter.peers.lock().expect("the table");
    assert!(!peers.contains_key(&address("203.0.113.1")) && peers.contains_key(&address("203.0.113.9")));
}
