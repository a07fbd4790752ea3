//! The command line, with the daemon running and stopped.

mod components;
mod examples;
mod exits;
mod output;
mod projects;
mod verbs;
