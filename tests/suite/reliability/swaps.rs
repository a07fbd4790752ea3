//! Swaps while calls run: none fails, and none sees two versions.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    thread,
};

use openclaw_tests::{Connection, rpc, torture};

use crate::{
    components::{answers, install},
    contract::*,
};

const CONNECTIONS: usize = 16;

#[test]
fn swaps_fail_no_call_and_mix_no_versions() {
    let swaps = if torture() { 1000 } else { 50 };
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let operator = daemon.operator_for("a");
    install(&operator, "ok00000");
    install(&daemon.operator_for("b"), "ok00009");
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = Connection::open(a.address()).expect("a connection");
                let request = a.request(rpc::frame(1, "swap.version", &json!({})).to_string());
                while !done.load(Relaxed) {
                    let reply = connection.send(&request).expect("an answer").json();
                    let (first, second) = (&reply["result"]["first"], &reply["result"]["second"]);
                    assert!(first.is_string() && first == second, "{reply}");
                    answered.fetch_add(1, Relaxed);
                }
            });
        }
        let versions: Vec<String> = (0..2).map(|n| format!("ok0000{n}")).collect();
        for swap in 0..swaps {
            install(&operator, &versions[swap % 2]);
            assert_eq!(answers(&a), versions[swap % 2], "a call after the swap is on the new version");
        }
        done.store(true, Relaxed);
    });
    assert!(answered.load(Relaxed) > swaps, "calls ran meanwhile");
    assert_eq!(answers(&b), "ok00009", "another tenant's is as it was");
}
