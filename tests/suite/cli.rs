//! The command line, with the daemon running and stopped.

mod components;
mod directory;
mod doctor;
mod examples;
mod exits;
mod output;
mod projects;
mod sandbox;
mod verbs;
