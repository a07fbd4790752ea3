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
mod logging;
mod output;
mod port;
mod settings;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(std::env::args_os().collect())
}
