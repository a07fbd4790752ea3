//! The command line, with the daemon running and stopped.

mod examples;
mod exits;
mod output;
mod verbs;
