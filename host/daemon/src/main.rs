//! `openclaw`: the gateway's daemon and its command line.
//!
//! [`cli`] reads the arguments, one file in `verbs/` carries out each verb, and
//! [`client`] is the only way from a verb to the gateway. [`output`] is the only
//! place that prints, [`error`] the only one that knows exit codes.

#![forbid(unsafe_code)]

mod builtin;
mod cli;
mod client;
mod error;
mod fetch;
mod logging;
mod output;
mod port;
mod settings;
mod verbs;

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match arguments.get(1..) {
        // Not a verb for people: the gateway starts itself anew.
        Some(rest) if rest.first().is_some_and(|first| first == openclaw_runtime::COMPILE_VERB) => {
            openclaw_runtime::compile_apart(rest)
        }
        _ => cli::main(arguments),
    }
}
