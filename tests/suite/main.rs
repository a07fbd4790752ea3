//! The integration suite: the real daemon, the real components, from outside.
//!
//! - `methods/`: one file for each served method; the build makes the modules.
//! - `contract.rs`: what is asked of every method, driven by `rpc.discover`; `openrpc.rs`: what that says is right.
//! - the other files: one for each concern that is not a single method's.

#![allow(clippy::disallowed_methods, reason = "looks at homes from outside, as an attacker or an operator does")]

mod bad_input;
mod capabilities;
mod chat;
mod cli;
mod compat;
mod components;
mod connections;
mod contract;
mod damage;
mod disk;
mod jsonrpc;
mod languages;
mod layers;
mod lessons;
mod memory;
mod metrics;
mod models;
mod not_tested;
mod openrpc;
mod quotas;
mod readme;
mod reliability;
mod sandbox;
mod shutdown;
mod telemetry;
mod terminal;
mod tls;

mod methods {
    include!(concat!(env!("OUT_DIR"), "/methods.rs"));

    /// `rpc.discover` of the running daemon lists the methods that have a file here, and no others.
    #[test]
    fn the_daemon_serves_exactly_these() {
        let daemon = openclaw_tests::Daemon::start();
        let mut listed: Vec<String> =
            openclaw_tests::discover::methods(&daemon.operator()).into_iter().map(|method| method.name).collect();
        listed.push("rpc.discover".to_owned());
        listed.sort();
        listed.dedup();
        assert_eq!(listed, SERVED);
    }

    /// Of the 59 of the contract, those of this slice.
    #[test]
    fn twenty_seven_of_them_are_core() {
        let daemon = openclaw_tests::Daemon::start();
        let methods = openclaw_tests::discover::methods(&daemon.operator());
        assert_eq!(methods.iter().filter(|method| method.tier == "core").count(), 27);
    }
}
